"""Lists of mailboxes: filters, pages, totals, cursors."""

from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.mailboxes.schemas import MailboxPage
from app.paging import COUNTED
from tests.builders import a_mailbox, a_practitioner, a_structure, publish

Connection = psycopg.Connection[Any]


def several(registry: Connection, count: int, *, domain: str = "ch-exemple.mssante.fr") -> list[str]:
    addresses = [a_mailbox(registry, f"m{number:03}@{domain}") for number in range(count)]
    publish(registry, *[("mailbox", address) for address in addresses])
    return addresses


def test_pages_follow_one_another_to_the_end_without_gap_or_twin(client: TestClient, registry: Connection) -> None:
    addresses = several(registry, 7)
    seen, url = [], "/v1/mailboxes?domain=CH-exemple.mssante.fr&limit=3"
    sizes = []
    while url:
        answer = client.get(url)
        page = MailboxPage.model_validate_json(answer.content)
        assert (page.total.value, page.total.exact) == (7, True)
        seen += [item.address for item in page.items]
        sizes.append(len(page.items))
        link = answer.headers.get("link")
        assert (link is None) == (page.next is None)
        assert link is None or link.endswith('>; rel="next"')
        url = link.removeprefix("<").partition(">")[0] if link else ""
    assert seen == addresses
    assert sizes == [3, 3, 1]


def test_a_page_that_is_just_full_has_no_next(client: TestClient, registry: Connection) -> None:
    several(registry, 3)
    assert client.get("/v1/mailboxes?domain=ch-exemple.mssante.fr&limit=3").json()["next"] is None


def test_nothing_that_fits_is_an_empty_page_with_an_edition(client: TestClient, registry: Connection) -> None:
    several(registry, 1)
    answer = client.get("/v1/mailboxes?domain=ailleurs.mssante.fr")
    assert answer.json() == {"items": [], "next": None, "total": {"value": 0, "exact": True}, "edition": 1}
    assert answer.headers["directory-edition"] == "1"


def test_each_filter_finds_its_own_and_filters_add_up(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    structure = a_structure(registry, siret="00000001800010")
    person = a_practitioner(registry)
    a_mailbox(registry, "p@ch-exemple.mssante.fr", practitioner=person)
    a_mailbox(registry, "s@ch-exemple.mssante.fr", mailbox_type="ORG", organization=structure)
    a_mailbox(registry, "b@other.mssante.fr", practitioner=person, organization=structure)
    hidden = a_mailbox(registry, "h@other.mssante.fr", practitioner=person, unlisted=True)
    ids = [
        ("mailbox", f"{name}@{domain}.mssante.fr")
        for name, domain in (("p", "ch-exemple"), ("s", "ch-exemple"), ("b", "other"))
    ]
    publish(registry, *ids, ("mailbox", hidden), ("organization", structure), ("practitioner", person))

    def found(query: str) -> list[str]:
        page = client.get(f"/v1/mailboxes?{query}", headers=reader).json()
        return [item["address"][0] for item in page["items"]]

    assert found("") == ["b", "p", "s"]
    assert found("type=ORG") == ["s"]
    assert found("practitioner=99900000060") == found("practitioner=899900000060") == ["b", "p"]
    assert found("practitioner=9990 000 0060") == ["b", "p"]
    for form in ("990000010", "1990000010", "00000001800010"):
        assert found(f"organization={form}") == ["b", "s"]
    assert found("organization=990000010&practitioner=99900000060") == ["b"]
    assert found("domain=other.mssante.fr&type=ORG") == []
    assert found("practitioner=0") == []


def test_the_tag_of_a_list_is_that_of_its_body(
    client: TestClient, registry: Connection, reader: dict[str, str]
) -> None:
    several(registry, 2)
    first = client.get("/v1/mailboxes", headers=reader)
    held = {**reader, "If-None-Match": first.headers["etag"]}
    assert client.get("/v1/mailboxes", headers=held).status_code == 304
    several(registry, 1, domain="other.mssante.fr")
    assert client.get("/v1/mailboxes", headers=held).status_code == 200


def test_a_total_is_counted_no_further_than_it_is_useful(client: TestClient, registry: Connection) -> None:
    registry.execute(
        "INSERT INTO mailbox_search (key, domain, type, practitioners, organizations)"
        " SELECT n || '@d.fr', 'd.fr', 'PER', '{}', '{}' FROM generate_series(1, %s) n",
        (COUNTED + 1,),
    )
    registry.commit()
    assert client.get("/v1/mailboxes?domain=d.fr").json()["total"] == {"value": COUNTED, "exact": False}
    registry.execute("DELETE FROM mailbox_search WHERE key = '1@d.fr'")
    registry.commit()
    assert client.get("/v1/mailboxes?domain=d.fr").json()["total"] == {"value": COUNTED, "exact": True}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("limit=many", "/query/limit"),
        ("domian=x", "/query/domian"),
        ("type=per", "/query/type"),
        ("domain=", "/query/domain"),
        ("domain=a%00b", "/query/domain"),
        ("domain=" + "a" * 201, "/query/domain"),
        ("domain=a&domain=b", "/query/domain"),
        ("cursor=", "/query/cursor"),
    ],
)
def test_what_cannot_be_used_is_named(client: TestClient, query: str, pointer: str) -> None:
    answer = client.get(f"/v1/mailboxes?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


def test_a_cursor_is_good_only_for_its_own_question(client: TestClient, registry: Connection) -> None:
    several(registry, 4)
    cursor = client.get("/v1/mailboxes?limit=2&domain=ch-exemple.mssante.fr").json()["next"]
    for url in (
        "/v1/mailboxes?cursor=",
        "/v1/mailboxes?domain=other.mssante.fr&cursor=",
        "/v1/mailboxes?type=PER&domain=ch-exemple.mssante.fr&cursor=",
        "/v1/practitioners?cursor=",
        "/v1/trust/domains?cursor=",
    ):
        answer = client.get(url + cursor)
        assert (answer.status_code, answer.json()["code"]) == (400, "cursor.invalid"), url
    assert client.get(f"/v1/mailboxes?limit=50&domain=ch-exemple.mssante.fr&cursor={cursor}").status_code == 200


@pytest.mark.parametrize("garbage", ["x", "AAAA", "é", "%FF%FE", "a b", "=", "e30", "A" * 2_000])
def test_garbage_is_no_cursor(client: TestClient, garbage: str) -> None:
    answer = client.get(f"/v1/mailboxes?cursor={garbage}")
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor.invalid")
