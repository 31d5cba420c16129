"""Edition and digest over HTTP."""

from typing import Any

import psycopg
from starlette.testclient import TestClient

from app.publication.digest import root
from app.publication.schemas import DigestState, EditionState
from tests.builders import a_mailbox, a_small_directory, publish

Connection = psycopg.Connection[Any]


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
