"""Guards: what makes a plan suspicious, as rows of `import_guard`: a limit for each source, and whether it refuses
or warns.

A guard that refuses can be accepted by its name; the receipt of the run says who accepted it. Losses of mailboxes are
judged apart for each domain and each operator: 0.09 % of a directory is an ordinary day when it is spread, and an
accident when it is all one operator's.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import psycopg

from app.console import Refused
from app.imports.sources.description import Source
from app.imports.sources.sql_text import sql
from app.imports.workspace import Cursor, count

# name → what its limit means, for `annuaire import guards` and the documents.
GUARDS: Mapping[str, str] = {
    "changes": "share of what the source states that the file would change or add",
    "check_digits": "share of the accepted lines whose identifiers fail their check digits",
    "column_missing": "columns that the last file had and this one lacks",
    "domain_losses": "standard deviations by which the mailboxes lost in one domain exceed the losses elsewhere",
    "file_shrank": "share of the lines of the last file that are missing",
    "older_file": "the file is older than the last one applied",
    "operator_losses": "standard deviations by which the mailboxes lost by one operator exceed the losses elsewhere",
    "rejected_lines": "share of the lines that were rejected",
    "same_file": "the file is the last one applied: there is nothing to do",
    "shrink": "share of what the source states that the file would close",
    "unlisted_mailboxes": "share of the mailboxes that a white list would take out of every domain of their operator",
    "unknown_codes": "lines with a code that its code system does not know, for each code system",
}
NAMES = tuple(GUARDS)
# Changes are judged from so many on: the second file of a directory that is being filled may well double it.
FEW_CHANGES = 1_000
# Mailboxes lost by chance on an ordinary day (0.09 % a day were measured): nobody is held for losing few.
ORDINARY_LOSS = 0.0005
FEW_LOSSES = 8
LISTED = 10
UNLISTED = sql("white_list.unlisted")
HELD = "SELECT count(*) FROM mailbox WHERE state = 'active'"


@dataclass(frozen=True)
class Guard:
    """One guard that spoke. `accepted`: it would refuse, and somebody accepted it by name; `by`, `at` say who and
    when.
    """

    name: str
    level: Literal["refuse", "warn"]
    detail: str
    accepted: bool = False
    by: str | None = None
    at: str | None = None

    @property
    def refuses(self) -> bool:
        return self.level == "refuse" and not self.accepted

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key in {"name", "level", "detail"} or value}


@dataclass(frozen=True)
class Limit:
    """A row of `import_guard`."""

    level: Literal["refuse", "warn", "off"]
    threshold: float


@dataclass(frozen=True)
class Figures:
    """What guards judge: lines, entities of `counted` that the source stated before and would close or change, and
    files.

    `lines_before`, `stamp_before`: of the last file applied; `missing`: columns that it had.
    """

    read: int
    accepted: int
    rejected: int
    stated: int
    closed: int
    changed: int
    counted: str
    check_digits: int = 0
    lines_before: int | None = None
    stamp: str | None = None
    stamp_before: str | None = None
    missing: tuple[str, ...] = ()


def limits(cursor: Cursor, source: Source) -> dict[str, Limit]:
    """The guards in force for a source: its own rows before those of all sources."""
    rows = cursor.execute(
        "SELECT name, level, threshold FROM import_guard WHERE source IN ('*', %s) ORDER BY source = '*' DESC",
        [source.name],
    ).fetchall()
    found = {name: Limit(level, threshold) for name, level, threshold in rows}
    return {name: limit for name, limit in found.items() if limit.level != "off"}


def judge(figures: Figures, limits: Mapping[str, Limit]) -> list[Guard]:
    """The guards that these figures wake. A first load closes and changes nothing, whatever its size."""
    spoken = [
        ("shrink", figures.closed > figures.stated * _threshold(limits, "shrink"), _shrink(figures)),
        (
            "changes",
            bool(figures.stated) and figures.changed > max(FEW_CHANGES, figures.stated * _threshold(limits, "changes")),
            f"the file would change or add {figures.changed} {figures.counted} entities beside {figures.stated} known",
        ),
        ("rejected_lines", figures.rejected > figures.read * _threshold(limits, "rejected_lines"), _rejected(figures)),
        (
            "check_digits",
            figures.check_digits > max(FEW_LOSSES, figures.accepted * _threshold(limits, "check_digits")),
            f"{figures.check_digits} identifiers of {figures.accepted} lines fail their check digits",
        ),
        (
            "column_missing",
            len(figures.missing) > _threshold(limits, "column_missing"),
            f"the last file had columns that this one lacks: {', '.join(figures.missing)}",
        ),
        (
            "older_file",
            bool(figures.stamp and figures.stamp_before and figures.stamp < figures.stamp_before),
            f"the file is of {figures.stamp}, the last one applied of {figures.stamp_before}",
        ),
    ]
    guards = [guard for name, is_awake, detail in spoken if is_awake and (guard := spoke(limits, name, detail))]
    # One cause, one guard: where entities close, `shrink` has said it.
    if figures.lines_before and not any(guard.name == "shrink" for guard in guards):
        lost = figures.lines_before - figures.accepted
        if lost > figures.lines_before * _threshold(limits, "file_shrank"):
            detail = f"the file holds {figures.accepted} lines where the last one had {figures.lines_before}"
            guards += filter(None, [spoke(limits, "file_shrank", detail)])
    return guards


def spoke(limits: Mapping[str, Limit], name: str, detail: str) -> Guard | None:
    """This guard, if it is in force."""
    limit = limits.get(name)
    if limit is None:
        return None
    hint = f". If that is right, accept it: --accept-guard {name}" if limit.level == "refuse" else ""
    return Guard(name, "refuse" if limit.level == "refuse" else "warn", detail + hint)


def accept(guards: Iterable[Guard], names: Iterable[str], by: str, at: str) -> list[Guard]:
    """The guards, those of these names accepted."""
    wanted = set(names)
    return [
        replace(guard, accepted=True, by=by, at=at) if guard.refuses and guard.name in wanted else guard
        for guard in guards
    ]


def some(items: Sequence[str], separator: str = "; ") -> str:
    """The first of these as one text, and how many more there are."""
    listed, more = items[:LISTED], len(items) - LISTED
    return separator.join([*listed, *([f"and {more} more"] if more > 0 else [])])


def judge_codes(cursor: Cursor, source: Source, limits: Mapping[str, Limit]) -> list[Guard]:
    """A code system that does not know the codes of many lines: a new table of the nomenclature, or shifted columns."""
    if not source.labels or "unknown_codes" not in limits:
        return []
    unknown = cursor.execute(UNKNOWN_CODES, [limits["unknown_codes"].threshold]).fetchall()
    details = [
        f"{lines} lines with unknown codes of {value_set} ({some(codes, ', ')})" for value_set, lines, codes in unknown
    ]
    return [guard for guard in [spoke(limits, "unknown_codes", "; ".join(details))] if details and guard]


def judge_losses(cursor: Cursor, run: int, limits: Mapping[str, Limit]) -> list[Guard]:
    """Mailboxes that would be withdrawn, by domain and by operator (the only owner of the domain)."""
    found: list[Guard] = []
    for name, group in (("domain_losses", "domain"), ("operator_losses", "operator")):
        if name not in limits:
            continue
        rows = cursor.execute(LOSSES[group].encode(), {"run": run}).fetchall()
        if suspicious := uneven_losses(rows, limits[name].threshold):
            detail = f"losses of mailboxes that are not spread: {some(suspicious)}"
            found += filter(None, [spoke(limits, name, detail)])
    return found


def uneven_losses(rows: Sequence[tuple[str, int, int]], deviations: float) -> list[str]:
    """Who of (name, mailboxes held, mailboxes lost) would lose more than the losses of all others let expect, by so
    many standard deviations.
    """
    all_held, all_lost = sum(held for _, held, _ in rows), sum(lost for _, _, lost in rows)
    suspicious = []
    for name, held, lost in rows:
        elsewhere = (all_lost - lost) / (all_held - held) if all_held > held else 0
        expected = held * max(elsewhere, ORDINARY_LOSS)
        if lost > expected + deviations * expected**0.5 + FEW_LOSSES:
            suspicious.append(f"{name} would lose {lost} of {held}")
    return suspicious


def judge_unlisted(cursor: Cursor, limits: Mapping[str, Limit]) -> list[Guard]:
    """Mailboxes that are seen by the white list in force and would not be by this one: few domains may carry many."""
    if "unlisted_mailboxes" not in limits:
        return []
    rows = cursor.execute(UNLISTED).fetchall()
    lost, held = sum(row[1] for row in rows), count(cursor, HELD)
    if lost <= held * limits["unlisted_mailboxes"].threshold:
        return []
    domains = some([f"{domain} ({mailboxes})" for domain, mailboxes in rows])
    detail = f"the list would take {lost} of {held} mailboxes ({lost / held:.1%}) out of sight: {domains}"
    return [guard for guard in [spoke(limits, "unlisted_mailboxes", detail)] if guard]


# A value set without any code system tells nothing: every code of it is unknown.
UNKNOWN_CODES = """
SELECT value_set, sum(lines)::integer, array_agg(code ORDER BY lines DESC, code)
FROM unknown_code u WHERE EXISTS (SELECT FROM code_binding b WHERE b.value_set = u.value_set)
GROUP BY value_set HAVING sum(lines) > %s ORDER BY value_set
"""
OWNERS = """
  SELECT d.name, min(c.operator) AS operator FROM domain d JOIN operator_certificate c ON c.dn = d.certificate
  GROUP BY d.name HAVING count(DISTINCT c.operator) = 1
"""
COUNTED = """
SELECT {group}, count(*), count(*) FILTER (WHERE lost.entity_key IS NOT NULL)
FROM mailbox m
LEFT JOIN (SELECT entity_key FROM import_change
           WHERE run = %(run)s AND target = 'mailbox' AND action IN ('close', 'delete')) lost
  ON lost.entity_key = m.address
{owners}
WHERE m.state = 'active' GROUP BY 1
"""
LOSSES = {
    "domain": COUNTED.format(group="m.domain", owners=""),
    "operator": COUNTED.format(
        group="coalesce(m.operator, o.operator, m.domain)", owners=f"LEFT JOIN ({OWNERS}) o ON o.name = m.domain"
    ),
}


def _threshold(limits: Mapping[str, Limit], name: str) -> float:
    return limits[name].threshold if name in limits else float("inf")


def _shrink(figures: Figures) -> str:
    share = figures.closed / figures.stated if figures.stated else 0
    closing = f"{figures.closed} of {figures.stated} {figures.counted} entities ({share:.1%})"
    return f"the file would close {closing}: is it complete"


def _rejected(figures: Figures) -> str:
    return f"{figures.rejected} of {figures.read} lines were rejected: see the rejects"


def listed(connection: psycopg.Connection[Any]) -> list[dict[str, Any]]:
    """Every limit in the order of sources and names, with what it means."""
    rows = connection.execute(
        "SELECT source, name, level, threshold FROM import_guard ORDER BY source, name"
    ).fetchall()
    return [
        {"source": source, "name": name, "level": level, "threshold": threshold, "meaning": GUARDS.get(name, "")}
        for source, name, level, threshold in rows
    ]


def set_limit(connection: psycopg.Connection[Any], source: str, name: str, value: str) -> None:
    """Another limit for one source, or for all (`*`). Raises Refused: no number of 0 or more."""
    try:
        threshold = float(value)
    except ValueError as error:
        raise Refused(f"{value!r} is no number", "import.guard_limit") from error
    if not 0 <= threshold < float("inf"):
        raise Refused(f"{value!r} is no limit: a number of 0 or more is", "import.guard_limit")
    connection.execute(
        "INSERT INTO import_guard (source, name, level, threshold)"
        " SELECT %s, %s, coalesce((SELECT level FROM import_guard WHERE source = '*' AND name = %s), 'refuse'), %s"
        " ON CONFLICT (source, name) DO UPDATE SET threshold = excluded.threshold",
        [source, name, name, threshold],
    )


def set_level(connection: psycopg.Connection[Any], source: str, name: str, level: str) -> None:
    """Whether a guard refuses, warns, or is off. Raises Refused: another word."""
    if level not in {"refuse", "warn", "off"}:
        raise Refused(f"{level!r} is no level: refuse, warn and off are", "import.guard_level")
    connection.execute(
        "INSERT INTO import_guard (source, name, level, threshold)"
        " SELECT %s, %s, %s, coalesce((SELECT threshold FROM import_guard WHERE source = '*' AND name = %s), 0)"
        " ON CONFLICT (source, name) DO UPDATE SET level = excluded.level",
        [source, name, level, name],
    )
