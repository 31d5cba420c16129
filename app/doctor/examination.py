"""Every look, one after the other. A fault is a finding, not an exception."""

import psycopg
from ldap3.core.exceptions import LDAPException

from app.console import Refused, one_line
from app.doctor import (
    budgets,
    credentials,
    database,
    directory,
    engines,
    folders,
    imports,
    ldap,
    recovery,
    schema,
    trail,
    worker,
)
from app.doctor.finding import Finding, Looks
from app.settings import Settings

# In the order in which one thing needs another.
LOOKS: Looks = {
    **engines.LOOKS,
    **database.LOOKS,
    **schema.LOOKS,
    **worker.LOOKS,
    **directory.LOOKS,
    **imports.LOOKS,
    **ldap.LOOKS,
    **credentials.LOOKS,
    **trail.LOOKS,
    **recovery.LOOKS,
    **budgets.LOOKS,
    **folders.LOOKS,
}
UNREACHED = "read what it says, and look at this part's own log; without PostgreSQL correct ANNUAIRE_DATABASE_URL first"


def examine(settings: Settings) -> list[Finding]:
    """Look at everything."""
    return [look_at(name, settings) for name in LOOKS]


def look_at(name: str, settings: Settings) -> Finding:
    """Look at one thing."""
    try:
        return Finding(name, *LOOKS[name](settings))
    except Refused as refusal:
        return Finding(name, False, refusal.message, "see the codes of a refused command in docs/operations.md")
    except (psycopg.Error, LDAPException, OSError) as error:
        return Finding(name, False, one_line(error), UNREACHED)
