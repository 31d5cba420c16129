"""Names of mail domains as somebody may write them: listed ones, and what looks like one of them.

Each says by hand which name it is (mssante.md §2.3, reliability.md §6.2: lower case, ASCII, no dot at the end, exact
domain), so that no code of ours decides what is expected of it.
"""

from typing import NamedTuple

OWN = "kine-alpha.mssante.fr"
SECOND = "kine-beta.mssante.fr"
SHARED = "partage.mssante.fr"
OTHERS = "autre.mssante.fr"
HYPHEN = "kinea-lpha.mssante.fr"
GATEWAY = "interop-mssante.apicrypt.org"
CANDIDATES = "candidat.mssante.fr"
SUSPENDED = "suspendu.mssante.fr"
LEFT = "parti.mssante.fr"
TAKEN = "repris.mssante.fr"

# With a Cyrillic a.
HOMOGLYPH = "kine-\u0430lpha.mssante.fr"

INVALID, UNUSABLE = "mailbox.address_invalid", "request.invalid"


class Name(NamedTuple):
    """A domain as it is sent. `meant`: the domain that this is, None for none; then `code` is how a write answers.

    `in_path`: whether an address with it can stand in the path of a route; a line end cannot.
    """

    label: str
    sent: str
    meant: str | None = None
    code: str = INVALID
    in_path: bool = True


def _listed(name: str) -> Name:
    return Name(name, name, name)


def _other(label: str, name: str) -> Name:
    """A name of good form that is none of the listed ones."""
    return Name(label, name, name)


NAMES = (
    *map(_listed, (OWN, SECOND, SHARED, OTHERS, HYPHEN, GATEWAY, CANDIDATES, SUSPENDED, LEFT, TAKEN)),
    Name("upper case", OWN.upper(), OWN),
    Name("mixed case", "Kine-Alpha.MSSante.FR", OWN),
    Name("a space after it", f"{OWN} ", OWN),
    _other("sub-domain", f"service.{OWN}"),
    _other("parent", "mssante.fr"),
    _other("unlisted", "inconnu.mssante.fr"),
    _other("punycode of a homoglyph", HOMOGLYPH.encode("idna").decode()),
    _other("hyphen left out", "kinealpha.mssante.fr"),
    _other("hyphen doubled", "kine--alpha.mssante.fr"),
    _other("hyphen for dot", "kine-alpha-mssante.fr"),
    _other("digit for letter", "k1ne-alpha.mssante.fr"),
    _other("other top level", "kine-alpha.mssante.com"),
    _other("below another domain", f"{OWN}.exemple.fr"),
    _other("suffix without its dot", "kine-alpha.xmssante.fr"),
    _other("sub-domain of the gateway", f"kine-alpha.{GATEWAY}"),
    _other("parent of the gateway", "apicrypt.org"),
    _other("gateway without its hyphen", "interopmssante.apicrypt.org"),
    Name("top level alone", "fr"),
    Name("homoglyph", HOMOGLYPH),
    Name("Kelvin sign", "\u212aine-alpha.mssante.fr"),
    Name("full width", "\uff4bine-alpha.mssante.fr"),
    Name("I with its dot", "k\u0130ne-alpha.mssante.fr"),
    Name("other full stop", "kine-alpha\u3002mssante.fr"),
    Name("other hyphen", "kine\u2010alpha.mssante.fr"),
    Name("soft hyphen", "kine-\u00adalpha.mssante.fr"),
    Name("zero width", "kine-alpha\u200b.mssante.fr"),
    Name("dot at the end", f"{OWN}."),
    Name("dot at the beginning", f".{OWN}"),
    Name("two dots", "kine-alpha..mssante.fr"),
    Name("hyphen at an end", "kine-alpha-.mssante.fr"),
    Name("underscore", "kine_alpha.mssante.fr"),
    Name("NUL at the end", f"{OWN}\x00", code=UNUSABLE),
    Name("NUL between two", f"{OTHERS}\x00.{OWN}", code=UNUSABLE),
    Name("tab", f"{OWN}\t", code=UNUSABLE),
    Name("line end", f"{OWN}\r\n{OTHERS}", code=UNUSABLE, in_path=False),
    Name("DEL", f"kine-alpha\x7f.{OTHERS}", code=UNUSABLE),
    Name("a second @", f"{OWN}@{OTHERS}"),
    Name("slash", f"{OWN}/{OTHERS}"),
    Name("encoded twice", "kine%2Dalpha.mssante.fr"),
    Name("joker", "*.mssante.fr"),
    Name("number of a host", "[192.0.2.1]"),
    Name("comment", f"(x){OWN}"),
    Name("quote", f'{OWN}"'),
)
