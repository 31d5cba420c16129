"""Wheel, bill of materials and sums: whole, the same each time, and true."""

import hashlib
import json
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from release import ROOT
from release.locked import versions
from release.sbom import materials
from release.wheel import NotReproducible, build
from tests.release.conftest import AT


@pytest.fixture(scope="session")
def wheel(released: Path) -> Path:
    (found,) = released.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def bill(released: Path) -> dict[str, Any]:
    (found,) = released.glob("*.cdx.json")
    document: dict[str, Any] = json.loads(found.read_text("utf-8"))
    return document


def test_the_wheel_holds_what_runs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"app/main.py", "app/mailboxes/writes.sql", "app/assets/docs.js", "deploy/slapd/schema.ldif"} <= names
    assert {name.split("/")[0] for name in names} == {
        "app", "migrations", "deploy", "openapi", f"{wheel.name.removesuffix('-py3-none-any.whl')}.dist-info",
    }  # fmt: skip
    kept = {path.suffix for path in map(Path, names)}
    assert kept.isdisjoint({".pyc", ".log", ".env"})


def test_a_build_that_takes_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").touch()
    (tmp_path / "hatch_build.py").write_text(
        "import os\n"
        "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
        "class CustomBuildHook(BuildHookInterface):\n"
        "    def initialize(self, version, build_data):\n"
        "        open(os.path.join(self.root, 'app', 'place.txt'), 'w').write(self.root)\n",
        "utf-8",
    )
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "app"\nversion = "1"\n[build-system]\nrequires = ["hatchling"]\n'
        'build-backend = "hatchling.build"\n[tool.hatch.build.hooks.custom]\n',
        "utf-8",
    )
    with pytest.raises(NotReproducible):
        build(tmp_path, tmp_path / "dist", AT)


def test_the_sums_are_those_of_the_files(released: Path) -> None:
    lines = (released / "SHA256SUMS").read_text("utf-8").splitlines()
    sums = {line.partition("  ")[2]: line.partition("  ")[0] for line in lines}
    assert sums == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in released.iterdir()
        if path.name != "SHA256SUMS"
    }
    assert len(sums) == 2


def test_the_bill_is_cyclonedx(bill: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bill)) is None
    bill = {**bill, "components": [{"name": "without a type"}]}
    assert JsonStrictValidator(SchemaVersion.V1_5).validate_str(json.dumps(bill)) is not None


def test_the_bill_names_the_wheel_and_every_locked_library(bill: dict[str, Any], wheel: Path) -> None:
    own = bill["metadata"]["component"]
    assert own["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    named = {each["name"]: each["version"] for each in bill["components"] if each["purl"].startswith("pkg:pypi/")}
    assert named == versions()
    assert {"psycopg-binary", "starlette"} <= set(named)
    assert "pytest" not in named
    assert all(each["licenses"][0]["expression"] for each in bill["components"])


def test_the_bill_is_the_same_each_time(bill: dict[str, Any], wheel: Path) -> None:
    assert materials(ROOT, wheel, AT) == bill


def test_vendored_scripts_are_those_of_their_package_and_in_the_bill(bill: dict[str, Any], wheel: Path) -> None:
    packages = tomllib.loads((ROOT / "app" / "assets" / "vendored.toml").read_text("utf-8"))["package"]
    listed = {f"app/assets/{name}": digest for each in packages for name, digest in each["files"].items()}
    held = zipfile.ZipFile(wheel)
    assert {name: hashlib.sha256(held.read(name)).hexdigest() for name in listed} == listed
    billed = [each for each in bill["components"] if each["purl"].startswith("pkg:npm/")]
    files = [file for each in billed for file in each["components"]]
    assert {file["name"]: file["hashes"][0]["content"] for file in files} == listed


def test_a_script_is_ours_or_listed() -> None:
    ours = {"docs.js"}
    packages = tomllib.loads((ROOT / "app" / "assets" / "vendored.toml").read_text("utf-8"))["package"]
    listed = {name for each in packages for name in each["files"]}
    scripts = {path.name for path in (ROOT / "app" / "assets").iterdir() if path.suffix in {".js", ".css"}}
    assert scripts == ours | listed
