"""Names as they are compared: folded by the database's own `name_key`, so that both sides fold alike."""

from collections.abc import Mapping

from app.problems import InvalidRequest
from app.publication.reading import Pool

FOLD = "SELECT name_key(t.text) FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, position) ORDER BY t.position"


def after_prefix(key: str) -> str:
    """The first text after every key that begins with `key`: `~` sorts after every character of a key."""
    return key + "~"


async def folded(pool: Pool, texts: Mapping[str, str | None]) -> dict[str, str | None]:
    """The same parameters, folded; those not given stay None.

    Raises InvalidRequest for a text without any Latin letter or digit: it would fit everything.
    """
    given = {name: text for name, text in texts.items() if text is not None}
    if not given:
        return dict(texts)
    async with pool.connection() as connection:
        cursor = await connection.execute(FOLD, (list(given.values()),))
        keys = {name: row[0] for name, row in zip(given, await cursor.fetchall(), strict=True)}
    empty = [name for name, key in keys.items() if not key]
    if empty:
        faults = [
            {"pointer": f"/query/{name}", "code": "no_letters", "detail": "Holds no Latin letter and no digit."}
            for name in empty
        ]
        raise InvalidRequest(f"Nothing to search for in: {', '.join(empty)}.", errors=faults)
    return {**texts, **keys}
