"""slapd and the tree in it."""

from ldap3 import BASE, NONE, Connection, Server

from app.doctor.finding import PATIENCE, Looks, Seen, note, value, well, wrong
from app.ldap.client import Exporter, LdapFailed
from app.ldap.version import is_frugal, text
from app.settings import Settings


def _ldap(settings: Settings) -> Seen:
    if not settings.ldap_enabled:
        return note("switched off (ANNUAIRE_LDAP_ENABLED)", "set it to true where mail clients are to find addresses")
    server = Server(settings.ldap_uri, get_info=NONE, connect_timeout=PATIENCE)
    connection = Connection(server, receive_timeout=PATIENCE, check_names=False)
    try:
        connection.bind()
        connection.search(settings.ldap_suffix, "(objectClass=*)", BASE, attributes=["annuaireEdition"])
        found = connection.response[0]["raw_attributes"].get("annuaireEdition") if connection.response else None
    finally:
        # ldap3 leaves the socket of a connection that failed open.
        if connection.socket is not None:
            connection.socket.close()
    edition = value(settings, "SELECT edition FROM directory")
    if not found:
        return wrong("the tree is empty", "run annuaire ldap rebuild, or start the worker")
    held = int(found[0])
    said = f"holds edition {held} of {edition}"
    return well(said) if held == edition else note(said, "look again: a worker brings it up within seconds")


def _set_aside(settings: Settings) -> Seen:
    if not settings.ldap_enabled:
        return note("LDAP is switched off (ANNUAIRE_LDAP_ENABLED)", "nothing: there is no tree")
    aside = value(settings, "SELECT count(*) FROM ldap_aside")
    if aside:
        return wrong(
            f"{aside} published mailboxes are not in the tree as they should be, all others are",
            "annuaire ldap verify names them and says why: correct what is published of them, it is then tried again",
        )
    return well("the tree holds every mailbox")


def _version(settings: Settings) -> Seen:
    if not settings.ldap_enabled:
        return note("LDAP is switched off (ANNUAIRE_LDAP_ENABLED)", "nothing: there is no slapd")
    try:
        with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
            version = exporter.version()
    except LdapFailed as error:
        return note(str(error), "look again as the user who writes the tree, over ANNUAIRE_LDAP_URI of the worker")
    said = f"OpenLDAP {text(version)}"
    if is_frugal(version):
        return well(said)
    return note(
        f"{said} never gives back what a transaction took: some 15 to 40 MB for 10 000 changes",
        "start slapd again before its machine is short of memory, or take 2.6"
        ' (docs/operations.md, "The memory of slapd grows")',
    )


LOOKS: Looks = {"ldap": _ldap, "slapd version": _version, "set aside": _set_aside}
