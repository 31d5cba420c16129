"""The soak: fill a directory, measure what the machine carries, ask for half of it, look, and judge."""

import asyncio
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import psycopg
import uvloop

from app.ldap.client import Exporter
from app.ldap.operations import MoveEdition
from tests.bench import arrivals, http
from tests.bench.arrivals import Kind
from tests.bench.filled import Filled, filled, say
from tests.bench.load import followed, working
from tests.bench.traffic import Traffic
from tests.bench.wires import HttpWire, LdapWire, Pool
from tests.faults.world import broken_in
from tests.harness import newer_slapd
from tests.soak.judge import Judged, judged
from tests.soak.samples import Samples
from tests.soak.traffic import Soak

CONNECTIONS, LDAP_CONNECTIONS, AT_ONCE = 200, 32, 24
TARGETS = 200
WINDOW = 10.0
# Growth that is let pass in a run (tests.soak.judge): MB, files, threads, connections.
ALLOWANCES = {"memory": 8.0, "files": 8, "threads": 4, "connections": 6, "forgotten transactions": 0}
# As many writes as slapd remembers for its copies (olcSpSessionlog), and how many are sent at once.
REMEMBERED, A_TRANSACTION = 100_000, 500
UNBOUND = {**http.UNBOUND, "ANNUAIRE_KEY_RATE": "0"}


@dataclass(frozen=True)
class Length:
    """Mailboxes of the directory; seconds of the measuring, and of the soak; how often it is looked; `share` of what is
    carried.
    """

    mailboxes: int = 5_000
    measured: float = 20.0
    seconds: float = 600.0
    samples: int = 120
    share: float = 0.5


class Outcome(NamedTuple):
    """`capacity`: answers a second with everything at work; `broken`: invariants that do not hold afterwards."""

    capacity: float
    kinds: list[Kind]
    judged: Mapping[tuple[str, str], Judged]
    broken: list[str]

    @property
    def answers(self) -> int:
        return sum(len(kind.latencies) for kind in self.kinds)

    @property
    def errors(self) -> Counter[str]:
        return Counter({f"{kind.name}: {word}": n for kind in self.kinds for word, n in kind.refused.items()})

    @property
    def leaks(self) -> list[tuple[str, str]]:
        return [name for name, found in self.judged.items() if found.is_leak]

    @property
    def is_sound(self) -> bool:
        return not (self.errors or self.leaks or self.broken)


def soak(length: Length) -> Outcome:
    """Real PostgreSQL, slapd, `annuaire serve` and `annuaire worker`, under half of their load."""
    # An older slapd leaks by itself (docs/operations.md): it would hide what we do to it.
    with filled(length.mailboxes, slapd_root=newer_slapd.root()) as directory:
        with psycopg.connect(directory.settings.database_url) as connection:
            connection.execute("ANALYZE")
            connection.commit()
            drawn = Traffic.of(connection, directory.settings, TARGETS)
        _fill_what_is_remembered(directory)
        environment = {**directory.environment, **UNBOUND}
        with http.serving(environment) as (port, api), working(environment) as worker:
            processes = {
                "API": api,
                "worker": worker,
                "slapd": _pid(directory.slapd.process),
                "PostgreSQL": _pid(directory.postgres.process),
            }
            capacity, kinds, samples = uvloop.run(_soaked(directory, drawn, port, length, processes))
            followed(directory.settings)
        return Outcome(capacity, kinds, _judged(samples), broken_in(directory.settings))


def _fill_what_is_remembered(directory: Filled) -> None:
    """What slapd remembers of writes grows up to its limit, which would take most of a run, and looks like a leak."""
    with Exporter(directory.settings.ldap_uri, directory.settings.ldap_suffix) as exporter:
        state = exporter.state()
        assert state
        same = MoveEdition(exporter.tree.suffix, state.edition, state.edition)
        for _ in range(REMEMBERED // A_TRANSACTION):
            exporter.commit([same] * A_TRANSACTION)


async def _soaked(
    directory: Filled, drawn: Traffic, port: int, length: Length, processes: Mapping[str, int]
) -> tuple[float, list[Kind], Samples]:
    http_pool, ldap_pool = Pool(HttpWire, port, CONNECTIONS), Pool(LdapWire, directory.slapd.port, LDAP_CONNECTIONS)
    traffic = Soak(drawn, http_pool, ldap_pool, port)
    say(f"measuring for {length.measured:g} s")
    capacity = await _capacity(traffic, length.measured)
    say(f"{capacity:.0f} a second; {length.seconds:g} s at {length.share:.0%} of it")
    kinds = traffic.kinds(capacity * length.share)
    chance = random.Random(1)  # noqa: S311 - a test
    with Samples(processes, directory.settings.database_url, length.seconds / length.samples, port) as samples:
        end = time.monotonic() + length.seconds
        while (left := end - time.monotonic()) > 0:
            await arrivals.play(arrivals.schedule(kinds, min(WINDOW, left), chance), 0.0)
    http_pool.close()
    ldap_pool.close()
    return capacity, kinds, samples


async def _capacity(traffic: Soak, seconds: float) -> float:
    """Answers a second when AT_ONCE ask as fast as they are answered, each its share of each kind."""
    kinds = [kind for kind in traffic.kinds(1.0) if kind.name != "feed"]
    weights = [kind.a_second for kind in kinds]
    chance = random.Random(2)  # noqa: S311 - a test
    began, answers = time.monotonic(), 0

    async def ask() -> None:
        nonlocal answers
        while time.monotonic() < began + seconds:
            (kind,) = chance.choices(kinds, weights)
            await kind.send()
            answers += 1

    await asyncio.gather(*(ask() for _ in range(AT_ONCE)))
    return answers / (time.monotonic() - began)


def _judged(samples: Samples) -> dict[tuple[str, str], Judged]:
    return {
        (name, what): judged(samples.moments, values, ALLOWANCES[what])
        for (name, what), values in samples.series.items()
    }


def _pid(process: object) -> int:
    pid = getattr(process, "pid", None)
    assert isinstance(pid, int)
    return pid


def table(outcome: Outcome) -> list[str]:
    """What is printed."""
    lines = [f"carried {outcome.capacity:.0f} a second; soaked with {outcome.answers} answers", ""]
    lines.append(f"{'kind':28}{'answers':>9}{'median ms':>11}{'p99 ms':>9}{'errors':>8}")
    lines += (
        f"{kind.name:28}{len(kind.latencies):9}{kind.percentile(0.5):11.1f}{kind.percentile(0.99):9.1f}"
        f"{kind.refused.total():8}"
        for kind in outcome.kinds
    )
    lines += ["", f"{'process':12}{'what':24}{'begin':>8}{'end':>8}{'growth':>8}{'trend':>7}"]
    for (name, what), found in sorted(outcome.judged.items()):
        told = "  LEAK" if found.is_leak else ""
        lines.append(
            f"{name:12}{what:24}{found.begin:8.1f}{found.end:8.1f}{found.growth:+8.1f}{found.trend:+7.2f}{told}"
        )
    lines += ["", *(f"error: {what} ({count} times)" for what, count in outcome.errors.items())]
    lines += [f"broken: {what}" for what in outcome.broken]
    lines.append("no leak, no error, every invariant holds" if outcome.is_sound else "NOT SOUND")
    return lines


def told(outcome: Outcome) -> int:
    """Print the table; the exit status."""
    sys.stdout.write("\n".join(table(outcome)) + os.linesep)
    return 0 if outcome.is_sound else 1
