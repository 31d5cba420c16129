"""The bill of materials of a release, CycloneDX 1.5: its wheel, the locked libraries it runs with, vendored scripts.

Made from uv.lock, so that it names what `make setup` and the container image install, with the hashes under which
they are fetched; each with its licence. The same commit gives the same bytes: no random number, no clock.
"""

import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from release import ROOT
from release.licences import licence
from release.locked import bill
from release.wheel import sha256

VENDORED = Path("app") / "assets" / "vendored.toml"


def materials(sources: Path, wheel: Path, at: datetime) -> dict[str, Any]:
    """The document for the wheel built of `sources`, dated `at`. Raises LicenceUnknown."""
    document = bill(project=sources)
    digest = sha256(wheel)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, digest)}"
    described = document["metadata"]
    described["timestamp"] = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    described["component"] |= {"type": "application", "hashes": [_hash(digest)], "licenses": _licences("Apache-2.0")}
    for component in document["components"]:
        component["licenses"] = _licences(licence(component["name"]))
    document["components"] += vendored(sources)
    _add_dependencies(document)
    return document


def vendored(sources: Path = ROOT) -> list[dict[str, Any]]:
    """What others wrote and the wheel holds, each package with its files and their hashes."""
    packages = tomllib.loads((sources / VENDORED).read_text("utf-8"))["package"]
    return [
        {
            "type": "library",
            "bom-ref": each["source"],
            "name": each["name"],
            "version": each["version"],
            "purl": each["source"],
            "licenses": _licences(each["licence"]),
            "components": [
                {"type": "file", "name": f"app/assets/{name}", "hashes": [_hash(digest)]}
                for name, digest in sorted(each["files"].items())
            ],
        }
        for each in packages
    ]


def _add_dependencies(document: dict[str, Any]) -> None:
    """The wheel depends on what it holds, too."""
    root = document["metadata"]["component"]["bom-ref"]
    held = [each["source"] for each in tomllib.loads((ROOT / VENDORED).read_text("utf-8"))["package"]]
    (own,) = (each for each in document["dependencies"] if each["ref"] == root)
    own["dependsOn"] = sorted([*own.get("dependsOn", []), *held])
    document["dependencies"] += [{"ref": each} for each in held]


def _hash(digest: str) -> dict[str, str]:
    return {"alg": "SHA-256", "content": digest}


def _licences(expression: str) -> list[dict[str, Any]]:
    return [{"expression": expression}]
