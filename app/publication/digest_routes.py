"""`/v1/digest` and `/v1/digest/nodes`: the proof of the current state, and the way down to what differs in a copy."""

import json
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from app.answers import body_tag, tagged, tell_shown
from app.paging import require_single_values
from app.problems import (
    CredentialsInvalid,
    CredentialsMissing,
    InvalidRequest,
    Problem,
    ScopeMissing,
    documented,
)
from app.publication.digest_tree import FAN, SLOTS
from app.publication.reading import Pool
from app.publication.schemas import DigestNodes, DigestState
from app.publication.state import DigestBeingReckoned, Digests

router = APIRouter(tags=["publication"])

ROWS = """
SELECT d.edition, d.epoch, p.kind, p.key, encode(p.fingerprint, 'hex')
FROM directory d LEFT JOIN publication p ON p.slot = %s ORDER BY p.kind, p.key
"""


class DigestEditionMoved(Problem):
    status = HTTPStatus.CONFLICT
    code = "digest.edition_moved"
    title = "The directory is not at this edition"


class NodesQuery(BaseModel):
    """Which part of the tree: without `node` and `slot`, the nodes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    edition: int | None = Field(None, ge=0, description="Answer only if the directory is at this edition")
    node: int | None = Field(None, ge=0, lt=FAN, description="The slots below this node")
    slot: int | None = Field(None, ge=0, lt=SLOTS, description="The resources in this slot")


@router.get("/v1/digest", responses={200: {"model": DigestState}, **documented(DigestBeingReckoned)})
async def read_digest(request: Request) -> Response:
    """The digest of the current edition: equal digests are equal directories.

    The holder of a copy computes the same root. Each resource has a name, `kind/key`, and a fingerprint, the SHA-256
    of its document as canonical JSON (RFC 8785) without `sequence`, `published_at`, `updated_at` and `fingerprint`.
    The first two bytes of SHA-256(name) choose one of 65 536 slots. A slot is the SHA-256 of its resources in byte
    order of their names, each as name, a zero byte and the 32 bytes of the fingerprint; an empty slot is that of
    nothing. A node is the SHA-256 of 256 slots, the root the SHA-256 of the 256 nodes.

    `checkpoint` says the same, signed: a compact JWS (ES256, typ `annuaire-checkpoint+jwt`) by one of the keys at
    `/.well-known/annuaire-keys.json`, with `iss`, `edition`, `epoch`, `root` and `iat`.
    """
    digests: Digests = request.app.state.digests
    proof = await digests.current(request.app.state.pool)
    return tagged(request, proof.body, body_tag(proof.body), proof.reckoned.edition)


@router.get(
    "/v1/digest/nodes",
    responses={
        200: {"model": DigestNodes},
        **documented(
            *(DigestEditionMoved, DigestBeingReckoned),
            *(InvalidRequest, CredentialsMissing, CredentialsInvalid, ScopeMissing),
        ),
    },
)
async def read_nodes(request: Request, query: Annotated[NodesQuery, Query()]) -> Response:
    """The tree of the digest, one step at a time: 256 nodes, the 256 slots below one, the resources in one slot.

    Whoever keeps a copy goes down where the hashes differ, and finds a wrong resource in three steps. Each answer says
    its edition; what changed after it must not be compared. For keys with scope `read`.
    """
    require_single_values(request)
    if query.node is not None and query.slot is not None:
        raise InvalidRequest("Ask for the slots of a node or for the resources in a slot, not for both at once.")
    pool: Pool = request.app.state.pool
    if query.slot is None:
        edition, said = await _hashes(request.app.state.digests, pool, query.node)
    else:
        edition, said = await _resources(pool, query.slot)
    if query.edition not in {None, edition}:
        raise DigestEditionMoved(
            f"It is at edition {edition}: read the feed to there, and ask again.", edition=edition, current=edition
        )
    tell_shown(request, len(said.get("resources", ())))
    body = json.dumps(said, separators=(",", ":")).encode()
    return tagged(request, body, body_tag(body), edition)


async def _hashes(digests: Digests, pool: Pool, node: int | None) -> tuple[int, dict[str, Any]]:
    edition, epoch, tree = (await digests.current(pool)).reckoned
    said: dict[str, Any] = {"edition": edition, "epoch": epoch}
    if node is None:
        return edition, {**said, "nodes": [each.hex() for each in tree.nodes]}
    return edition, {**said, "node": node, "slots": [each.hex() for each in tree.slots_of(node)]}


async def _resources(pool: Pool, slot: int) -> tuple[int, dict[str, Any]]:
    async with pool.connection() as connection:
        rows = await (await connection.execute(ROWS, (slot,))).fetchall()
    names = ("kind", "key", "fingerprint")
    resources = [dict(zip(names, row[2:], strict=True)) for row in rows if row[2] is not None]
    edition, epoch = rows[0][:2]
    return edition, {"edition": edition, "epoch": epoch, "slot": slot, "resources": resources}
