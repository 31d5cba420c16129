"""Records of one large JSON document, one after the other: only the members asked for are kept, memory stays flat.

    bytes ─► events (ijson, in C) ─► a record as nested dictionaries, when its object ends

Member names are compared in lower case. A member holds text, or a list of objects, one where the file has no list.
"""

from collections.abc import Iterator
from typing import Any, Union

import ijson

from app.imports.reading import Read
from app.imports.refusal import FileRefused

# Small, since the place of a fault is told to this many bytes.
PIECE = 8_192
BOM = b"\xef\xbb\xbf"
# A value that does not end within this is no name and no number.
MAX_QUIET = 1_048_576
MAX_DEPTH = 200
# The largest legal entity has some hundred sites, each some thousand bytes in the file.
MAX_PARTS = 50_000
# So much of what the parser says is shown.
MAX_SAID = 160
# So much of a text is kept; whoever reads the record finds out that it is longer.
MAX_TEXT = 1_000

# Members to keep: None for a text, a shape for objects. NUMBERED among them gives each of these objects its running
# number in the file, under the same name.
Shape = dict[str, Union["Shape", None]]
Record = dict[str, Any]
NUMBERED = "#"


def records(read: Read, member: str, shape: Shape) -> Iterator[Record]:
    """The objects in the list `member` of the root object. Raises FileRefused: broken, by its place, or no list."""
    builder = _Builder(member, shape)
    events: Any = ijson.sendable_list()
    parser = ijson.basic_parse_coro(events)
    offset = quiet = 0
    while piece := read(PIECE):
        try:
            parser.send(piece.removeprefix(BOM) if offset == 0 else piece)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            builder.exhaust(events)
            raise _broken(error, builder.count, offset, len(piece)) from error
        offset += len(piece)
        quiet = 0 if events else quiet + len(piece)
        if quiet > MAX_QUIET:
            raise FileRefused(
                "json.value_too_long",
                f"no value ends within {MAX_QUIET} bytes before byte {offset}, after record {builder.count}: damaged.",
            )
        yield from builder.take(events)
        events.clear()
    try:
        parser.close()
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise FileRefused(
            "json.truncated",
            f"the JSON ends at byte {offset}, after record {builder.count}, before its root is closed: it is cut "
            "short. Take it again from its publisher.",
        ) from error
    yield from builder.take(events)
    if not builder.found:
        raise FileRefused(
            "json.member_missing", f"the JSON holds no list {member!r}: another file, or another version."
        )


def _broken(error: Exception, count: int, offset: int, length: int) -> FileRefused:
    said = " ".join(str(error).split())[:MAX_SAID]
    return FileRefused(
        "json.malformed",
        f"not JSON between bytes {offset + 1} and {offset + length}, after record {count} ({said}): take the file "
        "again from its publisher.",
    )


class _Builder:
    """Turns events into records. A container that nobody asked for is counted down, not kept."""

    def __init__(self, member: str, shape: Shape) -> None:
        self.count = 0
        self.found = False
        self._member = member
        self._shape = shape
        self._key = ""
        self._skipped = 0
        self._parts = 0
        # Open containers: the object, or None inside a list; what to keep of it; the list its objects go to.
        self._open: list[tuple[Record | None, Shape, list[Record]]] = []
        self._is_rooted = False

    def exhaust(self, events: list[tuple[str, Any]]) -> None:
        """Take what came before a fault, so that `count` tells where it is."""
        for _ in self.take(events):
            pass

    def take(self, events: list[tuple[str, Any]]) -> Iterator[Record]:
        """The records that these events finish."""
        for event, value in events:
            if event in {"start_map", "start_array"}:
                self._start(is_object=event == "start_map")
            elif event in {"end_map", "end_array"}:
                if (record := self._end()) is not None:
                    yield record
            elif self._skipped:
                continue
            elif event == "map_key":
                self._key = value.lower()
            elif (record := self._text(event, value)) is not None:
                yield record

    def _start(self, *, is_object: bool) -> None:
        if self._skipped:
            self._skipped += 1
            if self._skipped > MAX_DEPTH:
                raise FileRefused("json.too_deep", f"record {self.count}: over {MAX_DEPTH} lists inside one another.")
        elif not self._is_rooted:
            if not is_object:
                raise FileRefused("json.root", "the JSON begins with a list: expected an object with its list inside.")
            self._is_rooted = True
        elif not self._open:
            self._start_list(is_list=not is_object and self._key == self._member)
        else:
            self._start_member(is_object=is_object)

    def _start_list(self, *, is_list: bool) -> None:
        if is_list:
            self.found = True
            self._open.append((None, self._shape, []))
        else:
            self._skipped = 1

    def _start_member(self, *, is_object: bool) -> None:
        owner, shape, siblings = self._open[-1]
        if owner is not None:
            inner = shape.get(self._key)
            if inner is None:
                self._skipped = 1
                return
            shape, siblings = inner, owner.setdefault(self._key, [])
            if isinstance(siblings, str):
                siblings = owner[self._key] = []
        elif not is_object:
            self._skipped = 1
            return
        if is_object:
            self._parts += 1
            if self._parts > MAX_PARTS:
                raise FileRefused("json.too_large", f"record {self.count}: over {MAX_PARTS} parts in one record.")
            item: Record = self._numbered(shape)
            siblings.append(item)
            self._open.append((item, shape, siblings))
        else:
            self._open.append((None, shape, siblings))

    def _numbered(self, shape: Shape) -> Record:
        if NUMBERED not in shape:
            return {}
        self.count += 1
        return {NUMBERED: self.count}

    def _end(self) -> Record | None:
        if self._skipped:
            self._skipped -= 1
        elif self._open:
            item, _, siblings = self._open.pop()
            if len(self._open) == 1:
                siblings.clear()
                self._parts = 0
                return item
        return None

    def _text(self, event: str, value: object) -> Record | None:
        if not self._open:
            return None
        owner, shape, siblings = self._open[-1]
        if owner is None:
            # A text where an object is expected: what it lacks is found by whoever reads the record.
            if NUMBERED in shape:
                siblings.append(self._numbered(shape))
            if len(self._open) > 1:
                return None
            return siblings.pop() if siblings else None
        if self._key in shape and event != "null":
            owner[self._key] = str(value)[:MAX_TEXT]
        return None
