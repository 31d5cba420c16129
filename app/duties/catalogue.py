"""All duties of the worker, in the order in which those that are due at once are done."""

from app.access import consultation_keeping, expiry, retention
from app.access.audit_roots import anchor_hourly
from app.budgets import retention as budgets
from app.duties.loop import Duty
from app.mailboxes import retention
from app.notices import reading as notices
from app.trust import expiry

DUTIES: tuple[Duty, ...] = (
    Duty("keep the root of the audit trail", "hour", anchor_hourly),
    Duty("tell of keys and certificates that end", "day", expiry.announce),
    Duty("forget tokens and certificates that ended", "day", retention.prune),
    Duty("forget old consultations", "day", consultation_keeping.prune),
    Duty("forget withdrawn mailboxes and kept answers", "day", retention.prune),
    Duty("forget who was shown whom on days that are over", "day", budgets.prune),
    Duty("forget old notices", "day", notices.prune),
    Duty("tell operators what ends soon", "day", expiry.announce),
    Duty("admit candidates whose conformity file is whole", "day", expiry.admit_complete),
)
