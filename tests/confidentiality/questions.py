"""Questions that outsiders ask, drawn from a seed: on every route, of everything, and of the canaries most of all.

A question may lean on the answer to an earlier one: ask only for news of it (its tag), go on from it (its cursor), or
write on top of it. Which one is part of the question, so that two directories are asked the same.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal
from urllib.parse import quote, urlencode

from tests.confidentiality import world
from tests.confidentiality.paths import OWN, PAGES, STATES
from tests.confidentiality.world import (
    CANARIES,
    DOMAINS,
    FAMILIES,
    GIVEN,
    MAILBOXES,
    PERSONS,
    STRUCTURES,
    finess,
    neighbour,
    rpps,
)

Lean = Literal["news", "state", "page", "feed"]
Headers = tuple[tuple[str, str], ...]

ANONYMOUS = ("somebody", "somebody else", "a third one")
READERS = (*ANONYMOUS, "reader", "bound reader", "reader of the co-owner", "stranger", "co-owner", "candidate")
WRITERS = ("stranger", "stranger", "stranger", "co-owner", "co-owner", "candidate", "reader", "somebody")
SOME_DAY = (datetime.now(UTC) + timedelta(days=30)).isoformat()
ABSENT = (
    "personne@hopital.mssante.fr",
    "canari.vert@hopital.mssante.fr",
    "canari.rouge@inconnu.mssante.fr",
    "no address",
)


@dataclass(frozen=True, slots=True)
class Question:
    """One request. `leans` names an earlier question of the list, and in which way this one leans on its answer."""

    caller: str
    method: str
    target: str
    body: Any = None
    headers: Headers = ()
    leans: tuple[int, Lean] | None = None


@dataclass
class Asker:
    """Draws questions. `asked` holds the earlier ones, by what may lean on them."""

    rng: Random
    questions: list[Question] = field(default_factory=list)
    asked: dict[Lean, list[int]] = field(default_factory=lambda: {"news": [], "page": [], "feed": []})

    def draw(self, count: int) -> list[Question]:
        ways = list(WEIGHTS)
        for way in self.rng.choices(ways, [WEIGHTS[each] for each in ways], k=count):
            way(self)
        return self.questions

    def _ask(self, method: str, target: str, body: Any = None, *, caller: str | None = None, **more: Any) -> int:
        self.questions.append(Question(caller or self.rng.choice(READERS), method, target, body, **more))
        return len(self.questions) - 1

    def _news(self, chance: float) -> bool:
        """Now and then, ask for news of an earlier answer instead of something else."""
        earlier = self.asked["news"]
        if not earlier or self.rng.random() > chance:
            return False
        number = self.rng.choice(earlier)
        was = self.questions[number]
        self._ask(was.method, was.target, was.body, caller=was.caller, leans=(number, "news"))
        return True

    def address(self) -> str:
        """An address: a canary's, a neighbour's, one of nobody; now and then spelled another way."""
        canary = self.rng.choice(list(CANARIES.values())).address
        known = neighbour(self.rng.randrange(MAILBOXES))
        address = self.rng.choice([canary, canary, known, known, self.rng.choice(ABSENT)])
        return self.rng.choice([address] * 6 + [address.upper(), f" {address}"])

    def person(self) -> str:
        number = self.rng.choice([world.ALONE, world.BESIDE, self.rng.randrange(PERSONS + 5)])
        return self.rng.choice(["", "8"]) + rpps(number)

    def structure(self) -> str:
        return self.rng.choice(["", "1"]) + finess(self.rng.randrange(STRUCTURES + 2))

    def some(self, draw: Callable[[], str]) -> list[str]:
        return [draw() for _ in range(self.rng.randint(1, 12))]

    def one_mailbox(self) -> None:
        if not self._news(0.25):
            method = self.rng.choice(["GET", "GET", "GET", "HEAD"])
            headers = self.rng.choice([(), (), (("If-None-Match", "*"),)])
            number = self._ask(method, f"/v1/mailboxes/{quote(self.address(), safe='@')}", headers=headers)
            if method == "GET":
                self.asked["news"].append(number)

    def mailboxes(self) -> None:
        filters = {
            "domain": self.rng.choice(DOMAINS),
            "type": self.rng.choice(["PER", "ORG", "CAB", "APP"]),
            "practitioner": self.person(),
            "organization": self.structure(),
        }
        self._list("/v1/mailboxes", filters, most=2)

    def practitioners(self) -> None:
        family = self.rng.choice([*FAMILIES, "CANARIS"])
        filters = {
            "name": self.rng.choice([family, family[:4], f"{family} {self.rng.choice(GIVEN)}", "can"]),
            "family": family[: self.rng.randint(2, 8)],
            "given": self.rng.choice(GIVEN)[:3],
            "has_mailbox": self.rng.choice(["true", "false"]),
            "organization": self.structure(),
            "city": "Besançon",
            "profession": "10",
            "specialty": "SM53",
            "department": "25",
        }
        self._list("/v1/practitioners", filters, most=3)

    def organizations(self) -> None:
        filters = {
            "name": self.rng.choice(["ch", "ch canton 1", "x"]),
            "city": "BESANCON",
            "department": "25",
            "type": "355",
        }
        self._list("/v1/organizations", filters, most=2)

    def exports(self) -> None:
        path = self.rng.choice(
            [
                "mailboxes",
                f"mailboxes?domain={self.rng.choice(DOMAINS)}",
                f"mailboxes?practitioner={self.person()}",
                "practitioners?has_mailbox=true",
                f"practitioners?family={quote(self.rng.choice(FAMILIES))}",
                "organizations",
            ]
        )
        headers = self.rng.choice([(), (("Accept", "text/csv"),)])
        caller = self.rng.choice(["reader", "bound reader", "stranger", "co-owner", "somebody"])
        method = self.rng.choice(["GET", "GET", "GET", "HEAD"])
        self._ask(method, f"/v1/exports/{path}", caller=caller, headers=headers)

    def one_resource(self) -> None:
        if not self._news(0.3):
            path = self.rng.choice([f"practitioners/{self.person()}", f"organizations/{self.structure()}"])
            self.asked["news"].append(self._ask("GET", f"/v1/{path}"))

    def look_up(self) -> None:
        if self.rng.random() < 0.3:
            self._resolve()
            return
        path, body = self.rng.choice(
            [
                ("mailboxes/lookup", {"addresses": self.some(self.address)}),
                ("mailboxes/check", {"addresses": self.some(self.address)}),
                ("practitioners/lookup", {"ids": self.some(self.person)}),
                ("organizations/lookup", {"ids": self.some(self.structure)}),
            ]
        )
        self._ask("POST", f"/v1/{path}", body)

    def _resolve(self) -> None:
        whom = self.rng.choice(
            [
                {"address": self.address()},
                {"practitioner": self.person()},
                {"organization": self.structure()},
                {"practitioner": self.person(), "organization": self.structure()},
            ]
        )
        document = self.rng.choice(["letter", "administrative", "application_message"])
        self._ask("POST", "/v1/resolve", {**whom, "document": document})

    def feed(self) -> None:
        caller = self.rng.choice(["reader", "stranger", "co-owner", "candidate", "bound reader", "somebody"])
        query = {"limit": self.rng.choice(["1", "7", "50", "1000"])}
        if self.rng.random() < 0.4:
            query["kind"] = self.rng.choice(["mailbox", "practitioner", "organization"])
        earlier = self.asked["feed"]
        leans = (self.rng.choice(earlier), "feed") if earlier and self.rng.random() < 0.7 else None
        self.asked["feed"].append(self._ask("GET", f"/v1/changes?{urlencode(query)}", caller=caller, leans=leans))

    def state(self) -> None:
        if not self._news(0.2):
            self.asked["news"].append(self._ask("GET", self.rng.choice(STATES)))

    def own(self) -> None:
        caller = self.rng.choice(["stranger", "co-owner", "reader of the co-owner", "candidate", "reader", "somebody"])
        self._ask("GET", self.rng.choice(OWN), caller=caller)

    def page(self) -> None:
        self._ask(self.rng.choice(["GET", "GET", "HEAD", "OPTIONS", "POST"]), self.rng.choice(PAGES))

    def write(self) -> None:
        caller = self.rng.choice(WRITERS)
        address = self.foreign_to(caller)
        method = self.rng.choice(["PUT", "PUT", "PATCH", "DELETE"])
        content = {"PUT": self._content(), "PATCH": {"rank": self.rng.randint(1, 9)}, "DELETE": None}[method]
        target = f"/v1/mailboxes/{quote(address, safe='@')}"
        if method == "DELETE" and self.rng.random() < 0.5:
            target += f"?successor={quote(self.address())}"
        read = self._ask("GET", target.partition("?")[0], caller=caller)
        leans, headers = self.rng.choice(
            [((read, "state"), ()), (None, ()), (None, (("If-Match", "*"),)), (None, (("If-None-Match", "*"),))]
        )
        if self.rng.random() < 0.2:
            headers = (*headers, ("Idempotency-Key", f"key {self.rng.randrange(9)}"))
        self._ask(method, target, content, caller=caller, headers=headers, leans=leans)

    def batch(self) -> None:
        caller = self.rng.choice(WRITERS)
        lines = []
        for _ in range(self.rng.randint(1, 15)):
            operation = self.rng.choice(["put", "patch", "delete"])
            members = {"put": self._content(), "patch": {"rank": 1, "if_match": "*"}, "delete": {"if_match": "*"}}
            lines.append({"operation": operation, "address": self.foreign_to(caller), **members[operation]})
        way = self.rng.choice(["", "?on_error=abort"])
        self._ask("POST", f"/v1/mailboxes/batch{way}", {"items": lines}, caller=caller)

    def transfer(self) -> None:
        caller = self.rng.choice(WRITERS)
        what = self.rng.choice(
            [
                {"mailbox": self.address(), "from": world.OWNER},
                {
                    "mailbox": self.address(),
                    "from": world.OWNER,
                    "new_address": f"repris.{self.rng.randrange(99)}@{world.FOREIGN}",
                },
                {"domain": self.rng.choice(DOMAINS), "from": world.OWNER},
                {"mailbox": self.foreign_to(caller), "to": world.CO_OWNER},
            ]
        )
        self._ask("POST", "/v1/transfers", {**what, "effective_at": SOME_DAY}, caller=caller)

    def foreign_to(self, caller: str) -> str:
        """An address to write at. What co-owners of one domain learn there is told (mssante.md §2.5): not asked."""
        own = f"mien.{self.rng.randrange(3)}@{self.rng.choice([world.FOREIGN, world.SECOND, world.SHARED])}"
        address = self.rng.choice([self.address(), own])
        return own if caller == "co-owner" and address.strip().lower().endswith(f"@{world.SHARED}") else address

    def _content(self) -> dict[str, Any]:
        hidden = {"liste_rouge": True} if self.rng.random() < 0.2 else {}
        if self.rng.random() < 0.3:
            return {"type": "ORG", "organization": self.structure(), **hidden}
        return {"type": "PER", "practitioner": self.person(), **hidden}

    def _list(self, path: str, filters: Mapping[str, str], most: int) -> None:
        if self._news(0.1):
            return
        if self.asked["page"] and self.rng.random() < 0.25:
            number = self.rng.choice(self.asked["page"])
            was = self.questions[number]
            self.asked["page"].append(self._ask("GET", was.target, caller=was.caller, leans=(number, "page")))
            return
        names = self.rng.sample(sorted(filters), self.rng.randint(0, most))
        query = {name: filters[name] for name in names} | {"limit": str(self.rng.choice([1, 2, 5, 50, 200, 201]))}
        if self.rng.random() < 0.03:
            query["cursor"] = "bm8gY3Vyc29yIG9mIG91cnM"
        number = self._ask("GET", f"{path}?{urlencode(query)}")
        self.asked["page"].append(number)
        self.asked["news"].append(number)


WEIGHTS: Mapping[Callable[[Asker], None], int] = {
    Asker.one_mailbox: 20,
    Asker.mailboxes: 12,
    Asker.practitioners: 15,
    Asker.organizations: 3,
    Asker.exports: 4,
    Asker.one_resource: 10,
    Asker.look_up: 8,
    Asker.feed: 8,
    Asker.state: 5,
    Asker.own: 6,
    Asker.page: 3,
    Asker.write: 22,
    Asker.batch: 4,
    Asker.transfer: 3,
}


def questions(count: int, seed: int) -> list[Question]:
    """At least `count` questions, always the same for a seed; the last one is for the metrics."""
    drawn = Asker(Random(seed)).draw(count)  # noqa: S311 - no secret
    return [*drawn, Question("somebody", "GET", "/metrics")]
