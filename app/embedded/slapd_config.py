"""cn=config of the embedded slapd: `deploy/slapd/config.ldif.in` with this machine's paths and the exporter's uid."""

import base64
import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import quote

from app.embedded.binaries import SlapdBinaries
from app.embedded.slapd_listeners import Tls

TEMPLATES = Path(__file__).parents[2] / "deploy" / "slapd"
# Entries an anonymous filter may look at before it is refused: above a common three-letter search, below the tree.
UNCHECKED = 150_000
WORD = re.compile(r"@([A-Z_]+)@")
# What the indexes of a tree are made by, beside the rules of their attributes: which, of what length, how wide a slot.
INDEXING = ("olcDbIndex:", "olcIndex", "olcBkMdbIdlExp:")
SUFFIX_FORM = re.compile(r"[A-Za-z]+=[A-Za-z0-9 .-]+(,[A-Za-z]+=[A-Za-z0-9 .-]+)*")


@dataclass(frozen=True, slots=True)
class ConfigPaths:
    """Where one configuration keeps its files: `config` becomes the directory for `slapd -F`."""

    config: Path
    database: Path
    run: Path
    clients: Path


def rendered(paths: ConfigPaths, binaries: SlapdBinaries, suffix: str, tls: Tls | None = None) -> str:
    """The LDIF for `slapadd -n 0`. Raises ValueError for a suffix with anything but plain names."""
    words = {
        "CALLER_UID": str(os.getuid()),
        "SUFFIX": _plain(suffix),
        "UNCHECKED": str(UNCHECKED),
        "MODULE_DIR": str(binaries.modules),
        "SCHEMA_URL": f"file://{quote(str(binaries.schemas))}",
        # A checkout may be closed to slapd's account, so the schema is copied to where slapd lives.
        "OWN_SCHEMA_URL": f"file://{quote(str(paths.run / 'schema.ldif'))}",
        "DB_DIR": str(paths.database),
        "CLIENTS_DIR": str(paths.clients),
        **(tls.words(is_openssl=binaries.is_openssl) if tls else {}),
    }
    return _filled_template("config.ldif.in", words)


def clients_tree(suffix: str) -> str:
    """The entries above those of operators and replicas, as LDIF."""
    return _filled_template("clients.ldif.in", {"SUFFIX": _plain(suffix)})


def own_schema() -> str:
    """The object classes and attributes of annuaire, as LDIF."""
    return _template("schema.ldif")


def indexing() -> str:
    """The lines of the configuration, and the schema, after whose change the indexes of a tree must be made again."""
    lines = _template("config.ldif.in").splitlines(keepends=True)
    return "".join(line for line in lines if line.startswith(INDEXING)) + own_schema()


@cache
def _template(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _plain(suffix: str) -> str:
    if not SUFFIX_FORM.fullmatch(suffix):
        raise ValueError(f"the LDAP suffix {suffix!r} is not of the form dc=mssante,dc=fr")
    return suffix


def _filled_template(name: str, words: dict[str, str]) -> str:
    """Without its comments, and without the lines of words that have no value."""
    lines = [line for line in _template(name).splitlines() if not line.startswith("#")]
    filled = [_filled(line, words) for line in lines if set(WORD.findall(line)) <= words.keys()]
    return "\n".join(filled) + "\n"


def _filled(line: str, words: dict[str, str]) -> str:
    filled = WORD.sub(lambda word: words[word[1]], line)
    name, _, value = filled.partition(": ")
    # LDIF takes plain ASCII as it is, all else in base64: a data directory may have an accent.
    return filled if filled.isascii() else f"{name}:: {base64.b64encode(value.encode()).decode('ascii')}"
