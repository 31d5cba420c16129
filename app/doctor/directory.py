"""The directory and its channels: what is in force, what waits, who is behind."""

from datetime import UTC, datetime, timedelta

from app.db import connect
from app.doctor.finding import Looks, Seen, note, value, well, wrong
from app.lag import MEASURE, Lag, judged
from app.settings import Settings

# A white list whose hour has come is applied within seconds, unless another import runs.
OVERDUE = timedelta(hours=1)


def _white_list(settings: Settings) -> Seen:
    due = value(settings, "SELECT min(effective_at) FROM import_run WHERE wish IS NOT NULL")
    if due and due < datetime.now(UTC) - OVERDUE:
        return wrong(
            f"one was to count from {due:%Y-%m-%d %H:%M %Z} and is not applied: no worker does imports",
            "start annuaire worker; annuaire import list tells whether a guard holds it",
        )
    later = f"; another one counts from {due:%Y-%m-%d %H:%M %Z}" if due else ""
    if value(settings, "SELECT loaded FROM source WHERE name = 'liste_blanche'"):
        return well(f"in force: mailboxes of unlisted domains are not published{later}")
    return note(
        f"none imported yet: the rule of domains is off, mailboxes of any domain are published{later}",
        "annuaire import run listeblanchemssante.xml",
    )


def _pending(settings: Settings) -> Seen:
    left = value(settings, "SELECT count(*) FROM pending")
    if left:
        return note(
            f"{left} ids wait for the worker to publish them", "look again: they grow fewer while a worker runs"
        )
    return well("nothing waits")


def _channels(settings: Settings) -> Seen:
    with connect(settings) as connection:
        row = connection.execute(MEASURE.encode()).fetchone()
    if row is None:
        return wrong("the directory was not set up", "run annuaire db upgrade")
    late = judged(Lag(*row), settings)
    if late:
        said = "; ".join(f"{channel}: {detail}" for channel, detail in late)
        return wrong(said, "docs/operations.md, “A channel lags”, says for each where to look")
    return well("none lags beyond its limit")


def _snapshots(settings: Settings) -> Seen:
    newest = value(
        settings,
        "SELECT max(s.made_at) FROM snapshot s JOIN directory d ON d.epoch = s.epoch WHERE s.state = 'offered'",
    )
    if newest is None:
        return note("no full files are offered: copies cannot begin", "annuaire snapshot make")
    said = f"the newest full files are of {newest:%Y-%m-%d %H:%M %Z}"
    every = timedelta(hours=settings.snapshot_hours)
    if every and newest < datetime.now(UTC) - 2 * every:
        return wrong(
            f"{said}: no worker makes others (ANNUAIRE_SNAPSHOT_HOURS)",
            "see the log of the worker for `no snapshot could be made`, and the space of ANNUAIRE_SNAPSHOT_DIR",
        )
    return well(said)


LOOKS: Looks = {
    "white list": _white_list,
    "pending": _pending,
    "channels": _channels,
    "snapshots": _snapshots,
}
