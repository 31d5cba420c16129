"""Guards, exit codes and the report's shape."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.console import Refused
from app.embedded import Postgres
from app.imports import guards
from app.imports.guards import Figures, Guard, Limit, accept, judge, limits, uneven_losses
from app.imports.options import Options
from app.imports.pipeline import import_files
from app.imports.report import Report, readable, worst
from app.imports.sources.catalogue import source_named
from app.sandbox.generate import generate
from app.settings import Settings
from tests.harness.database import Database, cloned
from tests.imports import files
from tests.imports.files import run, run_one, written

Connection = psycopg.Connection[Any]
Limits = dict[str, Limit]
PLAIN = Figures(read=10_000, accepted=10_000, rejected=0, stated=10_000, closed=0, changed=0, counted="mailbox")


@pytest.fixture
def connection(database: Database) -> Connection:
    return database.connect(autocommit=True)


def in_force(connection: Connection, source: str) -> Limits:
    with connection.cursor() as cursor:
        return limits(cursor, source_named(source))


@pytest.fixture(scope="module")
def by_default(migrated: Postgres) -> Iterator[Limits]:
    """The limits of a source without any of its own, as a directory is born with them."""
    with cloned(migrated) as born, psycopg.connect(born.dsn) as connection:
        yield in_force(connection, "finess")


CASES: list[tuple[dict[str, Any], list[str]]] = [
    ({}, []),
    ({"closed": 500}, []),
    ({"closed": 501}, ["shrink"]),
    ({"stated": 3, "closed": 1}, ["shrink"]),
    ({"read": 0, "accepted": 0, "closed": 10_000}, ["shrink"]),
    ({"stated": 0, "changed": 10_000}, []),
    ({"changed": 1_000}, []),
    ({"changed": 1_001}, ["changes"]),
    ({"stated": 100_000, "changed": 10_000}, []),
    ({"stated": 100_000, "changed": 10_001}, ["changes"]),
    # The second file of a small directory may well double it.
    ({"stated": 500, "changed": 1_000}, []),
    ({"rejected": 10, "accepted": 9_990}, []),
    ({"rejected": 11, "accepted": 9_989}, ["rejected_lines"]),
    ({"check_digits": 100}, []),
    ({"check_digits": 101}, ["check_digits"]),
    ({"read": 10, "accepted": 10, "check_digits": 8}, []),
    ({"lines_before": 10_526}, []),
    ({"lines_before": 10_527}, ["file_shrank"]),
    # One cause, one guard.
    ({"lines_before": 20_000, "closed": 5_000}, ["shrink"]),
    ({"stamp": "202609230201", "stamp_before": "202609230201"}, []),
    ({"stamp": "202609220201", "stamp_before": "202609230201"}, ["older_file"]),
    ({"stamp": None, "stamp_before": "202609230201"}, []),
    ({"missing": ("profession",)}, ["column_missing"]),
]


@pytest.mark.parametrize(("figures", "names"), CASES)
def test_guards_wake_above_their_limits(by_default: Limits, figures: dict[str, Any], names: list[str]) -> None:
    woken = judge(replace(PLAIN, **figures), by_default)
    assert [guard.name for guard in woken] == names
    warns = {"rejected_lines", "column_missing"}
    assert all(guard.refuses is (guard.name not in warns) for guard in woken)
    assert all(("--accept-guard" in guard.detail) is guard.refuses for guard in woken)


def test_a_guard_says_its_figures(by_default: Limits) -> None:
    (guard,) = judge(replace(PLAIN, closed=501), by_default)
    assert guard.detail.startswith("the file would close 501 of 10000 mailbox entities (5.0%)")


def test_a_guard_may_warn_be_off_or_have_another_limit_for_one_source(connection: Connection) -> None:
    closing = replace(PLAIN, closed=501)
    guards.set_level(connection, "finess", "shrink", "warn")
    guards.set_limit(connection, "mssante", "shrink", "0.2")
    assert [guard.refuses for guard in judge(closing, in_force(connection, "finess"))] == [False]
    assert judge(closing, in_force(connection, "mssante")) == []
    assert [guard.refuses for guard in judge(closing, in_force(connection, "savoir_faire"))] == [True]
    guards.set_level(connection, "*", "shrink", "off")
    assert judge(closing, in_force(connection, "savoir_faire")) == []
    assert [guard.refuses for guard in judge(closing, in_force(connection, "finess"))] == [False]
    guards.set_limit(connection, "mssante", "rejected_lines", "0.5")
    assert in_force(connection, "mssante")["rejected_lines"] == guards.Limit("warn", 0.5)
    for wrong in ("-1", "many", "inf"):
        with pytest.raises(Refused):
            guards.set_limit(connection, "*", "shrink", wrong)
    with pytest.raises(Refused):
        guards.set_level(connection, "*", "shrink", "loud")


def test_an_accepted_guard_is_said_and_refuses_no_more(by_default: Limits) -> None:
    woken = judge(replace(PLAIN, closed=9_000, check_digits=9_000), by_default)
    shrink, digits = accept(woken, ["shrink"], "jeanne", "2026-09-23T02:01:00+00:00")
    assert (shrink.refuses, digits.refuses) == (False, True)
    assert shrink.as_json() | {"accepted": True, "by": "jeanne", "at": "2026-09-23T02:01:00+00:00"} == shrink.as_json()
    assert set(digits.as_json()) == {"name", "level", "detail"}


def names_of(report: Report) -> list[tuple[str, str]]:
    return [(guard.name, guard.level) for guard in report.guards]


def test_codes_that_their_system_does_not_know_hold_a_file_of_many(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    guards.set_limit(connection, "personne_activite", "unknown_codes", "0")
    text = files.PERSONS.read_text("utf-8")
    code = text.splitlines()[1].split("|")[9]
    path = written(tmp_path, "x.txt", text.replace(f"|{code}|", "|ZZ9|").encode())
    held = run_one(settings, path, dry_run=True)
    assert names_of(held) == [("unknown_codes", "refuse")]
    assert "lines with unknown codes of profession (ZZ9)" in held.guards[0].detail


def test_a_column_that_vanished_is_said(settings: Settings, tmp_path: Path) -> None:
    run_one(settings, files.MAILBOXES)
    rows = [line.split("|") for line in files.MAILBOXES.read_text("utf-8").splitlines()]
    place = rows[0].index("Code Profession")
    path = written(tmp_path, "x.txt", "\n".join("|".join(row[:place] + row[place + 1 :]) for row in rows).encode())
    report = run_one(settings, path)
    assert (report.state, names_of(report)) == ("applied", [("column_missing", "warn")])
    assert report.guards[0].detail.endswith("lacks: profession")


def test_identifiers_that_fail_their_check_digits_hold_a_file(settings: Settings, tmp_path: Path) -> None:
    boxes = [f"PER|b{number}@ch-exemple.mssante.fr|8||8999000{number:05}" for number in range(10)]
    rows = [f"{box}{'|' * (HEADER.count('|') - box.count('|'))}" for box in boxes]
    report = run_one(settings, written(tmp_path, "x.txt", "\n".join([HEADER, *rows]).encode()))
    assert (report.state, names_of(report)) == ("refused", [("check_digits", "refuse")])
    assert "9 identifiers of 10 lines" in report.guards[0].detail


def test_an_older_file_is_held_and_the_same_file_is_nothing_to_do(settings: Settings, tmp_path: Path) -> None:
    content = files.MAILBOXES.read_bytes()
    new = written(tmp_path, "Extraction_202609230201.txt", content)
    assert run_one(settings, new).state == "applied"
    old = run_one(settings, written(tmp_path, "Extraction_202609220201.txt", content))
    assert (old.state, names_of(old)) == ("refused", [("older_file", "refuse")])
    again = run_one(settings, new)
    assert (again.state, again.mode, names_of(again)) == ("applied", "same", [("same_file", "warn")])
    assert again.diff == {"create": 0, "update": 0, "close": 0, "same": 5}
    assert run_one(settings, new, accept=("same_file",)).mode == "delta"


def test_where_the_guard_of_the_same_file_is_off_it_is_read_again(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    path = written(tmp_path, "Extraction_202609230201.txt", files.MAILBOXES.read_bytes())
    run_one(settings, path)
    guards.set_level(connection, "*", "same_file", "off")
    again = run_one(settings, path)
    assert (again.mode, again.diff["same"], names_of(again)) == ("delta", 5, [])


def test_what_a_guard_does_not_list_it_counts() -> None:
    names = [str(number) for number in range(12)]
    assert guards.some(names[:10]) == "; ".join(names[:10])
    assert guards.some(names) == "; ".join(names[:10]) + "; and 2 more"


# The share of the mailboxes that each of twelve operators holds; each has forty domains.
OPERATORS = (0.31, 0.15, 0.12, 0.1, 0.08, 0.06, 0.05, 0.04, 0.03, 0.03, 0.02, 0.01)
DOMAINS = 40
MAILBOXES = 40_000
LOST = 36  # 0.09 %
ROW = "ORG|{address}||||1|1990000010|" + "|" * 23
HEADER = (files.DATA / "headers" / "Extraction_Correspondance_MSSante.txt").read_text("utf-8").strip()


def domain(operator: int, number: int) -> str:
    return f"d{number % DOMAINS}.o{operator}.mssante.fr"


def trust_space(connection: Connection) -> None:
    """Twelve operators and their domains, as the white list leaves them."""
    for operator in range(len(OPERATORS)):
        connection.execute("INSERT INTO operator (id, name) VALUES (%s, %s)", [f"op{operator}", f"Op {operator}"])
        connection.execute(
            "INSERT INTO operator_certificate (dn, operator, listed_as) VALUES (%s, %s, '')",
            [f"cn={operator}", f"op{operator}"],
        )
        for number in range(DOMAINS):
            connection.execute(
                "INSERT INTO domain (name, certificate, source) VALUES (%s, %s, 'liste_blanche')",
                [domain(operator, number), f"cn={operator}"],
            )


def extraction(boxes: list[tuple[int, int]]) -> bytes:
    """A file of these mailboxes, each (operator, number)."""
    lines = (ROW.format(address=f"b{number}@{domain(operator, number)}") for operator, number in boxes)
    return "\n".join([HEADER, *lines, ""]).encode()


def test_a_small_loss_that_is_all_one_operators_is_held_and_the_same_loss_spread_is_not(
    settings: Settings, connection: Connection, tmp_path: Path
) -> None:
    trust_space(connection)
    boxes = [(operator, number) for operator, share in enumerate(OPERATORS) for number in range(int(share * MAILBOXES))]
    assert len(boxes) == MAILBOXES
    chance = random.Random(2022)  # noqa: S311 - no secret
    (first,) = import_files(settings, [written(tmp_path, "1.txt", extraction(boxes))], Options(tmp_path, wait=False))
    assert (first.state, first.diff["create"]) == ("applied", MAILBOXES)

    def planned(lost: list[tuple[int, int]]) -> Report:
        left = extraction([box for box in boxes if box not in set(lost)])
        report = run_one(settings, written(tmp_path, "next.txt", left), dry_run=True)
        assert report.diff["close"] == LOST == len(lost)
        return report

    for operator in (0, 3, 11):
        held = planned(chance.sample([box for box in boxes if box[0] == operator], LOST))
        assert (held.state, names_of(held)) == ("refused", [("operator_losses", "refuse")])
        assert f"op{operator} would lose 36 of " in held.guards[0].detail
    lonely = [box for box in boxes if domain(*box) == "d1.o1.mssante.fr"]
    assert ("domain_losses", "refuse") in names_of(planned(lonely[:LOST]))
    spread = planned(chance.sample(boxes, LOST))
    assert (spread.state, spread.guards) == ("planned", [])


# Rank and size of the domains of the nation, and how many domains the owners hold (volumes.md §4).
ANCHORS = (
    (1, 62_151),
    (10, 12_400),
    (11, 7_030),
    (50, 1_193),
    (502, 87),
    (1_001, 30),
    (1_806, 10),
    (2_509, 4),
    (5_018, 1),
)
OWNED = (2_769, 392, 309, 304, 272, 241, 187, 106, 66, 65, 51, 39, 26, 24, 23)
BURSTS = {80: 1_027, 170: 370, 260: 890}


def sizes() -> list[int]:
    """The size of each domain of the nation, largest first."""
    found = []
    for (rank, size), (last, smallest) in pairwise(ANCHORS):
        share = smallest / size
        found += [round(size * share ** ((place - rank) / (last - rank))) for place in range(rank, last)]
    return [*found, 1]


def gaps(chance: random.Random) -> Iterator[tuple[int, int]]:
    """A year of files: (day, days since the last one), some of them after a gap of up to ten days."""
    day = 0
    while day < 365:
        gap = min(365 - day, chance.choice((1,) * 20 + (2, 3, 4, 10)))
        day += gap
        yield day, gap


def about(chance: random.Random, mean: float) -> int:
    """A number of independent events."""
    return max(0, round(chance.gauss(mean, mean**0.5)))


def test_a_simulated_year_of_normal_days_raises_no_hold(connection: Connection) -> None:
    chance = random.Random(365)  # noqa: S311 - no secret
    force = {name: in_force(connection, name) for name in ("personne_activite", "mssante", "finess", "liste_blanche")}
    domains = sizes()
    owners = [owner for owner, count in enumerate(OWNED) for _ in range(count)]
    owners += range(len(OWNED), len(OWNED) + len(domains) - len(owners))
    chance.shuffle(owners)
    held_by_owner: Counter[int] = Counter()
    for owner, size in zip(owners, domains, strict=False):
        held_by_owner[owner] += size
    summed = list(accumulate(domains))
    for day, gap in gaps(chance):
        events = {
            # (stated, closed, changed, lines): persons and their roles; mailboxes; sites; domains.
            "personne_activite": (1_912_833, about(chance, gap * 392), about(chance, gap * 13_800), 2_300_000),
            "mssante": (535_000, about(chance, gap * 482), about(chance, gap * 600), 560_000),
            "finess": (103_000, about(chance, gap * 15), about(chance, gap * 640), 103_000),
            "liste_blanche": (
                5_002,
                about(chance, gap * 2),
                sum(chance.randint(1, 20) for _ in range(gap))
                + sum(size for when, size in BURSTS.items() if day - gap < when <= day),
                6_554,
            ),
        }
        for source, (stated, closed, changed, lines) in events.items():
            figures = Figures(
                read=lines,
                accepted=lines,
                rejected=0,
                stated=stated,
                closed=closed,
                changed=changed,
                counted=source,
                check_digits=about(chance, lines / 10_000),
                lines_before=lines + closed,
                stamp=f"2026{day:03}",
                stamp_before=f"2026{day - gap:03}",
            )
            assert judge(figures, force[source]) == [], (day, gap, source)
        lost = Counter(chance.choices(range(len(domains)), cum_weights=summed, k=events["mssante"][1]))
        # A small establishment leaves every day.
        small = chance.randrange(2_000, len(domains))
        lost[small] = domains[small]
        by_owner: Counter[int] = Counter()
        for place, count in lost.items():
            by_owner[owners[place]] += count
        by_domain = [(str(place), size, lost[place]) for place, size in enumerate(domains)]
        of_owners = [(str(owner), held, by_owner[owner]) for owner, held in held_by_owner.items()]
        deviations = force["mssante"]["operator_losses"].threshold
        assert uneven_losses(by_domain, force["mssante"]["domain_losses"].threshold) == [], (day, gap)
        assert uneven_losses(of_owners, deviations) == [], (day, gap)
        # The accident of 2022 on top of any of these days: 0.09 % of all mailboxes, of one operator.
        victim = next(owner for owner, held in held_by_owner.items() if held >= 2_000 and owner % 5 == day % 5)
        hit = [(name, held, count + 481 * (name == str(victim))) for name, held, count in of_owners]
        assert uneven_losses(hit, deviations), (day, gap, victim)


def test_the_next_day_of_a_synthetic_directory_raises_no_hold(settings: Settings, tmp_path: Path) -> None:
    for next_day in (False, True):
        made = generate(1_500, 8, tmp_path / str(next_day), next_day=next_day)
        reports = run(settings, tmp_path, *(file.path for file in made.files))
        assert [report.state for report in reports] == ["applied"] * len(reports), [
            (e.source, e.diff, e.guards) for e in reports
        ]


@pytest.mark.parametrize(
    ("state", "rejected", "code"),
    [("applied", 0, 0), ("planned", 0, 0), ("applied", 1, 1), ("undone", 1, 0), ("refused", 0, 2), ("failed", 3, 2)],
)
def test_the_exit_code_follows_state_and_rejects(state: str, rejected: int, code: int) -> None:
    assert Report("r", "f", state=state, read=9, rejected=rejected).exit_code == code


def test_the_exit_code_of_several_files_is_the_worst() -> None:
    assert worst([Report("a", "f", state="applied"), Report("b", "f", state="refused")]) == 2
    assert worst([]) == 0


def test_the_report_has_the_promised_names() -> None:
    report = Report(
        "r", "f.txt", "mssante", state="applied", read=5, rejected=1, blank=1, edition_before=1, edition_after=4
    )
    found = report.as_json()
    assert found["lines"] == {"read": 5, "accepted": 3, "rejected": 1, "blank": 1}
    assert found["edition"] == {"before": 1, "after": 4}
    assert found["diff"] == {"create": 0, "update": 0, "close": 0, "same": 0}
    assert list(found) == [
        "run", "source", "state", "file", "sha256", "stamp", "lines", "diff", "guards", "warnings", "rejects",
        "edition", "mode", "stages", "planned_by", "applied_by", "undone_by", "effective_at", "started_at",
        "applied_at", "undone_at", "finished_at",
    ]  # fmt: skip


def test_the_readable_report_names_guards_and_what_waits() -> None:
    report = Report("r", "f.txt", "mssante", guards=[Guard("shrink", "refuse", "too many")], pending=3, left_out=["x"])
    text = readable(report)
    assert "shrink: too many" in text
    assert "3 marks wait" in text
    assert "left out   x" in text
