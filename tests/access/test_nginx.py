"""The committed configuration of nginx: read as text, and a real nginx with it before a real API."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.access.distinguished_name import of_name
from app.settings import Settings
from tests.access.authority import SERVER, Authority, a_name, a_root
from tests.access.conftest import list_certificate
from tests.builders import OPERATOR, an_operator
from tests.harness.nginx_front import CONFIGURATION, Front, nginx_front

Connection = psycopg.Connection[Any]


def directives() -> dict[str, list[str]]:
    """Every directive of the file by its name, with what follows it."""
    code = re.sub(r"^\s*#.*$", "", CONFIGURATION.read_text("utf-8"), flags=re.MULTILINE)
    assert code.count("{") == code.count("}")
    found: dict[str, list[str]] = {}
    for statement in re.split(r"[;{}]", code):
        name, _, rest = " ".join(statement.split()).partition(" ")
        found.setdefault(name, []).append(rest)
    return found


def test_what_the_api_believes_is_always_set_by_the_proxy_itself() -> None:
    said = directives()
    headers = dict(each.split(" ", 1) for each in said["proxy_set_header"])
    assert headers["Client-Cert"] == "$ssl_client_escaped_cert"
    assert headers["Client-Cert-Chain"] == headers["X-Annuaire-Proxy"] == '""'
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert said["ssl_verify_client"] == ["optional"]
    assert all("ssl" in each.split() for each in said["listen"])
    assert re.search(r"location = /metrics \{\s*return 404;\s*\}", CONFIGURATION.read_text("utf-8"))
    # One proxy_set_header inside a location would do away with all of those above it.
    locations = CONFIGURATION.read_text("utf-8").split("location", 1)[1]
    assert "proxy_set_header" not in locations


@pytest.fixture
def front(certificate_settings: Settings, authority: Authority, open_dir: Path) -> Iterator[Front]:
    with nginx_front(certificate_settings, authority.pem, authority.list_of(), open_dir) as started:
        yield started


def test_a_certificate_reaches_the_api_through_the_proxy_and_a_forged_header_does_not(
    front: Front, registry: Connection, authority: Authority
) -> None:
    an_operator(registry)
    held, unlisted = authority.issue(a_name("of this test")), authority.issue(a_name("unlisted"))
    list_certificate(registry, held, "one.mssante.fr")

    status, me = front.get("/v1/me", held)
    assert (status, me["operator"], me["domains"]) == (200, OPERATOR, ["one.mssante.fr"])
    assert me["certificate"]["name"] == of_name(held.certificate.subject)
    status, refused = front.get("/v1/me", unlisted)
    assert (status, refused["code"]) == (403, "certificate.unknown")

    for forged in (held.header, held.escaped, {**held.header, "X-Forwarded-For": "127.0.0.1"}):
        status, refused = front.get("/v1/me", headers=forged)
        assert (status, refused["code"]) == (401, "credentials.missing")
        assert front.get("/v1/me", unlisted, headers=forged)[1]["code"] == "certificate.unknown"
    assert front.get("/v1/digest")[0] == 200
    assert front.get("/metrics")[0] == 404


def test_the_proxy_itself_turns_away_what_does_not_verify(front: Front, authority: Authority) -> None:
    for wrong in (a_root("AC ORGANISATIONS").issue(), authority.issue(usages=(SERVER,))):
        assert front.get("/v1/me", wrong)[0] == 400
