"""Room on the disks where files are kept."""

from app.doctor.finding import Looks, Seen, note, well, wrong
from app.metrics.folders import spaces
from app.settings import Settings

# Of a disk: below the first, a national file or the next full files may not fit; below the second, nothing will soon.
FEW, NONE = 0.15, 0.05
REMEDY = "enlarge the disk; ANNUAIRE_SNAPSHOT_DAYS and ANNUAIRE_IMPORT_UNDO_DAYS say how long files are kept"


def _disks(settings: Settings) -> Seen:
    found = spaces(settings)
    if not found:
        return note("neither spool nor snapshots can be looked at from here", "run it as the account of the worker")
    shares = {name: space.free / max(space.size, 1) for name, space in found.items()}
    said = ", ".join(f"{share:.0%} free for {name}" for name, share in sorted(shares.items()))
    if min(shares.values()) < NONE:
        return wrong(said, REMEDY)
    return note(said, REMEDY) if min(shares.values()) < FEW else well(said)


LOOKS: Looks = {"disks": _disks}
