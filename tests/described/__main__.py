"""`make fuzz-api`: every kind of caller asks everything (about ten minutes). Exit 1 when there is a finding."""

import argparse
import sys
from collections.abc import Sequence

from app.embedded import Postgres
from tests.described.asking import ask
from tests.described.directory import served
from tests.described.report import table
from tests.harness.database import cloned, make_template
from tests.harness.directory import directory


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.described", description=__doc__)
    parser.add_argument("--max-examples", default="40", help="questions for each operation, and histories")
    options = parser.parse_args(arguments)
    with directory() as engines, Postgres(engines, fast=True) as cluster:
        make_template(cluster)
        with cloned(cluster) as database, directory() as folder, served(database, folder) as api:
            asked = [
                ask(api.url, caller, headers, folder, "--max-examples", options.max_examples)
                for caller, headers in api.callers.items()
            ]
    print(table(asked))  # noqa: T201 - what this program is for
    return 1 if any(each.findings for each in asked) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
