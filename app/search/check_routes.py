"""`POST /v1/mailboxes/check`: before something is sent, whether it will arrive."""

import json
from collections.abc import Mapping
from typing import NamedTuple

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.answers import tell_shown, untagged
from app.budgets.charging import BudgetExhausted, charge
from app.problems import InvalidRequest, documented
from app.search.check import Judge, Verdict, parsed
from app.search.check_reading import Known, known
from app.search.check_schemas import Check, CheckedAddresses
from app.search.check_space import TrustSpace, TrustSpaces
from app.settings import Settings
from app.standby.sources import Source, read

router = APIRouter(tags=["mailboxes"])


@router.post(
    "/v1/mailboxes/check",
    responses={200: {"model": CheckedAddresses}, **documented(InvalidRequest, BudgetExhausted)},
)
async def check_mailboxes(request: Request, body: Check) -> Response:
    """Up to 1 000 addresses before they are written to: deliverable, or why not, and whom to ask.

    The answer confirms who is published, so it is charged to the caller's budget like a look-up. An address that is
    hidden or suspended is `unknown`, as one that never was.
    """
    settings: Settings = request.app.state.settings
    asked = dict.fromkeys(body.addresses)
    addresses = dict.fromkeys(address for text in asked if (address := parsed(text)))

    async def looked(source: Source) -> Looked:
        found = await known(source.pool, list(addresses), settings.mailbox_tombstone_days)
        # The replica is a moment behind: its state of the trust space must not displace the primary's.
        return Looked(found.edition, found, await trust_spaces[source.name].current(source.pool, found.trust))

    trust_spaces: Mapping[str, TrustSpaces] = request.app.state.trust_spaces
    _, found, space = await read(request, looked)
    await charge(request, "mailbox", found.shown)
    tell_shown(request, len(found.shown))
    judge = Judge(found, space, settings.mailbox_domains)
    told = {text: _told(text, judge.verdict(text)) for text in asked}
    answer = {
        "results": [told[text] for text in body.addresses],
        "domain_rule": "on" if found.is_domain_rule_on else "off",
        "contact": settings.white_list_contact,
        "edition": found.edition,
    }
    return untagged(json.dumps(answer, separators=(",", ":")).encode(), found.edition)


class Looked(NamedTuple):
    """What is known of the addresses, and of their domains, at one edition."""

    edition: int
    found: Known
    space: TrustSpace


def _told(text: str, verdict: Verdict) -> dict[str, object]:
    return {
        "address": text,
        "deliverable": verdict.reason is None,
        "reason": verdict.reason,
        "cause": verdict.cause,
        "type": verdict.type,
        "since": verdict.since,
        "successor": verdict.successor,
        "suggestion": verdict.suggestion,
        "alike": verdict.alike,
        "ask": [owner._asdict() for owner in verdict.ask],
    }
