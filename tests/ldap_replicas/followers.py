"""Those who copy the directory by syncrepl, from the files of deploy/slapd/replica, and what their trees hold."""

import base64
import re
import subprocess

from app.embedded import Slapd, free_port
from app.embedded.account import Account, engines_account
from app.embedded.binaries import find_slapd
from tests.docs.markdown import ROOT
from tests.embedded.servers import kill, wait_for
from tests.harness.ldap_tls import PublicSlapd, configure, filled
from tests.harness.relay import Relay
from tests.harness.stock_slapd import StockSlapd

GUIDE = ROOT / "docs" / "ldap.md"
SUFFIX = "dc=mssante,dc=fr"
# What each server says of itself, and not of the entry: how far it has come.
OWN = {"contextCSN"}

Content = dict[str, dict[str, list[str]]]
Server = Slapd | StockSlapd


class Follower:
    """A server that copies `provider` over a line that can be cut."""

    def __init__(self, name: str, server: Server, relay: Relay) -> None:
        self.name = name
        self.server = server
        self.relay = relay

    def content(self) -> Content:
        return content(self.server)

    def differences(self, provider: Server) -> list[str]:
        """What it holds otherwise than the provider, entry by entry."""
        here, there = content(provider), self.content()
        return [
            f"{'extra' if dn not in here else 'missing' if dn not in there else 'differs'} {dn}"
            for dn in sorted(here.keys() | there.keys())
            if here.get(dn) != there.get(dn)
        ]

    def await_differences(self, provider: Server, expected: set[str], what: str) -> None:
        """Until it differs from the provider in exactly this."""
        wait_for(
            lambda: set(self.differences(provider)) == expected,
            what,
            lambda: "\n".join(self.differences(provider)[:20]),
        )

    def await_connections(self, count: int) -> None:
        """Until it has come for so many."""
        wait_for(lambda: self.relay.passed >= count, f"the copy {self.name} connects {count} times")

    def await_attempt(self) -> None:
        """Until it has tried the line that is cut once more."""
        before = self.relay.refused
        wait_for(lambda: self.relay.refused > before, f"the copy {self.name} tries again")

    def kill(self) -> None:
        """kill -9; it may be started again."""
        kill(self.server)
        self.server.stop()

    def close(self) -> None:
        self.server.stop()
        self.relay.close()


def our_replica(provider: PublicSlapd) -> Follower:
    """A slapd of ours, turned into a replica by own.ldif.in."""
    server = Slapd(provider.folder / "own", port=free_port())
    server.start()
    relay, words = _line(provider, "own", by_starttls=True)
    provider.register(_client("own"), "replicas")
    configure(server.ldapi_uri, filled("replica/own.ldif.in", words), "ldapmodify")
    return Follower("own", server, relay)


def stock_replica(provider: PublicSlapd, *, is_registered: bool = True) -> Follower:
    """An operator's slapd as Debian ships it, which takes the directory beside what it holds."""
    server = StockSlapd(provider.folder / "stock")
    server.start()
    relay, words = _line(provider, "stock", by_starttls=False)
    if is_registered:
        provider.register(_client("stock"), "replicas")
    words["DB_DIR"] = str(server.folder / "annuaire")
    configure(server.ldapi_uri, filled("schema.ldif", {}), "ldapadd")
    configure(server.ldapi_uri, filled("replica/stock.ldif.in", words), "ldapmodify")
    return Follower("stock", server, relay)


def _client(name: str) -> str:
    """What its certificate calls it."""
    return f"{name}.copie.exemple"


def _line(provider: PublicSlapd, name: str, *, by_starttls: bool) -> tuple[Relay, dict[str, str]]:
    """The line to the provider, and the words for the files of deploy/slapd/replica."""
    client = _client(name)
    account = engines_account()
    provider.issue(client, account=account)
    account.owns(provider.ca)
    url = provider.starttls if by_starttls else provider.ldaps
    relay = Relay(int(url.rpartition(":")[2]))
    return relay, {
        "PROVIDER": f"{url.rpartition(':')[0]}:{relay.port}",
        "STARTTLS": "critical" if by_starttls else "no",
        "SUFFIX": SUFFIX,
        "PROVIDER_CA": str(provider.ca),
        "PROVIDER_CRL_CHECK": "",
        "CERTIFICATE": str(provider.folder / f"{client}.pem"),
        "KEY": str(provider.folder / f"{client}.key"),
    }


def content(server: Server) -> Content:
    """Every entry with every attribute, those that slapd keeps for itself too, as it stands in the database file."""
    account: Account = engines_account()
    tool = find_slapd().slapd.with_name("slapcat")
    command = [str(tool), "-F", str(server.config_dir), "-b", SUFFIX, "-o", "ldif-wrap=no"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", timeout=60, **account.run_as())
    entries: Content = {}
    for block in said.stdout.strip().split("\n\n"):
        attributes: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, _, value = line.partition(":")
            if name not in OWN:
                attributes.setdefault(name, []).append(_decoded(value))
        if attributes:
            entries[attributes.pop("dn")[0]] = {name: sorted(values) for name, values in attributes.items()}
    return entries


def fingerprint(server: Server) -> str:
    """The line of docs/ldap.md that tells whether two trees are equal, run on one of them."""
    line = re.search(r"^slapcat .*sha256sum$", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert line
    tool = find_slapd().slapd.with_name("slapcat")
    command = line[0].replace("slapcat ", f"{tool} -F '{server.config_dir}' ")
    account = engines_account()
    return subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, check=True, cwd="/", timeout=60, **account.run_as()
    ).stdout


def _decoded(value: str) -> str:
    return base64.b64decode(value[1:]).decode() if value.startswith(":") else value.removeprefix(" ")


def await_equal(provider: Server, *followers: Follower) -> None:
    """Until every copy is the provider's tree, entry by entry."""
    for follower in followers:
        follower.await_differences(provider, set(), f"the copy {follower.name} is equal")
    assert len(content(provider)) > 1
