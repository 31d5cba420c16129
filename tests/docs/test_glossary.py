"""The glossary names every table, every field of a document, and every LDAP name of ours."""

import re

from app.db import every_table
from app.mailboxes.models import MailboxType
from tests.docs.markdown import ROOT, words

GLOSSARY = ROOT / "docs" / "glossary.md"


def test_every_table_is_in_the_glossary() -> None:
    assert {"mailbox", "publication", "practitioner_search"} <= set(every_table().tables)
    assert set(every_table().tables) - _glossary() == set()


def test_every_field_of_a_document_is_in_the_glossary() -> None:
    fields = {
        field
        for path in (ROOT / "migrations" / "sql").glob("*.sql")
        for field in re.findall(r'"([a-z_]+)":', path.read_text("utf-8"))
    }
    assert {"address", "published_at", "specialties"} <= fields
    assert fields - _glossary() == set()


def test_every_ldap_name_of_ours_is_in_the_glossary() -> None:
    schema = (ROOT / "deploy" / "slapd" / "schema.ldif").read_text("utf-8")
    names = set(re.findall(r"NAME '(\w+)'", schema))
    assert {"TypeBAL", "mssanteBAL"} <= names
    assert names - _glossary() == set()


def test_every_type_of_mailbox_is_in_the_glossary() -> None:
    text = GLOSSARY.read_text("utf-8")
    assert [kind for kind in MailboxType if kind.name not in text or kind.value not in text] == []


def test_every_national_source_is_in_the_glossary() -> None:
    sources = ROOT / "app" / "imports" / "sources"
    names = {
        name
        for path in sources.glob("*.py")
        for name in re.findall(r'^    name="(\w+)",$', path.read_text("utf-8"), re.MULTILINE)
    }
    assert "mssante" in names
    assert names - _glossary() == set()


def _glossary() -> set[str]:
    return words(GLOSSARY.read_text("utf-8"))
