"""When a running directory is ready: its API says so, and slapd holds the edition that the API serves."""

import http.client
import json
from typing import Any

from ldap3 import BASE, NONE, Connection, Server
from ldap3.core.exceptions import LDAPException

from app.embedded.ports import LOOPBACK
from app.embedded.runfile import Run

PATIENCE = 5


def edition_served(run: Run) -> int | None:
    """The edition the API serves, or None while it is not ready or still publishes."""
    port = int(run.api.rpartition(":")[2])
    if _get(port, "/readyz") is None:
        return None
    state = _get(port, "/v1/edition")
    return None if state is None or state.get("publishing") else int(state["edition"])


def edition_in_ldap(run: Run) -> int | None:
    """The edition on the suffix entry, or None while slapd is away or its tree is empty."""
    server = Server(run.ldap, get_info=NONE, connect_timeout=PATIENCE)
    connection = Connection(server, receive_timeout=PATIENCE, check_names=False)
    try:
        connection.bind()
        connection.search(run.ldap_suffix, "(objectClass=*)", BASE, attributes=["annuaireEdition"])
        found = connection.response[0]["raw_attributes"].get("annuaireEdition") if connection.response else None
    except LDAPException:
        return None
    finally:
        connection.unbind()
    return int(found[0]) if found else None


def _get(port: int, path: str) -> Any:
    """The JSON answer to one request, or None when it is not 200 or nobody answers."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PATIENCE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return json.loads(body) if answer.status == http.client.OK else None
