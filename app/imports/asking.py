"""Who asks a command for an import: the key of an admin, when the rule of two persons wants to know."""

import sys
from pathlib import Path

from app.access.key_check import find_for_command
from app.access.key_form import KeyInvalid, parse
from app.access.peppers import Peppers
from app.console import Refused
from app.db import connect
from app.settings import Settings


def admin_of(settings: Settings, key_file: Path) -> str:
    """The id of the admin key in this file (`-`: on stdin). Raises Refused: no key, one not in force, or not an
    admin's.
    """
    text = sys.stdin.readline() if str(key_file) == "-" else key_file.read_text(encoding="utf-8")
    try:
        presented = parse(text.strip())
        with connect(settings) as connection:
            known = find_for_command(connection, Peppers.of(settings), presented)
    except KeyInvalid as error:
        raise Refused(str(error), "key.invalid") from error
    if "admin" not in known.scopes:
        raise Refused(f"key {known.id} is not an admin's: imports need the scope admin", "key.scope")
    return known.id
