"""cn=config of the embedded slapd: `deploy/slapd/config.ldif.in` with this machine's paths and the exporter's uid."""

import base64
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from app.embedded.binaries import SlapdBinaries

TEMPLATES = Path(__file__).parents[2] / "deploy" / "slapd"
# Entries an anonymous filter may look at before it is refused: above a common three-letter search, below the tree.
UNCHECKED = 100_000
SUFFIX_FORM = re.compile(r"[A-Za-z]+=[A-Za-z0-9 .-]+(,[A-Za-z]+=[A-Za-z0-9 .-]+)*")


@dataclass(frozen=True, slots=True)
class ConfigPaths:
    """Where one configuration keeps its files: `config` becomes the directory for `slapd -F`."""

    config: Path
    database: Path
    run: Path


def rendered(paths: ConfigPaths, binaries: SlapdBinaries, suffix: str) -> str:
    """The LDIF for `slapadd -n 0`. Raises ValueError for a suffix with anything but plain names."""
    if not SUFFIX_FORM.fullmatch(suffix):
        raise ValueError(f"the LDAP suffix {suffix!r} is not of the form dc=mssante,dc=fr")
    words = {
        "CALLER_UID": str(os.getuid()),
        "SUFFIX": suffix,
        "UNCHECKED": str(UNCHECKED),
        "MODULE_DIR": str(binaries.modules),
        "SCHEMA_URL": f"file://{quote(str(binaries.schemas))}",
        # A checkout may be closed to slapd's account, so the schema is copied to where slapd lives.
        "OWN_SCHEMA_URL": f"file://{quote(str(paths.run / 'schema.ldif'))}",
        "DB_DIR": str(paths.database),
    }
    text = _template("config.ldif.in")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(_filled(line, words) for line in lines) + "\n"


def own_schema() -> str:
    """The object classes and attributes of annuaire, as LDIF."""
    return _template("schema.ldif")


@cache
def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _filled(line: str, words: dict[str, str]) -> str:
    filled = re.sub(r"@([A-Z_]+)@", lambda word: words[word[1]], line)
    name, _, value = filled.partition(": ")
    # LDIF takes plain ASCII as it is, all else in base64: a data directory may have an accent.
    return filled if filled.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode('ascii')}"
