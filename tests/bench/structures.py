"""The search for structures: each kind of question over REST, one after the other, beside a look-up of one structure.

nice -n 19 .venv/bin/python -m tests.bench.structures --structures 2000000
"""

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from urllib.parse import quote

import psycopg

from app.db import upgrade
from app.embedded import Postgres
from tests.bench import http
from tests.bench.table import Line, told
from tests.harness.directory import directory

NATION = 2_000_000
# What any question may take at the API, in milliseconds, on two free cores.
MOST_MS = 15.0
SYLLABLES = [first + second for first in "bcdfglmnprstv" for second in ("a", "e", "i", "o", "u", "ou", "an", "in")]
TOWNS = ("paris", "marseille", "lyon", "toulouse", "nice", "nantes", "lille", "rennes", "st etienne", "le havre")
THINGS = ("marche", "gare", "mairie", "centre", "place", "eglise", "port", "soleil", "lac", "halles")
PRACTICES = (
    "cabinet du dr {given} {family}",
    "cabinet medical {family}",
    "cabinet infirmier {family}",
    "cabinet {family}",
)
SITES = ("pharmacie du {thing}", "ehpad les {thing}", "centre hospitalier {town}", "ch {town}", "clinique du {thing}")
KINDS: Mapping[str, tuple[str, ...]] = {
    "frequent word": ("pharmacie", "cabinet", "docteur", "dr", "medical"),
    "one letter": ("c", "p", "e", "z"),
    "beginning": ("pharm", "phar", "cabi", "cabinet d"),
    "words and town": ("ch lyon", "pharmacie du marche lille", "nice pharmacie gare", "centre hospitalier marseille"),
    "frequent words together": ("cabinet medical paris", "cabinet infirmier lyon", "dr cabinet", "infirmier medical"),
    "words that never meet": ("pharmacie cabinet", "ehpad infirmier", "clinique medical"),
    "slips": ("pharmcie du marhce lille", "cabnet mdical", "clinqiue du soleil", "hopsitalier lyon"),
    "nothing": ("zzyzzx", "qwxk vbnw", "xxxxxxxxxxxxxxxx"),
    "twenty words": ("a b c du lac et de la gare st jean marie pharmacie cabinet dr ch lyon paris nice",),
    "one box": ("pharmacie lille", "ch lyon", "cabinet medical", "990000010"),
}


def fill(dsn: str, structures: int) -> None:
    """Published structures under invented names that repeat as the nation's do, without the registry behind them."""
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE organization_search DISABLE TRIGGER USER")
        columns = "name_key, key, main, city_key, postal_code, department"
        with cursor.copy(f"COPY organization_search ({columns}) FROM STDIN".encode()) as copy:
            for row in _rows(structures):
                copy.write_row(row)
        cursor.execute("ALTER TABLE organization_search ENABLE TRIGGER USER")
        cursor.execute(
            "INSERT INTO publication (kind, key, document, fingerprint, sequence, published_at)"
            " SELECT 'organization', key, json_build_object('id', key, 'name', name_key)::text, '\\x00', 1, now()"
            " FROM organization_search"
        )


def _rows(structures: int) -> Iterator[tuple[str, str, bool, str, str, str]]:
    chance = random.Random(5)  # noqa: S311 - a benchmark
    families, givens, towns = (_names(chance, count) for count in (60_000, 3_000, 30_000))
    towns[:0], things = TOWNS, [*THINGS, *_names(chance, 2_000)]
    weights = {
        len(each): list(accumulate(1 / (n + 3) for n in range(len(each)))) for each in (families, givens, towns, things)
    }

    def one(of: Sequence[str]) -> str:
        return chance.choices(of, cum_weights=weights[len(of)])[0]

    for number in range(structures):
        town, forms = one(towns), SITES if chance.random() < 0.1 else PRACTICES
        name = chance.choice(forms).format(given=one(givens), family=one(families), thing=one(things), town=town)
        department = f"{hash_of(town) % 95 + 1:02d}"
        yield name, f"R{number:014d}", True, town, f"{department}{hash_of(town) % 1000:03d}", department


def hash_of(text: str) -> int:
    """The same in every process."""
    return int.from_bytes(text.encode()[:6], "big")


def _names(chance: random.Random, count: int) -> list[str]:
    return ["".join(chance.choices(SYLLABLES, k=chance.choice((2, 3, 3, 4)))) for _ in range(count)]


def measure(dsn: str, environment: Mapping[str, str], *, repeats: int = 20, most: float | None = MOST_MS) -> list[Line]:
    """Median and 99th percentile of each kind of question, asked one after the other on one connection."""
    paths = {kind: [_path(kind, text) for text in texts] for kind, texts in KINDS.items()}
    with psycopg.connect(dsn) as connection:
        keys = connection.execute("SELECT key FROM publication WHERE kind = 'organization' LIMIT 50").fetchall()
    lines = []
    with http.serving({**environment, **http.UNBOUND}) as (port, _):
        one = _asked(port, [f"/v1/organizations/{quote(key)}" for (key,) in keys], repeats)
        for kind, asked in paths.items():
            _asked(port, asked, 1)
            latencies = _asked(port, asked, repeats)
            median, high = latencies[len(latencies) // 2], latencies[int(len(latencies) * 0.99)]
            lines.append(Line(f"structures, {kind}, median", median, "ms", "one by id", one[len(one) // 2]))
            lines.append(Line("  99th percentile", high, "ms", most=most))
    return lines


def _path(kind: str, text: str) -> str:
    return f"/v1/search?q={quote(text)}" if kind == "one box" else f"/v1/organizations?name={quote(text)}"


def _asked(port: int, paths: Sequence[str], repeats: int) -> list[float]:
    """Latencies in milliseconds, in order of size."""
    requests = [f"GET {path} HTTP/1.1\r\nHost: bench\r\n\r\n".encode() for path in paths] * repeats
    return sorted(seconds * 1e3 for seconds in asyncio.run(http.client(port, requests)))


def run(structures: int, *, repeats: int = 20, most: float | None = MOST_MS) -> list[Line]:
    """Every figure, on a PostgreSQL of its own: what filling the words takes and weighs, then each kind of question."""
    with directory(on_disk=True) as folder, Postgres(folder) as postgres:
        upgrade(postgres.dsn())
        fill(postgres.dsn(), structures)
        built = _words(postgres.dsn())
        environment = {
            **os.environ,
            "ANNUAIRE_DATABASE_URL": postgres.dsn(),
            "ANNUAIRE_KEY_PEPPER": "pepper-of-the-benchmark",
            "ANNUAIRE_LOG_LEVEL": "warning",
            "ANNUAIRE_LDAP_ENABLED": "false",
        }
        return [*built, *measure(postgres.dsn(), environment, repeats=repeats, most=most)]


def _words(dsn: str) -> list[Line]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        started = time.monotonic()
        connection.execute("SELECT fill_structures('organization_search')")
        seconds = time.monotonic() - started
        connection.execute("VACUUM ANALYZE")
        row = connection.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname ~ '^structure_' AND relkind = 'r'"
        ).fetchone()
    return [
        Line("words of structures, filled", seconds, "s"),
        Line("  size", float(row[0] if row else 0) / 2**20, "MB"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.structures", description=__doc__)
    parser.add_argument("--structures", type=int, default=NATION)
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    return told(run(given.structures), given.out)


if __name__ == "__main__":
    sys.exit(main())
