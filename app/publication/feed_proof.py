"""A page of the feed with the digest of the edition at which it ends, both from one snapshot."""

from app.publication import feed
from app.publication.reading import Pool
from app.publication.schemas import FeedQuery
from app.publication.state import Digests


async def proved(digests: Digests, pool: Pool, cursors: feed.FeedCursors, query: FeedQuery) -> feed.Page:
    """The page after the query's cursor; its `digest` is null where it does not end at the edition.

    Raises what `feed.page_on` raises.
    """
    async with digests.snapshot(pool) as (connection, proof):
        page = await feed.page_on(connection, cursors, query)
    told = proof.body if page.is_at_edition else b"null"
    return page._replace(body=page.body[:-1] + b',"digest":' + told + b"}")
