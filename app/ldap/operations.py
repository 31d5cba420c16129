"""What is written to a tree, and what a tree says of itself."""

from dataclasses import dataclass

from app.ldap.entries import LAYOUT, Entry
from app.ldap.tree import Tree, suffix_parts


@dataclass(frozen=True, slots=True)
class Add:
    """Write a new entry."""

    dn: str
    attributes: Entry


@dataclass(frozen=True, slots=True)
class Modify:
    """Replace whole attributes by these values; an attribute without values goes."""

    dn: str
    replaced: Entry


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove an entry."""

    dn: str


@dataclass(frozen=True, slots=True)
class MoveEdition:
    """Move the edition on the suffix entry. Refused unless it stood at `before`: two exporters cannot both succeed."""

    dn: str
    before: int
    after: int


Operation = Add | Modify | Delete | MoveEdition


@dataclass(frozen=True, slots=True)
class State:
    """What a tree says of itself on its suffix entry. `digest` is the root proved at `digest_edition`, if any was.

    `layout`: how its entries were written (app.ldap.entries); None in a tree of before there was more than one way.
    """

    edition: int
    epoch: str | None
    digest: str | None
    digest_edition: int | None
    layout: str | None = LAYOUT


def foundation(suffix: str, state: State) -> list[Add]:
    """The two entries above all mailboxes. Raises ValueError for a suffix that cannot be named."""
    tree = Tree(suffix)
    attribute, value = suffix_parts(suffix)
    top: Entry = {
        "objectClass": [*(["dcObject"] if attribute == "dc" else []), "organization", "annuaireState"],
        attribute: [value],
        **({"o": ["annuaire"]} if attribute == "dc" else {}),
        "annuaireEdition": [str(state.edition)],
        "annuaireEpoch": [state.epoch] if state.epoch else [],
        "annuaireDigest": [state.digest] if state.digest else [],
        "annuaireDigestEdition": [str(state.digest_edition)] if state.digest_edition is not None else [],
        "annuaireLayout": [state.layout] if state.layout else [],
    }
    below: Entry = {"objectClass": ["organizationalUnit"], "ou": ["bal"]}
    return [Add(suffix, {name: values for name, values in top.items() if values}), Add(tree.mailboxes, below)]
