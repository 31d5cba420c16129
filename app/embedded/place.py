"""Where engine data live: below the data directory when the engines' account may enter it, else where it may.

Only directories made here are opened (0711: enter, not list), never an ancestor that was there before.
"""

import hashlib
import os
import re
import secrets
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from app.console import Refused, say
from app.embedded.account import Account, engines_account

ENTER_ONLY = 0o711
PRIVATE = 0o700
# Unix socket paths end at 107 bytes; PostgreSQL's socket is called `.s.PGSQL.5432`.
SOCKET_FOLDER_LIMIT = 107 - len("/.s.PGSQL.5432")
# What needs no quoting in a URL, in a list of PostgreSQL or in the eyes of LDAP clients.
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")
SHORT = Path("/tmp")  # noqa: S108 - names there are random, private and checked
ELSEWHERE = (Path("/var/lib/annuaire"), Path("/var/tmp/annuaire"))  # noqa: S108 - each name below is random and made exclusively


@dataclass(frozen=True, slots=True)
class Place:
    """One engine's own folder (0700), the account that owns it, and the data directory it belongs to."""

    data_dir: Path
    folder: Path
    account: Account

    @property
    def logs(self) -> Path:
        return self.data_dir / "log"

    def make(self, name: str) -> Path:
        """A private folder of the engine's account inside, made when missing."""
        made = self.folder / name
        if not made.exists():
            made.mkdir(PRIVATE)
            self.account.owns(made)
        return made

    def open_sockets(self) -> Path:
        """The private folder for sockets: inside when its path is short and plain, else one under /tmp of a fixed name.

        The same each time, so that whoever knows the socket finds a restarted engine again.
        """
        inside = self.make("run")
        if PLAIN_PATH.fullmatch(str(inside)) and len(str(inside)) <= SOCKET_FOLDER_LIMIT:
            return inside
        short = self._short_sockets
        if not short.exists():
            short.mkdir(PRIVATE)
            self.account.owns(short)
        state = short.lstat()
        if state.st_uid != self.account.uid or not stat.S_ISDIR(state.st_mode):
            raise Refused(f"{short} is not ours, and sockets should go there: remove it", "data_dir.forbidden")
        return short

    def close_sockets(self) -> None:
        """Remove the folder under /tmp, if there was one."""
        shutil.rmtree(self._short_sockets, ignore_errors=True)

    @property
    def _short_sockets(self) -> Path:
        return SHORT / f"annuaire-{_identity(self.data_dir)}-{self.folder.name}"


def prepare_data_dir(data_dir: Path) -> Path:
    """Make the directory when missing, opened for the engines' account to enter. Returns its absolute path."""
    path = data_dir.expanduser().resolve()
    missing = [folder for folder in (*reversed(path.parents), path) if not folder.exists()]
    try:
        for folder in missing:
            folder.mkdir()
            folder.chmod(ENTER_ONLY)
        mark = path / "id"
        if not mark.exists():
            mark.touch(0o600)
            mark.write_text(secrets.token_hex(8) + "\n", encoding="ascii")
    except OSError as error:
        raise Refused(
            f"cannot write in the data directory {path} ({error.strerror}): choose another with --data-dir",
            "data_dir.forbidden",
        ) from error
    return path


def place(data_dir: Path, engine: str) -> Place:
    """The folder of `engine` ("pg", "ldap"), made at its first use. Raises Refused when it cannot be used."""
    path = prepare_data_dir(data_dir)
    link = path / engine
    account = engines_account(owner_of=link if link.exists() else path / "pg")
    if link.is_symlink() and not link.exists():
        raise Refused(
            f"{link} points at {link.readlink()}, which is gone: restore it, or remove the link to start empty",
            "data_dir.broken",
        )
    folder = link.resolve() if link.exists() else _made(path, engine, account)
    account.owns(folder)
    if not account.can_enter(folder):
        raise Refused(
            f"the account {account.name} may not enter {folder}: open its parent directories (chmod o+x), "
            "or start with another --data-dir",
            "data_dir.forbidden",
        )
    return Place(path, folder, account)


def _made(data_dir: Path, engine: str, account: Account) -> Path:
    if account.can_enter(data_dir):
        folder = data_dir / engine
        folder.mkdir(PRIVATE)
        return folder
    folder = _elsewhere(data_dir, account) / engine
    folder.mkdir(PRIVATE, exist_ok=True)
    (data_dir / engine).symlink_to(folder)
    return folder


def _elsewhere(data_dir: Path, account: Account) -> Path:
    """The folder of this data directory outside it, made at the first call."""
    name = _identity(data_dir)
    for base in ELSEWHERE:
        folder = base / name
        if folder.exists() and folder.stat().st_uid == os.geteuid() and account.can_enter(folder):
            return folder
        if _open_folder(base) and account.can_enter(base):
            folder.mkdir(ENTER_ONLY)
            folder.chmod(ENTER_ONLY)
            (folder / "data-directory").write_text(f"{data_dir}\n", encoding="utf-8")
            say(
                f"annuaire: the account {account.name} may not enter {data_dir}: "
                f"engine data go to {folder}, linked from there"
            )
            return folder
    raise Refused(
        f"the account {account.name} may not enter {data_dir}, nor {' or '.join(map(str, ELSEWHERE))}: "
        "choose another --data-dir",
        "data_dir.forbidden",
    )


def _identity(data_dir: Path) -> str:
    """A name of this directory's own. It holds a random part: a directory removed and made again never meets old data,
    and nobody can take the name before us."""
    text = f"{data_dir}\n{(data_dir / 'id').read_text(encoding='ascii')}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _open_folder(base: Path) -> bool:
    """Whether `base` is a folder of ours to make things in; made and opened when missing."""
    try:
        base.mkdir()
        base.chmod(ENTER_ONLY)
    except FileExistsError:
        pass
    except OSError:
        return False
    state = base.lstat()
    return base.is_dir() and not base.is_symlink() and state.st_uid == os.geteuid()
