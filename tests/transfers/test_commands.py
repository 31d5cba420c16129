"""`annuaire transfer …`: an administrator acts on behalf of one of the two operators, and is written down."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.doctor import examine
from app.settings import Settings
from app.transfers.clock import settle_due
from tests.audit.conftest import Run
from tests.harness.database import Database
from tests.transfers.conftest import ADDRESS, GIVER, OTHER, OWN, RECEIVER, THEIRS, Connection, agreed

SOON = (datetime.now(UTC) + timedelta(days=2)).isoformat()
DOMAIN = ("transfer", "propose", "--domain", OWN, "--from", GIVER, "--to", RECEIVER, "--at", SOON)
MAILBOX = ("transfer", "propose", "--mailbox", ADDRESS, "--from", GIVER, "--to", RECEIVER, "--at", SOON)


def test_both_sides_by_command(space: Connection, annuaire: Run) -> None:
    code, made = annuaire(*DOMAIN, "--as", GIVER)
    assert (code, made["state"], made["key"], made["proposed_by"]) == (0, "proposed", OWN, GIVER)
    number = str(made["id"])
    code, said = annuaire("transfer", "agree", number, "--as", RECEIVER)
    assert (code, said["state"]) == (0, "agreed")
    assert annuaire("transfer", "agree", number, "--as", RECEIVER) == (0, said)
    assert annuaire("transfer", "list", "--operator", RECEIVER)[1] == [said]
    assert annuaire("transfer", "list", "--operator", OTHER)[1] == []
    code, said = annuaire("transfer", "withdraw", number, "--as", GIVER)
    assert (code, said["state"]) == (0, "withdrawn")
    rows = space.execute(
        "SELECT action, operator, actor LIKE 'account %', credential LIKE 'account:%' FROM audit ORDER BY sequence"
    )
    assert rows.fetchall() == [
        ("transfer.proposed", GIVER, True, True),
        ("transfer.agreed", RECEIVER, True, True),
        ("transfer.withdrawn", GIVER, True, True),
    ]


def test_a_mailbox_gets_its_new_address_from_the_receiver(space: Connection, annuaire: Run) -> None:
    number = str(annuaire(*MAILBOX, "--as", GIVER)[1]["id"])
    code, said = annuaire("transfer", "agree", number, "--as", RECEIVER, "--new-address", f"Anne@{THEIRS}")
    assert (code, said["new_address"]) == (0, f"anne@{THEIRS}")
    assert space.execute("SELECT new_address FROM transfer").fetchone() == (f"anne@{THEIRS}",)


def test_the_other_side_refuses(space: Connection, annuaire: Run) -> None:
    number = str(annuaire(*MAILBOX, "--as", RECEIVER, "--new-address", f"anne@{THEIRS}")[1]["id"])
    code, said = annuaire("transfer", "refuse", number, "--as", GIVER)
    assert (code, said["state"]) == (0, "refused")
    assert space.execute("SELECT state FROM transfer").fetchone() == ("refused",)


@pytest.mark.usefixtures("space")
@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        ((*DOMAIN, "--as", OTHER), 64, "usage"),
        ((*DOMAIN[:2], "--as", GIVER, *DOMAIN[4:]), 64, "usage"),
        ((*DOMAIN[:-1], "soon", "--as", GIVER), 64, "usage"),
        ((*DOMAIN[:-1], "2027-01-01", "--as", GIVER), 64, "usage"),
        ((*DOMAIN[:-1], "2020-01-01T00:00:00Z", "--as", GIVER), 2, "transfer.closed"),
        ((*MAILBOX, "--as", GIVER, "--new-address", f"anne@{THEIRS}"), 64, "usage"),
        (("transfer", "agree", "7", "--as", GIVER), 2, "transfer.unknown"),
        (("transfer", "agree", "7", "--as", GIVER, "--new-address", "no address"), 64, "usage"),
    ],
)
def test_what_cannot_be_done_is_refused(annuaire: Run, arguments: tuple[str, ...], code: int, error: str) -> None:
    ended, said = annuaire(*arguments)
    assert (ended, said["error"]["code"]) == (code, error)


def test_the_doctor_tells_of_a_transfer_whose_hour_passed(
    space: Connection, settings: Settings, database: Database
) -> None:
    def finding() -> Any:
        return next((found.ok, found.detail) for found in examine(settings) if found.name == "transfers")

    assert finding()[0] is True
    agreed(space, "mailbox", ADDRESS, in_ms=-120_000)
    assert finding() == (False, "1 whose hour is over for a minute or more")
    settle_due(database.connect(autocommit=True), settings)
    assert finding()[0] is True
