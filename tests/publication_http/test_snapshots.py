"""The full files over REST: listed, fetched whole or in part, and by nobody once they show somebody hidden."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard
from starlette.testclient import TestClient

from app.embedded.secret import signing_key
from app.main import create_app
from app.publication import snapshots
from app.publication.schemas import FeedPage, SnapshotList
from app.publication.snapshot_clock import LEAST_BETWEEN
from app.settings import Settings
from app.signing import verify
from tests.builders import a_mailbox, a_small_directory, publish
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
ADDRESS = "anne.exemple@ch-exemple.mssante.fr"
NDJSON = "directory.ndjson.zst"


@pytest.fixture
def api_settings(settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(
        update={
            "database_pool": 2,
            "log_level": "error",
            "snapshot_dir": tmp_path / "snapshots",
            "snapshot_hours": 24,
            "signing_key": signing_key(tmp_path),
        }
    )


@pytest.fixture
def client(api_settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(api_settings), raise_server_exceptions=False) as test_client:
        yield test_client


@pytest.fixture
def make(api_settings: Settings, database: Database) -> Callable[[], snapshots.Made]:
    maker = database.connect(autocommit=True)

    def made() -> snapshots.Made:
        found = snapshots.make(api_settings, maker)
        assert found is not None
        return found

    return made


@pytest.fixture
def edition(registry: Connection, make: Callable[[], snapshots.Made]) -> int:
    """A small directory with its files."""
    a_small_directory(registry)
    return make().edition


@pytest.fixture
def get(client: TestClient, reader: dict[str, str]) -> Any:
    def ask(path: str, **headers: str) -> Any:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.get(f"/v1/snapshots{path}", headers={**reader, **sent})

    return ask


def hide(registry: Connection) -> None:
    registry.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (ADDRESS,))
    publish(registry, ("mailbox", ADDRESS))


def test_files_are_listed_with_the_cursor_that_goes_on(get: Any, edition: int) -> None:
    answer = get("")
    found = SnapshotList.model_validate_json(answer.content)
    assert answer.headers["directory-edition"] == str(edition)
    assert {item.edition for item in found.items} == {edition}
    assert [item.file for item in found.items if "Extraction" not in item.file] == [
        "SHA256SUMS",
        NDJSON,
        "manifest.jws",
    ]
    for item in found.items:
        content = get(f"/{item.edition}/{item.file}")
        assert content.status_code == 200
        assert content.headers["etag"] == f'"{item.sha256}"'
        assert (len(content.content), hashlib.sha256(content.content).hexdigest()) == (item.bytes, item.sha256)
    assert get(f"/{edition}").json() == answer.json()


def test_a_copy_begins_with_the_files_and_goes_on_without_a_gap(
    client: TestClient, reader: dict[str, str], get: Any, edition: int, registry: Connection
) -> None:
    later = publish(registry, ("mailbox", a_mailbox(registry, "later@ch-exemple.mssante.fr")))
    (item,) = [item for item in get("").json()["items"] if item["file"] == NDJSON]
    packed = io.BytesIO(client.get(item["url"], headers=reader).content)
    lines = zstandard.ZstdDecompressor().stream_reader(packed).read().splitlines()
    copy = {(line["kind"], line["key"]): line["resource"]["fingerprint"] for line in map(json.loads, lines)}
    page = FeedPage.model_validate_json(
        client.get("/v1/changes", params={"after": item["next"]}, headers=reader).content
    )
    assert [change.sequence for change in page.items] == list(range(edition + 1, later + 1))
    for change in page.items:
        copy[change.kind, change.key] = str((change.resource or {})["fingerprint"])
    published = registry.execute("SELECT kind, key, encode(fingerprint, 'hex') FROM publication").fetchall()
    assert copy == {(kind, key): fingerprint for kind, key, fingerprint in published}


def test_the_manifest_is_proved_by_the_keys_that_are_shown(client: TestClient, get: Any, edition: int) -> None:
    keys = client.get("/.well-known/annuaire-keys.json").json()
    payload = verify(get(f"/{edition}/manifest.jws").text, keys, "annuaire-snapshot+jwt")
    assert (payload["edition"], payload["root"]) == (edition, client.get("/v1/digest").json()["root"])


def test_a_download_is_resumed(get: Any, edition: int) -> None:
    path = f"/{edition}/{NDJSON}"
    whole = get(path)
    tag, size = whole.headers["etag"], len(whole.content)
    for asked, first, last in [("bytes=10-19", 10, 19), ("bytes=10-", 10, size - 1), ("bytes=-5", size - 5, size - 1)]:
        part = get(path, Range=asked, If_Range=tag)
        assert (part.status_code, part.headers["content-range"]) == (206, f"bytes {first}-{last}/{size}")
        assert part.content == whole.content[first : last + 1]
    assert get(path, Range="bytes=10-", If_Range='"another"').content == whole.content
    assert get(path, If_None_Match=tag).status_code == 304
    for ignored in ("bytes=5-2", "lines=1-2", "bytes=-", "bytes=0-1,5-6"):
        answer = get(path, Range=ignored)
        assert (answer.status_code, answer.content) == (200, whole.content)
    beyond = get(path, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond.json()["code"]) == (416, "snapshot.range_not_satisfiable")
    assert beyond.headers["content-range"] == f"bytes */{size}"


def test_head_tells_the_size_without_reading(
    client: TestClient, reader: dict[str, str], get: Any, edition: int
) -> None:
    whole = get(f"/{edition}/{NDJSON}")
    head = client.head(f"/v1/snapshots/{edition}/{NDJSON}", headers=reader)
    assert (head.status_code, head.content) == (200, b"")
    for name in ("etag", "content-length", "repr-digest", "directory-edition"):
        assert head.headers[name] == whole.headers[name]


def test_hiding_withdraws_every_file_at_once_and_ranges_too(get: Any, edition: int, registry: Connection) -> None:
    files = [item["url"].removeprefix("/v1/snapshots") for item in get("").json()["items"]]
    assert get(files[0], Range="bytes=0-5").status_code == 206
    hide(registry)
    for path in (*files, f"/{edition}"):
        for headers in ({}, {"Range": "bytes=0-5"}, {"If_None_Match": "*"}):
            answer = get(path, **headers)
            assert (answer.status_code, answer.json()["code"]) == (410, "snapshot.withdrawn")
    listing = get("")
    assert (listing.status_code, listing.json()["code"]) == (503, "snapshot.being_made")
    assert 30 <= int(listing.headers["retry-after"]) <= 600
    # What it tells is when the worker makes the next.
    registry.execute("UPDATE snapshot SET made_at = now() - %s + interval '100 s'", (LEAST_BETWEEN,))
    registry.commit()
    assert 30 <= int(get("").headers["retry-after"]) <= 100


def test_after_a_withdrawal_new_files_show_nobody_hidden(
    get: Any, edition: int, registry: Connection, make: Callable[[], snapshots.Made]
) -> None:
    hide(registry)
    again = make().edition
    assert again > edition
    packed = io.BytesIO(get(f"/{again}/{NDJSON}").content)
    text = zstandard.ZstdDecompressor().stream_reader(packed).read().decode()
    assert ADDRESS not in text
    for item in get("").json()["items"]:
        assert item["edition"] == again
        assert ADDRESS.encode() not in get(f"/{again}/{item['file']}").content


def test_an_expired_cursor_names_the_files_to_begin_with(
    client: TestClient, reader: dict[str, str], get: Any, edition: int, registry: Connection
) -> None:
    old = client.get("/v1/changes?limit=1", headers=reader).json()["next"]
    registry.execute("DELETE FROM change WHERE sequence <= 2")
    registry.commit()
    refused = client.get("/v1/changes", params={"after": old}, headers=reader).json()
    said = refused["snapshot"]
    assert (refused["code"], said["edition"]) == ("feed.cursor_expired", edition)
    assert client.get(said["url"], headers=reader).json() == get("").json()
    assert said["next"] == get("").json()["items"][0]["next"]
    assert client.get("/v1/changes", params={"after": said["next"]}, headers=reader).json()["items"] == []


def test_what_was_never_made_is_unknown(get: Any, edition: int) -> None:
    for path in ("/999", f"/999/{NDJSON}", f"/{edition}/nothing"):
        answer = get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "snapshot.unknown")
    for path in (f"/{edition}/..%2F..%2Fkey", f"/{edition}/.hidden", "/x", "/-1", f"/{2**63}"):
        assert get(path).status_code in {404, 422}


def test_an_empty_directory_has_no_files_and_none_are_promised(get: Any) -> None:
    answer = get("")
    assert (answer.status_code, answer.json()["items"]) == (200, [])


def test_a_directory_without_files_says_when_to_come_again(get: Any, registry: Connection) -> None:
    a_small_directory(registry)
    answer = get("")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def test_unsigned_is_said_where_a_signature_is_promised(
    api_settings: Settings, registry: Connection, reader: dict[str, str], database: Database
) -> None:
    edition = a_small_directory(registry)
    unsigned = api_settings.model_copy(update={"signing_key": None})
    snapshots.make(unsigned, database.connect(autocommit=True))
    with TestClient(create_app(unsigned)) as client:
        answer = client.get(f"/v1/snapshots/{edition}/manifest.jws", headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (404, "signing.key_missing")


@pytest.mark.parametrize("path", ["", "/1", f"/1/{NDJSON}"])
def test_it_takes_a_key_that_reads_and_has_no_budget(
    client: TestClient, key_for: Callable[..., dict[str, str]], path: str
) -> None:
    url = f"/v1/snapshots{path}"
    assert client.get(url).status_code == 401
    assert client.get(url, headers=key_for("audit")).status_code == 403
    assert client.get(url, headers=key_for("read", budget=10)).status_code == 403
