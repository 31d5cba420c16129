"""A file that was damaged on its way: imported line by line, or refused with its place; nothing else changes."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.embedded import Postgres
from app.imports.guards import NAMES
from app.imports.options import Options
from app.settings import Settings
from tests.harness.database import cloned
from tests.imports import files, state
from tests.imports.files import run, written

Connection = psycopg.Connection[Any]
VALID = {
    "persons": files.PERSONS,
    "skills": files.SKILLS,
    "mailboxes": files.MAILBOXES,
    "sites": files.SITES,
    "white list": files.SHORT_LIST,
    "diplomas": files.DIPLOMAS,
}
REJECTS = "SELECT line, code <> '' AND detail <> '' FROM import_reject WHERE run = %s"
Mutation = Callable[[bytes, random.Random], bytes]


def bytes_flipped(content: bytes, chance: random.Random) -> bytes:
    spoiled = bytearray(content)
    for _ in range(chance.randint(1, 20)):
        spoiled[chance.randrange(len(spoiled))] = chance.randrange(256)
    return bytes(spoiled)


def lines_cut(content: bytes, chance: random.Random) -> bytes:
    """Lines that lost their end or their beginning, or the line end between them."""
    lines = content.split(b"\n")
    for _ in range(chance.randint(1, 4)):
        index = chance.randrange(len(lines))
        place = chance.randint(0, len(lines[index]))
        lines[index] = chance.choice((lines[index][:place], lines[index][place:]))
    if chance.random() < 0.5 and len(lines) > 2:
        index = chance.randrange(len(lines) - 1)
        lines[index : index + 2] = [lines[index] + lines[index + 1]]
    return b"\n".join(lines)


def columns_shuffled(content: bytes, chance: random.Random) -> bytes:
    """Cells of single lines in another order, the header where it was."""
    separator = b"|" if b"|" in content else b";"
    lines = content.split(b"\n")
    for index in range(1, len(lines)):
        if chance.random() < 0.5:
            cells = lines[index].split(separator)
            chance.shuffle(cells)
            lines[index] = separator.join(cells)
    return b"\n".join(lines)


def encodings_mixed(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    return b"\n".join(
        line.decode("utf-8", "replace").encode(chance.choice(("utf-8", "cp1252", "utf-16-le", "iso8859-15")), "replace")
        if chance.random() < 0.3
        else line
        for line in lines
    )


def truncated(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content))]


def noise_between(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    return content[:place] + chance.randbytes(chance.randint(1, 3_000)) + content[place:]


MUTATIONS = (bytes_flipped, lines_cut, columns_shuffled, encodings_mixed, truncated, noise_between)


@pytest.fixture(scope="module")
def loaded(migrated: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A directory with all the samples, for every example: what an example applies it takes back."""
    with cloned(migrated) as database:
        made = Settings(_env_file=None, database_url=database.dsn, ldap_enabled=False)
        reports = run(made, tmp_path_factory.mktemp("first"), *VALID.values())
        assert {report.state for report in reports} == {"applied"}
        yield made


@given(
    name=st.sampled_from(sorted(VALID)),
    mutation=st.sampled_from(MUTATIONS),
    chance=st.randoms(use_true_random=False),
    accepted=st.sampled_from([(), NAMES]),
)
@settings(max_examples=28, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_file_costs_its_lines_or_is_refused_with_its_place_and_changes_nothing_else(
    loaded: Settings, tmp_path: Path, name: str, mutation: Mutation, chance: random.Random, accepted: tuple[str, ...]
) -> None:
    path = written(tmp_path, "damaged", mutation(VALID[name].read_bytes(), chance))
    with psycopg.connect(loaded.database_url, autocommit=True) as connection:
        before = state.whole(connection)
        (report,) = run(loaded, tmp_path, path, accept=accepted)
        assert report.state in {"applied", "refused"}, report.guards
        assert report.read == report.accepted + report.rejected + report.blank
        rejects = connection.execute(REJECTS, [report.run]).fetchall()
        assert len({line for line, _ in rejects}) == report.rejected
        assert all(line >= 2 and said for line, said in rejects)
        if report.state == "refused":
            assert any(guard.refuses and guard.detail for guard in report.guards)
        elif report.mode != "same":
            state.undo(loaded, report.run, Options(tmp_path))
        assert state.differences(before[0], state.registry(connection, without=())) == {}
        assert state.digest(connection) == before[1]
        assert connection.execute("SELECT count(*) FROM pending").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM import_run WHERE finished_at IS NULL").fetchone() == (0,)
