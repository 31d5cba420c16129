"""A directory filled to a size, with its LDAP tree: made by the engine from files, and kept where a folder is given.

The files are the sandbox's, of as many professionals for a mailbox as France has for a million; its mailboxes are
repeated under further addresses until there are as many as asked for.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from app.db import upgrade
from app.embedded import Postgres, Slapd, free_port
from app.ldap.rebuild import load_into
from app.sandbox.generate import MIN_PROFESSIONALS, generate
from app.settings import Settings
from tests.bench.importing import run_import
from tests.harness.directory import directory

PROFESSIONALS_A_MAILBOX = 1.912_833
PEPPER = "pepper-of-the-benchmark"
# Written when everything is loaded: how many mailboxes there are.
MARK = "mailboxes"


@dataclass(frozen=True)
class Filled:
    """Its engines, running; the environment of `annuaire` and its settings."""

    postgres: Postgres
    slapd: Slapd
    environment: Mapping[str, str]
    settings: Settings


@contextmanager
def filled(mailboxes: int, keep: Path | None = None, *, slapd_root: Path | None = None) -> Iterator[Filled]:
    """A directory of so many mailboxes. In `keep` it stays for the next run, with what runs wrote into it.

    `slapd_root`: as for `find_slapd`.

    Raises ValueError: `keep` holds another one, or half of one.
    """
    with nullcontext(keep) if keep else directory(on_disk=True) as folder, Postgres(folder) as postgres:
        upgrade(postgres.dsn())
        environment = {
            **os.environ,
            "ANNUAIRE_DATABASE_URL": postgres.dsn(),
            "ANNUAIRE_KEY_PEPPER": PEPPER,
            "ANNUAIRE_LOG_LEVEL": "warning",
            "ANNUAIRE_PUBLISH_WITH_KEY": "true",
            # No files of the whole directory are made meanwhile.
            "ANNUAIRE_SNAPSHOT_HOURS": "0",
        }
        settings = Settings(_env_file=None, database_url=postgres.dsn(), key_pepper=PEPPER)
        slapd = Slapd(folder, port=free_port(), root=slapd_root)
        if not _is_made(folder, mailboxes):
            _make(folder, mailboxes, environment, settings, slapd)
        with slapd:
            environment["ANNUAIRE_LDAP_URI"] = slapd.ldapi_uri
            yield Filled(postgres, slapd, environment, settings.model_copy(update={"ldap_uri": slapd.ldapi_uri}))


def _is_made(folder: Path, mailboxes: int) -> bool:
    mark = folder / MARK
    if not mark.exists():
        return False
    if mark.read_text("ascii") != str(mailboxes):
        raise ValueError(f"{folder} holds {mark.read_text('ascii')} mailboxes, not {mailboxes}: name another folder")
    return True


def _make(folder: Path, mailboxes: int, environment: Mapping[str, str], settings: Settings, slapd: Slapd) -> None:
    if (folder / "files").exists():
        raise ValueError(f"{folder} was left half made: remove it")
    say(f"generating files of {mailboxes:,} mailboxes")
    made = generate(max(MIN_PROFESSIONALS, round(mailboxes * PROFESSIONALS_A_MAILBOX)), 1, folder / "files")
    repeat(made.mailboxes.path, mailboxes)
    say("importing them")
    run_import([file.path for file in made.files], environment)
    say("loading LDAP")
    with slapd:
        pass  # Configured first: a configuration that comes after the tree makes all indexes again.
    load_into(slapd, settings)
    (folder / MARK).write_text(str(mailboxes), "ascii")


def repeat(path: Path, mailboxes: int) -> None:
    """Append the lines of an extraction again, each under an address of its own, until it has so many."""
    _, *lines = path.read_text("utf-8").splitlines(keepends=True)
    with path.open("a", encoding="utf-8") as file:
        for number in range(len(lines), mailboxes):
            kind, address, rest = lines[number % len(lines)].split("|", 2)
            file.write(f"{kind}|{number // len(lines) + 1}.{address}|{rest}")


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
