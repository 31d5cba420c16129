"""How an outside network joins, step by step, by the commands that its people and the administrators type."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.harness.network import GATEWAY, Network
from tests.journeys.conftest import Running

PIECES = ("contract", "commitment", "hosting")
FEED_PAGE = 1_000
LOOKUP = 1_000
LDAP_SECONDS = 1_200


def become_candidate(running: Running, network: Network = GATEWAY) -> None:
    """An administrator adds the network, its certificate and its domain."""
    running.command("operator", "add", network.operator, "--name", "RÉSEAU EXEMPLE")
    running.command("operator", "certificate", network.operator, "--dn", network.certificate)
    running.command("domain", "add", network.domain, "--operator", network.operator)


def key_file(running: Running, path: Path, *, scope: str = "publish", operator: str = GATEWAY.operator) -> Path:
    """A file with a key of an operator."""
    issued = running.command("key", "issue", "--name", "a network", "--scope", scope, "--operator", operator)
    path.write_text(issued["key"] + "\n", encoding="ascii")
    path.chmod(0o600)
    return path


def record(running: Running, piece: str, network: Network = GATEWAY) -> Any:
    """An administrator records a piece of the conformity file."""
    today = datetime.now(UTC).date()
    days = ("--from", f"{today - timedelta(days=30)}", "--until", f"{today + timedelta(days=700)}")
    return running.command(
        "operator", "conformity", network.operator, "--kind", piece, "--reference", f"R-{piece}", *days
    )


def publish(running: Running, members: Path, key: Path, *options: str, expect: int = 0) -> Any:
    """The network publishes its file, over REST alone."""
    return running.command("mailbox", "publish", str(members), "--key-file", str(key), *options, expect=expect)


def changes_since(running: Running, key: str, edition: int) -> Iterator[dict[str, Any]]:
    """Every change after an edition, as another operator follows the feed."""
    after: str | None = None
    while True:
        query = f"&after={quote(after)}" if after else ""
        page = running.get(f"/v1/changes?limit={FEED_PAGE}{query}", key).json
        yield from (item for item in page["items"] if item["sequence"] > edition)
        after = page["next"]
        if len(page["items"]) < FEED_PAGE:
            return


def looked_up(running: Running, key: str, addresses: list[str]) -> Iterator[dict[str, Any]]:
    """What REST says of each address, as another operator asks."""
    for first in range(0, len(addresses), LOOKUP):
        body = {"addresses": addresses[first : first + LOOKUP]}
        yield from running.get("/v1/mailboxes/lookup", key, body).json["results"]


def found_by_ldap(running: Running, addresses: list[str], folder: Path) -> dict[str, str]:
    """Address to IdentifiantPP of each that an anonymous mail client finds, asking for one after the other."""
    asked = folder / "addresses.txt"
    asked.write_text("".join(f"{address}\n" for address in addresses), encoding="ascii")
    base = ("-x", "-LLL", "-o", "ldif-wrap=no", "-H", running.ldap, "-b", "dc=mssante,dc=fr")
    done = subprocess.run(
        ["ldapsearch", *base, "-f", str(asked), "(mail=%s)", "mail", "IdentifiantPP"],
        capture_output=True,
        text=True,
        check=True,
        timeout=LDAP_SECONDS,
    )
    found: dict[str, dict[str, str]] = {}
    for name, _, value in (line.partition(": ") for line in done.stdout.splitlines()):
        if name == "dn":
            found[value] = {}
        elif name:
            found[next(reversed(found))][name] = value
    return {entry["mail"]: entry["IdentifiantPP"] for entry in found.values()}


def another_operator(running: Running, folder: Path, network: Network = GATEWAY) -> str:
    """A key that reads, of some operator of the white list."""
    other = next(each["id"] for each in running.command("operator", "list") if each["id"] != network.operator)
    return key_file(running, folder / "other", scope="read", operator=other).read_text("ascii").strip()


def seen_by_others(
    running: Running, reader: str, addresses: list[str], since: int, folder: Path
) -> Mapping[str, Callable[[], dict[str, str]]]:
    """By channel, how to find these addresses there as another operator: address to RPPS of its holder.

    The feed is read after an edition, and shows what was put since.
    """

    def on_rest() -> dict[str, str]:
        results = looked_up(running, reader, addresses)
        return {each["id"]: each["resource"]["practitioner"]["rpps"] for each in results if each["found"]}

    def in_the_feed() -> dict[str, str]:
        changed = changes_since(running, reader, since)
        put = (each["resource"] for each in changed if each["kind"] == "mailbox" and "resource" in each)
        return {each["address"]: each["practitioner"]["rpps"] for each in put}

    return {
        "REST, batches of 1 000": on_rest,
        "the feed, from its beginning": in_the_feed,
        "LDAP, one search for each": lambda: found_by_ldap(running, addresses, folder),
    }
