"""Generate one day of national files. Same seed, same bytes; memory stays bounded whatever the number of persons."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.sandbox.chance import stream
from app.sandbox.changes import Changes, draw_changes
from app.sandbox.day import Day, Progress, organization_box_count
from app.sandbox.files import ACTIVITY, FINESS, MAILBOXES, SKILLS, WHITELIST, GeneratedFile, line_file, stamp_of
from app.sandbox.numbers import MAX_PROFESSIONALS
from app.sandbox.sites import site_count
from app.sandbox.specials import SPECIAL_PERSONS

MIN_PROFESSIONALS = 50


@dataclass(frozen=True, slots=True)
class Generated:
    """The files of one day, and how many rows each has."""

    stamp: datetime
    professionals: int
    whitelist: GeneratedFile
    finess: GeneratedFile
    activity: GeneratedFile
    skills: GeneratedFile
    mailboxes: GeneratedFile

    @property
    def files(self) -> tuple[GeneratedFile, ...]:
        """All files, in the order of import: white list, FINESS, persons, skills, mailboxes."""
        return (self.whitelist, self.finess, self.activity, self.skills, self.mailboxes)


def generate(
    professionals: int, seed: int, out: Path, *, next_day: bool = False, progress: Progress | None = None
) -> Generated:
    """Write the files of one day into `out` (made when missing), replacing those of the same names.

    `professionals` counts the distinct persons of the first day. `progress` is told how many are done. The white list
    has no stamp in its name, in the field as here: give the following day a folder of its own to keep both.
    Raises ValueError for a number of professionals out of range, OSError when `out` cannot be written.
    """
    if not MIN_PROFESSIONALS <= professionals <= MAX_PROFESSIONALS:
        raise ValueError(
            f"professionals must be between {MIN_PROFESSIONALS} and {MAX_PROFESSIONALS}, not {professionals}."
        )
    out.mkdir(parents=True, exist_ok=True)
    stamp = stamp_of(next_day=next_day)
    day = Day(professionals, seed, stamp, _changes(professionals, seed) if next_day else Changes())
    name = f"{stamp:%Y%m%d%H%M}"
    with ExitStack() as stack:
        whitelist, finess, activity, skills, mailboxes = (
            stack.enter_context(line_file(out / file_name))
            for file_name in (
                f"{WHITELIST}.xml",
                f"{FINESS}-{name}.csv",
                f"{ACTIVITY}_{name}.txt",
                f"{SKILLS}_{name}.txt",
                f"{MAILBOXES}_{name}.txt",
            )
        )
        day.write_whitelist(whitelist)
        day.write_sites(finess)
        day.write_people(activity, skills, mailboxes, progress or (lambda _done: None))
        done = (file.finish() for file in (whitelist, finess, activity, skills, mailboxes))
        return Generated(stamp, professionals, *done)


def _changes(professionals: int, seed: int) -> Changes:
    return draw_changes(
        stream(seed, "changes"),
        first=SPECIAL_PERSONS,
        professionals=professionals,
        sites=site_count(professionals),
        organization_boxes=organization_box_count(professionals),
    )
