"""The walk through the addresses over LDAP, by anonymous searches, and what an honest mail client asks there."""

import string
from collections.abc import Sequence
from dataclasses import dataclass, field

import ldap3
from ldap3.core.exceptions import LDAPException
from ldap3.utils.conv import escape_filter_chars

from tests.harness.harvest import Correspondent

# What an address is made of, before and after the @.
LETTERS = string.ascii_lowercase + string.digits + "-._@"
# A name is typed: its beginning is asked for first.
TYPED = 4
SECONDS = 5
# Thunderbird 153, To line (ldap.md §7).
TO_LINE = "(&(objectClass=*)(|(cn=*{0}*)(mail=*{0}*)(givenName=*{0}*)(sn=*{0}*)))"


@dataclass
class LdapHarvest:
    """What an enumerator has got: addresses, searches answered, entries received, some of them again.

    `is_cut`: it was shut out on the way.
    """

    addresses: set[str] = field(default_factory=set)
    searches: int = 0
    entries: int = 0
    is_cut: bool = False


def connected(uri: str, source: str | None = None) -> ldap3.Connection:
    """An anonymous connection, from an address of ours if one is given."""
    server = ldap3.Server(uri, get_info=ldap3.NONE, connect_timeout=SECONDS)
    return ldap3.Connection(server, auto_bind=True, receive_timeout=SECONDS, source_address=source)


def walk_ldap(uri: str, suffix: str, source: str | None = None) -> LdapHarvest:
    """Every entry by the beginning of its address, which no two share: where slapd cuts the answer, one letter more."""
    harvest = LdapHarvest()
    connection = connected(uri, source)
    waiting = list(reversed(LETTERS))
    while waiting:
        prefix = waiting.pop()
        try:
            # Only the address is asked for: it is in the name of the entry, the leanest answer there is.
            connection.search(suffix, f"(mail={escape_filter_chars(prefix)}*)", attributes=["1.1"])
        except LDAPException:
            harvest.is_cut = True
            return harvest
        found = [entry["dn"] for entry in connection.response or () if entry["type"] == "searchResEntry"]
        harvest.searches += 1
        harvest.entries += len(found)
        harvest.addresses.update(dn.partition(",")[0] for dn in found)
        if connection.result["result"] != 0:
            waiting += [prefix + letter for letter in reversed(LETTERS)]
    connection.unbind()
    return harvest


def an_ldap_day(uri: str, suffix: str, people: Sequence[Correspondent], source: str | None = None) -> int:
    """How many people are found by name as somebody types it into Thunderbird, on a connection each."""
    answered = 0
    for someone in people:
        try:
            connection = connected(uri, source)
            for typed in (someone.name[:TYPED], someone.name):
                connection.search(suffix, TO_LINE.format(escape_filter_chars(typed)), attributes=["*"])
        except LDAPException:
            continue
        answered += connection.result["result"] == 0
        connection.unbind()
    return answered
