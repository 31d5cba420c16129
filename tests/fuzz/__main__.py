"""`make fuzz`: atheris drives each target for a minute, in memory and time that are bounded. Exit 1 for a finding."""

import argparse
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.fuzz.seeded import SEED, TARGETS
from tests.fuzz.target import ALWAYS, Target

ROOT = Path(__file__).parents[2]
# Bytes of one input; MB of the process; seconds for one input.
LARGEST, MEMORY, LONGEST = 20_000, 1_024, 10
EXECUTED = re.compile(r"number_of_executed_units: (\d+)")
REACHED = re.compile(r"cov: (\d+)")


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("targets", nargs="*", help="their names; all without")
    options = parser.parse_args(arguments)
    chosen = [target for target in TARGETS if target.name in options.targets or not options.targets]
    width = max(len(target.name) for target in chosen)
    say(f"atheris, seed {SEED}, {options.seconds} s each\n{'target':<{width}}  executions  reached  findings")
    found = [drive(target, options.seconds, width) for target in chosen]
    return 1 if any(found) else 0


def drive(target: Target, seconds: int, width: int) -> bool:
    """Whether it found something, which is shown."""
    with tempfile.TemporaryDirectory() as name:
        corpus = Path(name, "corpus")
        corpus.mkdir()
        for number, seed in enumerate((*target.seeds, *ALWAYS)):
            (corpus / str(number)).write_bytes(seed)
        limits = (f"-max_total_time={seconds}", f"-max_len={LARGEST}", f"-rss_limit_mb={MEMORY}", f"-timeout={LONGEST}")
        command = [sys.executable, "-m", "tests.fuzz.covered", target.name, *limits, f"-seed={SEED}"]
        command += ["-print_final_stats=1", f"-artifact_prefix={name}/", str(corpus)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, errors="replace", check=False)
    executed, reached = EXECUTED.search(done.stderr), REACHED.findall(done.stderr)
    assert executed or done.returncode, done.stderr
    say(
        f"{target.name:<{width}}  {executed[1] if executed else '?':>10}  {reached[-1] if reached else '?':>7}"
        f"  {int(done.returncode != 0)}"
    )
    if done.returncode:
        say(done.stdout[-2_000:] + done.stderr[-3_000:])
    return done.returncode != 0


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - what this program is for


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
