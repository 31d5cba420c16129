"""`GET /v1/trust/whitelist.xml` and `.jws`: what our importer reads back, when it is made anew, and who is on it."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from joserfc import jws
from joserfc.jwk import RSAKey
from lxml import etree
from signxml.verifier import XMLVerifier
from starlette.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.trust import white_list
from app.trust.white_list import NAMESPACE
from tests.builders import DOMAIN, OPERATOR, an_operator
from tests.harness.database import Database, cloned
from tests.imports.files import FULL_LIST, SHORT_LIST, run, run_one, written
from tests.trust.keys import certificate
from tests.trust.keys import written as keys_written

Connection = psycopg.Connection[Any]
XML, JWS = "/v1/trust/whitelist.xml", "/v1/trust/whitelist.jws"
PAIRS = """
SELECT d.name, d.certificate, d.description, d.source_updated, c.listed_as, o.id, o.name
FROM domain d JOIN operator_certificate c ON c.dn = d.certificate JOIN operator o ON o.id = c.operator ORDER BY 1, 2
"""


@pytest.fixture
def signing(api_settings: Settings, tmp_path: Path) -> Iterator[TestClient]:
    """The API with a key that signs."""
    key, pem = keys_written(tmp_path, "rsa")
    settings = api_settings.model_copy(update={"white_list_key": key, "white_list_certificate": pem})
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def pairs(connection: Connection) -> list[tuple[Any, ...]]:
    return connection.execute(PAIRS).fetchall()


def names(xml: bytes) -> list[str]:
    return [name.text for name in etree.fromstring(xml).iter(f"{{{NAMESPACE}}}Nom")]


@pytest.mark.parametrize("path", [SHORT_LIST, FULL_LIST])
def test_our_own_importer_reads_it_back_without_a_difference(
    signing: TestClient, settings: Settings, registry: Connection, tmp_path: Path, path: Path, migrated: Any
) -> None:
    (report,) = run(settings, tmp_path, path)
    assert report.state == "applied"
    before = pairs(registry)
    assert len(before) > 600
    answer = signing.get(XML)
    assert XMLVerifier().verify(answer.content, x509_cert=certificate("rsa"))
    with cloned(migrated) as other, psycopg.connect(other.dsn) as there:
        elsewhere = settings.model_copy(update={"database_url": other.dsn})
        report = run_one(elsewhere, written(tmp_path, "ours.xml", answer.content))
        # Certificates of one owner print its name in several ways, there as here; nothing is listed twice any more.
        assert (report.state, report.rejected, set(report.warnings) <= {"operator.several_names"}) == (
            "applied",
            0,
            True,
        )
        assert pairs(there) == before
    # And here it changes nothing but contacts, which it does not tell.
    registry.execute("UPDATE domain SET responsible_contact = NULL, support_contact = NULL")
    registry.commit()
    again = run_one(settings, written(tmp_path, "ours.xml.gz", gzip.compress(answer.content)), accept=("older_file",))
    assert again.diff == {"create": 0, "update": 0, "close": 0, "same": again.diff["same"]}
    assert pairs(registry) == before


def test_domains_of_who_left_or_is_a_candidate_are_not_on_it(client: TestClient, registry: Connection) -> None:
    for number, state in enumerate(("active", "candidate", "suspended", "left")):
        an_operator(registry, f"op{number}", domains=(f"{state}.mssante.fr",))
        registry.execute("UPDATE operator SET state = %s WHERE id = %s", [state, f"op{number}"])
    registry.commit()
    assert names(client.get(XML).content) == ["active.mssante.fr", "suspended.mssante.fr"]


def test_contacts_of_operators_are_never_on_it(client: TestClient, registry: Connection) -> None:
    an_operator(registry)
    registry.execute("UPDATE domain SET responsible_contact = 'a@secret.fr', support_contact = '01 02 03'")
    registry.commit()
    body = client.get(XML).text
    assert DOMAIN in body
    assert "secret" not in body
    assert "01 02 03" not in body


def test_it_is_made_once_for_each_state(
    client: TestClient, registry: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = 0

    def counting(*given: Any) -> Any:
        nonlocal count
        count += 1
        return made(*given)

    made: Callable[..., Any] = white_list.rendered
    monkeypatch.setattr(white_list, "rendered", counting)
    an_operator(registry)
    registry.commit()
    first = client.get(XML)
    assert [client.get(XML).content for _ in range(3)] == [first.content] * 3
    assert client.get(JWS).status_code == 404
    assert count == 1
    # What does not touch the trust space makes nothing anew; what does, does at once.
    registry.execute("UPDATE directory SET edition = edition + 1")
    registry.commit()
    assert client.get(XML).content == first.content
    assert count == 1
    registry.execute("DELETE FROM domain")
    registry.commit()
    assert names(client.get(XML).content) == []
    assert count == 2


def test_who_holds_the_present_one_is_told_so(client: TestClient, registry: Connection) -> None:
    an_operator(registry)
    registry.commit()
    first = client.get(XML)
    assert first.headers["content-type"] == "application/xml"
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["last-modified"].endswith(" GMT")
    held = {"If-None-Match": first.headers["etag"]}
    again = client.get(XML, headers=held)
    assert (again.status_code, again.content) == (304, b"")
    registry.execute("UPDATE domain SET description = 'autre'")
    registry.commit()
    changed = client.get(XML, headers=held)
    assert (changed.status_code, changed.headers["etag"] != first.headers["etag"]) == (200, True)


def test_without_a_key_it_says_that_it_is_not_signed(client: TestClient) -> None:
    assert client.get(XML).headers["white-list-signature"] == "none"
    answer = client.get(JWS)
    assert (answer.status_code, answer.json()["code"]) == (404, "white_list.unsigned")
    assert client.get(answer.json()["type"]).status_code == 200


def test_with_a_key_both_forms_are_signed_and_say_the_same(signing: TestClient, registry: Connection) -> None:
    an_operator(registry)
    registry.commit()
    xml, token = signing.get(XML), signing.get(JWS)
    assert (xml.headers["white-list-signature"], token.headers["white-list-signature"]) == ("enveloped", "jws")
    assert token.headers["content-type"] == "application/jose"
    assert xml.headers["last-modified"] == token.headers["last-modified"]
    public: Any = certificate("rsa").public_key()
    payload = json.loads(
        jws.deserialize_compact(token.content, RSAKey.import_key(public), algorithms=["RS256"]).payload
    )
    assert [(each["name"], each["operator"]) for each in payload["domains"]] == [(DOMAIN, OPERATOR)]
    root = etree.fromstring(xml.content)
    assert root.findtext(f"{{{NAMESPACE}}}DateDeGeneration") == payload["generated_at"]


def test_the_list_is_read_without_a_key_only_where_look_ups_are(
    api_settings: Settings, reader: dict[str, str], database: Database
) -> None:
    closed = api_settings.model_copy(update={"anonymous_access": False, "database_url": database.dsn})
    with TestClient(create_app(closed), raise_server_exceptions=False) as client:
        assert client.get(XML).status_code == 401
        assert client.get(XML, headers=reader).status_code == 200
