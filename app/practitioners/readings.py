"""How the words of one box may be read as a family name and a given name."""

from typing import NamedTuple

from app.problems import InvalidRequest

MOST_WORDS = 8


class Reading(NamedTuple):
    """A family name and a given name, folded; an empty given name means any."""

    family: str
    given: str


def readings(name: str) -> list[Reading]:
    """Every reading of a folded text: all of it as family name, then each cut into two in either order.

    Raises InvalidRequest above MOST_WORDS words.
    """
    words = name.split(" ")
    if len(words) > MOST_WORDS:
        fault = {"pointer": "/query/name", "code": "too_many_words", "detail": f"At most {MOST_WORDS} words."}
        raise InvalidRequest("Too many words in the name.", errors=[fault])
    cuts = [(" ".join(words[:at]), " ".join(words[at:])) for at in range(1, len(words))]
    swapped = [(after, before) for before, after in cuts]
    return [Reading(name, ""), *dict.fromkeys(Reading(*pair) for pair in cuts + swapped)]
