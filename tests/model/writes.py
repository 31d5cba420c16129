"""Rules: operators publish, change, hide, withdraw, send batches, and send again what they sent before."""

import json
from dataclasses import dataclass
from typing import Any

import httpx2
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.builders import FINESS
from tests.model.judged import Verdict, Write, carry_out, judge
from tests.model.machine import Machine
from tests.model.system import ADDRESSES, OPERATORS, PEOPLE

WHO = st.sampled_from(OPERATORS)
WHERE = st.sampled_from(ADDRESSES)
HOLDERS = st.sampled_from((*PEOPLE, FINESS))
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "rank": st.none() | st.integers(1, 3),
        "service": st.sampled_from([None, "ACCUEIL", "GARDE"]),
        "liste_rouge": st.booleans(),
        "state": st.sampled_from(["active", "suspended"]),
    },
)
# Mostly the way that works.
TAGS = st.sampled_from(["present", "present", "present", "any", "former", "none", "fresh"])
PUTS = st.builds(Write, st.just("put"), WHO, WHERE, HOLDERS, MEMBERS, TAGS | st.just("none"))
PATCHES = st.builds(Write, st.just("patch"), WHO, WHERE, st.just(""), MEMBERS, TAGS)
DELETES = st.builds(
    Write, st.just("delete"), WHO, WHERE, st.just(""), st.just({}), TAGS, st.none() | st.sampled_from(ADDRESSES)
).filter(lambda write: write.successor != write.address)
WRITES = PUTS | PATCHES | DELETES
# Lines of a batch name any state, or none.
LINES = st.lists(WRITES.filter(lambda write: write.tag in {"any", "none", "fresh"}), min_size=1, max_size=6)


@dataclass(frozen=True)
class Sent:
    """A request that was answered with success under a key: sent again, it gets the same answer."""

    request: dict[str, Any]
    status: int
    body: bytes
    etag: str | None


class Writes(Machine):
    """The writes of operators, with and without a key for a retry."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: dict[str, list[str]] = {}
        self.sent: list[Sent] = []

    @rule(write=PUTS, is_kept=st.booleans())
    def publish(self, write: Write, *, is_kept: bool) -> None:
        self.write(write, is_kept=is_kept)

    @rule(write=PATCHES, is_kept=st.booleans())
    def change(self, write: Write, *, is_kept: bool) -> None:
        self.write(write, is_kept=is_kept)

    @rule(write=DELETES, is_kept=st.booleans())
    def withdraw(self, write: Write, *, is_kept: bool) -> None:
        self.write(write, is_kept=is_kept)

    @precondition(lambda self: self.model.boxes)
    @rule(
        data=st.data(), members=st.sampled_from([{"liste_rouge": True}, {"liste_rouge": False}, {"state": "suspended"}])
    )
    def hide_or_show(self, data: st.DataObject, members: dict[str, Any]) -> None:
        """By its own operator, so that it happens."""
        address = data.draw(st.sampled_from(sorted(self.model.boxes)))
        operators = [op for op in OPERATORS if self.model.is_own(op, address)] or list(OPERATORS)
        operator = data.draw(st.sampled_from(operators))
        self.write(Write("patch", operator, address, members=members, tag="present"), is_kept=False)

    @rule(operator=WHO, lines=LINES, is_whole=st.booleans())
    def batch(self, operator: str, lines: list[Write], *, is_whole: bool) -> None:
        lines = [self.named(line, operator) for line in lines]
        request = self.batch_request(operator, lines, is_whole=is_whole)
        self.batch_answered(self.send(request), request, lines, is_whole=is_whole)

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """Whatever happened since, and whoever answers: one effect, and the first answer to the byte (I3)."""
        sent = data.draw(st.sampled_from(self.sent))
        answer = self.send(sent.request)
        assert (answer.status_code, answer.content, answer.headers.get("etag")) == (sent.status, sent.body, sent.etag)

    def write(self, write: Write, *, is_kept: bool) -> None:
        """Send a write, and hold the answer against the model's."""
        write, request = self.request(write, is_kept=is_kept)
        verdict = judge(self.model, write)
        self.answered(self.send(request), request, write, verdict)

    def answered(self, answer: httpx2.Response, request: dict[str, Any], write: Write, verdict: Verdict) -> None:
        """The answer is the verdict's; then the model has what was done."""
        said = answer.json() if answer.status_code >= 400 else {}
        assert (answer.status_code, said.get("code")) == verdict[:2], (write, said)
        if not verdict.is_done:
            return
        with self.model.publishing():
            carry_out(self.model, write, verdict)
        if etag := answer.headers.get("etag"):
            self.tags.setdefault(write.address, []).append(etag)
        if "Idempotency-Key" in request["headers"]:
            self.sent.append(Sent(request, answer.status_code, answer.content, etag))

    def request(self, write: Write, *, is_kept: bool) -> tuple[Write, dict[str, Any]]:
        """A write as it is sent. A tag that nobody can know is left out, which changes what the write means."""
        headers = dict(self.system.headers(write.operator))
        tag = self._tag(write)
        if tag is None and write.tag in {"present", "former"}:
            write = Write(
                write.verb, write.operator, write.address, write.holder, write.members, "none", write.successor
            )
        if write.tag == "fresh":
            headers["If-None-Match"] = "*"
        elif tag is not None:
            headers["If-Match"] = tag
        if is_kept:
            headers["Idempotency-Key"] = f"key {len(self.sent)} of {write.operator}"
        request = {"method": write.verb.upper(), "url": f"/v1/mailboxes/{write.address}", "headers": headers}
        if (body := write.body()) is not None:
            request["json"] = body
        if write.successor:
            request["params"] = {"successor": write.successor}
        return write, request

    def batch_request(self, operator: str, lines: list[Write], *, is_whole: bool) -> dict[str, Any]:
        content = "".join(json.dumps(_line(line)) + "\n" for line in lines)
        headers = {**self.system.headers(operator), "Content-Type": "application/x-ndjson"}
        headers["Idempotency-Key"] = f"batch {len(self.sent)} of {operator}"
        params = {"on_error": "abort" if is_whole else "skip"}
        return {
            "method": "POST",
            "url": "/v1/mailboxes/batch",
            "content": content,
            "headers": headers,
            "params": params,
        }

    def batch_answered(
        self, answer: httpx2.Response, request: dict[str, Any], lines: list[Write], *, is_whole: bool
    ) -> None:
        """Each line was judged after the one before it; what a transaction holds is published with its commit."""
        trial = self.model.copy()
        verdicts = []
        for line in lines:
            verdicts.append(judge(trial, line))
            carry_out(trial, line, verdicts[-1])
        if is_whole and not all(verdict.is_done for verdict in verdicts):
            assert (answer.status_code, answer.json()["code"]) == (422, "batch.refused")
            return
        assert answer.status_code == 200, answer.text
        told = [(result["status"], result.get("code")) for result in answer.json()["results"]]
        assert told == [verdict[:2] for verdict in verdicts]
        for portion in [lines] if is_whole else _portions(lines):
            with self.model.publishing():
                for line in portion:
                    carry_out(self.model, line, judge(self.model, line))
        self.sent.append(Sent(request, answer.status_code, answer.content, None))

    def send(self, request: dict[str, Any]) -> httpx2.Response:
        return self.system.client.request(**request)

    def named(self, line: Write, operator: str) -> Write:
        """A line as this operator's, which sends a batch for itself."""
        return Write(line.verb, operator, line.address, line.holder, line.members, line.tag, line.successor)

    def _tag(self, write: Write) -> str | None:
        """The value of If-Match; None: there is none to send."""
        if write.tag == "any":
            return "*"
        if write.tag not in {"present", "former"}:
            return None
        present = self.system.operator(write.operator).get(write.address).headers.get("etag")
        if write.tag == "present":
            return present
        return next((tag for tag in self.tags.get(write.address, ()) if tag != present), None)


def _line(write: Write) -> dict[str, Any]:
    line: dict[str, Any] = {"operation": write.verb, "address": write.address, **(write.body() or {})}
    if write.tag == "any":
        line["if_match"] = "*"
    if write.tag == "fresh":
        line["if_none_match"] = "*"
    return line | ({"successor": write.successor} if write.successor else {})


def _portions(lines: list[Write]) -> list[list[Write]]:
    """An address stands in a portion once."""
    portions: list[list[Write]] = [[]]
    for line in lines:
        if line.address in {each.address for each in portions[-1]}:
            portions.append([])
        portions[-1].append(line)
    return portions
