"""What the publication's answers look like: shared parts of documents, batches, the feed, edition and digest."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.paging import Cursor, Id

LARGEST_BATCH = 1_000
LARGEST_FEED_PAGE = 1_000
LONGEST_WAIT = 30

Kind = Literal["mailbox", "organization", "practitioner"]


class Part(BaseModel):
    """A JSON object with exactly these members."""

    model_config = ConfigDict(extra="forbid")


class Coded(Part):
    """A code of a national value set with its label; the label is null for a code that nobody explains."""

    code: str = Field(examples=["10"])
    label: str | None = Field(examples=["Médecin"])


class Specialty(Part):
    """A skill (savoir-faire). `type` = TRE_R04, null where the file did not tell."""

    code: str = Field(examples=["SM53"])
    label: str | None
    type: str | None = Field(examples=["S"])


class Place(Part):
    """A postal address: `lines` = lines 2 to 5 of a French address, those that are known."""

    city: str | None = Field(examples=["BESANCON"])
    country: str | None = Field(examples=["France"])
    department: str | None = Field(examples=["25"])
    lines: list[str] = Field(examples=[["1 RUE DES ESSAIS"]])
    postal_code: str | None = Field(examples=["25000"])


class Structure(Part):
    """A structure as other documents show it. `id` is its key: GET /v1/organizations/{id}."""

    finess: str | None = Field(examples=["990000010"])
    id: str | None = Field(examples=["1990000010"])
    name: str | None = Field(examples=["CH EXEMPLE"])
    siret: str | None
    trade_name: str | None


class Resource(Part):
    """What every published document carries."""

    published_at: datetime
    sequence: int = Field(description="The change that last touched it", examples=[4821])
    updated_at: datetime


class Lookup(Part):
    """A batch of ids."""

    ids: Annotated[list[Id], Field(max_length=LARGEST_BATCH, examples=[["99900000060"]])]


class ResultOf(Part):
    """What a batch says of one id. `candidates` = the keys among which an ambiguous id does not choose."""

    id: str
    found: bool
    candidates: list[str] | None = None


class BatchOf(Part):
    """One result for each id asked, in order, all from one edition."""

    edition: int


class FeedQuery(BaseModel):
    """Where to go on in the feed, and what to leave out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Cursor | None = Field(None, description="`next` of the page before; without it, the oldest kept change")
    limit: int = Field(50, ge=1, le=LARGEST_FEED_PAGE, description="Changes on a page")
    kind: Kind | None = Field(None, description="Changes of this kind only; `next` still goes on")
    wait: int = Field(0, ge=0, le=LONGEST_WAIT, description="Seconds to wait for a change when there is none yet")
    resource: bool = Field(True, description="`false` leaves the documents out")
    digest: bool = Field(False, description="`true` adds the digest where the page ends at `edition`")


class FeedItem(Part):
    """One change. `resource` is the current document, with its `fingerprint`; a delete has none."""

    sequence: int
    kind: Kind
    key: str
    operation: Literal["put", "delete"]
    resource: dict[str, object] | None = None


class FeedPage(Part):
    """Changes in order, dense, from one snapshot. A page that ends at `edition` completes a copy."""

    items: list[FeedItem]
    next: str
    edition: int
    digest: "DigestState | None" = Field(None, description="Only with `digest=true`; null before the end")


class SnapshotFile(Part):
    """One full file of an edition."""

    edition: int
    file: str = Field(examples=["directory.ndjson.zst"])
    bytes: int
    sha256: str = Field(description="64 hexadecimal digits; also its `ETag`")
    made_at: datetime
    url: str
    next: str = Field(description="Cursor with which the feed goes on after this edition")


class SnapshotList(Part):
    """The full files that are offered, newest edition first."""

    items: list[SnapshotFile]
    edition: int = Field(description="Edition of the directory now")
    epoch: str


class Publishing(Part):
    """What waits to be published: the import run it comes from, if any, and how many marks are left."""

    run: str | None
    left: int


class SourceState(Part):
    """A national source: whether a full file of it was applied, and the stamp of the last one."""

    name: str = Field(examples=["mssante"])
    loaded: bool
    stamp: str | None
    run: str | None


class EditionState(Part):
    """The numbered state of the directory."""

    edition: int
    epoch: str = Field(description="One unbroken history; another epoch = start again")
    publishing: Publishing | None
    domain_rule: Literal["on", "off"] = Field(description="Off until a white list was imported")
    sources: list[SourceState]


class DigestState(Part):
    """The proof of an edition: a Merkle root over (kind, key, fingerprint) of every resource."""

    edition: int
    epoch: str
    root: str = Field(description="64 hexadecimal digits")
    checkpoint: str | None = Field(description="The same as a compact JWS; null where nothing signs")


class Fingerprinted(Part):
    """A resource by its name, and its fingerprint in hexadecimal digits."""

    kind: Kind
    key: str
    fingerprint: str


class DigestNodes(Part):
    """One step down the tree: `nodes`, or the `slots` of a `node`, or the `resources` in a `slot`."""

    edition: int
    epoch: str
    nodes: list[str] | None = Field(None, description="Hashes of the 256 nodes")
    node: int | None = None
    slots: list[str] | None = Field(None, description="Hashes of the 256 slots from 256 * node on")
    slot: int | None = None
    resources: list[Fingerprinted] | None = None
