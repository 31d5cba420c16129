"""Who asks a command for an import: the key of an admin, when the rule of two persons wants to know."""

import hmac
import sys
from pathlib import Path

from app.access.keys import FIND, KeyInvalid, Known, digest, parse
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
    except KeyInvalid as error:
        raise Refused(str(error), "key.invalid") from error
    with connect(settings) as connection:
        row = connection.execute(FIND, [presented.id]).fetchone()
    if not row or not hmac.compare_digest(row[4], digest(settings.key_pepper, presented)):
        raise Refused("This key is not known, or it was revoked.", "key.invalid")
    known = Known(*row[:4])
    if "admin" not in known.scopes:
        raise Refused(f"key {known.id} is not an admin's: imports need the scope admin", "key.scope")
    return known.id
