"""`--data-dir DIR` on any command: point it at a running `annuaire up`."""

import os
import socket
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from app.console import Refused
from app.embedded.lock import Lock
from app.embedded.ports import LOOPBACK
from app.embedded.runfile import Run, read_run
from app.embedded.secret import former_key_peppers, key_pepper, signing_key
from app.embedded.slapd import Slapd
from app.settings import PREFIX, Settings

# While this file is locked, the supervisor keeps slapd stopped: its tree is being replaced.
PAUSE = "ldap.pause"
SWAP_PATIENCE = 90.0


def settings_for(data_dir: Path | None) -> Settings:
    """The settings of one command: those of the environment, moved to the running `annuaire up` of `data_dir` if given.

    Raises Refused: nothing runs there, it is another user's, or a setting is wrong.
    """
    return read_settings() if data_dir is None else read_settings(**_overrides(read_run(data_dir)))


def read_settings(**overrides: Any) -> Settings:
    """Settings of the environment. Raises Refused with one line for each wrong setting."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = [_fault(str(".".join(map(str, fault["loc"]))), fault["msg"]) for fault in error.errors()]
        raise Refused("; ".join(faults), "setting.invalid") from error
    except SettingsError as error:
        raise Refused(str(error), "setting.invalid") from error


def environment_for(run: Run) -> dict[str, str]:
    """The environment of the children of `annuaire up`: ours, with its parts named by ANNUAIRE_ settings.

    Who tries a directory on one machine has keys and no certificates: a key may publish, unless our environment says
    otherwise.
    """
    given = {PREFIX + name.upper(): str(value) for name, value in _overrides(run).items()}
    return {PREFIX + "PUBLISH_WITH_KEY": "true", **os.environ, **given}


def replace_tree(data_dir: Path, ldif: Iterable[bytes]) -> None:
    """Give the slapd of a running `annuaire up` a whole new tree (LDIF bytes, suffix entry first).

    It loads beside the present tree and serves on meanwhile; slapd is away only while the two change places. (A slapd
    that is told of another `olcDbDirectory` while it runs breaks no connection, but version 2.5.13 dies of it when a
    client is slow to take an answer.) Raises Refused; the present tree stays then.
    """
    run = read_run(data_dir)
    port = int(run.ldap.rpartition(":")[2])
    slapd = Slapd(data_dir, port=port, suffix=run.ldap_suffix, root=read_settings().slapd_root)
    slapd.build(ldif)
    with Lock(Path(run.data_dir) / PAUSE).acquire(patience=SWAP_PATIENCE):
        slapd.install(patience=SWAP_PATIENCE)
    _wait_for(port)
    slapd.clear()


def _overrides(run: Run) -> dict[str, str]:
    return {
        "database_url": run.database_url,
        "ldap_uri": run.ldapi,
        "ldap_suffix": run.ldap_suffix,
        "key_pepper": key_pepper(Path(run.data_dir)),
        "former_key_peppers": former_key_peppers(Path(run.data_dir)),
        "issuer": os.environ.get(PREFIX + "ISSUER", run.api),
        "signing_key": os.environ.get(PREFIX + "SIGNING_KEY") or str(signing_key(Path(run.data_dir))),
        "spool_dir": str(Path(run.data_dir) / "spool"),
        "snapshot_dir": str(Path(run.data_dir) / "snapshots"),
    }


def _fault(name: str, message: str) -> str:
    said = message.removeprefix("Value error, ")
    return f"setting {PREFIX}{name.upper()}: {said}" if name else said


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + SWAP_PATIENCE
    while True:
        try:
            socket.create_connection((LOOPBACK, port), timeout=5).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Refused(
                    f"slapd did not come back on port {port} with its new tree: {error}", "slapd.failed"
                ) from error
            time.sleep(0.1)
        else:
            return
