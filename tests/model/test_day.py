"""One history in which everything happens once: each rule, by the way that works, with all that must hold after it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.builders import FINESS
from tests.model.crashes import PUBLICATION, TRAIL
from tests.model.histories import Histories
from tests.model.judged import Write
from tests.model.runs import Line
from tests.model.system import ADDRESSES, ALPHA, BETA, DOMAINS, PAIRS, PEOPLE
from tests.model.test_model import PATIENCE

ANNE_ALPHA, BRUNO_ALPHA, ANNE_BETA, BRUNO_BETA, ANNE_SHARED, BRUNO_SHARED = ADDRESSES
NEW = f"carla@{DOMAINS[1]}"
HIDDEN, SHOWN = {"liste_rouge": True}, {"liste_rouge": False}


class Chosen:
    """What hypothesis would draw, given beforehand."""

    def __init__(self, *values: Any) -> None:
        self._values = iter(values)

    def draw(self, _: object) -> Any:
        return next(self._values)


class Day:
    """A history that is written down: `does` one step, after which all must hold."""

    def __init__(self, machine: Histories) -> None:
        self._machine = machine
        self.done: set[str] = set()
        machine.everything_holds()

    def does(self, rule: Callable[..., None], *chosen: Any, **given: Any) -> None:
        drawn = {"data": Chosen(*chosen)} if chosen else {}
        rule(self._machine, **drawn, **given)
        self._machine.everything_holds()
        self.done.add(rule.__name__)

    def moves(self, key: str, giver: str, *new_address: str | None) -> None:
        """Both sides agree, and its hour comes. Where the receiver proposed, it names a new address, or none."""
        self.does(
            Histories.propose, key, *new_address, giver=giver, is_domain="@" not in key, is_givers=not new_address
        )
        asked = self._machine.transfers[-1]
        self.does(Histories.decide_transfer, asked, True, operator=giver, verb="agree")
        self.does(Histories.the_hour_comes, asked, point=PUBLICATION if new_address else None)
        assert asked.state == "done"


@pytest.fixture
def machine(histories: type[Histories]) -> Iterator[Histories]:
    machine = histories()
    try:
        yield machine
    finally:
        machine.teardown()


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE)
def test_a_day_on_which_everything_happens(machine: Histories) -> None:
    day = Day(machine)
    _operators_write(day, machine)
    day.does(Histories.slapd_follows, is_killed=False)
    _processes_are_killed(day)
    _persons_are_struck_off(day, machine)
    _mailboxes_move(day, machine)
    day.does(Histories.slapd_follows, is_killed=True)
    _domains_are_revoked(day, machine)
    assert day.done == {rule.function.__name__ for rule in machine.rules}


def _operators_write(day: Day, machine: Histories) -> None:
    put = Write("put", ALPHA, BRUNO_ALPHA, PEOPLE[2], {"rank": 1, "service": "GARDE"})
    day.does(Histories.publish, write=put, is_kept=True)
    day.does(
        Histories.change, write=Write("patch", ALPHA, BRUNO_ALPHA, members={"rank": 2}, tag="present"), is_kept=True
    )
    # Sent again when the mailbox is another already: the first answer, and no effect.
    day.does(Histories.send_again, machine.sent[0])
    day.does(Histories.publish, write=Write("put", BETA, BRUNO_ALPHA, PEOPLE[2], {}), is_kept=False)
    day.does(Histories.hide_or_show, BRUNO_ALPHA, ALPHA, members=HIDDEN)
    assert BRUNO_ALPHA not in machine.model.public()
    day.does(Histories.hide_or_show, BRUNO_ALPHA, ALPHA, members=SHOWN)
    lines = [
        Write("put", ALPHA, BRUNO_SHARED, PEOPLE[3], {"rank": 1}),
        Write("patch", ALPHA, ANNE_SHARED, members={"rank": 1}, tag="any"),
        Write("put", ALPHA, BRUNO_BETA, PEOPLE[3], {}),
        Write("patch", ALPHA, BRUNO_SHARED, members={"rank": 3}, tag="any"),
    ]
    day.does(Histories.batch, operator=ALPHA, lines=lines, is_whole=False)
    assert machine.model.boxes[BRUNO_SHARED].rank == 3
    day.does(Histories.publish, write=Write("put", BETA, ANNE_BETA, FINESS, {}), is_kept=False)
    withdrawal = Write("delete", BETA, ANNE_BETA, tag="present", successor=BRUNO_SHARED)
    day.does(Histories.withdraw, write=withdrawal, is_kept=True)
    assert machine.model.successor_told(ANNE_BETA) == BRUNO_SHARED


def _processes_are_killed(day: Day) -> None:
    change = Write("patch", ALPHA, BRUNO_ALPHA, members={"service": "ACCUEIL"}, tag="present")
    day.does(Histories.kill_the_api_in_a_write, write=change, point=PUBLICATION)
    change = Write("patch", ALPHA, BRUNO_ALPHA, members={"service": None}, tag="present")
    day.does(Histories.cut_the_connection_of_a_write, write=change, point=TRAIL)
    put = Write("put", BETA, BRUNO_BETA, FINESS, {})
    day.does(Histories.kill_the_api_in_a_write_that_nobody_repeats, write=put, point=TRAIL)
    lines = [Write("put", BETA, BRUNO_BETA, FINESS, {"rank": rank}, tag="any") for rank in (1, 2)]
    lines[0] = Write("put", BETA, BRUNO_BETA, FINESS, {})
    day.does(Histories.kill_the_api_in_a_batch, operator=BETA, lines=lines, point=TRAIL, is_whole=False)


def _persons_are_struck_off(day: Day, machine: Histories) -> None:
    few = list(PEOPLE[:2])
    day.does(Histories.register_file, active=few)
    assert machine.model.tombstones[BRUNO_ALPHA].reason == "holder_inactive"
    day.does(Histories.undo, "personne_activite")
    day.does(Histories.kill_an_importer_of_persons, active=few, point=PUBLICATION)
    day.does(Histories.register_file, active=list(PEOPLE))
    day.does(Histories.extraction, lines={ANNE_BETA: Line("PER", PEOPLE[1], "AUTRE")})
    assert machine.model.boxes[ANNE_ALPHA].is_withdrawn
    day.does(Histories.undo, "mssante")


def _mailboxes_move(day: Day, machine: Histories) -> None:
    day.moves(BRUNO_SHARED, ALPHA, None)
    day.moves(ANNE_SHARED, ALPHA, NEW)
    day.does(Histories.move, DOMAINS[0], giver=ALPHA, is_domain=True, is_givers=True)
    # It names the giver still, and has not heard of the transfer.
    day.does(Histories.white_list, listed=list(PAIRS))
    assert machine.model.boxes[BRUNO_ALPHA].operator == BETA


def _domains_are_revoked(day: Day, machine: Histories) -> None:
    day.does(Histories.decide, operator=BETA, verb="suspend")
    day.does(Histories.publish, write=Write("put", BETA, ANNE_BETA, FINESS, {}), is_kept=False)
    day.does(Histories.decide, operator=BETA, verb="resume")
    without = [pair for pair in PAIRS if pair[0] != DOMAINS[1]]
    day.does(Histories.white_list, listed=without)
    assert machine.model.tombstones[BRUNO_BETA].reason == "domain_unlisted"
    day.does(Histories.kill_an_importer_of_a_white_list, listed=list(PAIRS), point=PUBLICATION)
    day.does(Histories.decide, operator=BETA, verb="leave")
    assert not [box for box in machine.model.public().values() if box.operator == BETA]
    day.does(Histories.decide, operator=BETA, verb="resume")
