"""Database URLs: with a host, or without one (the unix socket), whichever driver they name."""

from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from app.db import also_of_replicas, libpq_url, sqlalchemy_url

CASES = [
    "postgresql:///annuaire",
    "postgresql+psycopg:///annuaire",
    "postgresql://annuaire@/annuaire?host=/run/annuaire",
    "postgresql://annuaire:s%40cret@db.example:5433/annuaire?sslmode=require",
]


@pytest.mark.parametrize("url", CASES)
def test_a_url_serves_libpq_and_sqlalchemy_and_leads_to_the_primary(url: str) -> None:
    rest = url.partition("://")[2]
    primary = f"{rest}{'&' if '?' in rest else '?'}target_session_attrs=primary"
    assert libpq_url(url).partition("://")[0] == "postgresql"
    assert sqlalchemy_url(url).partition("://")[0] == "postgresql+psycopg"
    for made in (libpq_url(url), sqlalchemy_url(url)):
        assert made.partition("://")[2].replace("%2F", "/") == primary


@pytest.mark.parametrize(
    ("wanted", "used"), [("read-write", "primary"), ("primary", "primary"), ("any", "any"), ("standby", "standby")]
)
def test_a_url_that_says_which_server_it_wants_is_believed(wanted: str, used: str) -> None:
    """Sessions of our own that only read find no server that is `read-write` to them."""
    url = f"postgresql:///annuaire?host=/one,/other&target_session_attrs={wanted}"
    for made in (libpq_url(url), sqlalchemy_url(url)):
        assert conninfo_to_dict(made.replace("+psycopg", ""))["target_session_attrs"] == used
    assert conninfo_to_dict(also_of_replicas(url))["target_session_attrs"] == wanted


def test_the_url_of_a_replica_leads_to_one_that_does_not_write() -> None:
    assert conninfo_to_dict(libpq_url(also_of_replicas(CASES[0])))["target_session_attrs"] == "any"


def test_a_password_may_hold_any_character() -> None:
    odd = "a b%c+d@e/f:g?é"
    url = f"postgresql://role:{quote(odd, safe='')}@host/annuaire"
    assert conninfo_to_dict(libpq_url(url))["password"] == odd
    assert make_url(sqlalchemy_url(url)).password == odd
