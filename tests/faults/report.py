"""The table of faults: what each of them cost, as the tests of `tests/faults` (and of recovery and upgrades) tell it.

A test tells its rows by the fixture `tell`. They travel with its report, so that they arrive from any process of xdist,
and stand in one table at the end of the run. With `--every-fault` a fault of which no test told makes the run fail; a
row with something lost or broken always does. `--fault-rows FILE` keeps them, one JSON object a line.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pytest

# What reliability asks to be tried, by its number.
FAULTS = {
    "F1": "kill -9 of the API while it publishes",
    "F2": "kill -9 of an importer or worker",
    "F3": "kill -9 of PostgreSQL",
    "F4": "kill -9 of slapd while it is written",
    "F5": "kill -9 of a rebuild of the tree",
    "F6": "full disk under the data",
    "F7": "full disk under the write-ahead log",
    "F8": "full disk under the spool",
    "F9": "slow or frozen LDAP",
    "F10": "slow or partitioned PostgreSQL",
    "F11": "slow and half-open clients",
    "F12": "everything delivered twice",
    "F13": "commits out of order",
    "F14": "clocks that jump",
    "F15": "restore to a point in time",
    "F16": "migration under load",
    "F17": "corrupt files",
    "F18": "a full file that was cut short",
    "F19": "a record that fails each time",
    "F20": "a disk that refuses fsync",
    "F21": "leaks",
    "F22": "imports, writes and white lists that race",
    "F23": "a storm of retries",
    "F24": "rotation of keys and certificates",
}
ROW = "fault"
HEAD = ("fault", "what was done", "tries", "lost", "broken", "recovery")


@dataclass(frozen=True)
class Tried:
    """One row. `fault`: its number (`F1`); `what` was done to whom; `tries`: how often.

    `lost`: acknowledged writes that are not there; `broken`: invariants that do not hold; `recovery`: seconds until the
    last of what was struck answered rightly again, None where nothing had to recover.
    """

    fault: str
    what: str
    tries: int
    lost: int
    broken: int
    recovery: float | None = None

    def __post_init__(self) -> None:
        if self.fault not in FAULTS:
            raise ValueError(f"{self.fault} is no fault of the table")

    @property
    def is_harmless(self) -> bool:
        return self.lost == self.broken == 0

    def and_(self, other: "Tried") -> "Tried":
        """Both in one row."""
        longest = max((each for each in (self.recovery, other.recovery) if each is not None), default=None)
        return Tried(
            self.fault,
            self.what,
            self.tries + other.tries,
            self.lost + other.lost,
            self.broken + other.broken,
            longest,
        )

    def cells(self) -> tuple[str, ...]:
        """The row as text, in the order of HEAD."""
        recovery = "-" if self.recovery is None else f"{self.recovery:.1f} s"
        return (self.fault, self.what, str(self.tries), str(self.lost), str(self.broken), recovery)


Tell = Callable[[Tried], None]


def by_number(rows: Iterable[Tried]) -> list[Tried]:
    """Rows by the numbers of their faults; those that say the same was done are one, with the longest recovery."""
    same: dict[tuple[int, str], Tried] = {}
    for row in rows:
        place = int(row.fault[1:]), row.what
        same[place] = same[place].and_(row) if place in same else row
    return [row for _, row in sorted(same.items())]


def table(rows: Iterable[Tried]) -> Iterator[str]:
    """The lines of the table, by the numbers of the faults: the first two columns are texts, the others figures."""
    lines = [HEAD, *(row.cells() for row in by_number(rows))]
    widths = [max(len(line[place]) for line in lines) for place in range(len(HEAD))]
    for line in lines:
        words = zip(line, widths, strict=True)
        yield "  ".join(
            word.ljust(width) if place < 2 else word.rjust(width) for place, (word, width) in enumerate(words)
        )


def missing(rows: Iterable[Tried]) -> list[str]:
    """The faults of which no row tells."""
    told = {row.fault for row in rows}
    return [f"{fault}, {what}" for fault, what in FAULTS.items() if fault not in told]


@dataclass(eq=False)
class Table:
    """The plugin of one run, which pytest tells from others by identity.

    `is_whole`: every fault must have a row; `path`: where rows are kept.
    """

    is_whole: bool
    path: Path | None
    rows: list[Tried] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # The last report of a test has all that it told.
        if report.when == "teardown":
            told = (value for name, value in report.user_properties if name == ROW)
            self.rows.extend(Tried(**json.loads(str(value))) for value in told)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.path:
            self.path.write_text("".join(f"{json.dumps(asdict(row))}\n" for row in self.rows), "utf-8")
        if session.exitstatus == pytest.ExitCode.OK and self._faults():
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        faults = self._faults()
        if not self.rows and not faults:
            return
        terminalreporter.section("faults")
        for line in [*table(self.rows), *faults]:
            terminalreporter.write_line(line)

    def _faults(self) -> list[str]:
        """What makes the run fail."""
        harm = [f"{row.fault} did harm: {row.what}" for row in by_number(self.rows) if not row.is_harmless]
        return harm + [f"no row: {fault}" for fault in (missing(self.rows) if self.is_whole else ())]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the table."""
    group = parser.getgroup("faults")
    group.addoption("--every-fault", action="store_true", help="fail when a fault of the table has no row")
    group.addoption("--fault-rows", type=Path, metavar="FILE", help="keep the rows, one JSON object a line")


def pytest_configure(config: pytest.Config) -> None:
    """One table for a run; the workers of xdist only send their reports."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(config.getoption("every_fault"), config.getoption("fault_rows")))


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Tell:
    """Put a row into the table of this run."""
    return lambda tried: request.node.user_properties.append((ROW, json.dumps(asdict(tried))))
