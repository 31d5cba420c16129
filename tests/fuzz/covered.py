"""One target under atheris, which looks for inputs that reach what none before reached. Run by tests.fuzz.

python -m tests.fuzz.covered TARGET [options of libFuzzer]
"""

import sys

import atheris

with atheris.instrument_imports(include=["app"]):
    from tests.fuzz.seeded import TARGETS

NAMES = {target.name: target for target in TARGETS}


def main() -> None:
    """Until libFuzzer's own limits, or the first finding, which ends the process."""
    target = NAMES[sys.argv.pop(1)]

    def one(given: bytes) -> None:
        target.try_one(given)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
