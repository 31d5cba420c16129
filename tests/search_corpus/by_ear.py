"""What is written otherwise and sounds the same in French: who hears a name on the telephone writes one of these.

Each rule is (what stands in a name, what may be written for it), on lower-case words with their accents. A rule says
where it holds: `c` is written `s` before e, i and y only.
"""

import re
from random import Random

from app.sandbox.chance import happens, pick
from tests.search_corpus.people import bare

V = "aeiouyàâéèêëîïôûùü"
RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    # Letters that are doubled or not.
    (r"([bdfmnprt])\1", (r"\1",)),
    (r"(?<!i)ll", ("l",)),
    (rf"(?<=[{V}])([mnrtpf])(?=[{V}])", (r"\1\1",)),
    (rf"(?<=[aeou])l(?=[{V}])", ("ll",)),
    # k
    (r"qu(?=[aeiéè])", ("k",)),
    (r"c(?=[aoulr])", ("k",)),
    (r"ck", ("k", "c")),
    (r"k(?=[aou])", ("c",)),
    (r"ch(?=[rl])", ("c",)),
    (r"rcq$", ("rc", "rk")),
    (r"rc$", ("rcq",)),
    # s and z
    (rf"(?<=[{V}])ss(?=[eiéè])", ("c",)),
    (rf"(?<=[{V}])c(?=[eiyéè])", ("ss",)),
    (r"(?<=[nrl])c(?=[eiyéè])", ("s",)),
    (r"^c(?=[eiyéè])", ("s",)),
    (r"sc(?=[eiyéè])", ("s", "c")),
    (r"ç", ("ss", "c")),
    (rf"(?<=[{V}])s(?=[{V}])", ("z",)),
    (rf"(?<=[{V}])z(?=[{V}])", ("s",)),
    # f, v, j
    (r"ph", ("f",)),
    (r"w", ("v",)),
    (r"(?<=[eè])bv(?=r)", ("v",)),
    (r"(?<=[eè])v(?=re$)", ("bv",)),
    (r"g(?=[eiyéè])(?!e[ao])", ("j",)),
    (r"ge(?=[ao])", ("j",)),
    (r"j(?=[eiéè])", ("g",)),
    (r"j(?=[ao])", ("ge",)),
    # Nasal vowels.
    (rf"an(?![{V}n])", ("en",)),
    (r"(?<![iéyo])en(?=[cdtsfv])", ("an",)),
    (r"am(?=[bp])", ("em", "an")),
    (r"em(?=[bp])", ("am", "en")),
    (rf"ain(?![{V}n])", ("in", "ein")),
    (rf"ein(?![{V}n])", ("in", "ain")),
    (rf"(?<![aeouéy])in(?![{V}nh])", ("ain",)),
    (r"im(?=[bp])", ("in",)),
    (r"om(?=[bp])", ("on",)),
    (r"(?<=r)un$", ("in",)),
    # o
    (r"eau(?!$)", ("o", "au")),
    (r"eaux?$", ("o", "au", "ot", "aud")),
    (r"(?<!e)au(?!l?[tdx]?s?$)(?=[bcdfglmprstv])", ("o",)),
    (r"(?<!e)(?:ault|aud|aut|aux|au)$", ("o", "eau", "ot")),
    (r"(?<=[bcdfglmnprstvi])ot$", ("o", "eau", "aud")),
    # e
    (r"(?<=i)er$", ("é", "et")),
    (r"(?<=ch)er$", ("é", "et")),
    (r"(?<=[lnt])et$", ("ai", "ey")),
    (r"é$", ("er", "ez", "ée")),
    (r"ai(?=r)", ("è",)),
    (r"è(?=[rvlt])", ("ai", "ê")),
    (r"(?<=[bdfmnprst])ay$", ("et", "ai")),
    (r"œu|oeu", ("eu",)),
    (r"(?<=[^aeouq])eu(?=r)", ("oeu",)),
    # i and y
    (r"(?<=[bcdfglmnprstv])y(?![aeouéèmn])", ("i",)),
    (r"(?<=[bdfglmnrt])i$", ("y",)),
    (rf"oy(?![{V}])", ("oi",)),
    (rf"oi(?![{V}n])", ("oy",)),
    (r"(?<=[aeou])ill(?=[aeoé])", ("y",)),
    # Letters that nobody hears.
    (r"^h", ("",)),
    (r"^(?=[aeiouéè])", ("h",)),
    (r"th", ("t",)),
    (r"(?<![hcs])t(?=[iaeé])(?!ion)", ("th",)),
    (r"rh", ("r",)),
    (r"(?<=[aou])x$", ("", "s")),
    (r"oi[stx]$", ("oi", "oit", "oix", "ois")),
    (r"(?<=[anor])d$", ("", "t")),
    (r"(?<=[anor]n)t$", ("", "d")),
    (r"(?<=[aeo]r)t$", ("", "d")),
    (r"(?<=[^aeou][ai])s$", ("",)),
    (r"on$", ("ond", "ont")),
    (r"champs?$", ("chant", "champ", "chan")),
    (r"(?<=[aiouè][rl])e$", ("",)),
    (r"(?<=[aiou][rl])$", ("e",)),
)
PATTERNS = tuple((re.compile(pattern), written) for pattern, written in RULES)
TWO_AT_ONCE = 0.25


def by_ear(rng: Random, word: str) -> str | None:
    """The word as somebody writes it who has only heard it; None where it can hardly be written otherwise."""
    heard = _rewritten(rng, word.lower())
    if heard and happens(rng, TWO_AT_ONCE):
        heard = _rewritten(rng, heard) or heard
    if heard is None or bare(heard) == bare(word):
        return None
    return heard


def _rewritten(rng: Random, word: str) -> str | None:
    fitting = [(pattern, written) for pattern, written in PATTERNS if pattern.search(word)]
    if not fitting:
        return None
    pattern, written = pick(rng, fitting)
    place = pick(rng, list(pattern.finditer(word)))
    return word[: place.start()] + place.expand(pick(rng, written)) + word[place.end() :]
