"""A page of the feed that waits for the reader's next change, and is empty when time is over."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager

from app.publication import feed
from app.publication.arrivals import QUIET_SECONDS, Arrivals
from app.publication.schemas import FeedQuery

Look = Callable[[FeedQuery, int], Awaitable[feed.Page]]


async def awaited(
    arrivals: Arrivals,
    look: Look,
    query: FeedQuery,
    caller: str,
    aside: Callable[[], AbstractContextManager[None]],
    readmit: Callable[[], Awaitable[None]],
) -> feed.Page:
    """The page after the query's cursor, at once when it holds something, else within `wait` seconds.

    `look` reads a page of an edition that it is told at least: who waits is woken for one, and must not look past it.
    `aside` gives the place among the requests at work up meanwhile (app.admission).
    Raises what `feed.page` raises, TooManyWaiting, and what `readmit` raises: whoever waited is asked again whether it
    may read, for a key that was revoked meanwhile must show nothing.
    """
    page = await look(query, 0)
    if page.holds or not query.wait:
        return page
    clock = asyncio.get_running_loop().time
    end = clock() + query.wait
    with arrivals.place(caller):
        await arrivals.listen(end - clock())
        while not page.holds:
            # Taken before looking: a change that is committed while we look sets this very event.
            news = arrivals.news
            query = query.model_copy(update={"after": page.next})
            page = await look(query, arrivals.edition)
            if page.holds or clock() >= end:
                break
            if page.is_at_edition:
                with aside():
                    await arrivals.wait(news, end - clock())
                    # A reader of one kind is woken by every other: it looks a few times a second, not at each of them.
                    await asyncio.sleep(min(QUIET_SECONDS if query.kind else 0.0, max(0.0, end - clock())))
    await readmit()
    return page
