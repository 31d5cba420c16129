"""Database URLs: with a host, or without one (the unix socket), whichever driver they name."""

from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import make_url

from app.db import libpq_url, sqlalchemy_url

CASES = [
    "postgresql:///annuaire",
    "postgresql+psycopg:///annuaire",
    "postgresql://annuaire@/annuaire?host=/run/annuaire",
    "postgresql://annuaire:s%40cret@db.example:5433/annuaire?sslmode=require",
]


@pytest.mark.parametrize("url", CASES)
def test_a_url_serves_libpq_and_sqlalchemy(url: str) -> None:
    rest = url.partition("://")[2]
    assert libpq_url(url).partition("://")[0] == "postgresql"
    assert sqlalchemy_url(url).partition("://")[0] == "postgresql+psycopg"
    for made in (libpq_url(url), sqlalchemy_url(url)):
        assert made.partition("://")[2].replace("%2F", "/") == rest


def test_of_several_hosts_the_one_that_writes_is_found_by_sessions_that_only_read() -> None:
    url = "postgresql:///annuaire?host=/one,/other&target_session_attrs=read-write"
    parsed = conninfo_to_dict(libpq_url(url))
    assert (parsed["host"], parsed["target_session_attrs"]) == ("/one,/other", "primary")


def test_a_password_may_hold_any_character() -> None:
    odd = "a b%c+d@e/f:g?é"
    url = f"postgresql://role:{quote(odd, safe='')}@host/annuaire"
    assert conninfo_to_dict(libpq_url(url))["password"] == odd
    assert make_url(sqlalchemy_url(url)).password == odd
