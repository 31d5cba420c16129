"""Snapshots hold exactly one edition, are proved by a signature, and nobody fetches one that shows somebody hidden."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import zstandard

from app.embedded.secret import signing_key
from app.publication import snapshot_clock, snapshots
from app.publication.digest import root
from app.publication.digest_tree import root_of
from app.publication.snapshot_files import HEADER, write_extraction
from app.settings import Settings
from app.signing import signing_of, verify
from tests.builders import a_mailbox, a_practitioner, a_small_directory, a_structure, publish
from tests.harness.database import Database

Connection = psycopg.Connection[Any]
NATIONAL_HEADER = Path(__file__).parent.parent / "data" / "headers" / "Extraction_Correspondance_MSSante.txt"
ADDRESS = "anne.exemple@ch-exemple.mssante.fr"
ODD = 'Dr "Jo" \\ | deux\r\nlignes\té'


@pytest.fixture
def registry(database: Database) -> Connection:
    return database.connect()


@pytest.fixture
def maker(database: Database) -> Connection:
    return database.connect(autocommit=True)


@pytest.fixture
def held(settings: Settings, tmp_path: Path) -> Settings:
    """Settings with a folder and a key of this test."""
    own = {"snapshot_dir": tmp_path / "snapshots", "snapshot_hours": 24, "signing_key": signing_key(tmp_path)}
    return settings.model_copy(update=own)


def made(held: Settings, maker: Connection) -> snapshots.Made:
    found = snapshots.make(held, maker)
    assert found is not None
    return found


def lines_of(path: Path) -> list[Any]:
    text = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(path.read_bytes())).read().decode()
    return [json.loads(line) for line in text.splitlines()]


def states(connection: Connection) -> list[tuple[int, str]]:
    return connection.execute("SELECT DISTINCT edition, state FROM snapshot ORDER BY 1").fetchall()


def test_the_directory_is_in_it_as_the_feed_shows_it(held: Settings, registry: Connection, maker: Connection) -> None:
    a_small_directory(registry)
    edition = publish(registry, ("mailbox", a_mailbox(registry, "odd@ch-exemple.mssante.fr", service=ODD)))
    found = made(held, maker)
    folder = held.snapshot_dir / str(edition)
    items = lines_of(folder / "directory.ndjson.zst")
    rows = maker.execute("SELECT kind, key, sequence, document, fingerprint FROM publication ORDER BY 1, 2").fetchall()
    assert items == [
        {
            "kind": kind,
            "key": key,
            "sequence": sequence,
            "operation": "put",
            "resource": {**json.loads(document), "fingerprint": fingerprint.hex()},
        }
        for kind, key, sequence, document, fingerprint in rows
    ]
    assert found.root == root(maker).root
    assert found.root == root_of((i["kind"], i["key"], bytes.fromhex(i["resource"]["fingerprint"])) for i in items)


def test_every_file_is_what_sums_and_manifest_say(held: Settings, registry: Connection, maker: Connection) -> None:
    edition = a_small_directory(registry)
    found = made(held, maker)
    folder = held.snapshot_dir / str(edition)
    for file in found.files:
        content = (folder / file.file).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file.bytes, file.sha256)
    listed = [line.split("  ") for line in (folder / "SHA256SUMS").read_text().splitlines()]
    assert listed == [[file.sha256, file.file] for file in found.files[:3]]
    payload = verify((folder / "manifest.jws").read_text(), signing_of(held).public_keys(), snapshots.MANIFEST_TYPE)
    assert payload == {
        "iss": held.issuer,
        "edition": edition,
        "epoch": found.epoch,
        "root": found.root,
        "files": [file._asdict() for file in found.files[:4]],
        "iat": int(found.made_at.timestamp()),
    }
    assert sorted(path.name for path in folder.iterdir()) == sorted(file.file for file in found.files)
    assert maker.execute("SELECT DISTINCT resources, state FROM snapshot").fetchall() == [(3, "offered")]


def test_without_a_key_there_is_no_manifest(held: Settings, registry: Connection, maker: Connection) -> None:
    a_small_directory(registry)
    found = made(held.model_copy(update={"signing_key": None}), maker)
    assert [file.file for file in found.files if file.file.endswith("jws")] == []


def test_the_national_file_has_the_national_form(held: Settings, registry: Connection, maker: Connection) -> None:
    assert f"{HEADER}\n".encode() == NATIONAL_HEADER.read_bytes()
    structure = a_structure(registry)
    person = a_practitioner(registry, organization=structure)
    for address, kind, source in [
        ("api@ch-exemple.mssante.fr", "PER", "api"),
        ("app@ch-exemple.mssante.fr", "APP", "api"),
        ("cab@ch-exemple.mssante.fr", "CAB", "api"),
    ]:
        a_mailbox(registry, address, mailbox_type=kind, practitioner=person, organization=structure, source=source)
        publish(registry, ("mailbox", address))
    odd = a_mailbox(registry, "odd@ch-exemple.mssante.fr", mailbox_type="ORG", service=ODD)
    hidden = a_mailbox(registry, "hidden@ch-exemple.mssante.fr", unlisted=True)
    publish(registry, ("mailbox", odd), ("mailbox", hidden), ("organization", structure), ("practitioner", person))
    folder = held.snapshot_dir / str(made(held, maker).edition)
    (plain,) = folder.glob("Extraction_Correspondance_MSSante_*.txt")
    lines = plain.read_bytes().decode().split("\n")
    assert lines[0] == HEADER
    assert lines[-1] == ""
    assert [line.count("|") for line in lines[1:-1]] == [30, 30]
    assert lines[1].split("|") == [
        *("PER", "api@ch-exemple.mssante.fr", "8", "99900000060", person, "1", structure, ""),
        *("DR", "EXEMPLE", "Anne-Élise", "C", "Civil", "10", "Médecin"),
        *("SM53", "Spécialiste en Médecine générale (SM)", "", "CH EXEMPLE", ""),
        *("", "", "1", "", "", "DES ESSAIS", "", "25000 BESANCON", "25000", "25", "FRANCE"),
    ]
    assert lines[2].split("|")[:8] == ["ORG", odd, "", "", "", "", "", 'Dr "Jo" \\   deux  lignes\té']
    with zipfile.ZipFile(plain.with_suffix(".zip")) as archive:
        assert archive.namelist() == [plain.name]
        assert archive.read(plain.name) == plain.read_bytes()


@pytest.mark.parametrize(
    "hides",
    [
        "UPDATE mailbox SET unlisted = true",
        "UPDATE mailbox SET state = 'suspended'",
        "UPDATE practitioner SET register_state = 'closed'",
        "UPDATE source SET loaded = true WHERE name = 'liste_blanche'",
    ],
)
def test_the_national_file_shows_no_mailbox_that_publication_or_registry_hides(
    held: Settings, registry: Connection, maker: Connection, hides: str
) -> None:
    """Its cells come from the registry: what is hidden there and not yet published is missing, and the reverse."""
    person = a_practitioner(registry)
    a_mailbox(registry, ADDRESS, practitioner=person)
    publish(registry, ("mailbox", ADDRESS), ("practitioner", person))
    counted = "SELECT count(*) FROM extraction_lines()"
    assert registry.execute(counted).fetchone() == (1,)
    with registry.transaction(force_rollback=True):
        registry.execute(hides.encode())
        assert registry.execute(counted).fetchone() == (0,)
    with registry.transaction(force_rollback=True):
        registry.execute("DELETE FROM publication WHERE kind = 'mailbox'")
        assert registry.execute(counted).fetchone() == (0,)
    registry.execute(hides.encode())
    publish(registry, ("mailbox", ADDRESS), ("practitioner", person))
    a_mailbox(registry, "other@ch-exemple.mssante.fr", practitioner=person, unlisted=True)
    folder = held.snapshot_dir / str(made(held, maker).edition)
    assert not any(ADDRESS.encode() in path.read_bytes() for path in folder.glob("*.txt"))


@pytest.mark.parametrize(
    ("change", "is_withdrawn"),
    [
        ("UPDATE mailbox SET unlisted = true", True),
        ("UPDATE mailbox SET state = 'suspended'", True),
        ("UPDATE practitioner SET register_state = 'closed'", True),
        ("UPDATE mailbox SET state = 'withdrawn'", False),
        ("UPDATE mailbox SET service = 'ACCUEIL'", False),
    ],
)
def test_who_is_hidden_withdraws_what_is_offered(
    held: Settings, registry: Connection, maker: Connection, change: str, *, is_withdrawn: bool
) -> None:
    edition = a_small_directory(registry)
    made(held, maker)
    registry.execute(change.encode())
    kinds, keys = ["mailbox", "practitioner"], [ADDRESS, "899900000060"]
    registry.execute("SELECT publish(%s, %s)", (kinds, keys))
    assert states(maker) == [(edition, "offered")]
    registry.commit()
    assert states(maker) == [(edition, "withdrawn" if is_withdrawn else "offered")]
    snapshots.sweep(held, maker)
    assert (held.snapshot_dir / str(edition)).exists() is not is_withdrawn


def test_who_left_before_and_is_hidden_only_now_withdraws_as_well(
    held: Settings, registry: Connection, maker: Connection
) -> None:
    """Nothing leaves the publication then: no change of the log tells of it."""
    a_small_directory(registry)
    made(held, maker)
    registry.execute("UPDATE mailbox SET state = 'withdrawn' WHERE address = %s", (ADDRESS,))
    publish(registry, ("mailbox", ADDRESS))
    assert {state for _, state in states(maker)} == {"offered"}
    registry.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (ADDRESS,))
    publish(registry, ("mailbox", ADDRESS))
    assert {state for _, state in states(maker)} == {"withdrawn"}


def test_what_shows_somebody_hidden_meanwhile_is_never_offered(
    held: Settings, registry: Connection, maker: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hidden after the moment of the snapshot, before its files are there."""
    edition = a_small_directory(registry)

    def hide(*given: Any) -> Any:
        registry.execute("UPDATE mailbox SET unlisted = true")
        publish(registry, ("mailbox", ADDRESS))
        return write_extraction(*given)

    monkeypatch.setattr(snapshots, "write_extraction", hide)
    found = made(held, maker)
    assert (found.edition, found.offered) == (edition, False)
    assert states(maker) == [(edition, "withdrawn")]
    assert len(lines_of(held.snapshot_dir / str(edition) / "directory.ndjson.zst")) == 3


def test_it_is_made_when_nothing_waits_and_once_for_an_edition(
    held: Settings, registry: Connection, maker: Connection
) -> None:
    edition = a_small_directory(registry)
    registry.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", (ADDRESS,))
    registry.commit()
    assert snapshots.make(held, maker) is None
    registry.execute("SELECT drain(10)")
    registry.commit()
    assert made(held, maker).edition == edition
    assert snapshots.make(held, maker) is None
    assert snapshots.is_offered(maker)


def test_the_clock_makes_one_a_day_and_another_ten_minutes_after_a_withdrawal(
    held: Settings, registry: Connection, maker: Connection
) -> None:
    assert snapshot_clock.look(held, maker) is None
    first = a_small_directory(registry)
    found = snapshot_clock.look(held, maker)
    assert found is not None
    later = publish(registry, ("mailbox", a_mailbox(registry, "later@ch-exemple.mssante.fr")))
    assert snapshot_clock.look(held, maker) is None
    registry.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (ADDRESS,))
    publish(registry, ("mailbox", ADDRESS))
    assert snapshot_clock.look(held, maker) is None
    assert states(maker) == [(first, "withdrawn")]
    maker.execute("UPDATE snapshot SET made_at = made_at - %s", (snapshot_clock.LEAST_BETWEEN,))
    again = snapshot_clock.look(held, maker)
    assert again is not None
    assert again.edition > later
    maker.execute("UPDATE snapshot SET made_at = made_at - %s", (timedelta(hours=held.snapshot_hours),))
    publish(registry, ("mailbox", a_mailbox(registry, "last@ch-exemple.mssante.fr")))
    assert snapshot_clock.look(held, maker) is not None
    assert snapshot_clock.look(held.model_copy(update={"snapshot_hours": 0}), maker) is None


def test_old_ones_go_and_the_newest_stays(held: Settings, registry: Connection, maker: Connection) -> None:
    editions = [a_small_directory(registry)]
    made(held, maker)
    editions.append(publish(registry, ("mailbox", a_mailbox(registry, "later@ch-exemple.mssante.fr"))))
    made(held, maker)
    maker.execute("UPDATE snapshot SET made_at = made_at - %s", (timedelta(days=held.snapshot_days + 1),))
    (held.snapshot_dir / "999.part").mkdir()
    (held.snapshot_dir / "notes").mkdir()
    snapshots.sweep(held, maker)
    assert states(maker) == [(editions[0], "expired"), (editions[1], "offered")]
    assert sorted(path.name for path in held.snapshot_dir.iterdir()) == [str(editions[1]), "notes"]


def test_those_of_another_history_go(held: Settings, registry: Connection, maker: Connection) -> None:
    edition = a_small_directory(registry)
    first = made(held, maker)
    maker.execute("SELECT begin_epoch('a test', 'test', 'restored')")
    assert not snapshots.is_offered(maker)
    again = made(held, maker)
    assert (again.edition, again.root) == (first.edition, first.root)
    assert states(maker) == [(edition, "offered")]
    assert maker.execute("SELECT DISTINCT epoch FROM snapshot").fetchall() == [(again.epoch,)]


def test_a_making_that_is_cut_short_leaves_nothing_that_is_offered(
    held: Settings, registry: Connection, maker: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    edition = a_small_directory(registry)
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "_offer", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            snapshots.make(held, maker)
    assert states(maker) == []
    assert made(held, maker).edition == edition


def test_one_is_made_at_a_time(held: Settings, registry: Connection, database: Database, maker: Connection) -> None:
    a_small_directory(registry)
    with snapshots.making(database.connect(autocommit=True)) as is_maker:
        assert is_maker
        assert snapshot_clock.look(held, maker) is None
    assert snapshot_clock.look(held, maker) is not None
