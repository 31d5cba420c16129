"""`annuaire audit …` and `/v1/audit` as their users call them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.audit.acts import Connection, a_trail
from tests.audit.conftest import Run

Headers = Callable[..., dict[str, str]]


@pytest.fixture
def trail(registry: Connection) -> Connection:
    a_trail(registry, 5)
    return registry


def tamper(trail: Connection) -> None:
    trail.execute("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only")
    trail.execute("UPDATE audit SET actor = 'somebody else' WHERE sequence = 2")
    trail.commit()


def test_verify_tells_whole_from_changed(trail: Connection, annuaire: Run) -> None:
    code, report = annuaire("audit", "verify")
    assert (code, report["ok"], report["rows"], report["anchors"], report["faults"]) == (0, True, 5, 0, [])
    tamper(trail)
    code, report = annuaire("audit", "verify")
    assert (code, report["ok"]) == (1, False)
    assert [(fault["sequence"], fault["code"]) for fault in report["faults"]] == [(2, "altered")]


@pytest.mark.usefixtures("trail")
def test_verify_holds_the_trail_against_anchored_roots(
    annuaire: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "roots"
    code, kept = annuaire("audit", "anchor", "--to", str(file))
    assert (code, kept["sequence"], kept["kept_at"]) == (0, 5, str(file))
    assert annuaire("audit", "verify", "--anchors", str(file))[1]["anchors"] == 1
    monkeypatch.setenv("ANNUAIRE_AUDIT_ANCHOR", str(file))
    assert annuaire("audit", "verify")[1]["anchors"] == 1
    file.write_text(file.read_text("utf-8").replace(kept["hash"], "0" * 64), "utf-8")
    code, report = annuaire("audit", "verify")
    assert (code, [fault["code"] for fault in report["faults"]]) == (1, ["anchor"])


@pytest.mark.parametrize("content", [None, "x"])
def test_roots_that_are_not_there_or_none_are_no_proof(
    annuaire: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "roots"
    if content:
        file.write_text(content, "utf-8")
    monkeypatch.setenv("ANNUAIRE_AUDIT_ANCHOR", str(file))
    code, report = annuaire("audit", "verify")
    assert (code, report["error"]["code"]) == (2, "audit.anchor")


@pytest.mark.usefixtures("trail")
def test_anchor_without_a_place_only_shows_the_root(annuaire: Run) -> None:
    code, report = annuaire("audit", "anchor")
    assert (code, report["sequence"], report["kept_at"]) == (0, 5, None)
    assert report["hash"] == annuaire("audit", "verify")[1]["hash"]


@pytest.mark.usefixtures("trail")
def test_the_list_goes_back_from_the_newest(annuaire: Run) -> None:
    _, acts = annuaire("audit", "list", "--limit", "2")
    assert [act["sequence"] for act in acts] == [5, 4]
    _, acts = annuaire("audit", "list", "--before", "4", "--action", "key.issued")
    assert [act["sequence"] for act in acts] == [3, 2, 1]
    assert acts[0]["after"] == "0102"
    assert [act["object_key"] for act in annuaire("audit", "list", "--object", "k3")[1]] == ["k3"]
    assert annuaire("audit", "list", "--operator", "1990000010")[1] == []


@pytest.mark.usefixtures("trail")
def test_the_route_shows_every_act_once(client: TestClient, key_for: Headers) -> None:
    headers = key_for("audit")
    seen: list[Any] = []
    url: str | None = "/v1/audit?limit=2"
    while url:
        page = client.get(url, headers=headers)
        assert page.status_code == 200
        seen += page.json()["items"]
        url = page.links["next"]["url"] if "next" in page.links else None
    assert [act["sequence"] for act in seen] == [5, 4, 3, 2, 1]
    assert [act["previous"] for act in seen] == [*(act["hash"] for act in seen[1:]), "0" * 64]
    assert client.get("/v1/audit?object=k3", headers=headers).json()["total"] == {"value": 1, "exact": True}
    assert client.get("/v1/audit?action=nothing", headers=headers).json()["items"] == []
    head = client.get("/v1/audit/head", headers=headers).json()
    assert head == {"sequence": 5, "hash": seen[0]["hash"], "count": 5}


@pytest.mark.parametrize("path", ["/v1/audit", "/v1/audit/head"])
def test_only_the_scope_audit_opens_the_trail(client: TestClient, key_for: Headers, path: str) -> None:
    assert client.get(path).status_code == 401
    assert client.get(path, headers=key_for("read", "publish", "admin")).status_code == 403
    assert client.get(path, headers=key_for("audit")).status_code == 200


@pytest.mark.usefixtures("trail")
def test_a_cursor_of_another_question_is_refused(client: TestClient, key_for: Headers) -> None:
    headers = key_for("audit")
    cursor = client.get("/v1/audit?limit=1", headers=headers).json()["next"]
    answer = client.get(f"/v1/audit?limit=1&object=k1&cursor={cursor}", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor.invalid")
