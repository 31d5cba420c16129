"""Whether the root of the audit trail is kept elsewhere, and lately."""

from datetime import timedelta

from app.doctor.finding import Looks, Seen, measured, note, well, wrong
from app.metrics.trail import WATCHED
from app.settings import Settings

# Kept each hour: two missed are no accident.
LIMIT = timedelta(hours=3)


def _trail(settings: Settings) -> Seen:
    found = measured(settings, WATCHED)
    said = f"{found['rows']} acts"
    if settings.audit_anchor is None:
        return note(
            f"{said}, of which no root is kept elsewhere: whoever owns the database could write them anew",
            "ANNUAIRE_AUDIT_ANCHOR (docs/audit.md)",
        )
    age = found["anchored"]
    if age is None or age > LIMIT.total_seconds():
        since = "never" if age is None else f"not since {timedelta(seconds=int(age))}"
        return wrong(
            f"{said}; their root was kept elsewhere {since}",
            "start annuaire worker; if one runs, see `duties` and whether ANNUAIRE_AUDIT_ANCHOR takes what is sent",
        )
    return well(f"{said}, root kept elsewhere {timedelta(seconds=int(age))} ago")


LOOKS: Looks = {"audit trail": _trail}
