"""The white list: the real files, broken entries, and what each list changes in the trust space and in documents."""

import gzip
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.imports.options import Options
from app.imports.pipeline import import_files
from app.imports.sources.white_list import NAMESPACE
from app.settings import Settings
from app.trust import queries
from tests.imports import files
from tests.imports.files import run, run_one, written

A = "CN=a,OU=1750160012,O=ALPHA,C=FR"
B = "CN=b,OU=318751275100020,O=BETA,C=FR"
# Letters at random: PostgreSQL would compress a repeated one into any index.
LONG_NAME = "".join(random.Random(1).choices("abcdefghijklmnopqrstuvwxyz", k=4_000))  # noqa: S311 - no secret


def entry(name: str, certificate: str = A, *, updated: str = "2025-03-13T14:54:10Z", description: str = "d") -> str:
    return (
        f"<Domaine>\n<Nom>{name}</Nom><Description>{description}</Description>\n"
        f"<DNCertificatOperateur>{certificate}</DNCertificatOperateur>"
        f"<ResponsableContact>r</ResponsableContact><SupportContact>s</SupportContact><DateMAJ>{updated}</DateMAJ></Domaine>\n"
    )


def white_list(folder: Path, *entries: str) -> Path:
    body = "".join(entries)
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><ListeBlancheMSSante xmlns="{NAMESPACE}">\n'
        f"<DateDeGeneration>2025-03-13T14:54:10Z</DateDeGeneration><ListeDomaines>\n{body}</ListeDomaines></ListeBlancheMSSante>"
    )
    return written(folder, "list.xml", text.encode())


def marks(connection: psycopg.Connection[Any]) -> list[tuple[str, str]]:
    return connection.execute("SELECT kind, key FROM pending ORDER BY kind, key").fetchall()


def load(settings: Settings, folder: Path, *entries: str) -> dict[str, int]:
    report = run_one(settings, white_list(folder, *entries), accept=("shrink",))
    assert report.state == "applied"
    return report.diff


def test_the_real_list_gives_its_domains_owners_and_certificates(
    settings: Settings, database: Any, tmp_path: Path
) -> None:
    (report,) = run(settings, tmp_path, files.FULL_LIST)
    assert (report.state, report.stamp) == ("applied", "202503131454")
    assert (report.read, report.accepted, report.rejected, report.blank) == (6_554, 6_553, 1, 0)
    # 5 002 names of which one is an address: it is refused.
    assert report.diff == {"create": 5_001, "update": 0, "close": 0, "same": 0}
    connection = database.connect()
    counted = connection.execute(
        "SELECT (SELECT count(*) FROM operator), (SELECT count(*) FROM operator_certificate),"
        " (SELECT count(DISTINCT name) FROM domain)"
    )
    assert counted.fetchone() == (343, 384, 5_001)
    reject = connection.execute('SELECT line, "column", code FROM import_reject').fetchall()
    assert reject == [(48_457, "Nom", "domain.at_sign")]


def test_the_same_list_again_changes_nothing(settings: Settings, database: Any, tmp_path: Path) -> None:
    run(settings, tmp_path, files.SHORT_LIST)
    packed = written(tmp_path, "again.bin", gzip.compress(files.SHORT_LIST.read_bytes()))
    report = run_one(settings, packed)
    assert report.diff == {"create": 0, "update": 0, "close": 0, "same": 516}
    assert marks(database.connect()) == []


def test_a_list_whose_root_is_not_closed_is_refused(settings: Settings, database: Any, tmp_path: Path) -> None:
    (report,) = run(settings, tmp_path, files.CUT_LIST)
    assert report.state == "refused"
    assert report.guards[0].name == "xml.truncated"
    assert "line 4961" in report.guards[0].detail
    assert database.connect().execute("SELECT count(*) FROM domain").fetchone() == (0,)


@pytest.mark.parametrize(
    ("faulty", "column", "code"),
    [
        (entry("a@b.mssante.fr"), "Nom", "domain.at_sign"),
        (entry(""), "Nom", "domain.missing"),
        (entry("a b.mssante.fr"), "Nom", "domain.form"),
        (entry("x.mssante.fr", "nonsense"), "DNCertificatOperateur", "certificate.form"),
        (entry("x.mssante.fr", ""), "DNCertificatOperateur", "certificate.missing"),
        (entry("x.mssante.fr", f"CN={LONG_NAME},OU=1990000010"), "DNCertificatOperateur", "value.too_long"),
        (entry("x.mssante.fr", description="d" * 5_000), "Description", "value.too_long"),
        (entry("x.mssante.fr").replace("<Nom>", "<Nom>y.fr</Nom><Nom>"), "Nom", "value.repeated"),
    ],
)
def test_a_broken_entry_is_rejected_alone(
    settings: Settings, database: Any, tmp_path: Path, faulty: str, column: str, code: str
) -> None:
    report = run_one(settings, white_list(tmp_path, entry("good.mssante.fr"), faulty))
    assert (report.read, report.accepted, report.rejected, report.exit_code) == (2, 1, 1, 1)
    found = database.connect().execute('SELECT line, "column", code FROM import_reject').fetchall()
    assert found == [(6, column, code)]


def test_names_are_lower_case_and_a_mistyped_date_is_only_a_warning(
    settings: Settings, database: Any, tmp_path: Path
) -> None:
    report = run_one(settings, white_list(tmp_path, entry("UC-CMP.mssante.fr", updated="13/03/2025")))
    assert report.warnings == {"updated.form": 1}
    assert [domain["name"] for domain in queries.domains(database.connect())] == ["uc-cmp.mssante.fr"]


def test_a_date_far_east_of_every_time_zone_is_read(settings: Settings, database: Any, tmp_path: Path) -> None:
    load(settings, tmp_path, entry("x.mssante.fr", updated="2025-03-14T10:00:00+20:00"))
    (domain,) = queries.domains(database.connect())
    assert domain["updated_at"] == datetime(2025, 3, 13, 14, tzinfo=UTC)


def test_of_a_pair_listed_twice_the_latest_wins_in_any_order(settings: Settings, database: Any, tmp_path: Path) -> None:
    old = entry("x.mssante.fr", A, updated="2024-01-01T00:00:00Z", description="old")
    new = entry("x.mssante.fr", A.replace(",", ", "), updated="2025-01-01T00:00:00Z", description="new")
    report = run_one(settings, white_list(tmp_path, new, old))
    assert report.warnings == {"entry.repeated": 1}
    assert load(settings, tmp_path, old, new) == {"create": 0, "update": 0, "close": 0, "same": 1}
    (domain,) = queries.domains(database.connect())
    assert domain["description"] == "new"


def test_an_operator_keeps_its_row_when_its_last_domain_goes(settings: Settings, database: Any, tmp_path: Path) -> None:
    load(settings, tmp_path, entry("x.mssante.fr", A), entry("y.mssante.fr", B))
    assert load(settings, tmp_path, entry("x.mssante.fr", A))["close"] == 1
    found = queries.operators(database.connect())
    assert [(each["id"], each["name"], each["certificates"], each["domains"]) for each in found] == [
        ("1750160012", "ALPHA", [A], ["x.mssante.fr"]),
        ("318751275100020", "BETA", [], []),
    ]


def test_an_operator_with_several_names_takes_the_lowest(settings: Settings, database: Any, tmp_path: Path) -> None:
    load(settings, tmp_path, entry("x.mssante.fr", "CN=1,OU=1750160012,O=ZETA"), entry("y.mssante.fr", A))
    assert [each["name"] for each in queries.operators(database.connect())] == ["ALPHA"]


def test_only_what_documents_show_is_marked(settings: Settings, database: Any, tmp_path: Path) -> None:
    connection = database.connect(autocommit=True)
    load(settings, tmp_path, entry("stays.mssante.fr"), entry("gains.mssante.fr"), entry("goes.mssante.fr"))
    path = white_list(
        tmp_path,
        entry("stays.mssante.fr", description="told anew"),
        entry("gains.mssante.fr"),
        entry("gains.mssante.fr", B),
        entry("comes.mssante.fr"),
    )
    # The plan of the second list, applied without publishing, shows its marks.
    (report,) = import_files(settings, [path], Options(tmp_path, frozenset({"shrink"}), wait=False))
    assert report.diff == {"create": 1, "update": 2, "close": 1, "same": 0}
    assert (report.edition_after, report.pending) == (None, 4)
    # A certificate that comes marks its operator besides: mailboxes may name it from now on.
    assert marks(connection) == [
        *(("domain", f"{name}.mssante.fr") for name in ("comes", "gains", "goes")),
        ("operator", "318751275100020"),
    ]


def test_the_first_list_hides_mailboxes_of_other_domains_and_names_operators(
    settings: Settings, database: Any, tmp_path: Path
) -> None:
    connection = database.connect(autocommit=True)
    run(settings, tmp_path, files.PERSONS, files.MAILBOXES)
    before = addresses(connection)
    assert len(before) == 5
    domain = before[0].partition("@")[2]
    load(settings, tmp_path, entry(domain))
    assert addresses(connection) == [address for address in before if address.endswith(f"@{domain}")]
    operators = connection.execute(
        "SELECT DISTINCT document::json ->> 'operator' FROM publication WHERE kind = 'mailbox'"
    )
    assert operators.fetchall() == [("1750160012",)]

    load(settings, tmp_path, entry(domain), entry(domain, B))
    shared = connection.execute("SELECT DISTINCT document::json ->> 'operator' FROM publication WHERE kind = 'mailbox'")
    assert shared.fetchall() == [(None,)]


def addresses(connection: psycopg.Connection[Any]) -> list[str]:
    rows = connection.execute("SELECT key FROM publication WHERE kind = 'mailbox' ORDER BY key").fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<!DOCTYPE x [<!ENTITY e 'v'>]>", "xml.forbidden"),
        ("<a>", "xml.root"),
        ('<?xml version="1.0" encoding="klingon"?>', "xml.malformed"),
        ('<?xml version="1.0" encoding="hex"?>', "xml.malformed"),
        ('<?xml version="1.0" encoding="shift_jis"?>', "xml.malformed"),
        ('<?xml version="1.0" encoding="punycode"?>', "xml.malformed"),
    ],
)
def test_xml_that_is_not_the_list_is_refused(settings: Settings, tmp_path: Path, text: str, code: str) -> None:
    content = f'{text}<ListeBlancheMSSante xmlns="{NAMESPACE}"/>'
    report = run_one(settings, written(tmp_path, "x.xml", content.encode()))
    assert (report.state, report.guards[0].name) == ("refused", code)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_list_cut_anywhere_is_refused(settings: Settings, tmp_path: Path, share: float) -> None:
    whole = files.SHORT_LIST.read_bytes()
    report = run_one(settings, written(tmp_path, "cut.xml", whole[: int(len(whole) * share)]))
    assert (report.state, report.guards[0].name) == ("refused", "xml.truncated")


def test_a_list_with_a_stray_tag_is_refused_with_its_place(settings: Settings, tmp_path: Path) -> None:
    report = run_one(settings, white_list(tmp_path, entry("x.mssante.fr"), "</Domaine>"))
    assert report.guards[0].name == "xml.malformed"
    assert report.guards[0].detail.startswith("line 6, column 2:")
