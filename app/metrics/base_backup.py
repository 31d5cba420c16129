"""How old the newest base backup is, where `ANNUAIRE_BACKUP_STAMP` names what tells it."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client.metrics_core import Metric

from app.backups import newest
from app.console import Refused
from app.metrics.measured import Gauge
from app.settings import Settings

AGE = Gauge("annuaire_base_backup_age_seconds", "Age of the newest verified base backup; none where it is not known")


def shown(settings: Settings) -> Iterator[Metric]:
    try:
        made = newest(settings)
    except (OSError, Refused):  # no value is an alert too; `annuaire doctor` says why there is none
        made = None
    yield AGE.at(None if made is None else (datetime.now(UTC) - made).total_seconds())
