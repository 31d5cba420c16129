"""Exports over REST: everything that the list shows, in one stream and out of one edition."""

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.mailboxes.schemas import Mailbox
from app.organizations import by_name, meeting
from app.organizations.schemas import OrganizationItem
from app.practitioners.schemas import PractitionerItem
from app.search import export_reading, export_writing
from tests.builders import DOMAIN, a_mailbox, a_practitioner, a_small_directory, a_structure, publish
from tests.search.exports import ndjson, rows

Connection = psycopg.Connection[Any]
Headers = dict[str, str]
# What the registry takes for a name, and forms of files stumble over.
NASTY = (
    "O'NEIL",
    'D"ARC',
    "BACK\\SLASH\\",
    "A|B;C,D",
    "=HYPERLINK(1)",
    "+33199000000",
    "-1",
    "@SUM(A1)",
    "\uff1d1",
    "TWO\nLINES",
    "TAB\tBED",
    "É\u2028È",
    "''QUOTED''",
)


@pytest.fixture
def people(registry: Connection) -> int:
    """People with such names, each with a mailbox, at one structure. Returns the edition."""
    structure = a_structure(registry, name='CH "EXEMPLE"; =1')
    ids = [("organization", structure)]
    for number, name in enumerate(NASTY):
        person = a_practitioner(registry, rpps=f"9990000{number:04}", family=name, given=name, organization=structure)
        address = a_mailbox(
            registry, f"m{number:02}@{DOMAIN}", practitioner=person, organization=structure, service=name
        )
        ids += [("practitioner", person), ("mailbox", address)]
    return publish(registry, *ids)


def listed(client: TestClient, path: str, headers: Headers) -> list[dict[str, Any]]:
    """Everything that a list shows, by small pages."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = client.get(f"/v1/{path}&limit=3{cursor}", headers=headers).json()
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={page['next']}"


LISTS = [
    "mailboxes?",
    f"mailboxes?domain={DOMAIN}&type=PER",
    "mailboxes?practitioner=99900000001",
    "mailboxes?domain=elsewhere.fr",
    "practitioners?",
    "practitioners?name=neil",
    "practitioners?family=b&has_mailbox=true",
    "practitioners?given=back",
    "practitioners?department=25&city=besancon",
    "organizations?",
    "organizations?name=ch",
]


@pytest.mark.parametrize("portion", [1, 4, 1_000])
@pytest.mark.parametrize("path", LISTS)
def test_an_export_is_the_union_of_the_pages(
    client: TestClient,
    people: int,
    reader: Headers,
    path: str,
    portion: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_reading, "PORTION", portion)
    answer = client.get(f"/v1/exports/{path}", headers=reader)
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.headers["directory-edition"] == str(people)
    assert "content-length" not in answer.headers
    items, end = ndjson(answer.text)
    assert items == listed(client, path, reader)
    assert end == {"end": True, "items": len(items), "edition": people}


@pytest.mark.parametrize(
    ("path", "model"),
    [("mailboxes", Mailbox), ("practitioners", PractitionerItem), ("organizations", OrganizationItem)],
)
@pytest.mark.usefixtures("people")
def test_every_line_is_what_the_list_describes(client: TestClient, reader: Headers, path: str, model: Any) -> None:
    *lines, _ = client.get(f"/v1/exports/{path}", headers=reader).text.removesuffix("\n").split("\n")
    assert lines
    for line in lines:
        model.model_validate_json(line)


@pytest.mark.parametrize("path", ["mailboxes", "practitioners", "organizations"])
def test_csv_shows_the_same_rows(client: TestClient, people: int, reader: Headers, path: str) -> None:
    answer = client.get(f"/v1/exports/{path}?format=csv", headers=reader)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == f'attachment; filename="{path}-{people}.csv"'
    found, end = rows(answer.content.decode())
    documents = listed(client, f"{path}?", reader)
    key = {"mailboxes": "address", "practitioners": "national_id", "organizations": "id"}[path]
    assert [row[key] for row in found] == [document[key] for document in documents]
    assert end == ["#end", f"items={len(found)}", f"edition={people}"]
    assert ("match" in found[0]) == (path != "mailboxes")


@pytest.mark.parametrize(
    ("query", "accept", "suffix"),
    [
        ("", None, "ndjson"),
        ("", "*/*", "ndjson"),
        ("", "text/csv", "csv"),
        ("", "text/html, text/csv;q=0.5", "csv"),
        ("?format=ndjson", "text/csv", "ndjson"),
        ("?format=csv", "application/x-ndjson", "csv"),
    ],
)
def test_the_form_is_asked_for_or_accepted(
    client: TestClient, reader: Headers, query: str, accept: str | None, suffix: str
) -> None:
    headers = reader | ({"Accept": accept} if accept else {})
    answer = client.get(f"/v1/exports/mailboxes{query}", headers=headers)
    assert answer.headers["content-disposition"] == f'attachment; filename="mailboxes-0.{suffix}"'


def test_an_empty_export_is_whole(client: TestClient, reader: Headers) -> None:
    assert ndjson(client.get("/v1/exports/mailboxes", headers=reader).text) == (
        [],
        {"end": True, "items": 0, "edition": 0},
    )
    found, end = rows(client.get("/v1/exports/practitioners?format=csv", headers=reader).text)
    assert (found, end) == ([], ["#end", "items=0", "edition=0"])


@pytest.mark.parametrize("portion", [2, 1_000])
@pytest.mark.usefixtures("people")
def test_a_limit_cuts_and_the_cursor_goes_on_in_either_form(
    client: TestClient, reader: Headers, portion: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export_reading, "PORTION", portion)
    seen: list[str] = []
    cursor, last = "", dict[str, Any]()
    for size, form in ((5, "ndjson"), (1, "csv"), (4, "ndjson"), (99, "ndjson")):
        answer = client.get(f"/v1/exports/practitioners?limit={size}&format={form}{cursor}", headers=reader)
        if form == "csv":
            found, end = rows(answer.text)
            seen += [row["rpps"] for row in found]
            last = dict(each.split("=") for each in end[1:])
        else:
            items, last = ndjson(answer.text)
            seen += [item["rpps"] for item in items]
        cursor = f"&cursor={last.get('next')}"
    assert seen == [item["rpps"] for item in listed(client, "practitioners?", reader)]
    assert last["end"] is True


@pytest.mark.usefixtures("people")
def test_a_limit_that_takes_all_is_no_cut(client: TestClient, reader: Headers) -> None:
    _, end = ndjson(client.get(f"/v1/exports/practitioners?limit={len(NASTY)}", headers=reader).text)
    assert end["end"] is True
    _, end = ndjson(client.get(f"/v1/exports/practitioners?limit={len(NASTY) - 1}", headers=reader).text)
    assert (end["end"], end["cut"]) == (False, "limit")


@pytest.mark.usefixtures("people")
def test_a_cursor_is_good_for_its_own_question_alone(client: TestClient, reader: Headers) -> None:
    _, end = ndjson(client.get("/v1/exports/practitioners?limit=1", headers=reader).text)
    for path in (
        f"exports/practitioners?has_mailbox=true&cursor={end['next']}",
        f"exports/mailboxes?cursor={end['next']}",
        f"practitioners?cursor={end['next']}",
        "exports/practitioners?cursor=x",
    ):
        assert client.get(f"/v1/{path}", headers=reader).json()["code"] == "cursor.invalid", path


@pytest.mark.parametrize(
    "query", ["limit=0", "format=xlsx", "domian=a.fr", "domain=a.fr&domain=b.fr", "name=martin", "type=NO"]
)
def test_what_cannot_be_used_is_refused_before_anything_is_sent(
    client: TestClient, reader: Headers, query: str
) -> None:
    answer = client.get(f"/v1/exports/mailboxes?{query}", headers=reader)
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


def test_exports_take_a_key_that_reads(client: TestClient, key_for: Callable[..., Headers]) -> None:
    for path in ("mailboxes", "practitioners", "organizations"):
        assert client.get(f"/v1/exports/{path}").status_code == 401
        assert client.get(f"/v1/exports/{path}", headers=key_for("audit")).status_code == 403
        assert client.get(f"/v1/exports/{path}", headers=key_for("read", budget=5)).status_code == 200


def test_a_hidden_and_a_suspended_mailbox_are_in_no_export(
    client: TestClient, registry: Connection, reader: Headers
) -> None:
    """They leave no trace: an export is the same to the last byte as if they had never been."""
    a_small_directory(registry)
    paths = [f"{path}?format={form}" for path in ("mailboxes", "practitioners") for form in ("csv", "ndjson")]
    paths += [f"mailboxes?domain={DOMAIN}", "mailboxes?practitioner=99900000060"]
    before = [client.get(f"/v1/exports/{path}", headers=reader).content for path in paths]
    hidden = a_mailbox(registry, f"hidden@{DOMAIN}", practitioner="899900000060", unlisted=True)
    suspended = a_mailbox(registry, f"suspended@{DOMAIN}", practitioner="899900000060", state="suspended")
    publish(registry, ("mailbox", hidden), ("mailbox", suspended), ("practitioner", "899900000060"))
    assert [client.get(f"/v1/exports/{path}", headers=reader).content for path in paths] == before


def test_head_tells_the_edition_and_costs_nothing(
    client: TestClient, people: int, registry: Connection, key_for: Callable[..., Headers]
) -> None:
    answer = client.head("/v1/exports/mailboxes?format=csv", headers=key_for("read", budget=2))
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["directory-edition"] == str(people)
    assert answer.headers["content-type"].startswith("text/csv")
    assert registry.execute("SELECT count(*) FROM disclosure").fetchone() == (0,)


@pytest.mark.parametrize("block", [1, 65_536])
def test_a_budget_cuts_where_it_ends_and_the_next_day_goes_on(
    client: TestClient,
    people: int,
    registry: Connection,
    key_for: Callable[..., Headers],
    block: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(export_writing, "BLOCK", block)
    bound = key_for("read", budget=5)
    answer = client.get("/v1/exports/mailboxes", headers=bound)
    items, end = ndjson(answer.text)
    assert [item["address"] for item in items] == [f"m{number:02}@{DOMAIN}" for number in range(5)]
    assert {name: end[name] for name in ("end", "items", "edition", "cut")} == {
        "end": False, "items": 5, "edition": people, "cut": "budget.exhausted",
    }  # fmt: skip
    assert registry.execute("SELECT count(*) FROM disclosure").fetchone() == (5,)
    again, _ = ndjson(client.get("/v1/exports/mailboxes", headers=bound).text)
    assert again == items
    refused = client.get(f"/v1/exports/mailboxes?cursor={end['next']}", headers=bound)
    assert (refused.status_code, refused.json()["code"]) == (429, "budget.exhausted")
    _, whole = rows(client.get("/v1/exports/mailboxes?format=csv", headers=bound).text)
    assert whole[0] == "#cut"
    assert "reason=budget.exhausted" in whole


@pytest.mark.usefixtures("people")
def test_structures_cost_nothing(client: TestClient, key_for: Callable[..., Headers]) -> None:
    _, end = ndjson(client.get("/v1/exports/organizations", headers=key_for("read", budget=1)).text)
    assert end["end"] is True


@pytest.mark.usefixtures("people")
def test_what_was_shown_is_noted_once(client: TestClient, registry: Connection, reader: Headers) -> None:
    client.get("/v1/exports/mailboxes?limit=4", headers=reader)
    client.__exit__()
    found = registry.execute("SELECT route, status, shown FROM consultation").fetchall()
    assert found == [("/v1/exports/mailboxes", 200, 4)]


def test_no_form_breaks_a_name(client: TestClient, people: int, reader: Headers) -> None:
    """NDJSON has the very text of the documents; CSV has one line a row, in which only line breaks became spaces."""
    assert people
    answer = client.get("/v1/exports/mailboxes", headers=reader)
    assert [json.loads(line)["service"] for line in answer.text.split("\n")[:-2]] == list(NASTY)
    text = client.get("/v1/exports/mailboxes?format=csv", headers=reader).content.decode()
    assert text.count("\r\n") == text.count("\n") == len(NASTY) + 2
    found, _ = rows(text)
    assert [row["service"] for row in found] == [name.translate({10: " ", 9: " ", 0x2028: " "}) for name in NASTY]


def test_a_search_whose_pages_end_early_is_exported_to_its_end(
    client: TestClient, registry: Connection, reader: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frequent words that seldom meet: a page reads its share, holds less than it may, and goes on."""
    both = ["ATRIUM PORT LAC", "HOPITAL LAC PORT", "LE PORT DU LAC"]
    names = [*(f"{word} {letter}" for word in ("LAC", "PORT") for letter in "ABCDEFGH"), *both]
    keys = [a_structure(registry, finess=f"9900000{n:02}", name=name) for n, name in enumerate(names)]
    publish(registry, *(("organization", key) for key in keys))
    monkeypatch.setattr(by_name, "WINDOW", 1)
    monkeypatch.setattr(meeting, "LEAPS", 1)
    found, end = ndjson(client.get("/v1/exports/organizations?name=port lac", headers=reader).text)
    assert ([each["name"] for each in found], end["end"]) == (both, True)
