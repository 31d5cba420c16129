"""Client certificates on requests: from the proxy alone, of listed operators alone, and as long as they are good."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr, ValidationError
from starlette.testclient import TestClient

from app.access.distinguished_name import canonical, of_name
from app.doctor import examine
from app.main import create_app
from app.settings import Settings
from tests.access.authority import Authority, Held, a_name, a_root
from tests.access.conftest import PROXY, list_certificate
from tests.builders import OPERATOR, an_operator

Connection = psycopg.Connection[Any]
SECRET = "known to the proxy"  # noqa: S105 - of this test alone
PATIENCE = 30.0


def refusal(client: TestClient, headers: Any, path: str = "/v1/me") -> tuple[int, str, str | None]:
    answer = client.get(path, headers=headers)
    return answer.status_code, answer.json()["code"], answer.json().get("reason")


@pytest.mark.parametrize("form", ["header", "escaped"])
def test_an_operator_is_known_by_its_certificate(behind_proxy: TestClient, held: Held, form: str) -> None:
    me = behind_proxy.get("/v1/me", headers=getattr(held, form)).json()
    fingerprint = me["id"]
    assert me == {
        "id": fingerprint,
        "name": "GIP EXEMPLE",
        "operator": OPERATOR,
        "scopes": ["publish"],
        "domains": ["one.mssante.fr"],
        "credential": f"certificate:{fingerprint}",
        "expires_at": None,
        "certificate": {
            "name": canonical("CN=of this test,OU=1990000010,O=GIP EXEMPLE,C=FR"),
            "expires_at": held.certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
        },
        "budget": None,
    }


@pytest.mark.parametrize("path", ["/v1/me", "/v1/mailboxes", "/v1/mailboxes/a@b.mssante.fr"])
def test_a_header_from_anybody_else_is_refused_and_never_ignored(
    certificate_settings: Settings, held: Held, reader: dict[str, str], path: str
) -> None:
    app = create_app(certificate_settings)
    with TestClient(app, client=("192.0.2.1", 50000)) as client:
        forged = {**held.header, "X-Forwarded-For": "127.0.0.1"}
        for headers in (held.header, forged, {**held.header, **reader}, {"Client-Cert-Chain": "x"}):
            assert refusal(client, headers, path)[:2] == (401, "certificate.not_from_proxy")
        assert client.get(path, headers=reader).status_code != 401


def test_where_nobody_is_trusted_not_even_this_machine_is(api_settings: Settings, held: Held) -> None:
    with TestClient(create_app(api_settings), client=PROXY) as client:
        assert refusal(client, held.header) == (401, "certificate.not_from_proxy", None)


def test_another_program_on_the_machine_of_the_proxy_does_not_know_the_secret(
    certificate_settings: Settings, held: Held
) -> None:
    app = create_app(certificate_settings.model_copy(update={"proxy_secret": SecretStr(SECRET)}))
    with TestClient(app, client=PROXY) as client:
        assert refusal(client, held.header) == (401, "certificate.not_from_proxy", None)
        assert client.get("/v1/me", headers={**held.header, "X-Annuaire-Proxy": SECRET}).status_code == 200


def test_a_proxy_without_authorities_has_nothing_to_say(certificate_settings: Settings, held: Held) -> None:
    app = create_app(certificate_settings.model_copy(update={"client_ca_file": None, "client_crl": None}))
    with TestClient(app, client=PROXY) as client:
        assert refusal(client, held.header) == (401, "certificate.invalid", "untrusted")


def test_authorities_without_revocation_lists_are_no_setting(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="client_crl"):
        Settings(_env_file=None, client_ca_file=tmp_path / "ca.pem")


def test_a_header_that_came_twice_is_refused(behind_proxy: TestClient, held: Held, authority: Authority) -> None:
    for other in (held, authority.issue(a_name("another"))):
        lines = [("Client-Cert", each.header["Client-Cert"]) for each in (held, other)]
        assert refusal(behind_proxy, lines) == (401, "certificate.invalid", "duplicated")


def test_a_certificate_that_is_no_good_is_refused_with_its_reason(
    behind_proxy: TestClient, held: Held, reader: dict[str, str]
) -> None:
    other = a_root("AC ORGANISATIONS").issue(a_name("of this test"))
    for headers, reason in (
        (other.header, "untrusted"),
        ({"Client-Cert": "x"}, "malformed"),
        ({"Client-Cert": ":AAAA:"}, "malformed"),
        ({**other.header, **reader}, "untrusted"),
    ):
        assert refusal(behind_proxy, headers) == (401, "certificate.invalid", reason)
    assert behind_proxy.get("/v1/me", headers=held.header).status_code == 200


def test_a_name_that_the_white_list_does_not_hold_is_told_so(
    behind_proxy: TestClient, registry: Connection, authority: Authority, held: Held
) -> None:
    unlisted = authority.issue(a_name("of nobody"))
    assert refusal(behind_proxy, unlisted.header) == (403, "certificate.unknown", None)
    assert behind_proxy.get("/v1/me", headers=held.header).status_code == 200
    registry.execute("DELETE FROM domain")
    registry.execute("DELETE FROM operator_certificate")
    registry.commit()
    assert refusal(behind_proxy, held.header) == (403, "certificate.unknown", None)


def test_a_name_is_found_however_the_list_spells_it(
    behind_proxy: TestClient, registry: Connection, authority: Authority
) -> None:
    an_operator(registry)
    issued = authority.issue(a_name("Bal, Exemple"))
    registry.execute(
        "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, '')",
        (canonical('c=FR;  O = "GIP  EXEMPLE", OU=1990000010, cn=bal\\2c exemple'), OPERATOR),
    )
    registry.commit()
    assert behind_proxy.get("/v1/me", headers=issued.header).status_code == 200


def test_a_key_and_a_certificate_of_one_operator_go_together(
    behind_proxy: TestClient, registry: Connection, held: Held, key_for: Callable[..., dict[str, str]]
) -> None:
    an_operator(registry, "1990000028", name="OTHER", domains=())
    together = behind_proxy.get("/v1/me", headers={**held.header, **key_for("read", operator=OPERATOR)}).json()
    assert together["credential"].startswith("key:")
    assert together["scopes"] == ["read"]
    assert together["certificate"]["name"] == of_name(held.certificate.subject)
    for key in (key_for("read", operator="1990000028"), key_for("admin")):
        assert refusal(behind_proxy, {**held.header, **key}) == (401, "credentials.invalid", None)


def until(client: TestClient, headers: dict[str, str], status: int) -> Any:
    """The answer, once it has this status."""
    deadline = time.monotonic() + PATIENCE
    while (answer := client.get("/v1/me", headers=headers)).status_code != status:
        assert time.monotonic() < deadline, answer.text
    return answer.json()


def test_a_revoked_certificate_stops_though_it_was_found_good_before(
    behind_proxy: TestClient, certificate_settings: Settings, authority: Authority, held: Held, registry: Connection
) -> None:
    other = authority.issue(a_name("another"))
    list_certificate(registry, other)
    for each in (held, other):
        assert behind_proxy.get("/v1/me", headers=each.header).status_code == 200
    assert certificate_settings.client_crl is not None
    certificate_settings.client_crl.write_bytes(authority.list_of([held]))
    assert until(behind_proxy, held.header, 401)["reason"] == "revoked"
    assert behind_proxy.get("/v1/me", headers=other.header).status_code == 200


def test_files_that_break_are_named_and_taken_again_when_they_are_good(
    behind_proxy: TestClient, certificate_settings: Settings, authority: Authority, held: Held, reader: dict[str, str]
) -> None:
    lists = certificate_settings.client_crl
    assert lists is not None
    lists.write_bytes(b"half a file")
    answer = until(behind_proxy, held.header, 503)
    assert answer["code"] == "certificate.unchecked"
    assert "ca.crl" in answer["detail"]
    assert behind_proxy.get("/v1/me", headers=reader).status_code == 200
    lists.unlink()
    assert "ca.crl" in until(behind_proxy, held.header, 503)["detail"]
    lists.write_bytes(authority.list_of())
    until(behind_proxy, held.header, 200)


def test_a_certificate_in_use_is_remembered_so_that_its_operator_can_be_told_before_it_ends(
    certificate_settings: Settings, registry: Connection, held: Held
) -> None:
    for _ in range(2):
        with TestClient(create_app(certificate_settings), client=PROXY) as client:
            assert client.get("/v1/me", headers=held.header).status_code == 200
    rows = registry.execute("SELECT dn, expires_at FROM client_certificate").fetchall()
    assert rows == [(of_name(held.certificate.subject), held.certificate.not_valid_after_utc)]


def finding(settings: Settings) -> tuple[bool | None, str]:
    found = next(each for each in examine(settings) if each.name == "client certificates")
    return found.ok, found.detail


def test_the_doctor_tells_of_a_list_before_it_runs_out(
    certificate_settings: Settings, api_settings: Settings, authority: Authority
) -> None:
    assert finding(api_settings)[0] is None
    assert finding(certificate_settings)[0] is True
    assert finding(certificate_settings.model_copy(update={"trusted_proxies": None}))[0] is False
    assert certificate_settings.client_crl is not None
    for lasts, ok in ((timedelta(hours=30), None), (timedelta(hours=23), False)):
        certificate_settings.client_crl.write_bytes(authority.list_of(lasts=lasts))
        assert finding(certificate_settings)[0] is ok
    assert "ended on" in finding(certificate_settings)[1]
