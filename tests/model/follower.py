"""A copy of the directory, kept by somebody who follows `/v1/changes` and reads nothing else (invariant I4)."""

from dataclasses import dataclass, field
from typing import Any

from tests.model.system import System

PAGE = 20


@dataclass
class Follower:
    """`documents` by (kind, key); `seen`: the number of the last change, which follows the one before without a gap."""

    documents: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    seen: int = 0
    cursor: str | None = None

    def follow(self, system: System) -> int:
        """Read on to the end. Returns the edition, to which the copy is then equal."""
        while True:
            after = f"&after={self.cursor}" if self.cursor else ""
            answer = system.get(f"/v1/changes?limit={PAGE}{after}", "reader")
            assert answer.status_code == 200, answer.text
            page = answer.json()
            for item in page["items"]:
                self._take(item)
            self.cursor = page["next"]
            if len(page["items"]) < PAGE:
                assert self.seen == page["edition"]
                return int(page["edition"])

    def addresses(self) -> set[str]:
        return {key for kind, key in self.documents if kind == "mailbox"}

    def _take(self, item: dict[str, Any]) -> None:
        assert item["sequence"] == self.seen + 1, "the log has a gap"
        self.seen = item["sequence"]
        name = item["kind"], item["key"]
        # A put without a document was taken away since: its own delete follows.
        if "resource" in item:
            self.documents[name] = item["resource"]
        else:
            self.documents.pop(name, None)
