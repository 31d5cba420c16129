"""What ends: certificates and lists in files, keys and certificates of operators, the key that signs."""

from collections.abc import Iterator
from typing import Any

from prometheus_client.metrics_core import Metric

from app.metrics.files import Ends
from app.metrics.measured import Gauge, Watched

# Of the certificates of one name the last to end counts. One that is over was left behind, or refusals tell of it.
SQL = """
SELECT json_object_agg(e.kind, to_json(e)) FROM (
  SELECT ending.kind, min(extract(epoch FROM ending.until)) AS until,
    count(*) FILTER (WHERE ending.until <= now() + interval '30 days') AS soon
  FROM (
    SELECT 'certificate' AS kind, greatest(o.expires_at, max(c.expires_at)) AS until
    FROM operator_certificate o LEFT JOIN client_certificate c ON c.dn = o.dn GROUP BY o.dn
    UNION ALL
    SELECT 'key', k.expires_at FROM api_key k
    WHERE k.revoked_at IS NULL AND NOT EXISTS (
      SELECT FROM api_key s WHERE s.replaces = k.id AND s.revoked_at IS NULL AND s.expires_at > k.expires_at)
  ) ending
  WHERE ending.until > now() GROUP BY ending.kind) e
"""
KINDS = ("certificate", "key")

CERTIFICATE_END = Gauge(
    "annuaire_certificate_end_timestamp_seconds", "When the first certificate of our files ends", ("kind",)
)
LIST_END = Gauge(
    "annuaire_revocation_list_end_timestamp_seconds", "When the first revocation list of our files ends", ("kind",)
)
UNREADABLE = Gauge("annuaire_credential_files_unreadable", "1 = a file of this kind cannot be read", ("kind",))
SIGNING = Gauge("annuaire_signing_key", "1 = checkpoints and manifests are signed")
OPERATORS_END = Gauge(
    "annuaire_operator_credentials_end_timestamp_seconds", "When the first in force of operators ends", ("kind",)
)
OPERATORS_ENDING = Gauge("annuaire_operator_credentials_ending", "Those that end within 30 days", ("kind",))


def of_files(ends: Ends, *, is_signing: bool) -> Iterator[Metric]:
    both = (*ends.certificates.items(), *((f"{kind}_list", end) for kind, end in ends.lists.items()))
    yield CERTIFICATE_END.by({(kind,): end.timestamp() for kind, end in ends.certificates.items() if end})
    yield LIST_END.by({(kind,): end.timestamp() for kind, end in ends.lists.items() if end})
    yield UNREADABLE.by({(kind,): end is None for kind, end in both})
    yield SIGNING.at(is_signing)


def _of_operators(found: Any) -> Iterator[Metric]:
    told = found or {}
    yield OPERATORS_END.by({(kind,): told.get(kind, {}).get("until") for kind in KINDS})
    yield OPERATORS_ENDING.by({(kind,): told.get(kind, {}).get("soon", 0) for kind in KINDS})


WATCHED = Watched(SQL, _of_operators)
