"""The directory as a follower asks it, over REST alone: the feed, the digest and the way down, single resources."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from http import HTTPStatus
from io import BytesIO
from time import monotonic
from typing import Any, BinaryIO, NamedTuple

from app.console import Refused
from app.members.rest import Answered, Rest
from app.publication.digest_tree import Row
from app.replica.document import Resource, resource_of
from app.signing import KEYS_SECONDS, SignatureInvalid, verify

CHECKPOINT, MANIFEST = "annuaire-checkpoint+jwt", "annuaire-snapshot+jwt"
# The files of a snapshot that a follower takes.
RESOURCES_FILE, MANIFEST_FILE = "directory.ndjson.zst", "manifest.jws"
PAGE, LOOKED_UP = 1_000, 1_000
# After a hiding new ones come within ten minutes, and some for the making (app.publication.snapshot_clock).
SNAPSHOT_PATIENCE = 900.0
# These end a cursor: begin anew.
OVER = {"feed.cursor_expired", "cursor.invalid"}
BATCHES = {"mailbox": "addresses", "organization": "ids", "practitioner": "ids"}


class CursorOver(Exception):
    """The feed does not go on from this cursor."""


class Change(NamedTuple):
    """One change, and the present resource if there is one."""

    sequence: int
    kind: str
    key: str
    resource: Resource | None


class Checkpoint(NamedTuple):
    """The root of an edition. `token`: the same, signed; None where the directory does not sign."""

    edition: int
    epoch: str
    root: str
    token: str | None


class Snapshot(NamedTuple):
    """The whole directory of one edition as a file, and the cursor that goes on from it."""

    edition: int
    root: str | None
    url: str
    sha256: str
    cursor: str


class Page(NamedTuple):
    """A page of the feed. `is_at_edition`: a copy that has taken it is the directory at `edition`."""

    changes: Sequence[Change]
    cursor: str
    edition: int
    is_at_edition: bool
    checkpoint: Checkpoint | None


class Source:
    """One annuaire. `keys`: its public keys, got on another way; without, those that it shows are believed."""

    def __init__(self, rest: Rest, *, keys: dict[str, Any] | None = None, unsigned: bool = False) -> None:
        self._rest = rest
        self._pinned = keys
        self._shown: dict[str, Any] = {}
        self._shown_at: float | None = None
        self._unsigned = unsigned
        self.calls = 0

    def page(self, cursor: str | None, *, wait: int = 0, digest: bool = False, limit: int = PAGE) -> Page:
        """What comes after the cursor. With `digest` it brings the checkpoint, if it ends at the edition.

        Raises CursorOver.
        """
        asked = {"limit": limit, "wait": wait, "digest": "true" if digest else "false"}
        try:
            said = self._get("/v1/changes", **asked, **({"after": cursor} if cursor else {}))
        except Answered as refusal:
            if refusal.code in OVER:
                raise CursorOver(refusal.message) from refusal
            raise
        changes = [change_of(item) for item in said["items"]]
        is_at_edition = len(changes) < limit or changes[-1].sequence == said["edition"]
        checkpoint = self._checked(said["digest"]) if said.get("digest") else None
        return Page(changes, said["next"], said["edition"], is_at_edition, checkpoint)

    def snapshot(self, *, patient: bool) -> Snapshot | None:
        """The newest one that is offered, as its manifest says it; None where there is none.

        `patient`: one that is being made is waited for. Raises Refused: no manifest, or one that is not signed by the
        right keys.
        """
        self.calls += 1
        try:
            said = self._rest.get_within("/v1/snapshots", SNAPSHOT_PATIENCE if patient else 0.0).json
        except Answered as refusal:
            if refusal.status in {HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE}:
                return None
            raise
        found = [item for item in said["items"] if item["file"] == RESOURCES_FILE]
        if not found:
            return None
        newest = max(found, key=lambda item: int(item["edition"]))
        offered = Snapshot(newest["edition"], None, newest["url"], newest["sha256"], newest["next"])
        manifest = f"/v1/snapshots/{offered.edition}/{MANIFEST_FILE}"
        is_signed = any(item["url"] == manifest for item in said["items"])
        return self._manifested(offered, manifest) if is_signed or not self._unsigned else offered

    def save(self, url: str, out: BinaryIO) -> None:
        """Append a file of a snapshot to `out`."""
        self.calls += 1
        self._rest.save(url, out)

    def nodes(self) -> tuple[int, list[bytes]]:
        """(edition, hashes of the nodes)."""
        said = self._get("/v1/digest/nodes")
        return said["edition"], [bytes.fromhex(each) for each in said["nodes"]]

    def slots(self, node: int) -> tuple[int, list[bytes]]:
        """(edition, hashes of the slots below the node)."""
        said = self._get("/v1/digest/nodes", node=node)
        return said["edition"], [bytes.fromhex(each) for each in said["slots"]]

    def rows(self, slot: int) -> tuple[int, list[Row]]:
        """(edition, rows in the slot)."""
        said = self._get("/v1/digest/nodes", slot=slot)
        return said["edition"], [
            (each["kind"], each["key"], bytes.fromhex(each["fingerprint"])) for each in said["resources"]
        ]

    def resources(self, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Resource]:
        """The present resources of these names; those that are not published are left out."""
        by_kind: dict[str, list[str]] = {}
        for kind, key in names:
            by_kind.setdefault(kind, []).append(key)
        found: dict[tuple[str, str], Resource] = {}
        for kind, keys in by_kind.items():
            for first in range(0, len(keys), LOOKED_UP):
                said = self._post(f"/v1/{_plural(kind)}/lookup", {BATCHES[kind]: keys[first : first + LOOKED_UP]})
                for key, result in zip(keys[first : first + LOOKED_UP], said["results"], strict=True):
                    if result["found"]:
                        found[kind, key] = resource_of(kind, key, result["resource"])
        return found

    def _manifested(self, offered: Snapshot, manifest: str) -> Snapshot:
        """The same, as the signed manifest says it."""
        token = BytesIO()
        self.save(manifest, token)
        claims = self._claims(token.getvalue().decode("ascii", "replace").strip(), MANIFEST)
        sums = {each["file"]: each["sha256"] for each in claims["files"]}
        if claims["edition"] != offered.edition or RESOURCES_FILE not in sums:
            raise Refused("the manifest is that of another snapshot", "replica.checkpoint")
        return offered._replace(root=claims["root"], sha256=sums[RESOURCES_FILE])

    def _checked(self, said: dict[str, Any]) -> Checkpoint:
        """The root that the directory vouches for. Raises Refused: it does not, or says two things at once."""
        token = said["checkpoint"]
        told = Checkpoint(said["edition"], said["epoch"], said["root"], token)
        if token is None:
            if self._unsigned:
                return told
            raise Refused(
                "the directory signs no checkpoint: --unsigned takes its word for it, over TLS", "replica.unsigned"
            )
        claims = self._claims(token, CHECKPOINT)
        if [claims.get(name) for name in ("edition", "epoch", "root")] != list(told[:3]):
            raise Refused("the checkpoint signs another root than the directory says", "replica.checkpoint")
        return told

    def _claims(self, token: str, typ: str) -> dict[str, Any]:
        """What a token says. Raises Refused: none of the keys that are shown now signed it, or none of those given."""
        if self._pinned:
            try:
                return verify(token, self._pinned, typ)
            except SignatureInvalid as fault:
                raise Refused(f"a signature is not by the given keys: {fault}", "replica.checkpoint") from fault
        if self._shown_at is not None and monotonic() < self._shown_at + KEYS_SECONDS:
            # By a key that is shown only since: then the keys are read again.
            with suppress(SignatureInvalid):
                return verify(token, self._shown, typ)
        # One that is not shown any more became known to others: what it signs proves nothing.
        self._shown, self._shown_at = self._get("/.well-known/annuaire-keys.json"), monotonic()
        try:
            return verify(token, self._shown, typ)
        except SignatureInvalid as fault:
            raise Refused(f"a signature is not by the keys of the directory: {fault}", "replica.checkpoint") from fault

    def _get(self, path: str, **parameters: str | int) -> Any:
        self.calls += 1
        return self._rest.get(path, **parameters).json

    def _post(self, path: str, body: Any) -> Any:
        self.calls += 1
        return self._rest.post(path, body).json


def change_of(item: dict[str, Any]) -> Change:
    """An item of the feed, or a line of a snapshot. Raises Refused: the document is not what its fingerprint says."""
    kind, key, document = item["kind"], item["key"], item.get("resource")
    if document is None:
        return Change(item["sequence"], kind, key, None)
    resource = resource_of(kind, key, document)
    if resource.fingerprint.hex() != document["fingerprint"]:
        raise Refused(f"the document of {kind}/{key} does not have the fingerprint it came with", "replica.fingerprint")
    return Change(item["sequence"], kind, key, resource)


def _plural(kind: str) -> str:
    return f"{kind}es" if kind == "mailbox" else f"{kind}s"
