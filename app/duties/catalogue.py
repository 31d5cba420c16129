"""All duties of the worker, in the order in which those that are due at once are done."""

from app.access import consultation_keeping
from app.access import expiry as credentials
from app.access import retention as ended_credentials
from app.access.audit_roots import anchor_hourly
from app.budgets import retention as budgets
from app.duties.loop import Duty
from app.imports import retention as imports
from app.mailboxes import retention as mailboxes
from app.metrics.trail import ANCHORING
from app.metrics.worker import HEARTBEAT
from app.notices import reading as notices
from app.practitioners import retention as persons
from app.publication import digest_keeping as digest
from app.publication import log
from app.push import retention as push
from app.transfers import retention as transfers
from app.trust import expiry as conformity

DUTIES: tuple[Duty, ...] = (
    # Done is all that it takes: the loop writes down when.
    Duty(HEARTBEAT, "minute", lambda *_: None),
    Duty(ANCHORING, "hour", anchor_hourly),
    Duty("tell of keys and certificates that end", "day", credentials.announce),
    Duty("forget tokens and certificates that ended", "day", ended_credentials.prune),
    Duty("forget old consultations", "day", consultation_keeping.prune),
    Duty("forget withdrawn mailboxes and kept answers", "day", mailboxes.prune),
    Duty("forget plans, undo and rejected lines of old imports", "day", imports.prune),
    Duty("forget who left the register", "day", persons.prune),
    Duty("forget transfers that ended", "day", transfers.prune),
    Duty("forget who was shown whom on days that are over", "day", budgets.prune),
    Duty("forget old notices", "day", notices.prune),
    Duty("forget old deliveries of webhooks", "day", push.prune),
    Duty("keep the log of changes by days", "day", log.keep),
    Duty("hold the digest against all rows", "day", digest.prove),
    Duty("tell operators what ends soon", "day", conformity.announce),
    Duty("admit candidates whose conformity file is whole", "day", conformity.admit_complete),
)
