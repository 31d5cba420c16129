"""The same test as an ordinary user when the suite runs as root (as everybody else it simply runs)."""

import codecs
import os
import pwd
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ACCOUNT = "nobody"
# Modules of the standard library that are loaded late, when the child can no longer read them.
ENCODINGS = ("ascii", "utf-8", "latin-1", "idna")


def as_ordinary_user(function: Callable[[], None]) -> None:
    """Run `function` without root's rights; its failure fails the test.

    As root: in a forked child that changes its user. Not in a new interpreter, since the interpreter and the checkout
    may lie where only root may enter.
    """
    if os.geteuid() != 0:
        function()
        return
    for encoding in ENCODINGS:
        codecs.lookup(encoding)
    reader, writer = os.pipe()
    child = _fork()
    if child == 0:
        os.close(reader)
        _finish(function, writer)
    os.close(writer)
    with os.fdopen(reader, "r", encoding="utf-8") as words:
        said = words.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != 0:
        pytest.fail(f"as {ACCOUNT} (status {status}):\n{said}")


@contextmanager
def directory_of_ordinary_user() -> Iterator[Path]:
    """A short directory that belongs to who runs `as_ordinary_user`."""
    with tempfile.TemporaryDirectory(prefix="annuaire-test-user-", dir="/tmp") as name:
        path = Path(name)
        if os.geteuid() == 0:
            os.chown(path, pwd.getpwnam(ACCOUNT).pw_uid, pwd.getpwnam(ACCOUNT).pw_gid)
        yield path


def _fork() -> int:
    with warnings.catch_warnings():
        # pytest-xdist has threads; the child touches none of their locks and ends by os._exit.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _finish(function: Callable[[], None], writer: int) -> None:
    status = 1
    try:
        account = pwd.getpwnam(ACCOUNT)
        os.setgroups([])
        os.setgid(account.pw_gid)
        os.setuid(account.pw_uid)
        function()
        status = 0
    except BaseException:  # noqa: BLE001 - the parent reads it and fails the test
        os.write(writer, traceback.format_exc().encode())
    finally:
        os._exit(status)
