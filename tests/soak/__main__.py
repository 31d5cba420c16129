"""`make soak ARGS="--seconds 600"`."""

import argparse
import sys

from tests.soak import __doc__ as described
from tests.soak.run import Length, soak, told


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description=described, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=Length.seconds)
    parser.add_argument("--measured", type=float, default=Length.measured, help="seconds in which capacity is measured")
    parser.add_argument("--mailboxes", type=int, default=Length.mailboxes)
    parser.add_argument("--samples", type=int, default=Length.samples)
    parser.add_argument("--share", type=float, default=Length.share, help="of what the machine carries")
    given = parser.parse_args()
    return told(soak(Length(given.mailboxes, given.measured, given.seconds, given.samples, given.share)))


if __name__ == "__main__":
    sys.exit(main())
