"""`make bench-load`: six kinds of write, reads and LDAP searches at once, each at its own rate, on a filled directory.

PostgreSQL has durability on, and the worker brings the writes to LDAP meanwhile. The generator sends each request when
it is due (`arrivals`). Beside the latencies stands where the time went.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import uvloop

from app.access.audit_verify import verify
from app.ldap.client import Exporter
from app.settings import Settings
from tests.bench import arrivals, http, processor
from tests.bench.arrivals import Kind
from tests.bench.filled import Filled, filled, say
from tests.bench.table import Line, told
from tests.bench.traffic import Traffic
from tests.bench.waits import Waits
from tests.bench.wires import HttpWire, LdapWire, Pool

MAILBOXES = 1_000_000
WANTED_MS = 125.0
CONNECTIONS = 200
LDAP_CONNECTIONS = 64
# Five kinds of write use a target each, and a batch one.
USING_TARGETS = 5.1
# A Poisson process may ask for more than it should.
SPARE = 1.3
LDAP_PATIENCE = 600.0


@dataclass(frozen=True)
class Load:
    """How much, for how long: each kind of write and reads `a_second`, LDAP searches a second; seconds in all counted
    after the first `warm_up`.
    """

    a_second: float = 50.0
    searches: float = 1_000.0
    seconds: float = 60.0
    warm_up: float = 10.0

    @property
    def total(self) -> float:
        return self.seconds + self.warm_up


def run(mailboxes: int, load: Load, keep: Path | None = None) -> list[Line]:
    """Fill a directory of so many mailboxes, or take the one kept in `keep`; load it, and tell."""
    with filled(mailboxes, keep) as directory:
        with psycopg.connect(directory.settings.database_url) as connection:
            connection.execute("ANALYZE")
            connection.commit()
            traffic = Traffic.of(
                connection, directory.settings, round(USING_TARGETS * load.a_second * load.total * SPARE)
            )
        return _measured(directory, traffic, load)


def _measured(directory: Filled, traffic: Traffic, load: Load) -> list[Line]:
    settings, environment = directory.settings, directory.environment
    with http.serving(environment) as (port, api), working(environment) as worker:
        groups = {
            "PostgreSQL": _pid(directory.postgres.process),
            "API": api,
            "slapd": _pid(directory.slapd.process),
            "worker": worker,
            "the load itself": os.getpid(),
        }
        say(f"{load.total:g} seconds of load")
        before, everything = {name: processor.used_by(pid) for name, pid in groups.items()}, processor.used_by_all()
        began = time.monotonic()
        with Waits(settings.database_url) as waits:
            kinds = uvloop.run(_play(traffic, port, directory.slapd.port, load))
        elapsed = time.monotonic() - began
        used = {name: processor.used_by(pid) - before[name] for name, pid in groups.items()}
        # The others are children of the load.
        used["the load itself"] -= sum(used[name] for name in groups if name != "the load itself")
        rest = processor.used_by_all() - everything - sum(used.values())
        lag = followed(settings)
    require_whole(settings)
    answered = (
        sum(len(kind.latencies) for kind in kinds if not kind.name.startswith("LDAP")) * load.total / load.seconds
    )
    return [
        *(line for kind in kinds for line in _lines(kind, load)),
        Line("LDAP follows to the last change", lag, "s after the load"),
        *(Line(f"processor, {name}", seconds / elapsed * 100, "% of a core") for name, seconds in used.items()),
        Line("processor, the rest of the machine", rest / elapsed * 100, "% of a core"),
        *(Line(f"  {name}, a request of REST", used[name] / answered * 1e3, "ms") for name in ("API", "PostgreSQL")),
        *(Line(f"statements of the API, {what}", count, "at a time") for what, count in waits.at_a_time()),
    ]


async def _play(traffic: Traffic, port: int, ldap_port: int, load: Load) -> list[Kind]:
    http_pool, ldap_pool = Pool(HttpWire, port, CONNECTIONS), Pool(LdapWire, ldap_port, LDAP_CONNECTIONS)
    kinds = [kind for kind in traffic.kinds(http_pool, ldap_pool, load.a_second, load.searches) if kind.a_second]
    chance = random.Random(1)  # noqa: S311 - a benchmark
    await arrivals.play(arrivals.schedule(kinds, load.total, chance), load.warm_up)
    http_pool.close()
    ldap_pool.close()
    return kinds


@contextmanager
def working(environment: Mapping[str, str]) -> Iterator[int]:
    """The worker as a process of its own: its pid."""
    with subprocess.Popen([sys.executable, "-m", "app.cli", "worker"], env=dict(environment)) as process:
        try:
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def followed(settings: Settings) -> float:
    """Seconds until LDAP holds the last change. Raises RuntimeError: it does not come to an end."""
    began = time.monotonic()
    with psycopg.connect(settings.database_url) as connection:
        (edition,) = connection.execute("SELECT edition FROM directory").fetchone() or (0,)
    with Exporter(settings.ldap_uri, settings.ldap_suffix) as exporter:
        while time.monotonic() < began + LDAP_PATIENCE:
            state = exporter.state()
            if state is not None and state.edition >= edition:
                return time.monotonic() - began
            time.sleep(0.05)
    raise RuntimeError(f"LDAP did not follow to edition {edition} within {LDAP_PATIENCE:g} seconds")


def require_whole(settings: Settings) -> None:
    """After all that was written at once the audit trail is whole. Raises RuntimeError."""
    with psycopg.connect(settings.database_url) as connection:
        found = verify(connection)
    if not found.is_whole:
        raise RuntimeError(f"faults of the audit trail: {found.faults}")


def _lines(kind: Kind, load: Load) -> list[Line]:
    return [
        Line(kind.name, len(kind.latencies) / load.seconds, "/s", "due", kind.a_second),
        Line("  median", kind.percentile(0.5), "ms"),
        Line("  99th percentile", kind.percentile(0.99), "ms", most=WANTED_MS),
        *(Line(f"  answered {word}", count, "times", most=0) for word, count in kind.refused.items()),
    ]


def _pid(process: "subprocess.Popen[bytes] | None") -> int:
    assert process is not None
    return process.pid


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.load", description=__doc__)
    parser.add_argument("--mailboxes", type=int, default=MAILBOXES)
    parser.add_argument("--seconds", type=float, default=Load.seconds)
    parser.add_argument("--a-second", type=float, default=Load.a_second, help="of each kind of write, and of reads")
    parser.add_argument("--searches", type=float, default=Load.searches, help="LDAP searches a second")
    parser.add_argument("--keep", type=Path, help="fill the directory in this folder, or load the one that is there")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    lines = run(given.mailboxes, Load(given.a_second, given.searches, given.seconds), given.keep)
    return told(lines, given.out)


if __name__ == "__main__":
    sys.exit(main())
