"""The complaints of users as questions to a directory, and what must hold of each answer."""

import tomllib
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import psycopg
from pydantic import BaseModel, ConfigDict, Field

from app.sandbox.numbers import legal_finess, rpps
from tests.builders import a_structure, publish
from tests.harness.asgi import Answer
from tests.search_corpus.directory import fill
from tests.search_corpus.people import DATA, Person

Connection = psycopg.Connection[Any]
COMPLAINTS = DATA / "complaints.toml"
Name = tuple[str, ...]


class Complaint(BaseModel):
    """One complaint. `people` and `structures` are the whole directory; the other members: see the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    people: list[tuple[str, str]] = []
    structures: list[tuple[str, str]] = []
    ask: list[str] = Field(min_length=1)
    finds: list[Name] = []
    first: list[Name] = []
    only: list[Name] | None = None
    without: list[Name] = Field([], alias="not")
    match: str | None = None
    code: str | None = None
    one: Name | None = Field(None, alias="is")


def complaints() -> list[Complaint]:
    """Every complaint of the file."""
    with COMPLAINTS.open("rb") as file:
        return [Complaint.model_validate(each) for each in tomllib.load(file)["complaint"]]


def enter(connection: Connection, complaint: Complaint) -> None:
    """Publish the directory that the complaint is about."""
    fill(connection, [Person(*each) for each in complaint.people])
    for number, (name, city) in enumerate(complaint.structures):
        structure = a_structure(connection, finess=legal_finess(number), name=name, city=city)
        publish(connection, ("organization", structure))


def judge(complaint: Complaint, get: Callable[[str], Answer]) -> list[str]:
    """What does not hold, in words: nothing when every way of asking is answered as it must be."""
    faults = []
    for asked in complaint.ask:
        target = asked.replace("{rpps}", rpps(0))
        answer = get(quote(target, safe="/?=&%"))
        faults += [f"{target}: {fault}" for fault in _faults(complaint, answer)]
    return faults


def _faults(complaint: Complaint, answer: Answer) -> list[str]:
    if complaint.code is not None:
        return [] if answer.code == complaint.code else [f"{answer.status} instead of {complaint.code}"]
    if answer.status != 200:
        return [f"{answer.status} {answer.code}"]
    if complaint.one is not None:
        found = _name(answer.json)
        return [] if found == complaint.one else [f"{found}"]
    return _faults_of_page(complaint, answer.json)


def _faults_of_page(complaint: Complaint, page: Any) -> list[str]:
    found = [_name(item) for item in page["items"]]
    first = found[: len(complaint.first)]
    faults = [f"{name} is missing from {found}" for name in complaint.finds if name not in found]
    faults += [f"{name} is there" for name in complaint.without if name in found]
    if sorted(first) != sorted(complaint.first):
        faults.append(f"begins with {first}")
    if complaint.match and {item["match"] for item in page["items"][: len(first)]} != {complaint.match}:
        faults.append("is not called " + complaint.match)
    if complaint.only is not None and not _is_exactly(found, complaint.only, page["total"]):
        faults.append(f"gives {found}, in all {page['total']}")
    return faults


def _is_exactly(found: Sequence[Name], wanted: Sequence[Name], total: Any) -> bool:
    return sorted(found) == sorted(wanted) and total == {"value": len(wanted), "exact": True}


def _name(item: Any) -> Name:
    """The two names of a person; the one of a structure."""
    return (item["family"], item["given"]) if "family" in item else (item["name"],)
