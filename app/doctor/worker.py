"""Whether a worker is alive, and whether what it does by the clock goes well."""

from datetime import UTC, datetime, timedelta

from app.db import connect
from app.doctor.finding import Looks, Seen, measured, note, value, well, wrong
from app.duties.kept import overdue
from app.metrics.worker import WATCHED
from app.settings import Settings

# It says so each minute, between duties of which the longest takes some.
SILENCE = timedelta(minutes=10)
START = "start annuaire worker (systemctl start annuaire-worker), and read its log if it ends"


def _worker(settings: Settings) -> Seen:
    seen = measured(settings, WATCHED)["seen"]
    if seen is None:
        return note("none was ever alive: nothing is published, exported or delivered", START)
    said = f"one was alive {timedelta(seconds=int(seen))} ago"
    return wrong(said, START) if seen > SILENCE.total_seconds() else well(said)


def _duties(settings: Settings) -> Seen:
    failing = value(
        settings, "SELECT string_agg(name || ' (' || failure || ')', '; ' ORDER BY name) FROM duty WHERE failure <> ''"
    )
    if failing:
        return wrong(
            f"failed, and tried again every five minutes by the worker: {failing}",
            "remove the cause that stands in brackets; the log of the worker has the whole error",
        )
    return well("none of the worker's duties fails")


def _retention(settings: Settings) -> Seen:
    with connect(settings) as connection:
        late = [f"{table} since {since:%Y-%m-%d}" for table, since in overdue(connection, settings, datetime.now(UTC))]
    if late:
        return wrong(f"kept longer than the rules say (docs/rgpd.md): {', '.join(late)}", START)
    return well("nothing is kept longer than the rules say")


def _transfers(settings: Settings) -> Seen:
    late = value(
        settings,
        "SELECT count(*) FROM transfer WHERE state IN ('proposed', 'agreed')"
        " AND effective_at < now() - interval '1 minute'",
    )
    if late:
        return wrong(
            f"{late} whose hour is over for a minute or more",
            "see that a worker runs, and what its log says of `transfer failed` or `a transfer waits`",
        )
    return well("none is late")


def _webhooks(settings: Settings) -> Seen:
    failing = value(settings, "SELECT count(*) FROM webhook WHERE state = 'active' AND attempt > 0")
    disabled = value(settings, "SELECT count(*) FROM webhook WHERE state = 'disabled'")
    if failing or disabled:
        return note(
            f"{failing} receivers do not answer, {disabled} were given up",
            "annuaire webhook list names them: tell their owners",
        )
    return well("no receiver fails")


LOOKS: Looks = {
    "worker": _worker,
    "duties": _duties,
    "retention": _retention,
    "transfers": _transfers,
    "webhooks": _webhooks,
}
