"""Rows as they are written, read back: they say what the document says, whatever stands in it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.search.export_cells import CONTROL
from app.search.export_columns import COLUMNS
from app.search.export_forms import Csv, End, Ndjson
from tests.search.exports import ndjson, rows

TEXT = st.one_of(st.text(max_size=12), st.text("\"\\\r\n;,|=+-@'\t\x00 é", max_size=12))
SOME = st.one_of(st.none(), TEXT)
CODED = st.one_of(st.none(), st.fixed_dictionaries({"code": TEXT, "label": SOME}))
PLACE = st.fixed_dictionaries(
    {"city": SOME, "country": SOME, "department": SOME, "lines": st.lists(TEXT, max_size=3), "postal_code": SOME}
)
STRUCTURE = st.fixed_dictionaries({"finess": SOME, "id": SOME, "name": SOME, "siret": SOME, "trade_name": SOME})
RESOURCE = {"published_at": TEXT, "updated_at": TEXT, "sequence": st.integers(0)}
SKILLS = st.lists(st.fixed_dictionaries({"code": TEXT, "label": SOME, "type": SOME}), max_size=3)
PERSON = {
    **dict.fromkeys(("family", "given", "national_id", "rpps", "title"), SOME),
    "profession": CODED,
    "specialties": SKILLS,
}
DOCUMENTS = {
    "mailbox": st.fixed_dictionaries(
        {
            **dict.fromkeys(("address", "description", "domain", "operator", "service", "type"), SOME),
            "attachments": st.lists(st.just({}), max_size=3),
            "dematerialization": st.one_of(st.none(), st.booleans()),
            "organization": st.one_of(st.none(), STRUCTURE),
            "place": st.one_of(st.none(), PLACE),
            "practitioner": st.one_of(st.none(), st.fixed_dictionaries(PERSON)),
            "rank": st.one_of(st.none(), st.integers(0, 99)),
            **RESOURCE,
        }
    ),
    "practitioner": st.fixed_dictionaries(
        {
            **PERSON,
            "civility": CODED,
            "mailboxes": st.lists(st.fixed_dictionaries({"address": TEXT, "type": TEXT, "service": SOME}), max_size=3),
            "roles": st.lists(
                st.fixed_dictionaries(
                    {"organization": st.one_of(st.none(), STRUCTURE), "place": st.one_of(st.none(), PLACE)}
                ),
                max_size=3,
            ),
            **RESOURCE,
        }
    ),
    "organization": st.fixed_dictionaries(
        {
            **dict.fromkeys(("finess", "id", "kind", "long_name", "name", "parent"), SOME),
            **dict.fromkeys(("siren", "siret", "trade_name"), SOME),
            "national_ids": st.lists(TEXT, max_size=3),
            "technical_ids": st.lists(TEXT, max_size=3),
            "place": st.one_of(st.none(), PLACE),
            "sector": CODED,
            "type": CODED,
            **RESOURCE,
        }
    ),
}
ANY = st.sampled_from(sorted(DOCUMENTS)).flatmap(lambda kind: st.tuples(st.just(kind), st.lists(DOCUMENTS[kind])))
END = End(3, 7)


def written(value: object) -> str:
    """A value as a column shows it."""
    if isinstance(value, list):
        return CONTROL.sub(" ", " | ".join(value))
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return CONTROL.sub(" ", text)


@given(ANY)
def test_csv_says_what_the_documents_say(kind_and_documents: tuple[str, list[dict[str, Any]]]) -> None:
    kind, documents = kind_and_documents
    form = Csv(kind, has_match=True)
    text = form.head() + "".join(form.row(json.dumps(each), "prefix") for each in documents) + form.tail(END)
    assert text.count("\r\n") == text.count("\n") == len(documents) + 2
    found, end = rows(text)
    assert end == ["#end", "items=3", "edition=7"]
    for row, document in zip(found, documents, strict=True):
        person = document if kind == "practitioner" else document.get("practitioner") or {}
        structures = [role["organization"] for role in document.get("roles", ())] or [document.get("organization")]
        places = [role["place"] for role in document.get("roles", ())] or [document.get("place")]
        told = {
            **{name: value for name, value in document.items() if name in COLUMNS[kind].names},
            **{name: person[name] for name in ("family", "given", "national_id", "rpps", "title") if name in person},
            **{f"organization_{name}": value for name, value in (structures[0] or {}).items()},
            **(places[0] or {}),
            "match": "prefix",
        }
        for name in ("attachments", "roles"):
            told |= {name: len(document[name])} if name in document else {}
        for name, those in (("codes", "code"), ("labels", "label")):
            labels = [skill[those] for skill in person.get("specialties", ()) if skill[those] is not None]
            told |= {f"specialty_{name}": labels} if person else {}
        for name, coded in (*document.items(), ("profession", person.get("profession"))):
            told |= {f"{name}_{part}": coded[part] for part in ("code", "label")} if _is_coded(coded) else {}
        if kind == "practitioner":
            first = (document["mailboxes"] or [{}])[0]
            told |= {"mailbox": first.get("address"), "mailboxes": [each["address"] for each in document["mailboxes"]]}
            told |= {"mailbox_type": first.get("type"), "mailbox_service": first.get("service")}
        assert {name: written(told.get(name)) for name in row} == row


def _is_coded(value: object) -> bool:
    return isinstance(value, dict) and value.keys() == {"code", "label"}


@given(ANY)
def test_ndjson_is_the_documents_themselves(kind_and_documents: tuple[str, list[dict[str, Any]]]) -> None:
    _, documents = kind_and_documents
    form = Ndjson()
    plainly = "".join(form.row(json.dumps(each), None) for each in documents) + form.tail(END)
    assert ndjson(plainly) == (documents, {"end": True, "items": 3, "edition": 7})
    matched = "".join(form.row(json.dumps(each), "exact") for each in documents) + form.tail(END)
    assert ndjson(matched)[0] == [{**each, "match": "exact"} for each in documents]


def test_a_cut_export_says_why_and_how_to_go_on() -> None:
    cut = End(2, 7, "budget.exhausted", "cursor")
    assert ndjson(Ndjson().tail(cut)) == (
        [],
        {"end": False, "items": 2, "edition": 7, "cut": "budget.exhausted", "next": "cursor"},
    )
    form = Csv("mailbox", has_match=False)
    _, end = rows(form.head() + form.tail(cut))
    assert end == ["#cut", "items=2", "edition=7", "reason=budget.exhausted", "next=cursor"]
