"""Edition and digest over HTTP."""

import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.embedded.secret import signing_key
from app.main import create_app
from app.publication import state as numbered
from app.publication.digest import root
from app.publication.digest_tree import SLOTS, slot_of, tree_of
from app.publication.schemas import DigestNodes, DigestState, EditionState, FeedPage
from app.publication.state import CHECKPOINT
from app.settings import Settings
from app.signing import verify
from tests.builders import a_mailbox, a_small_directory, publish

Connection = psycopg.Connection[Any]
ISSUER = "https://annuaire.example"


@pytest.fixture
def signed(api_settings: Settings, tmp_path: Path) -> Iterator[TestClient]:
    """The same directory, served by an installation that signs."""
    holds = {"issuer": ISSUER, "signing_key": signing_key(tmp_path)}
    with TestClient(create_app(api_settings.model_copy(update=holds))) as test_client:
        yield test_client


def test_the_edition_says_epoch_sources_and_that_the_rule_of_domains_is_off(
    client: TestClient, registry: Connection
) -> None:
    edition = a_small_directory(registry)
    answer = client.get("/v1/edition")
    state = EditionState.model_validate_json(answer.content)
    epoch = registry.execute("SELECT epoch FROM directory").fetchone()
    assert (state.edition, (state.epoch,), state.publishing, state.domain_rule) == (edition, epoch, None, "off")
    names = registry.execute("SELECT name FROM source ORDER BY name").fetchall()
    assert [(source.name,) for source in state.sources] == names
    assert answer.headers["directory-edition"] == str(edition)


def test_the_edition_says_what_waits_and_that_the_rule_is_on(client: TestClient, registry: Connection) -> None:
    registry.execute("INSERT INTO pending (kind, key, run) VALUES ('mailbox', 'a', NULL), ('mailbox', 'b', 'r1')")
    registry.execute("UPDATE source SET loaded = true, stamp = '20261124' WHERE name = 'liste_blanche'")
    registry.commit()
    state = EditionState.model_validate_json(client.get("/v1/edition").content)
    assert state.publishing is not None
    assert (state.publishing.run, state.publishing.left, state.domain_rule) == ("r1", 2, "on")
    assert [source.stamp for source in state.sources if source.loaded] == ["20261124"]


def test_the_digest_is_that_of_the_edition_it_names(client: TestClient, registry: Connection) -> None:
    a_small_directory(registry)
    before = root(registry)
    computed, remembered = (DigestState.model_validate_json(client.get("/v1/digest").content) for _ in range(2))
    assert (computed.edition, computed.epoch, computed.root) == before
    assert remembered == computed
    publish(registry, ("mailbox", a_mailbox(registry, "more@ch-exemple.mssante.fr")))
    after = DigestState.model_validate_json(client.get("/v1/digest").content)
    assert (after.edition, after.epoch, after.root) == root(registry)
    assert after.root != before.root


def test_nobody_waits_for_long_behind_one_who_reckons(
    client: TestClient, registry: Connection, reader: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    a_small_directory(registry)
    monkeypatch.setattr(numbered, "TURN_SECONDS", 0.01)
    held = client.app.state  # type: ignore[attr-defined]
    assert client.portal is not None
    with client.portal.wrap_async_context_manager(held.digests.snapshot(held.pool)):
        for path in ("/v1/digest", "/v1/digest/nodes", "/v1/changes?digest=true"):
            refused = client.get(path, headers=reader)
            assert (refused.status_code, refused.json()["code"]) == (503, "digest.being_reckoned")
            assert int(refused.headers["retry-after"]) >= 1
        # The state itself, and the feed, wait for nobody.
        assert client.get("/v1/edition").status_code == 200
        assert client.get("/v1/changes", headers=reader).status_code == 200
    assert client.get("/v1/digest").json()["root"] == root(registry).root


def test_a_checkpoint_signs_the_digest_and_the_keys_prove_it(
    client: TestClient, registry: Connection, signed: TestClient
) -> None:
    edition = a_small_directory(registry)
    said = DigestState.model_validate_json(signed.get("/v1/digest").content)
    assert said.checkpoint is not None
    claims = verify(said.checkpoint, signed.get("/.well-known/annuaire-keys.json").json(), CHECKPOINT)
    assert claims.pop("iat") <= time.time()
    assert claims == {"iss": ISSUER, "edition": edition, "epoch": said.epoch, "root": said.root}
    assert signed.get("/v1/digest").json() == said.model_dump()
    assert client.get("/v1/digest").json() == {**said.model_dump(), "checkpoint": None}


def test_a_wrong_resource_is_found_in_three_steps(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    a_small_directory(registry)
    rows = registry.execute("SELECT kind, key, fingerprint FROM publication ORDER BY kind, key").fetchall()
    copy = {(kind, key): fingerprint for kind, key, fingerprint in rows}
    lost = copy.pop(rows[1][:2])
    tree = tree_of(sorted((slot_of(*name), (*name, fingerprint)) for name, fingerprint in copy.items()))

    def ask(**step: int) -> DigestNodes:
        answer = client.get("/v1/digest/nodes", params=step, headers=reader)
        assert answer.headers["directory-edition"] == str(answer.json()["edition"])
        return DigestNodes.model_validate_json(answer.content)

    nodes = ask().nodes or []
    assert sha256(bytes.fromhex("".join(nodes))).hexdigest() == client.get("/v1/digest").json()["root"]
    (node,) = [number for number, each in enumerate(nodes) if each != tree.nodes[number].hex()]
    slots = ask(node=node).slots or []
    (place,) = [number for number, each in enumerate(slots) if each != tree.slots_of(node)[number].hex()]
    found = ask(slot=node * 256 + place)
    assert [resource.model_dump() for resource in found.resources or []] == [
        {"kind": rows[1][0], "key": rows[1][1], "fingerprint": lost.hex()}
    ]
    assert ask(slot=(node * 256 + place + 1) % SLOTS).resources == []


def test_an_edition_that_is_asked_for_and_gone_is_said(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    edition = a_small_directory(registry)
    for step in ({}, {"node": 3}, {"slot": 77}):
        same = client.get("/v1/digest/nodes", params={**step, "edition": edition}, headers=reader)
        assert same.status_code == 200
        moved = client.get("/v1/digest/nodes", params={**step, "edition": edition - 1}, headers=reader)
        assert (moved.status_code, moved.json()["code"]) == (409, "digest.edition_moved")
        assert (moved.json()["current"], moved.headers["directory-edition"]) == (edition, str(edition))


@pytest.mark.parametrize("query", ["node=256", "slot=65536", "node=-1", "node=1&slot=1", "edition=-1", "nod=1"])
def test_a_step_that_leads_nowhere_is_refused(client: TestClient, reader: dict[str, str], query: str) -> None:
    answer = client.get(f"/v1/digest/nodes?{query}", headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


def test_the_tree_is_for_keys_that_may_copy(client: TestClient, key_for: Any) -> None:
    assert client.get("/v1/digest/nodes").status_code == 401
    assert client.get("/v1/digest/nodes", headers=key_for("read", budget=5)).status_code == 403


def test_a_page_that_ends_at_the_edition_brings_its_digest(
    client: TestClient, registry: Connection, signed: TestClient, reader: dict[str, str]
) -> None:
    edition = a_small_directory(registry)

    def page(**parameters: Any) -> FeedPage:
        answer = signed.get("/v1/changes", params=parameters, headers=reader)
        return FeedPage.model_validate_json(answer.content)

    first = page(limit=edition - 1, digest=True)
    assert (len(first.items), first.digest) == (edition - 1, None)
    last = page(after=first.next, digest=True)
    assert last.digest is not None
    assert last.digest.model_dump() == signed.get("/v1/digest").json()
    assert page(after=last.next, digest=True).digest == last.digest
    assert page(after=first.next).digest is None
    assert client.get("/v1/changes", params={"after": "?", "digest": True}, headers=reader).status_code == 400
