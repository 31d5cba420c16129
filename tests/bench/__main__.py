"""`python -m tests.bench`: the whole line from generated files to every channel, each figure beside its limit."""

import argparse
import os
import sys
from pathlib import Path

from app.db import upgrade
from app.embedded import Postgres, Slapd, free_port
from app.sandbox.generate import Generated, generate
from app.settings import Settings
from tests.bench import database, exporting, http, importing, ldap, resolving, writing
from tests.bench.table import Line, told
from tests.harness.directory import directory


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def paths(generated: Generated) -> list[Path]:
    return [file.path for file in generated.files]


def run(professionals: int, *, requests: int, seconds: int) -> list[Line]:
    """Every measurement, on engines of its own with durability on."""
    with directory(on_disk=True) as folder, Postgres(folder) as postgres:
        say(f"generating files of {professionals:,} professionals")
        first = generate(professionals, 1, folder / "day1")
        second = generate(professionals, 1, folder / "day2", next_day=True)
        upgrade(postgres.dsn())
        slapd = Slapd(folder, port=free_port())
        environment = {
            **os.environ,
            "ANNUAIRE_DATABASE_URL": postgres.dsn(),
            "ANNUAIRE_KEY_PEPPER": "pepper-of-the-benchmark",
            "ANNUAIRE_LOG_LEVEL": "warning",
            # No files of the whole directory are made meanwhile.
            "ANNUAIRE_SNAPSHOT_HOURS": "0",
        }
        settings = Settings(_env_file=None, database_url=postgres.dsn())
        say("imports")
        lines = importing.measure(postgres.dsn(), paths(first), paths(second), environment)
        say("LDAP")
        lines += ldap.measure(settings, slapd, folder)
        say("REST")
        lines += http.measure(postgres.dsn(), environment, requests=requests, seconds=seconds)
        say("exports")
        lines += exporting.measure(postgres.dsn(), environment)
        lines += resolving.measure(postgres.dsn(), environment, questions=requests // 10)
        say("writes")
        lines += database.measure_writes(postgres.dsn(), seconds=seconds)
        lines += writing.measure(postgres.dsn(), environment, seconds=seconds)
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--professionals", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=http.REQUESTS)
    parser.add_argument("--seconds", type=int, default=8, help="length of each pgbench run")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    lines = run(given.professionals, requests=given.requests, seconds=given.seconds)
    return told(lines, given.out)


if __name__ == "__main__":
    sys.exit(main())
