"""The account that runs the engines: ourselves, or an unprivileged one when we are root.

PostgreSQL refuses to run as root, and slapd needs nothing of it.
"""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from app.console import Refused

# Accounts that packages of the engines bring come first; `nobody` exists everywhere.
UNPRIVILEGED = ("annuaire", "postgres", "openldap", "ldap", "nobody")


class NoAccount(Refused):
    """Root found no unprivileged account to run the engines."""


class RunAs(TypedDict, total=False):
    """The identity arguments of subprocess."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """A system account. `is_caller` when no change of identity is needed."""

    name: str
    uid: int
    gid: int

    @property
    def is_caller(self) -> bool:
        return self.uid == os.geteuid()

    def run_as(self) -> RunAs:
        """Arguments that make subprocess start a child as this account, without any of our groups."""
        return {} if self.is_caller else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def owns(self, path: Path) -> None:
        """Give one file or directory to this account."""
        if not self.is_caller:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Tried, not computed: ACLs, mount options and security modules have their say too."""
        return self._succeeds('cd "$1"', str(folder))

    def can_run(self, program: Path) -> bool:
        return self._succeeds('test -x "$1"', str(program))

    def _succeeds(self, script: str, argument: str) -> bool:
        command = ["/bin/sh", "-c", script, "sh", argument]
        answer = subprocess.run(command, cwd="/", capture_output=True, check=False, timeout=30, **self.run_as())  # noqa: S603 - fixed scripts
        return answer.returncode == 0


def engines_account(owner_of: Path | None = None) -> Account:
    """Who runs the engines: the caller, or for root the owner of existing data, else the first unprivileged account.

    Raises NoAccount.
    """
    if os.geteuid() != 0:
        return _account(os.geteuid())
    if owner_of is not None and owner_of.exists() and (owner := owner_of.stat().st_uid) != 0:
        return _account(owner)
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise NoAccount(
        f"root may not run the engines and none of the accounts {', '.join(UNPRIVILEGED)} exists: "
        "create one, or start as another user",
        "account.missing",
    )


def _account(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError as error:
        # initdb fails on a bare number.
        raise NoAccount(
            f"user id {uid} has no name in passwd, which PostgreSQL needs: start as a named user", "account.missing"
        ) from error
    return Account(entry.pw_name, uid, entry.pw_gid)
