"""The LDAP load: from the publication through the pipe, beside slapadd alone on the same LDIF from a file."""

import time
from collections.abc import Iterator
from pathlib import Path

from app.embedded import Slapd
from app.ldap.rebuild import Ldif, load_into
from app.settings import Settings
from tests.bench.table import Line

BLOCK = 1 << 18


def blocks(file: Path) -> Iterator[bytes]:
    with file.open("rb") as source:
        while block := source.read(BLOCK):
            yield block


def measure(settings: Settings, slapd: Slapd, folder: Path) -> list[Line]:
    """Entries a second of both, each into an empty tree."""
    file = folder / "tree.ldif"
    ldif = Ldif(settings)
    started = time.monotonic()
    with file.open("wb") as target:
        target.writelines(ldif)
    text_rate = ldif.entries / (time.monotonic() - started)
    started = time.monotonic()
    slapd.load(blocks(file))
    limit = ldif.entries / (time.monotonic() - started)
    started = time.monotonic()
    loaded = load_into(slapd, settings)
    rate = loaded.entries / (time.monotonic() - started)
    file.unlink()
    return [
        Line("LDAP first load", rate, "entries/s", "slapadd alone", limit),
        Line("  LDIF text alone", text_rate, "entries/s"),
    ]
