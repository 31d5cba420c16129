"""Whether the schema of the database serves this code."""

from app.db import connect
from app.doctor.finding import Looks, Seen, note, well, wrong
from app.schema.standing import look, missing, scripts
from app.settings import Settings


def _schema(settings: Settings) -> Seen:
    with connect(settings) as connection:
        standing = look(connection)
    if left := missing(standing):
        return wrong(f"not applied: {', '.join(left)}", "run annuaire db upgrade")
    if set(standing.revisions) != set(scripts().get_heads()):
        return note(
            f"of a newer annuaire ({', '.join(standing.revisions)}), which lets this one go on",
            "upgrade this one when the others are (docs/upgrading.md)",
        )
    return well("up to date")


LOOKS: Looks = {"schema": _schema}
