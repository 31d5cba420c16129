"""The configurations that we give to users, as committed but for host and authority, in the real programs over TLS."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from app.ldap.client import Exporter
from app.ldap.entries import entry
from app.ldap.operations import Add, State, foundation
from tests.access.authority import a_root
from tests.docs.markdown import ROOT
from tests.embedded.servers import wait_for
from tests.harness.ldap_tls import PublicSlapd
from tests.ldap.documents import a_mailbox, a_person

CLIENTS = ROOT / "deploy" / "ldap" / "clients"
SUFFIX = "dc=mssante,dc=fr"
ANNE, PLUS, ABSENT = "anne@medecin-exemple.mssante.fr", "a+b@ch-exemple.mssante.fr", "absente@ch-exemple.mssante.fr"
# What would be every mailbox, were it taken for a part of the filter.
INJECTED = "*)(mail=*"
PATH = f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
DOVECOT = """
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols =
ssl = no
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
service anvil {{
  chroot =
}}
mail_location = maildir:{folder}/mail/%u
mail_uid = 65534
mail_gid = 65534
userdb {{
  driver = ldap
  args = {folder}/dovecot-ldap.conf.ext
}}
passdb {{
  driver = static
  args = nopassword=y
}}
"""


@pytest.fixture(scope="module")
def public(engines_dir: Path) -> Iterator[PublicSlapd]:
    """Two mailboxes behind TLS."""
    folder = engines_dir / "clients"
    folder.mkdir()
    folder.chmod(0o711)
    made = PublicSlapd(folder, a_root())
    made.ca.chmod(0o644)
    with made.slapd as slapd, Exporter(slapd.ldapi_uri, SUFFIX) as exporter:
        anne = a_mailbox(address=ANNE, practitioner=a_person(family="EXEMPLE", given="Anne-Élise"))
        for operation in foundation(SUFFIX, State(1, "epoch", None, None)):
            exporter.write(operation)
        for document in (anne, a_mailbox(address=PLUS)):
            exporter.write(Add(exporter.tree.dn(document["address"]), entry(document)))
        yield made


def committed(name: str, public: PublicSlapd, target: Path) -> Path:
    """A configuration of ours, moved to the server and the authority of this test."""
    text = (CLIENTS / name).read_text("utf-8")
    text, servers = re.subn(r"ldaps://annuaire\.example:636", public.ldaps, text)
    assert servers == 1
    target.write_text(text.replace("/etc/ssl/certs/ca-certificates.crt", str(public.ca)), "utf-8")
    return target


def run(command: Sequence[str], **environment: str) -> tuple[int, str]:
    """Exit status and output. The program has to be there: deploy/packages.sh test."""
    assert shutil.which(command[0], path=PATH), f"install {command[0]} (deploy/packages.sh test)"
    answer = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=60, env={"PATH": PATH, **environment}
    )
    return answer.returncode, answer.stdout


def test_postfix(public: PublicSlapd, tmp_path: Path) -> None:
    table = f"ldap:{committed('postfix-recipients.cf', public, tmp_path / 'recipients.cf')}"
    (tmp_path / "main.cf").touch()
    asked = {address: run(["postmap", "-c", str(tmp_path), "-q", address, table]) for address in (ANNE, PLUS)}
    assert asked == {ANNE: (0, f"{ANNE}\n"), PLUS: (0, f"{PLUS}\n")}
    for address in (ABSENT, f"{INJECTED}@ch-exemple.mssante.fr"):
        assert run(["postmap", "-c", str(tmp_path), "-q", address, table]) == (1, "")


def test_postfix_asks_no_server_of_another_authority(public: PublicSlapd, tmp_path: Path) -> None:
    path = committed("postfix-recipients.cf", public, tmp_path / "recipients.cf")
    (tmp_path / "other.pem").write_bytes(a_root().pem)
    path.write_text(path.read_text("utf-8").replace(str(public.ca), str(tmp_path / "other.pem")), "utf-8")
    (tmp_path / "main.cf").touch()
    status, said = run(["postmap", "-c", str(tmp_path), "-q", ANNE, f"ldap:{path}"])
    assert (status, said) == (1, "")


def test_dovecot(public: PublicSlapd, open_dir: Path) -> None:
    committed("dovecot-ldap.conf.ext", public, open_dir / "dovecot-ldap.conf.ext").chmod(0o644)
    account = "nobody" if os.geteuid() == 0 else os.environ["USER"]
    group = "nogroup" if os.geteuid() == 0 else str(os.getegid())
    path = open_dir / "dovecot.conf"
    text = (CLIENTS / "dovecot-ldap.conf.ext").read_text("utf-8")
    setting = re.search("auth_username_chars = .*", text)
    assert setting
    path.write_text(setting[0] + DOVECOT.format(folder=open_dir, user=account, group=group), "utf-8")
    running = subprocess.Popen(["/usr/sbin/dovecot", "-F", "-c", str(path)])
    try:
        ask = ["doveadm", "-c", str(path), "user"]
        wait_for(
            lambda: run([*ask, ANNE])[0] == 0,
            "Dovecot finds a mailbox",
            lambda: (open_dir / "log").read_text("utf-8") if (open_dir / "log").exists() else "",
        )
        status, said = run([*ask, PLUS])
        assert (status, f"/mail/{PLUS}" in said) == (0, True), said
        assert run([*ask, ABSENT])[0] == 67
        # (A * would have doveadm list users.)
        assert run([*ask, f"x)(mail={ANNE}"])[0] == 67
    finally:
        running.terminate()
        running.wait(60)


def test_lbdb(public: PublicSlapd, tmp_path: Path) -> None:
    (tmp_path / ".lbdb").mkdir()
    committed("lbdb-ldap.rc", public, tmp_path / ".lbdb" / "ldap.rc")
    (tmp_path / ".lbdb" / "rc").write_text('METHODS="m_ldap"\nLDAP_NICKS="annuaire"\n', "utf-8")
    status, said = run(["lbdbq", "exemple"], HOME=str(tmp_path))
    assert status == 0
    assert ANNE in said
    assert ABSENT not in said


def test_thunderbird_is_given_the_same_server_and_base() -> None:
    text = (CLIENTS / "thunderbird-user.js").read_text("utf-8")
    assert '"ldaps://annuaire.example:636/ou=bal,dc=mssante,dc=fr??sub?(objectClass=*)"' in text
