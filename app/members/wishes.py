"""A member beside its mailbox: what there is to write, as a line of `POST /v1/mailboxes/batch`."""

from collections.abc import Mapping
from typing import Any

from app.identifiers import organization_candidates, practitioner_keys
from app.members.member import Member

CONTENT = ("service", "description", "rank", "dematerialization", "liste_rouge", "responsible", "phone", "state")
Stated = Mapping[str, Any]


def stated_by(document: Mapping[str, Any]) -> Stated:
    """What a mailbox is, from its owner's view: what is compared with a file, and nothing else."""
    person, structure = document["practitioner"], document["organization"]
    ids = [structure[name] for name in ("id", "finess", "siret") if structure[name]] if structure else []
    return {
        "type": document["type"],
        "practitioner": person["national_id"] if person else None,
        "organization": ids,
        **{name: document[name] for name in CONTENT},
    }


def differences(member: Member, practitioner: str, stated: Stated) -> dict[str, Any]:
    """What the line states otherwise than the mailbox has it, as the members of a merge patch.

    Type and holder never change: they are in it where they differ, and the directory says so.
    """
    patch: dict[str, Any] = {name: value for name, value in member.content.items() if value != stated[name]}
    if member.stated_type and member.stated_type != stated["type"]:
        patch["type"] = member.stated_type
    if practitioner and stated["practitioner"] not in practitioner_keys(practitioner):
        patch["practitioner"] = practitioner
    if member.organization and not set(organization_candidates(member.organization)) & set(stated["organization"]):
        patch["organization"] = member.organization
    return patch


def put(member: Member, practitioner: str) -> dict[str, Any]:
    """Publish it, if there is no mailbox at its address."""
    holder = {"practitioner": practitioner, "organization": member.organization}
    given = {name: value for name, value in {**holder, **member.content}.items() if value not in (None, "")}
    return {
        "operation": "put",
        "address": member.address,
        "if_none_match": "*",
        "type": member.type,
        **given,
    }


def patch(member: Member, changes: Mapping[str, Any], etag: str) -> dict[str, Any]:
    """Change what it states otherwise, in the state that was read."""
    return {"operation": "patch", "address": member.address, "if_match": etag, **changes}


def delete(member: Member, etag: str) -> dict[str, Any]:
    """Withdraw it, in the state that was read."""
    return {"operation": "delete", "address": member.address, "if_match": etag}
