"""Plans, rows as they were before a run, and rejected lines: kept while somebody may apply, undo or correct.

An import forgets the first two itself before it begins; where nobody imports, the duty does. The run's receipt stays.
"""

from datetime import datetime, timedelta
from typing import Any

import psycopg

from app.forgetting import forget
from app.imports.execute import prune as forget_plans
from app.imports.pipeline import IMPORT_LOCK
from app.settings import Settings

OLD_REJECTS = """
EXISTS (SELECT FROM import_run r WHERE r.id = x.run AND coalesce(r.applied_at, r.started_at) < %(before)s)
"""


def prune(connection: psycopg.Connection[Any], settings: Settings, now: datetime) -> None:
    """The duty. While an import runs it leaves plans alone: that import has just looked after them."""
    forget(connection, "import_reject", OLD_REJECTS, {"before": now - timedelta(days=settings.import_undo_days)})
    (is_alone,) = connection.execute("SELECT pg_try_advisory_lock(%s)", [IMPORT_LOCK]).fetchone() or (False,)
    if not is_alone:
        return
    try:
        forget_plans(connection, settings)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [IMPORT_LOCK])
