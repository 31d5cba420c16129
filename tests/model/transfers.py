"""Transfers between operators on the model (docs/transfers.md)."""

from dataclasses import dataclass, replace

from tests.model.directory import Directory, Pair

OPEN = ("proposed", "agreed")


@dataclass
class Transfer:
    """A mailbox or a domain that shall move; `by`: the side that proposed it."""

    scope: str
    key: str
    giver: str
    receiver: str
    by: str
    new_address: str | None = None
    id: int = 0
    state: str = "proposed"

    @property
    def other(self) -> str:
        return self.receiver if self.by == self.giver else self.giver

    @property
    def domain(self) -> str:
        """Into which domain a mailbox goes."""
        return (self.new_address or self.key).partition("@")[2]


def fault(model: Directory, known: list[Transfer], asked: Transfer, asker: str | None) -> str | None:
    """The code of what stands in the way, as far as the asker may know; None as asker: the worker, at the hour."""
    box = model.boxes.get(asked.key)
    is_mailbox = asked.scope == "mailbox"
    is_givers = bool(box and box.operator == asked.giver and not box.is_withdrawn)
    if not (asker == asked.receiver or is_givers if is_mailbox else asked.giver in model.owners(asked.key)):
        return "transfer.not_givers"
    takes = asked.receiver in (model.owners(asked.domain) if is_mailbox else model.certified)
    if not (model.may_publish(asked.receiver) and takes):
        return "transfer.receiver"
    if asked.new_address in model.boxes and asker != asked.giver:
        return "transfer.address_taken"
    same = [each for each in known if each.id != asked.id and (each.scope, each.key) == (asked.scope, asked.key)]
    is_promised = any(each.state == "agreed" for each in same)
    return "transfer.open" if is_promised and asker == asked.giver else None


def is_open_already(known: list[Transfer], asked: Transfer) -> bool:
    """Whether these two have one of this open."""
    name = (asked.scope, asked.key, asked.giver, asked.receiver)
    return any(each.state in OPEN and (each.scope, each.key, each.giver, each.receiver) == name for each in known)


def is_promised(known: list[Transfer], asked: Transfer) -> bool:
    """Whether both agreed to another one of the same thing, or of the same new address."""
    return any(
        each.state == "agreed"
        and each.id != asked.id
        and (
            (each.scope, each.key) == (asked.scope, asked.key)
            or (asked.new_address is not None and each.new_address == asked.new_address)
        )
        for each in known
    )


def settle(model: Directory, known: list[Transfer], asked: Transfer) -> None:
    """Its hour has come."""
    model.acts += 1
    if asked.state == "proposed":
        asked.state = "lapsed"
    elif fault(model, known, asked, None):
        asked.state = "failed"
    else:
        asked.state = "done"
        with model.publishing():
            _move_mailbox(model, asked) if asked.scope == "mailbox" else _move_domain(model, asked)


def _move_mailbox(model: Directory, asked: Transfer) -> None:
    box = model.boxes[asked.key]
    if asked.new_address is None:
        model.boxes[asked.key] = replace(box, operator=asked.receiver, run=None)
        return
    model.boxes[asked.new_address] = replace(box, address=asked.new_address, operator=asked.receiver, run=None)
    model.boxes[asked.key] = replace(box, state="withdrawn", successor=asked.new_address, run=None)


def _move_domain(model: Directory, asked: Transfer) -> None:
    del model.pairs[asked.key, asked.giver]
    model.pairs.setdefault((asked.key, asked.receiver), Pair("admin"))
    moved = {name: asked.receiver if name[0] == asked.key else to for name, to in model.moved.items()}
    moved[asked.key, asked.giver] = asked.receiver
    model.moved = {(domain, giver): to for (domain, giver), to in moved.items() if giver != to}
    for address, box in model.boxes.items():
        if box.domain == asked.key and box.operator == asked.giver:
            model.boxes[address] = replace(box, operator=asked.receiver, run=None)
