"""What was found of the search, as three tables: kinds of questions, classes of mistakes, single figures."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.search_asked import Timed
from tests.bench.search_questions import PREFIXES, Kind
from tests.bench.table import Line, aligned, rendered
from tests.search_corpus.recall import WANTED, WANTED_IN_EACH, Recall, overall

WANTED_MS, WANTED_RATIO = 15.0, 3.0
OURS = "annuaire"
MISSED = "MISSED"


@dataclass
class Found:
    """Everything measured. `timed` and `recall` by engine, ours first; `lines` are single figures."""

    kinds: list[Kind] = field(default_factory=list)
    timed: dict[str, dict[str, Timed]] = field(default_factory=dict)
    recall: dict[str, dict[str, Recall]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


def told(found: Found, out: Path | None = None) -> int:
    """Print the tables, also into a file; the exit code: 1 when a figure is missed."""
    text = "\n\n".join((_questions(found), _mistakes(found), rendered([*_whole(found), *found.lines]))) + "\n"
    sys.stdout.write(text)
    if out:
        out.write_text(text, encoding="utf-8")
    return 1 if MISSED in text else 0


def _questions(found: Found) -> str:
    """Milliseconds by kind: the processor's for one answer of ours, median and 99th percentile of each engine."""
    engines = list(found.timed)
    heads = [f"{engine} {what}" for engine in engines for what in ("p50", "p99")]
    rows = [["question", "asked", "processor", *heads, f"p99 ≤ {WANTED_MS:g} ms"]]
    for kind in found.kinds:
        ours = found.timed[OURS][kind.name]
        refused = [f"answered {status}: {times}" for status, times in ours.refused.items()]
        late = [MISSED] if ours.percentile(0.99) > WANTED_MS else []
        figures = [cell for engine in engines for cell in _percentiles(found.timed[engine].get(kind.name))]
        rows.append(
            [kind.name, f"{len(ours.latencies)}", f"{ours.processor_ms:,.1f}", *figures, ", ".join(late + refused)]
        )
    return aligned(rows)


def _percentiles(timed: Timed | None) -> tuple[str, str]:
    if timed is None:
        return "", ""
    return f"{timed.percentile(0.5):,.1f}", f"{timed.percentile(0.99):,.1f}"


def _mistakes(found: Found) -> str:
    """By class: who was found among the first ten; of ours also what else was shown."""
    engines = list(found.recall)
    rows = [["mistake", "asked", "items", "unrelated", "loose", *engines, f"recall ≥ {WANTED_IN_EACH}"]]
    for kind, ours in found.recall[OURS].items():
        shares = [_share(found.recall[engine].get(kind)) for engine in engines]
        rows.append([kind, *_shown(ours), *shares, MISSED if ours.share < WANTED_IN_EACH else ""])
    whole = {engine: overall(found.recall[engine]) for engine in engines}
    shares = [_share(each) for each in whole.values()]
    wanted = f"≥ {WANTED}" + (f" {MISSED}" if whole[OURS].share < WANTED else "")
    return aligned([*rows, ["all", *_shown(whole[OURS]), *shares, wanted]])


def _shown(recall: Recall) -> tuple[str, str, str, str]:
    return f"{recall.asked}", f"{recall.items}", f"{recall.unrelated}", f"{recall.loose}"


def _share(recall: Recall | None) -> str:
    """With the number asked where it was cut short by time."""
    return f"{recall.share:.3f} of {recall.asked}" if recall else ""


def _whole(found: Found) -> list[Line]:
    """The slowest of the prefixes beside the fastest, by the clock and by the processor."""
    asked = [found.timed[OURS][f'"{prefix}"'] for prefix in PREFIXES]
    return [
        _spread("slowest of the prefixes, median", [timed.percentile(0.5) for timed in asked]),
        _spread("dearest of the prefixes, processor", [timed.processor_ms for timed in asked]),
    ]


def _spread(what: str, figures: list[float]) -> Line:
    least = min(figures)
    return Line(what, max(figures), "ms", "least", least, most=least * WANTED_RATIO)
