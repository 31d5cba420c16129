"""The programs that `annuaire up` runs. A real deployment needs neither: their absence is a note."""

from app.console import Refused
from app.doctor.finding import Looks, Seen, note, well
from app.embedded.binaries import find_postgres, find_slapd
from app.settings import Settings


def _postgres(settings: Settings) -> Seen:
    try:
        binaries = find_postgres(settings.pg_bin)
    except Refused as refusal:
        return note(refusal.message, "install PostgreSQL, or name its folder: ANNUAIRE_PG_BIN")
    return well(f"PostgreSQL {binaries.major} in {binaries.folder} (used by annuaire up)")


def _slapd(settings: Settings) -> Seen:
    try:
        return well(f"{find_slapd(settings.slapd_root).slapd} (used by annuaire up)")
    except Refused as refusal:
        return note(refusal.message, "install slapd, or name the folder it lies in: ANNUAIRE_SLAPD_ROOT")


LOOKS: Looks = {"postgres binaries": _postgres, "slapd binaries": _slapd}
