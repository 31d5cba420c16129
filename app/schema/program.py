"""What a process of ours calls itself in PostgreSQL: its part, its version, and the schema that its code expects.

annuaire-api/0.1.0+0014
"""

import re
from functools import cache
from importlib.metadata import version
from typing import NamedTuple

from app.schema.standing import scripts

VERSION = version("annuaire")
NAME = re.compile(r"(?P<part>annuaire[a-z-]*)(/(?P<version>[^+]*)\+(?P<schema>\w+))?")


class Program(NamedTuple):
    """One of our processes, as another sees it; version and schema are unknown of the parts that do not tell them."""

    part: str
    version: str | None
    schema: str | None


@cache
def application(part: str) -> str:
    """The `application_name` of a part of annuaire."""
    return f"{part}/{VERSION}+{scripts().get_current_head()}"


def program(application_name: str) -> Program | None:
    """Which process of ours that is; None: somebody else's."""
    found = NAME.fullmatch(application_name)
    return Program(found["part"], found["version"], found["schema"]) if found else None
