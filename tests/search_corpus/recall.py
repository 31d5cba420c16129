"""Recall and precision of any search over the cases of the corpus."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.search_corpus.corpus import Case
from tests.search_corpus.people import Person
from tests.search_corpus.related import is_loose, is_unrelated

WANTED, WANTED_IN_EACH = 0.98, 0.90
Named = Callable[[str], Sequence[Person]]


@dataclass
class Recall:
    """How a search did on some cases, and what it answered besides."""

    asked: int = 0
    found: int = 0
    items: int = 0
    unrelated: int = 0
    loose: int = 0
    missed: list[Case] = field(default_factory=list)

    @property
    def share(self) -> float:
        return self.found / self.asked if self.asked else 0.0

    def add(self, other: "Recall") -> None:
        """Count another's cases too."""
        self.asked += other.asked
        self.found += other.found
        self.items += other.items
        self.unrelated += other.unrelated
        self.loose += other.loose
        self.missed += other.missed


def measure(cases: Iterable[Case], search: Named) -> dict[str, Recall]:
    """By class. `search` gives the first ten persons for a query; a case is found when the meant name is among them."""
    by_class: dict[str, Recall] = {}
    for case in cases:
        answer = search(case.query)
        recall = by_class.setdefault(case.kind, Recall())
        recall.asked += 1
        recall.items += len(answer)
        recall.unrelated += sum(is_unrelated(case.query, person) for person in answer)
        recall.loose += sum(is_loose(case.query, person) for person in answer)
        if case.person in answer:
            recall.found += 1
        else:
            recall.missed.append(case)
    return by_class


def overall(by_class: Mapping[str, Recall]) -> Recall:
    """All classes together."""
    whole = Recall()
    for recall in by_class.values():
        whole.add(recall)
    return whole


def told(by_class: Mapping[str, Recall]) -> str:
    """A table, and a few of those missed in each class."""
    rows = [f"{'class':10} {'asked':>6} {'recall':>7} {'items':>6} {'unrelated':>10} {'loose':>6}"]
    for name, recall in [*by_class.items(), ("overall", overall(by_class))]:
        rows.append(
            f"{name:10} {recall.asked:6} {recall.share:7.3f} {recall.items / max(1, recall.asked):6.2f}"
            f" {recall.unrelated:10} {recall.loose:6}"
        )
    for recall in by_class.values():
        rows += [f"  missed: {case.kind}: {case.query!r} means {tuple(case.person)}" for case in recall.missed[:5]]
    return "\n".join(rows)
