"""`annuaire key …` as its user runs it."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from joserfc.jwk import ECKey
from starlette.testclient import TestClient

from app import cli
from app.settings import Settings
from tests.builders import an_operator

Connection = psycopg.Connection[Any]


@pytest.fixture
def annuaire(api_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command with --json: (exit code, its object)."""
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", api_settings.database_url)
    monkeypatch.setenv("ANNUAIRE_KEY_PEPPER", api_settings.key_pepper.get_secret_value())

    def run(*arguments: str) -> tuple[int, Any]:
        with pytest.raises(SystemExit) as ended:
            cli.main([*arguments, "--json"])
        code = ended.value.code
        assert isinstance(code, int)
        return code, json.loads(capsys.readouterr().out)

    return run


def test_a_key_is_issued_works_is_listed_and_is_revoked(
    annuaire: Any, client: TestClient, registry: Connection
) -> None:
    operator = an_operator(registry)
    registry.commit()
    given = ("key", "issue", "--name", "copy", "--scope", "read", "--scope", "publish", "--operator", operator)
    code, issued = annuaire(*given)
    assert (code, set(issued)) == (0, {"id", "key"})
    headers = {"Authorization": f"Bearer {issued['key']}"}
    assert client.get("/v1/me", headers=headers).json()["scopes"] == ["publish", "read"]

    code, listed = annuaire("key", "list")
    assert code == 0
    assert [(key["id"], key["name"], key["operator"], key["revoked_at"]) for key in listed] == [
        (issued["id"], "copy", operator, None)
    ]
    assert issued["key"].split("_")[2] not in json.dumps(listed)

    code, revoked = annuaire("key", "revoke", issued["id"])
    assert (code, revoked["id"]) == (0, issued["id"])
    assert client.get("/v1/me", headers=headers).status_code == 401
    assert annuaire("key", "revoke", issued["id"]) == (0, revoked)


def test_a_key_is_renewed_and_every_act_is_written_down(
    annuaire: Any, client: TestClient, registry: Connection
) -> None:
    _, first = annuaire("key", "issue", "--name", "a", "--scope", "read", "--expires-in", "90", "--budget", "20")
    code, second = annuaire("key", "renew", first["id"], "--overlap", "0", "--expires-in", "30")
    assert (code, second["replaces"]) == (0, first["id"])
    for key, status in ((first, 401), (second, 200)):
        assert client.get("/v1/me", headers={"Authorization": f"Bearer {key['key']}"}).status_code == status
    annuaire("key", "revoke", second["id"])
    annuaire("key", "revoke", second["id"])
    _, listed = annuaire("key", "list")
    assert [(key["state"], key["budget"], key["replaces"]) for key in listed] == [
        ("expired", 20, None),
        ("revoked", 20, first["id"]),
    ]
    acts = registry.execute("SELECT action, object_key, detail FROM audit ORDER BY sequence").fetchall()
    assert acts == [
        ("key.issued", first["id"], ""),
        ("key.renewed", first["id"], f"by {second['id']}"),
        ("key.revoked", second["id"], ""),
    ]
    code, refused = annuaire("key", "renew", second["id"])
    assert (code, refused["error"]["code"]) == (2, "key.not_in_force")


def test_a_client_is_registered_by_its_public_key_and_revoked(
    annuaire: Any, registry: Connection, open_dir: Path
) -> None:
    operator = an_operator(registry)
    registry.commit()
    file = open_dir / "key.json"
    key = ECKey.generate_key("P-256")
    file.write_text(json.dumps(key.as_dict(private=False)), "utf-8")
    given = ("client", "add", "--operator", operator, "--jwk", str(file), "--name", "mail")
    assert annuaire(*given[:3], "nobody", *given[4:])[1]["error"]["code"] == "operator.unknown"
    code, added = annuaire(*given)
    assert (code, added["kid"], added["algorithm"]) == (0, key.thumbprint(), "ES256")
    assert annuaire(*given)[1]["error"]["code"] == "client.known"
    _, (listed,) = annuaire("client", "list")
    assert (listed["id"], listed["scopes"], listed["operator"]) == (added["id"], ["publish"], operator)
    code, revoked = annuaire("client", "revoke", added["id"])
    assert (code, annuaire("client", "revoke", added["id"])) == (0, (0, revoked))
    acts = registry.execute("SELECT action, object_key, operator FROM audit ORDER BY sequence").fetchall()
    assert acts == [(action, added["id"], operator) for action in ("client.added", "client.revoked")]
    assert annuaire("client", "revoke", "nobody")[1]["error"]["code"] == "client.unknown"
    for text in (json.dumps(key.as_dict(private=True)), "no key"):
        file.write_text(text, "utf-8")
        code, refused = annuaire(*given)
        assert (code, refused["error"]["code"]) == (2, "client.key")


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("revoke", "nobody"), 2, "key.unknown"),
        (("issue", "--name", "x", "--scope", "read", "--operator", "nobody"), 2, "operator.unknown"),
        (("issue", "--name", "x", "--scope", "write"), 64, "usage"),
        (("issue", "--name", "x"), 64, "usage"),
        (("issue", "--name", "x", "--scope", "read", "--expires-in", "366"), 64, "usage"),
        (("issue", "--name", "x", "--scope", "read", "--budget", "0"), 64, "usage"),
        (("renew", "nobody"), 2, "key.unknown"),
    ],
)
def test_what_cannot_be_done_is_refused(annuaire: Any, arguments: tuple[str, ...], code: int, error: str) -> None:
    ended, answer = annuaire("key", *arguments)
    assert (ended, answer["error"]["code"]) == (code, error)


def test_no_key_is_made_without_a_pepper(annuaire: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_KEY_PEPPER", "")
    ended, answer = annuaire("key", "issue", "--name", "x", "--scope", "read")
    assert (ended, answer["error"]["code"]) == (2, "setting.missing")
