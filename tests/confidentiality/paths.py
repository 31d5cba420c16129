"""Paths that are asked as they are: the state of the directory, what is the caller's own, and all the rest."""

from tests.confidentiality import world
from tests.confidentiality.world import CANARIES

STATES = (
    "/v1/edition",
    "/v1/digest",
    "/v1/digest/nodes",
    "/v1/digest/nodes?node=0",
    "/v1/digest/nodes?slot=0",
    "/.well-known/annuaire-keys.json",
    "/v1/trust/domains",
    f"/v1/trust/domains?operator={world.OWNER}",
    "/v1/trust/operators",
    f"/v1/trust/operators/{world.OWNER}",
    "/v1/trust/whitelist.xml",
    "/v1/trust/whitelist.jws",
)
OWN = (
    "/v1/me",
    "/v1/me/notices",
    "/v1/me/mailboxes",
    "/v1/me/mailboxes?liste_rouge=true",
    "/v1/me/mailboxes?state=suspended",
    f"/v1/me/mailboxes?domain={world.SHARED}",
    f"/v1/me/mailboxes?domain={world.OWN}",
    "/v1/transfers",
    "/v1/transfers/1",
)
PAGES = (
    "/openapi.json",
    "/healthz",
    "/readyz",
    "/docs",
    "/problems/mailbox-unknown",
    "/v1/mailboxes/check",
    "/v1/resolve",
    "/v1/snapshots",
    "/v1/audit",
    "/v1/imports",
    "/nowhere",
    f"/v1/mailboxes/{CANARIES['suspended'].address}/",
    f"/{CANARIES['suspended'].address}",
)
