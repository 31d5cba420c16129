"""Which mail domains this trust space takes: names, and families of names below one name (`*.mssante.fr`).

The national rule is `*.mssante.fr` and one gateway, `interop-mssante.apicrypt.org`, through which an outside network
joins with its own domain (mssante.md §2.3). It binds what operators and administrators write here; an imported white
list is taken as it is, since who publishes it decides.

A name is compared letter by letter, in lower case. Whatever looks like a listed name without being it, is another
name: letters outside ASCII, encoded ones (`xn--`) and a dot at the end are refused, never folded into a neighbour.
"""

from collections.abc import Iterable

from app.identifiers import InvalidIdentifier, MailboxAddress

FAMILY = "*."
ENCODED = "xn--"


class InvalidDomain(ValueError):
    """This text is no mail domain that the trust space takes: the message says why, `code` for programs."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def parse(text: str) -> str:
    """The mail domain written in `text`, outer spaces dropped, in lower case. Raises InvalidDomain."""
    name = text.strip()
    try:
        domain = MailboxAddress.parse(f"x@{name}").domain
    except InvalidIdentifier as error:
        raise InvalidDomain("domain.form", f"{name[:254]!r} is not a domain name in ASCII letters") from error
    if any(label.startswith(ENCODED) for label in domain.split(".")):
        raise InvalidDomain(
            "domain.encoded", f"{domain} hides letters outside ASCII (xn--): people would take it for another name"
        )
    return domain


def is_accepted(domain: str, accepted: Iterable[str]) -> bool:
    """Whether a domain, as `parse` gives it, is one of these names or below one of these families."""
    return any(_fits(domain, each) for each in accepted)


def require_accepted(text: str, accepted: Iterable[str]) -> str:
    """The domain written in `text`. Raises InvalidDomain: no domain, or none that the trust space takes."""
    domain = parse(text)
    names = tuple(accepted)
    if not is_accepted(domain, names):
        raise InvalidDomain(
            "domain.foreign", f"{domain} is none of the domains of this trust space: {', '.join(names)}"
        )
    return domain


def names_of(text: str) -> tuple[str, ...]:
    """The names and families of a setting, separated by spaces or commas. Raises InvalidDomain."""
    names = text.replace(",", " ").split()
    return tuple(FAMILY + parse(name[len(FAMILY) :]) if name.startswith(FAMILY) else parse(name) for name in names)


def _fits(domain: str, accepted: str) -> bool:
    if accepted.startswith(FAMILY):
        return domain.endswith(accepted[1:]) and len(domain) >= len(accepted)
    return domain == accepted
