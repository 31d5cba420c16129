"""How the last run of each source ended."""

from app.doctor.finding import Looks, Seen, measured, note, well, wrong
from app.metrics.imports import WATCHED
from app.settings import Settings


def _imports(settings: Settings) -> Seen:
    last = measured(settings, WATCHED)["last"] or []
    failed = sorted(each["source"] for each in last if each["state"] == "failed")
    refused = sorted(each["source"] for each in last if each["state"] == "refused")
    if failed:
        return wrong(
            f"the last run failed: {', '.join(failed)}",
            "annuaire import list, then import show RUN, says why; import the file again when the cause is gone",
        )
    if refused:
        return note(
            f"the last file was refused: {', '.join(refused)}",
            "annuaire import show RUN names the guard: look at the file, take another one or accept the guard",
        )
    return well(f"the last runs of {len(last)} sources ended well" if last else "nothing was imported yet")


LOOKS: Looks = {"imports": _imports}
