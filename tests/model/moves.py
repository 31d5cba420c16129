"""Rules: mailboxes and domains move between operators, agreed to or in silence; the worker is killed on the way."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from app.db import connect
from app.transfers.clock import settle_due
from tests.model import transfers
from tests.model.children import Child, settle
from tests.model.crashes import PUBLICATION, TRAIL, Crashes, held
from tests.model.system import ADDRESSES, DOMAINS, OPERATORS, until
from tests.model.transfers import OPEN, Transfer

# The statuses of the codes of transfers.
STATUS = {
    "transfer.not_givers": 403,
    "transfer.other_side": 403,
    "operator.not_publishing": 403,
    "transfer.receiver": 409,
    "transfer.address_taken": 409,
    "transfer.open": 409,
    "transfer.closed": 409,
    "transfer.new_address": 422,
}
LATER = timedelta(days=7)
HOUR = "UPDATE transfer SET effective_at = clock_timestamp() WHERE state IN ('proposed', 'agreed') AND id = ANY (%s)"


class Moves(Crashes):
    """Transfers of mailboxes and of domains."""

    def __init__(self) -> None:
        super().__init__()
        self.transfers: list[Transfer] = []

    @rule(data=st.data(), giver=st.sampled_from(OPERATORS), is_domain=st.booleans(), is_givers=st.booleans())
    def propose(self, data: st.DataObject, giver: str, *, is_domain: bool, is_givers: bool) -> None:
        receiver = next(op for op in OPERATORS if op != giver)
        own = sorted(address for address, box in self.model.boxes.items() if box.operator == giver)
        key = data.draw(st.sampled_from(DOMAINS if is_domain else own or ADDRESSES))
        given: dict[str, Any] = {"domain" if is_domain else "mailbox": key}
        asked = Transfer("domain" if is_domain else "mailbox", key, giver, receiver, giver if is_givers else receiver)
        if not is_domain and not is_givers:
            asked.new_address = data.draw(st.none() | st.sampled_from([each for each in ADDRESSES if each != key]))
            given |= {"new_address": asked.new_address} if asked.new_address else {}
        given |= {"to": receiver} if is_givers else {"from": giver}
        given["effective_at"] = (datetime.now(UTC) + LATER).isoformat()
        answer = self._post("/v1/transfers", asked.by, given)
        expected = self._not_acting(asked.by) or transfers.fault(self.model, self.transfers, asked, asked.by)
        if expected is None and transfers.is_open_already(self.transfers, asked):
            expected = "transfer.open"
        if self._refused(answer, expected):
            return
        assert answer.status_code == 201
        asked.id = answer.json()["id"]
        self.transfers.append(asked)
        self.model.acts += 1

    @precondition(lambda self: self.transfers)
    @rule(
        data=st.data(),
        operator=st.sampled_from(OPERATORS),
        verb=st.sampled_from(["agree", "agree", "refuse", "withdraw"]),
    )
    def decide_transfer(self, data: st.DataObject, operator: str, verb: str) -> None:
        asked = data.draw(st.sampled_from(self.transfers))
        # Mostly the side whose it is.
        if data.draw(st.booleans()):
            operator = asked.by if verb == "withdraw" else asked.other
        self.decided(asked, operator, verb)

    @precondition(lambda self: any(each.state in OPEN for each in self.transfers))
    @rule(data=st.data(), point=st.none() | st.sampled_from([PUBLICATION, TRAIL]))
    def the_hour_comes(self, data: st.DataObject, point: str | None) -> None:
        """Of one transfer; the worker is killed while it carries it out, or is not."""
        asked = data.draw(st.sampled_from([each for each in self.transfers if each.state in OPEN]))
        self.settled(asked, point)

    @rule(data=st.data(), giver=st.sampled_from(OPERATORS), is_domain=st.booleans(), is_givers=st.booleans())
    def move(self, data: st.DataObject, giver: str, *, is_domain: bool, is_givers: bool) -> None:
        """All of it at once, so that histories go on behind a transfer."""
        known = len(self.transfers)
        self.propose(data, giver, is_domain=is_domain, is_givers=is_givers)
        for asked in self.transfers[known:]:
            self.decided(asked, asked.other, "agree")
            self.settled(asked, None)

    def decided(self, asked: Transfer, operator: str, verb: str) -> None:
        """One side agrees, refuses or withdraws."""
        wanted = {"agree": "agreed", "refuse": "refused", "withdraw": "withdrawn"}[verb]
        answer = self._post(f"/v1/transfers/{asked.id}/{verb}", operator, None)
        expected = self._not_acting(operator) if verb == "agree" else None
        if expected is None and (verb == "withdraw") != (operator == asked.by):
            expected = "transfer.other_side"
        elif expected is None and asked.state not in {wanted, *OPEN}:
            expected = "transfer.closed"
        elif expected is None and verb == "agree" and asked.state == "proposed":
            expected = transfers.fault(self.model, self.transfers, asked, operator)
            if expected is None and transfers.is_promised(self.transfers, asked):
                expected = "transfer.open"
        if self._refused(answer, expected):
            return
        assert (answer.status_code, answer.json()["state"]) == (200, wanted)
        self.model.acts += asked.state != wanted
        asked.state = wanted

    def settled(self, asked: Transfer, point: str | None) -> None:
        """Its hour is now; the worker is killed at the point, and another one comes."""
        self.system.connection.execute(HOUR, [[asked.id]])
        if point is not None:
            self._killed_worker(point)
        with connect(self.system.settings, autocommit=True) as connection:
            settle_due(connection, self.system.settings)
        transfers.settle(self.model, self.transfers, asked)
        found = self.system.get(f"/v1/transfers/{asked.id}", asked.giver).json()
        assert found["state"] == asked.state

    def _killed_worker(self, point: str) -> None:
        """It has done nothing: what it had written goes with its session."""
        worker = Child(settle, self.system.settings)
        with held(self.system, point):
            until(lambda: self.waiting("annuaire") or not worker.is_alive, "the worker waits")
            worker.kill()
        self.system.wait_for_sessions("annuaire")

    def _not_acting(self, operator: str) -> str | None:
        return "operator.not_publishing" if self.model.operators[operator] in {"suspended", "left"} else None

    def _post(self, url: str, operator: str, body: dict[str, Any] | None) -> httpx2.Response:
        return self.system.client.post(url, json=body, headers=self.system.headers(operator))

    def _refused(self, answer: httpx2.Response, expected: str | None) -> bool:
        """Whether it was to be refused: then it is, and says why."""
        if expected is None:
            return False
        assert (answer.status_code, answer.json()["code"]) == (STATUS[expected], expected)
        return True
