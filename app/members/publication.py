"""A network's file becomes its mailboxes: read, matched, compared, published, each line told of.

    rows ─► member_of ─► match ─► compare with what is there ─► one batch ─► verdicts ─► report

What is there already is not sent, so the same file again changes nothing, and one that was cut short goes on where it
stopped. Each portion stands for itself: a few lines in memory, one request, whose Idempotency-Key makes it safe to
send again.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice

from app.console import Advance, Refused
from app.members import wishes
from app.members.directory import Directory, Line, Me
from app.members.left_out import LeftOut
from app.members.matching import Match, Matcher
from app.members.member import Member, member_of
from app.members.reading import MemberFile, Row
from app.members.report import Report, Verdict
from app.members.shelf import Shelf

SAME = Verdict("done.same")
DONE_AS = {200: "changed", 201: "created", 204: "withdrawn"}
# The directory has moved on since it was read: look again, once.
MOVED_ON = {"mailbox.exists", "precondition.failed", "mailbox.unknown", "mailbox.withdrawn"}
STAGES = ("own", "match", "write")
NOT_PUBLISHING = "operator.not_publishing"


class Stopped(Refused):
    """The directory takes nothing from this operator now; the sentence names what is missing."""


@dataclass
class Publication:
    """One run over a file. `seconds`: how long each stage took."""

    directory: Directory
    me: Me
    file: MemberFile
    matcher: Matcher
    shelf: Shelf
    is_planned: bool = False
    portion: int = 1_000
    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    def run(self, report: Report, advance: Advance) -> None:
        """Publish every line that can be. Raises Refused; the report then ends with the last portion that was done."""
        with self._timed("own"):
            for domain in sorted(self.file.domains & self.me.domains):
                found = self.directory.own_mailboxes(domain)
                self.shelf.put((each["address"], wishes.stated_by(each)) for each in found)
        rows = self.file.rows()
        while portion := list(islice(rows, self.portion)):
            verdicts = self._judged(portion)
            for row in portion:
                if row.number in verdicts:
                    report.write(row, verdicts[row.number])
            stopped = next((each for each in verdicts.values() if each.code == NOT_PUBLISHING), None)
            if stopped:
                raise Stopped(f"the directory takes nothing from this operator now: {stopped.detail}", stopped.code)
            advance(len(portion))

    def _judged(self, rows: Sequence[Row]) -> dict[int, Verdict]:
        """What became of each row, by its number."""
        verdicts: dict[int, Verdict] = {}
        members: list[Member] = []
        for row in rows:
            try:
                members.append(self._member(row))
            except LeftOut as why:
                verdicts[row.number] = Verdict(why.code, why.detail)
        with self._timed("match"):
            numbers = self.matcher.match(members)
        sent: dict[int, tuple[Member, str, Line]] = {}
        for member, number in zip(members, numbers, strict=True):
            try:
                wish = self._wish(member, number)
            except LeftOut as why:
                verdicts[member.line] = Verdict(why.code, why.detail)
                continue
            if isinstance(wish, Verdict):
                verdicts[member.line] = wish
            elif not isinstance(number, LeftOut):
                sent[member.line] = (member, number, wish)
        return verdicts | self._written(sent)

    def _member(self, row: Row) -> Member:
        """Raises LeftOut: the line cannot be read, or its address stands in the file before."""
        member = member_of(row.number, self.file.cells(row))
        first = self.shelf.first_line(member.address, row.number)
        if first != row.number:
            raise LeftOut("member.repeated", f"line {first} has this address, too: that one counts")
        return member

    def _wish(self, member: Member, number: Match) -> Line | Verdict:
        """What is to be sent; a verdict where that is nothing. Raises LeftOut."""
        if isinstance(number, LeftOut):
            raise number
        if self.is_planned and member.address.domain not in self.me.domains:
            raise LeftOut(
                "domain.not_yours", f"{member.address.domain} is none of {', '.join(sorted(self.me.domains))}"
            )
        stated = self.shelf.own(member.address)
        if stated is None:
            if member.is_withdrawn:
                return SAME
            return Verdict("plan.created") if self.is_planned else wishes.put(member, number)
        if not member.is_withdrawn and not wishes.differences(member, number, stated):
            return SAME
        if self.is_planned:
            return Verdict("plan.withdrawn" if member.is_withdrawn else "plan.changed")
        return self._fresh(member, number)

    def _fresh(self, member: Member, number: str) -> Line | Verdict:
        """The same, by what the directory says of the mailbox at this moment. Raises LeftOut."""
        with self._timed("own"):
            found = self.directory.own_mailbox(member.address)
        if member.is_withdrawn:
            return wishes.delete(member, found[0]) if found else SAME
        if found is None:
            return wishes.put(member, number)
        etag, document = found
        changes = wishes.differences(member, number, wishes.stated_by(document))
        return wishes.patch(member, changes, etag) if changes else SAME

    def _written(self, sent: dict[int, tuple[Member, str, Line]]) -> dict[int, Verdict]:
        """Send these lines, and those a second time whose mailbox has changed since it was read."""
        verdicts = self._once({line: wish for line, (_, _, wish) in sent.items()})
        again: dict[int, Line] = {}
        for line, verdict in verdicts.items():
            if verdict.code not in MOVED_ON:
                continue
            member, number, _ = sent[line]
            try:
                wish = self._fresh(member, number)
            except LeftOut as why:
                verdicts[line] = Verdict(why.code, why.detail)
                continue
            if isinstance(wish, Verdict):
                verdicts[line] = wish
            else:
                again[line] = wish
        return verdicts | self._once(again)

    def _once(self, sent: dict[int, Line]) -> dict[int, Verdict]:
        if not sent:
            return {}
        with self._timed("write"):
            results = self.directory.write(list(sent.values()))
        return {line: _verdict(result) for line, result in zip(sent, results, strict=True)}

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[stage] = round(self.seconds[stage] + time.monotonic() - started, 3)


def _verdict(result: Line) -> Verdict:
    """A line of the directory's report. Raises Refused: it says that something was done which we did not ask for."""
    if "code" in result:
        return Verdict(str(result["code"]), result.get("detail"))
    if result["status"] not in DONE_AS:
        raise Refused(f"the directory answers a line with {result['status']}, unknown here", "members.answer")
    return Verdict(f"done.{DONE_AS[result['status']]}")
