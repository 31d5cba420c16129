"""`annuaire audit restored`: roots that went with a backup are lost, and nothing else is."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.audit.acts import Connection, a_trail
from tests.audit.conftest import Run

REASON = "backup of 3 May"


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of roots, out of the database's reach."""
    monkeypatch.setenv("ANNUAIRE_AUDIT_ANCHOR", str(tmp_path / "roots"))
    return tmp_path / "roots"


@pytest.fixture
def trail(registry: Connection, annuaire: Run, keeper: Path) -> Connection:
    """Six acts, with roots kept at the third and at the sixth."""
    del keeper
    for _ in range(2):
        a_trail(registry, 3)
        annuaire("audit", "anchor")
    return registry


def restore(trail: Connection, held: int) -> None:
    """The trail is as a backup held it that was made at this act."""
    trail.execute("ALTER TABLE audit DISABLE TRIGGER audit_is_append_only")
    trail.execute("DELETE FROM audit WHERE sequence > %s", [held])
    trail.execute("ALTER TABLE audit ENABLE ALWAYS TRIGGER audit_is_append_only")
    trail.execute(
        "UPDATE audit_head h SET sequence = a.sequence, hash = a.hash, count = a.sequence"
        " FROM audit a WHERE a.sequence = %s",
        [held],
    )
    trail.commit()


def verified(annuaire: Run) -> tuple[int, list[int], list[tuple[int, str]]]:
    """The exit code, the roots that are lost, and the faults."""
    code, report = annuaire("audit", "verify")
    return (
        code,
        [root["sequence"] for root in report["lost"]],
        [(fault["sequence"], fault["code"]) for fault in report["faults"]],
    )


def epoch(trail: Connection) -> Any:
    row = trail.execute("SELECT epoch FROM directory").fetchone()
    trail.commit()
    assert row is not None
    return row[0]


def test_a_restored_backup_is_told_and_its_lost_roots_are_no_faults(trail: Connection, annuaire: Run) -> None:
    before = epoch(trail)
    restore(trail, 4)
    assert verified(annuaire) == (1, [], [(6, "anchor")])
    code, told = annuaire("audit", "restored", "--reason", REASON)
    assert (code, told["sequence"], told["restored_to"], told["ended"]) == (0, 5, 4, before)
    assert told["epoch"] == epoch(trail) != before
    assert verified(annuaire) == (0, [6], [])
    a_trail(trail, 4)
    annuaire("audit", "anchor")
    assert verified(annuaire) == (0, [6], [])
    _, (act,) = annuaire("audit", "list", "--action", "history.begun")
    assert (act["object_key"], act["detail"]) == (before, f"restored to act 4: {REASON}")


def test_who_owns_the_database_alone_cannot_tell_it(trail: Connection, annuaire: Run, tmp_path: Path) -> None:
    restore(trail, 4)
    annuaire("audit", "restored", "--reason", REASON, "--to", str(tmp_path / "elsewhere"))
    assert verified(annuaire) == (1, [], [(6, "anchor")])


def test_acts_that_came_before_it_was_told_stand_behind_the_backup(trail: Connection, annuaire: Run) -> None:
    restore(trail, 3)
    a_trail(trail, 4)
    annuaire("audit", "anchor")
    annuaire("audit", "restored", "--reason", REASON)
    assert verified(annuaire) == (1, [], [(6, "anchor")])
    annuaire("audit", "restored", "--reason", REASON, "--act", "3")
    assert verified(annuaire) == (0, [6], [])


def test_what_the_backup_held_is_proved_as_before(trail: Connection, annuaire: Run, keeper: Path) -> None:
    restore(trail, 4)
    annuaire("audit", "restored", "--reason", REASON)
    roots = [json.loads(line) for line in keeper.read_text("utf-8").splitlines()]
    roots[0]["hash"] = "0" * 64
    keeper.write_text("".join(json.dumps(root) + "\n" for root in roots), "utf-8")
    assert verified(annuaire) == (1, [6], [(3, "anchor")])


def test_a_backup_from_before_another_one_was_restored(trail: Connection, annuaire: Run) -> None:
    restore(trail, 4)
    annuaire("audit", "restored", "--reason", REASON)
    restore(trail, 2)
    assert verified(annuaire) == (1, [], [(3, "anchor"), (6, "anchor"), (5, "anchor")])
    annuaire("audit", "restored", "--reason", REASON)
    assert verified(annuaire) == (0, [3, 6, 5], [])


def test_nothing_is_lost_behind_the_line_that_tells_it(trail: Connection, annuaire: Run) -> None:
    restore(trail, 4)
    annuaire("audit", "restored", "--reason", REASON)
    a_trail(trail, 3)
    annuaire("audit", "anchor")
    restore(trail, 6)
    assert verified(annuaire) == (1, [6], [(8, "anchor")])


@pytest.mark.parametrize("act", ["7", "-1"])
def test_an_act_that_is_not_there_is_refused(trail: Connection, annuaire: Run, act: str) -> None:
    before = epoch(trail)
    code, told = annuaire("audit", "restored", "--reason", REASON, "--act", act)
    assert (code, told["error"]["code"], epoch(trail)) == (2, "audit.act", before)


def test_when_the_root_is_not_kept_nothing_has_happened(trail: Connection, annuaire: Run, tmp_path: Path) -> None:
    before = epoch(trail)
    code, _ = annuaire("audit", "restored", "--reason", REASON, "--to", str(tmp_path / "no" / "folder"))
    assert (code, epoch(trail)) == (2, before)
    assert annuaire("audit", "list", "--action", "history.begun") == (0, [])
