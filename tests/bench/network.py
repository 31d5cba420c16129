"""`python -m tests.bench.network`: an outside network of 62 000 members joins a directory of 200 000 professionals.

From `operator add` to the last LDAP entry, by the commands that its people type, against a running `annuaire up` with
durability on. Then the same file is published again, and another operator looks for each member on every channel.
"""

import argparse
import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from tests.bench.memory import watched
from tests.bench.processor import used_by
from tests.bench.table import Line, told
from tests.harness.directory import directory
from tests.harness.network import GATEWAY, Network, address_of, line_of, persons, write_members
from tests.journeys.conftest import ANNUAIRE, Running, ready, start
from tests.journeys.joining import (
    LDAP_SECONDS,
    PIECES,
    another_operator,
    become_candidate,
    key_file,
    record,
    seen_by_others,
)

PROFESSIONALS, MEMBERS = 200_000, 62_000
WANTED_SECONDS = 300
# What takes the processor while members are published, by the last part of a word of its command line.
PARTS = {"postgres": "PostgreSQL", "serve": "API", "worker": "worker (LDAP)", "slapd": "slapd"}
FUNCTIONS = ("publish", "audit_append", "audit_append_all", "publishing_fault")


@contextmanager
def running(data_dir: Path, professionals: int) -> Iterator[Running]:
    """`annuaire up` with a synthetic directory."""
    _say(f"loading a directory of {professionals:,} professionals")
    process = start(data_dir, "--sample", str(professionals))
    try:
        said = ready(process)
        files = tuple(sorted((data_dir / "sample").iterdir()))
        yield Running(said["api"], said["ldap"], data_dir, said["database_url"], files, process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)


def measured(there: Running, members: int, folder: Path, network: Network = GATEWAY) -> list[Line]:
    """Every figure of a network that joins. Raises AssertionError: somebody is not published, or not seen somewhere."""
    (activity,) = (file for file in there.files if file.name.startswith("PS_LibreAcces_Personne_activite"))
    people = list(islice(persons(activity), members))
    assert len(people) == members, f"{activity} has {len(people)} persons with an RPPS"
    file = write_members(folder / "members.csv", [line_of(each, network.domain) for each in people])
    edition = there.edition()
    _say(f"a network of {members:,} members joins")
    lines = list(_joined(there, file, members, folder, network))
    _say("another operator looks for each of them")
    expected = {address_of(each, network.domain): each.rpps for each in people}
    reader = another_operator(there, folder, network)
    for name, found in seen_by_others(there, reader, list(expected), edition, folder).items():
        started = time.monotonic()
        assert found() == expected, name
        lines.append(Line(f"seen by another operator: {name}", time.monotonic() - started, "s"))
    return lines


def _joined(there: Running, file: Path, members: int, folder: Path, network: Network) -> Iterator[Line]:
    """From `operator add` to the last LDAP entry, and the same file again."""
    with there.registry() as registry:
        registry.execute("ALTER SYSTEM SET track_functions = 'pl'")
        registry.execute("SELECT pg_reload_conf()")
    began = time.monotonic()
    become_candidate(there, network)
    key = key_file(there, folder / "key", operator=network.operator)
    for piece in PIECES:
        record(there, piece, network)
    admitted = time.monotonic()
    used, called = _processor(there), _functions(there)
    found, peak = _published(there, file, key)
    written = time.monotonic()
    there.wait_until_everywhere(LDAP_SECONDS)
    ended = time.monotonic()
    assert found["codes"] == {"done.created": members}, found["codes"]
    seconds = found["seconds"]
    yield Line("operator add to the last LDAP entry", ended - began, "s", most=WANTED_SECONDS)
    yield Line("  admitted: operator, certificate, domain, conformity file", admitted - began, "s")
    yield Line(f"  {members:,} members published", written - admitted, "s")
    yield Line("    matched with the register", seconds["match"], "s")
    yield Line("    written, in batches of 1 000", seconds["write"], "s")
    yield Line("  LDAP, after the last write", ended - written, "s")
    yield Line("members published", members / (written - admitted), "/s")
    yield Line("the command, peak memory", peak, "MB")
    for name, before in called.items():
        yield Line(f"in PostgreSQL: {name}()", _functions(there)[name] - before, "s")
    for name, before in used.items():
        yield Line(f"processor: {name}", _processor(there)[name] - before, "s")
    started = time.monotonic()
    again, _ = _published(there, file, key)
    assert again["codes"] == {"done.same": members}, again["codes"]
    yield Line("the same file again: nothing changes", time.monotonic() - started, "s")


def _published(there: Running, file: Path, key: Path) -> tuple[Any, float]:
    """What the command says, and its peak memory in MB."""
    options = ("--key-file", str(key), "--data-dir", str(there.data_dir), "--json")
    done = watched([*ANNUAIRE, "mailbox", "publish", str(file), *options])
    if done.status:
        raise RuntimeError(f"the members were not published: {done.said.decode()}")
    return json.loads(done.said), done.peak_mb


def _functions(there: Running) -> dict[str, float]:
    """Seconds that PostgreSQL has spent in functions of ours, those that they call included."""
    with there.registry() as registry:
        rows = registry.execute(
            "SELECT f.name, coalesce(sum(s.total_time), 0) / 1000 FROM unnest(%s::text[]) AS f (name)"
            " LEFT JOIN pg_stat_user_functions s ON s.funcname = f.name GROUP BY f.name",
            [list(FUNCTIONS)],
        )
        return {name: float(seconds) for name, seconds in rows.fetchall()}


def _processor(there: Running) -> dict[str, float]:
    """Seconds of the processor that each part of `annuaire up` has used."""
    supervisor = there.process.pid
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text("ascii").split()
    used = dict.fromkeys(PARTS.values(), 0.0)
    for pid in map(int, children):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        part = next((name for word, name in PARTS.items() if word in {Path(each).name for each in words}), None)
        if part:
            used[part] += used_by(pid)
    return used


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.network", description=__doc__)
    parser.add_argument("--professionals", type=int, default=PROFESSIONALS)
    parser.add_argument("--members", type=int, default=MEMBERS)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    with directory(on_disk=True) as folder, running(folder / "up", given.professionals) as there:
        lines = measured(there, given.members, folder)
    return told(lines, given.out)


if __name__ == "__main__":
    sys.exit(main())
