"""docs/deployment.md and docs/recovery.md, word for word, on an empty Debian: it serves, whatever happens to it."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.access.authority import SERVER, a_name, a_root
from tests.docs.markdown import ROOT
from tests.machine.booted import Machine, debian

pytestmark = [pytest.mark.machine, pytest.mark.timeout(1_800)]

SUITES = ("bookworm", "trixie")
UNITS = ("annuaire-api", "annuaire-worker", "annuaire-slapd")
CHECKOUT, PKI, FILES = "/root/annuaire", "/root/pki", "/var/lib/annuaire/files"
# Of the operator that the synthetic white list gives this domain.
DOMAIN = "ch-exemple.mssante.fr"
SUBJECT = "CN=mss.operateur-001.example,OU=300995001500017,O=GIP EXEMPLE,ST=Haute-Garonne (31),C=FR"
KINDS = {
    "CN": NameOID.COMMON_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "C": NameOID.COUNTRY_NAME,
}
SETTINGS = "$(grep -v '^#' /etc/annuaire/annuaire.env)"
COMMAND = f"cd /var/lib/annuaire; runuser -u annuaire -- env {SETTINGS} /opt/annuaire/bin/annuaire"
CURL = (
    f"curl -sS --max-time 20 --cacert {PKI}/server-ca.pem --cert {PKI}/client.pem --key {PKI}/client.key"
    " --resolve annuaire.example:443:127.0.0.1"
)
URL = "https://annuaire.example"
SEARCH = f"LDAPTLS_CACERT={PKI}/server-ca.pem ldapsearch -x -LLL -H ldaps://annuaire.example -b dc=mssante,dc=fr"


def block(page: str, first: str) -> str:
    """The block of shell in a page whose first line begins so."""
    text = (ROOT / "docs" / page).read_text("utf-8")
    found = re.search(rf"^```sh\n({re.escape(first)}.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found, f"docs/{page} has no block that begins with {first}"
    return found[1]


class Installed:
    """annuaire on a machine of its own."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.run = machine.run
        self.structure = self.json("/v1/organizations?name=ch&limit=1")["items"][0]["id"]

    def annuaire(self, command: str) -> str:
        """What a command says, run as the account of the services."""
        return self.run(f"{COMMAND} {command}")

    def status(self, path: str) -> int:
        """Of an answer to the operator, through nginx."""
        return int(self.run(f"{CURL} -o /dev/null -w '%{{http_code}}' '{URL}{path}'"))

    def json(self, path: str) -> Any:
        return json.loads(self.run(f"{CURL} '{URL}{path}'"))

    def publish(self, name: str) -> str:
        """A mailbox that is published by now, in LDAP too."""
        address = f"{name}@{DOMAIN}"
        body = {"type": "ORG", "organization": self.structure}
        self.until(
            f"{CURL} -o /dev/null -w '%{{http_code}}' -X PUT -H 'If-None-Match: *' -H 'Content-Type: application/json'"
            f" --data '{json.dumps(body)}' {URL}/v1/mailboxes/{address} | grep -qE '^(201|412)$'"
        )
        self.until(f"{SEARCH} '(mail={address})' dn | grep -q ^dn:")
        return address

    def until(self, condition: str) -> None:
        """Until a command of the shell succeeds."""
        self.run(f"for n in $(seq 150); do if {condition}; then exit 0; fi; sleep 0.2; done; exit 1")

    def assert_well(self) -> None:
        """Every unit is at work, and the doctor finds nothing wrong."""
        assert self.run(f"systemctl is-active {' '.join(UNITS)} postgresql nginx").split() == ["active"] * 5
        assert self.run("systemctl --failed --plain --no-legend --no-pager") == ""
        self.until(f"{COMMAND} doctor >/tmp/doctor")
        assert "WRONG" not in self.run("cat /tmp/doctor")


def certificates(folder: Path) -> None:
    """Of the front, of slapd and of the operator, each with its authority."""
    folder.mkdir()
    servers, clients = a_root("AC SERVEURS"), a_root("AC ORGANISATIONS")
    own = servers.issue(a_name("annuaire.example", None), usages=(SERVER,), hosts=[x509.DNSName("annuaire.example")])
    parts = reversed(re.findall(r"(\w+)=([^,]+)", SUBJECT))
    held = clients.issue(x509.Name([x509.NameAttribute(KINDS[kind], value) for kind, value in parts]))
    files = {
        "server-ca.pem": servers.pem,
        "server.pem": own.pem + servers.pem,
        "server.key": own.key_pem,
        "client-ca.pem": clients.pem,
        "client-ca.crl": clients.list_of(),
        "client.pem": held.pem,
        "client.key": held.key_pem,
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)


PLACED = f"""
install -d /etc/annuaire/tls && cd {PKI}
install -m 644 server.pem /etc/annuaire/tls/server.pem && install -m 600 server.key /etc/annuaire/tls/server.key
for name in client-chain client-ca; do install -m 644 client-ca.pem /etc/annuaire/tls/$name.pem; done
for name in client-chain.crl crl; do install -m 644 client-ca.crl /etc/annuaire/tls/$name; done
install -d -m 750 -g openldap /etc/ldap/tls
for name in pem key; do install -m 640 -g openldap server.$name /etc/ldap/tls/ldap.$name; done
install -m 640 -g openldap client-ca.pem /etc/ldap/tls/client-ca.pem
install -m 640 -g openldap client-ca.crl /etc/ldap/tls/client.crl
echo 127.0.0.1 annuaire.example >>/etc/hosts
"""
FILLED = f"""
install -d -o annuaire -g annuaire -m 750 {FILES}
{COMMAND} sandbox generate --professionals 1000 --out {FILES}
{COMMAND} import run $(ls -d {FILES}/*) || test $? = 1   # some of its rows are wrong on purpose
"""


@pytest.fixture(params=SUITES)
def installed(request: pytest.FixtureRequest) -> Iterator[Installed]:
    with debian(request.param) as machine:
        shutil.copytree(
            ROOT, machine.root / CHECKOUT[1:], ignore=shutil.ignore_patterns(".venv", "var", "dist", ".*_cache")
        )
        shutil.copy(ROOT / ".venv" / "bin" / "uv", machine.root / "usr" / "local" / "bin" / "uv")
        certificates(machine.root / PKI[1:])
        # What the block fetches is fetched now: booted, the machine reaches nobody.
        installs = block("deployment.md", "UV_PROJECT_ENVIRONMENT=").splitlines()[0]
        machine.prepare(f"cd {CHECKOUT}; {installs}; rm -rf /opt/annuaire")
        machine.boot()
        machine.run(PLACED)
        machine.run(f"cd {CHECKOUT}; export UV_OFFLINE=1\n{block('deployment.md', 'UV_PROJECT_ENVIRONMENT=')}")
        machine.run(FILLED)
        yield Installed(machine)


def test_what_the_documents_say_makes_a_directory_that_outlives_its_machine(installed: Installed) -> None:
    assert installed.json("/v1/me")["operator"] in SUBJECT
    published = [installed.publish("first")]
    installed.assert_well()

    installed.run(f"systemctl kill --signal=KILL {' '.join(UNITS)}")
    published.append(installed.publish("after-kill"))
    installed.run("systemctl restart postgresql")
    published.append(installed.publish("after-restart"))
    installed.run("systemctl start annuaire-slapd-renew.service")
    installed.assert_well()

    installed.run(f"cd {CHECKOUT}\n{block('recovery.md', 'major=')}")
    installed.until(f"{COMMAND} doctor | grep -q '^ok *backups'")

    installed.machine.power_off()
    installed.machine.boot()
    published.append(installed.publish("after-boot"))
    installed.assert_well()
    assert [installed.status(f"/v1/mailboxes/{address}") for address in published] == [200] * len(published)
    assert "equal" in installed.annuaire("ldap verify")
