"""The answer to "which address for this letter?": texts of the publication, with the rule or the reason in words."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from app.mailboxes.use import DOCUMENTS, RULES, Document, Rule
from app.search.resolve_choice import Option, ReasonCode
from app.search.resolve_places import Settled
from app.search.resolve_recipient import Asked, Nobody, Shown
from app.search.resolve_schemas import ALTERNATIVES, CANDIDATES, NoteCode, Resolve, body_without_mailboxes

REASONS: Mapping[ReasonCode, str] = {
    "recipient.unknown": "Nobody published is meant by this. Check the id or the name, or search.",
    "recipient.ambiguous": "Several are meant by this: ask again with the id of one of the candidates.",
    "recipient.inexact": "Nobody has exactly this name: ask again with the id of a candidate, if one of them is meant.",
    "address.unknown": "No mailbox is published under this address. Name its holder instead.",
    "address.withdrawn": "This mailbox was withdrawn, and none follows it. Name its holder instead.",
    "mailbox.none": "No mailbox of the recipient is published, nor one of its structure.",
    "mailbox.unfit": "The recipient has mailboxes, but none that takes this kind of document.",
    "mailbox.too_many": "This structure has too many mailboxes to choose from: name a person, or one of its sites.",
    "service.needed": "Every mailbox there serves one service, and none is ranked first: say which service is meant.",
    "service.unknown": "No mailbox there names this service, and there is no general one.",
    "structure.needed": "This person works at several structures: say which by `organization`.",
}
NOTES: Mapping[NoteCode, str] = {
    "address.replaced": "The address asked for was withdrawn; this answer is for the one that follows it.",
    "address.other": "The address asked for is not the one that takes this document first.",
    "paper.wanted": "Its holder has not given up paper: send this on paper too.",
    "service.general": "No mailbox names the service asked for: write it into the subject.",
    "size.unpromised": "No mailbox publishes how much it takes, and this is large: send a link, or in parts.",
}


def body_of(body: Resolve, settled: Settled, edition: int) -> tuple[bytes, list[Shown]]:
    """The answer, and the documents whose persons it shows."""
    document, choice = DOCUMENTS[body.document], settled.choice
    chosen, others = choice.chosen, choice.others[:ALTERNATIVES]
    members = body_without_mailboxes(
        recipient=settled.recipient.model_dump(),
        more_alternatives=len(choice.others) - len(others),
        candidates=[each.model_dump() for each in settled.structures],
        edition=edition,
    )
    if chosen is None:
        members["reason"] = _reason(choice.reason)
    else:
        notes = _notes(body, settled.asked, chosen, document)
        members |= {
            "rule": _why(chosen.standing.rule),
            "fallback": settled.fallback(chosen),
            "notes": [{"code": code, "detail": NOTES[code]} for code in notes],
        }
    shown = ([chosen] if chosen else []) + list(others)
    seen = [(option.address, settled.texts[option.address]) for option in shown]
    if settled.person is not None:
        seen.append((settled.person.key, settled.person.text))
    return _joined(document, settled, chosen, others, members), seen


def nobody(body: Resolve, found: Nobody, edition: int) -> bytes:
    """The answer where nobody, or not one alone, is meant."""
    members = body_without_mailboxes(
        reason=_reason(found.reason),
        candidates=[each.model_dump() for each in found.candidates[:CANDIDATES]],
        more_candidates=found.more or len(found.candidates) > CANDIDATES,
        edition=edition,
    )
    return _joined(DOCUMENTS[body.document], None, None, (), members)


def _joined(
    document: Document,
    settled: Settled | None,
    chosen: Option | None,
    others: Sequence[Option],
    members: dict[str, Any],
) -> bytes:
    """Documents go in as the text that they are."""
    texts = settled.texts if settled else {}
    alternatives = ",".join(
        f'{{"mailbox":{texts[option.address]},"rule":{_text(_why(option.standing.rule))}'
        f',"fallback":{_text(settled.fallback(option) if settled else None)}}}'
        for option in others
    )
    head = f'{{"document":{_text({"code": document.code, "use": document.use})}'
    mailbox = texts[chosen.address] if chosen else "null"
    tail = _text(members)[1:]
    return f'{head},"mailbox":{mailbox},"alternatives":[{alternatives}],{tail}'.encode()


def _notes(body: Resolve, asked: Asked, chosen: Option, document: Document) -> list[NoteCode]:
    found: list[NoteCode] = list(asked.notes)
    if asked.address is not None and asked.address != chosen.address:
        found.append("address.other")
    if document.use == "care" and chosen.mailbox["dematerialization"] is False:
        found.append("paper.wanted")
    if asked.service and chosen.standing.rule.when == "general":
        found.append("service.general")
    if body.size is not None and body.size > RULES.size.unpromised:
        found.append("size.unpromised")
    return found


def _why(rule: Rule) -> dict[str, str]:
    return {"id": rule.id, "sentence": rule.sentence, "source": rule.source}


def _reason(code: ReasonCode | None) -> dict[str, str] | None:
    return None if code is None else {"code": code, "detail": REASONS[code]}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
