"""Generate one day of national files. Same seed, same bytes; memory stays bounded whatever the number of persons."""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from app.sandbox.chance import stream
from app.sandbox.changes import Changes, draw_changes
from app.sandbox.day import Day, Progress, organization_box_count
from app.sandbox.files import (
    ACTIVITY,
    DIPLOMAS,
    FINESS,
    FINESS_PLUS,
    MAILBOXES,
    SKILLS,
    WHITELIST,
    GeneratedFile,
    LineFile,
    line_file,
    stamp_of,
)
from app.sandbox.numbers import MAX_PROFESSIONALS
from app.sandbox.sites import site_count
from app.sandbox.specials import SPECIAL_PERSONS

MIN_PROFESSIONALS = 50


@dataclass(frozen=True, slots=True)
class Generated:
    """The files of one day, and how many rows each has. The last two are written only when asked for."""

    stamp: datetime
    professionals: int
    whitelist: GeneratedFile
    finess: GeneratedFile
    activity: GeneratedFile
    skills: GeneratedFile
    mailboxes: GeneratedFile
    diplomas: GeneratedFile | None = None
    finess_plus: GeneratedFile | None = None

    @property
    def files(self) -> tuple[GeneratedFile, ...]:
        """All files, in the order of import: white list, FINESS, persons, skills, mailboxes, then those asked for."""
        always = (self.whitelist, self.finess, self.activity, self.skills, self.mailboxes)
        return always + tuple(file for file in (self.diplomas, self.finess_plus) if file)


def generate(
    professionals: int,
    seed: int,
    out: Path,
    *,
    next_day: bool = False,
    diplomas: bool = False,
    finess_plus: bool = False,
    progress: Progress | None = None,
) -> Generated:
    """Write the files of one day into `out` (made when missing), replacing those of the same names.

    `professionals` counts the distinct persons of the first day. `progress` is told how many are done. The white list
    has no stamp in its name, in the field as here: give the following day a folder of its own to keep both.
    `diplomas` asks for the file of diplomas and authorisations too, `finess_plus` for the same sites as FINESS+.
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

        def opened(file_name: str) -> LineFile:
            return stack.enter_context(line_file(out / file_name))

        whitelist, finess = opened(f"{WHITELIST}.xml"), opened(f"{FINESS}-{name}.csv")
        activity, skills, mailboxes = (opened(f"{kind}_{name}.txt") for kind in (ACTIVITY, SKILLS, MAILBOXES))
        dipl = opened(f"{DIPLOMAS}_{name}.txt") if diplomas else None
        plus = opened(f"{FINESS_PLUS}-{stamp:%Y%m%d}.json.gz") if finess_plus else None
        day.write_whitelist(whitelist)
        day.write_sites(finess, plus)
        day.write_people(activity, skills, mailboxes, dipl, progress or (lambda _done: None))
        done = (file.finish() for file in (whitelist, finess, activity, skills, mailboxes))
        asked_for = (file.finish() if file else None for file in (dipl, plus))
        return Generated(stamp, professionals, *done, *asked_for)


def _changes(professionals: int, seed: int) -> Changes:
    return draw_changes(
        stream(seed, "changes"),
        first=SPECIAL_PERSONS,
        professionals=professionals,
        sites=site_count(professionals),
        organization_boxes=organization_box_count(professionals),
    )
