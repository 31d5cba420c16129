"""The API in process, for every test of this folder, also behind a proxy that takes client certificates."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.access.distinguished_name import of_name
from app.main import create_app
from app.settings import Settings
from tests.access.authority import Authority, Held, a_name, a_root
from tests.builders import OPERATOR, an_operator
from tests.http.fixtures import api_settings, client, key_for, reader, registry

__all__ = ["api_settings", "client", "key_for", "reader", "registry"]

Connection = psycopg.Connection[Any]
PROXY = ("127.0.0.1", 50000)


@pytest.fixture(scope="session")
def authority() -> Authority:
    return a_root("AC ORGANISATIONS")


@pytest.fixture
def certificate_settings(api_settings: Settings, authority: Authority, tmp_path: Path) -> Settings:
    """The API behind a proxy on this machine, trusting one authority."""
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    (tmp_path / "ca.crl").write_bytes(authority.list_of())
    return api_settings.model_copy(
        update={
            "trusted_proxies": ("127.0.0.1",),
            "client_ca_file": tmp_path / "ca.pem",
            "client_crl": tmp_path / "ca.crl",
        }
    )


@pytest.fixture
def behind_proxy(certificate_settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(certificate_settings), client=PROXY, raise_server_exceptions=False) as client:
        yield client


def list_certificate(registry: Connection, held: Held, *domains: str, operator: str = OPERATOR) -> None:
    """Give the operator one more certificate, for these domains."""
    dn = of_name(held.certificate.subject)
    registry.execute(
        "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, %s)", (dn, operator, dn)
    )
    for domain in domains:
        registry.execute(
            "INSERT INTO domain (name, certificate, source) VALUES (%s, %s, 'liste_blanche')", (domain, dn)
        )
    registry.commit()


@pytest.fixture
def held(registry: Connection, authority: Authority) -> Held:
    """A certificate of a listed operator."""
    an_operator(registry)
    issued = authority.issue(a_name("of this test"))
    list_certificate(registry, issued, "one.mssante.fr")
    return issued
