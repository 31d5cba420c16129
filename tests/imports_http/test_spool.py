"""Uploads: limits before and while they come, nothing left of one that fails, a name that leads nowhere."""

import os
import resource
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import ClientDisconnect
from starlette.testclient import TestClient

from app.imports import spool as spool_module
from app.imports.problems import QueueFull, StorageFull
from app.imports.spool import BLOCK, MOST_UPLOADS, NAME_BYTES, Spool, Upload, file_name
from app.main import create_app
from app.problems import Problem, TooLarge, UnreadableRequest
from app.settings import Settings
from tests.imports_http.conftest import Connection, Headers, upload

LIMIT = 1_000


@pytest.fixture
def small(api_settings: Settings) -> Iterator[TestClient]:
    """The API of an installation that takes files of 1 000 bytes."""
    with TestClient(create_app(api_settings.model_copy(update={"import_upload_limit": LIMIT}))) as client:
        yield client


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []


def receive(spool: Spool, *blocks: bytes | Exception, declared: int | None = None, run: str = "r") -> Upload:
    async def stream() -> AsyncIterator[bytes]:
        for block in blocks:
            if isinstance(block, Exception):
                raise block
            yield block

    async def received() -> Upload:
        return await spool.receive(run, "x.txt", declared, stream())

    return anyio.run(received)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_file_over_the_limit_is_refused_and_leaves_nothing(
    small: TestClient, admin: Headers, spool_dir: Path, *, is_told: bool
) -> None:
    body = b"x" * (LIMIT + 1)
    answer = small.post("/v1/imports", content=body if is_told else iter([body]), headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert left(spool_dir) == []
    assert small.post("/v1/imports", content=body[:-1], headers=admin).status_code == 202


@pytest.mark.parametrize(("scopes", "status"), [(None, 401), (("read",), 403), (("publish",), 403), (("audit",), 403)])
def test_nobody_but_an_admin_gets_a_byte_on_our_disk(
    client: TestClient, key_for: Any, spool_dir: Path, scopes: Any, status: int
) -> None:
    headers = key_for(*scopes) if scopes else {}
    read = 0

    def body() -> Iterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    assert client.post("/v1/imports", content=body(), headers=headers).status_code == status
    assert not spool_dir.exists()


@pytest.mark.parametrize("query", ["accept_guard=nothing", "apply=perhaps", "dry_run=true", "name=a&name=b"])
def test_what_is_wrong_with_a_request_is_said_before_its_file_is_read(
    client: TestClient, admin: Headers, spool_dir: Path, query: str
) -> None:
    answer = client.post(f"/v1/imports?{query}", content=b"x", headers=admin)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert left(spool_dir) == []


def test_a_file_whose_run_cannot_be_recorded_is_removed(
    client: TestClient, admin: Headers, registry: Connection, spool_dir: Path
) -> None:
    # The failure comes with the commit, after the route has returned.
    registry.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE check_violation; END $$;"
        "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON import_run DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION fail()"
    )
    registry.commit()
    assert client.post("/v1/imports", content=b"x", headers=admin).status_code == 409
    assert left(spool_dir) == []


def test_a_disk_without_twice_the_room_takes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=199))
    spool = Spool(tmp_path, 1_000)
    with pytest.raises(StorageFull, match="200 bytes"):
        receive(spool, b"x" * 100, declared=100)
    assert receive(spool, b"x" * 99, declared=99).name == "x.txt"


@pytest.mark.parametrize(
    ("failure", "problem"),
    [(OSError(28, "No space left on device"), StorageFull), (ClientDisconnect(), UnreadableRequest)],
)
def test_a_file_that_breaks_off_leaves_nothing(tmp_path: Path, failure: Exception, problem: type[Problem]) -> None:
    with pytest.raises(problem):
        receive(Spool(tmp_path, 1_000), b"x" * 10, failure)
    assert left(tmp_path) == []


def test_a_disk_that_fills_up_is_said(tmp_path: Path) -> None:
    # The system itself refuses to write on, as it does on a full disk.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (BLOCK // 2, before[1]))
    try:
        with pytest.raises(StorageFull):
            receive(Spool(tmp_path, 4 * BLOCK), b"x" * BLOCK)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left(tmp_path) == []


def test_a_sender_who_falls_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "STALL_SECONDS", 0.01)

    async def silent() -> AsyncIterator[bytes]:
        yield b"x"
        await anyio.sleep_forever()

    async def received() -> None:
        await Spool(tmp_path, 1_000).receive("r", "x.txt", None, silent())

    with pytest.raises(UnreadableRequest):
        anyio.run(received)
    assert left(tmp_path) == []


def test_only_so_many_files_come_in_at_a_time(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 1_000)

    async def received() -> None:
        ready, full = anyio.Event(), anyio.Event()
        coming = 0

        async def waiting() -> AsyncIterator[bytes]:
            nonlocal coming
            coming += 1
            if coming == MOST_UPLOADS:
                full.set()
            yield b"x"
            await ready.wait()

        async with anyio.create_task_group() as group:
            for number in range(MOST_UPLOADS):
                group.start_soon(spool.receive, f"r{number}", "x.txt", None, waiting())
            await full.wait()
            with pytest.raises(QueueFull):
                await spool.receive("one more", "x.txt", None, waiting())
            ready.set()

    anyio.run(received)
    assert receive(spool, b"x", run="later").run == "later"
    assert len(spool.runs()) == MOST_UPLOADS + 1


def test_a_limit_is_counted_whatever_was_declared(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        receive(Spool(tmp_path, 10), b"x" * 6, b"x" * 6, declared=3)
    assert left(tmp_path) == []


def test_what_nobody_needs_any_more_is_swept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, 10)
    receive(spool, b"x", run="kept")
    names = ("old.part", "new.part", "rejects/old.txt", "rejects/new.txt")
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.mkdir() if path.suffix == ".part" else path.touch()
        if path.stem == "old":
            os.utime(path, (0, 0))
    spool.sweep(30)
    assert left(tmp_path) == ["kept", "new.part", "new.txt", "rejects", "x.txt"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\delta.csv", "delta.csv"),
        ("..", "upload"),
        ("", "upload"),
        ("a\nb\0.txt", "a_b_.txt"),
        ("é" * 200, "é" * 100),
    ],
)
def test_a_name_is_its_last_part_without_what_is_no_text(given: str, name: str) -> None:
    assert file_name(given) == name


@given(st.text())
def test_any_name_is_one_of_a_file_in_a_folder(given: str) -> None:
    name = file_name(given)
    assert Path("folder", name).resolve().parent == Path("folder").resolve()
    assert 0 < len(name.encode()) <= NAME_BYTES


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="PS_202609230201.zip"', "PS_202609230201.zip"),
        ("attachment; filename*=UTF-8''bo%C3%AEtes.csv", "boîtes.csv"),
        ('attachment; filename="../x.txt"', "x.txt"),
        ("nonsense", "upload"),
        ("", "upload"),
    ],
)
def test_the_name_may_stand_in_a_header(client: TestClient, admin: Headers, header: str, name: str) -> None:
    assert upload(client, {**admin, "Content-Disposition": header}, b"x")["file"] == name
    assert upload(client, {**admin, "Content-Disposition": header}, b"x", name="mine.txt")["file"] == "mine.txt"
