"""slapd in the open: who is who over TLS, what each group may take, and what nobody gets."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ldap3
import pytest

from app.console import Refused
from app.embedded import Slapd, free_port
from app.embedded.slapd_listeners import Listeners, Tls
from app.ldap.client import Exporter
from app.ldap.operations import Add, State, foundation
from app.settings import Settings
from tests.access.authority import a_root
from tests.harness import newer_slapd
from tests.harness.ldap_tls import LOOPBACK, PublicSlapd, configure

SUFFIX = "dc=mssante,dc=fr"
BASE = f"ou=bal,{SUFFIX}"
OPERATOR, STRANGER, REPLICA, REVOKED = "exploitant.exemple", "inconnu.exemple", "copie.exemple", "perdu.exemple"
BY_PASSWORD, PASSWORD = "hopital.exemple", "a long and random word of 32 bytes"
ENTRIES = 1_100
ANONYMOUS_BIND = bytes.fromhex("300c020101600702010304008000")
EVERYTHING = "(objectClass=mssanteBAL)"
# ldap3 compares names by a function of ssl that is deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:ssl.match_hostname:DeprecationWarning")


@pytest.fixture(scope="module", params=newer_slapd.EITHER)
def public(request: pytest.FixtureRequest, engines_dir: Path) -> Iterator[PublicSlapd]:
    """A tree with more mailboxes than an operator gets; an operator by certificate, one by password, a replica."""
    folder = engines_dir / f"public-{request.param}"
    folder.mkdir()
    folder.chmod(0o711)
    authority = a_root()
    lost = authority.issue()
    made = PublicSlapd(folder, authority, revoked=[lost], root=newer_slapd.root_of(request.param))
    made.show(REVOKED, lost)
    for name in (OPERATOR, STRANGER, REPLICA):
        made.issue(name)
    with made.slapd as slapd:
        with Exporter(slapd.ldapi_uri, SUFFIX) as exporter:
            for above in foundation(SUFFIX, State(ENTRIES, "epoch", None, None)):
                exporter.write(above)
            for at in range(0, ENTRIES, 100):
                exporter.commit([mailbox(exporter, number) for number in range(at, at + 100)])
        made.register(OPERATOR, "operators")
        made.register(REPLICA, "replicas")
        configure(slapd.ldapi_uri, operator_by_password(), "ldapadd")
        yield made


def mailbox(exporter: Exporter, number: int) -> Add:
    address = f"boite{number}@ch-exemple.mssante.fr"
    attributes = {"objectClass": ["inetOrgPerson", "mssanteBAL"], "mail": [address], "TypeBAL": ["ORG"]}
    names = {"cn": [f"BOITE {number}"], "sn": ["BOITE"], "annuaireSequence": [str(number + 1)]}
    return Add(exporter.tree.dn(address), {**attributes, **names})


def operator_by_password() -> str:
    stored = subprocess.run(["/usr/sbin/slappasswd", "-s", PASSWORD], capture_output=True, text=True, check=True)
    return (
        f"dn: cn={BY_PASSWORD},ou=operators,ou=clients,{SUFFIX}\nobjectClass: applicationProcess\n"
        f"objectClass: simpleSecurityObject\ncn: {BY_PASSWORD}\nuserPassword: {stored.stdout.strip()}\n"
    )


def who(connection: Any) -> str:
    return str(connection.extend.standard.who_am_i())


def is_served(
    public: PublicSlapd, *, client: str | None = None, highest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
) -> bool:
    """Whether a bind over TLS is answered. (With TLS 1.3 a client learns after its handshake that it was refused.)"""
    context = ssl.create_default_context(cafile=str(public.ca))
    # It is the server that has to refuse what is old.
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = highest
    if client:
        context.load_cert_chain(public.folder / f"{client}.pem", public.folder / f"{client}.key")
    address = (LOOPBACK, int(public.ldaps.rpartition(":")[2]))
    try:
        with (
            socket.create_connection(address, timeout=30) as plain,
            context.wrap_socket(plain, server_hostname=LOOPBACK) as secure,
        ):
            secure.sendall(ANONYMOUS_BIND)
            return secure.recv(1) != b""
    except (ssl.SSLError, ConnectionError):
        return False


def count(connection: Any, asked: int = 0) -> tuple[int, str]:
    """Entries that come for everything, and how the answer ends."""
    connection.search(BASE, EVERYTHING, ldap3.SUBTREE, attributes=["mail"], size_limit=asked)
    return len(connection.response or ()), connection.result["description"]


def pages(connection: Any) -> tuple[int, str]:
    """The same by pages of 200."""
    entries, cookie = 0, b""
    while True:
        connection.search(BASE, EVERYTHING, attributes=["mail"], paged_size=200, paged_cookie=cookie)
        entries += len(connection.response or ())
        page = (connection.result.get("controls") or {}).get("1.2.840.113556.1.4.319")
        cookie = page["value"]["cookie"] if page else b""
        if connection.result["result"] or not cookie:
            return entries, connection.result["description"]


@pytest.mark.parametrize("listener", ["ldaps", "starttls"])
def test_an_operator_is_known_by_its_certificate_on_each_listener(public: PublicSlapd, listener: str) -> None:
    with public.connect(getattr(public, listener), OPERATOR) as connection:
        assert who(connection) == f"dn:cn={OPERATOR},ou=operators,ou=clients,{SUFFIX}"


def test_a_certificate_that_nobody_registered_has_the_rights_of_everybody(public: PublicSlapd) -> None:
    with public.connect(public.ldaps, STRANGER) as connection:
        assert "ou=clients" not in who(connection)
        assert count(connection) == (50, "sizeLimitExceeded")
        assert pages(connection)[1] == "adminLimitExceeded"


def test_a_revoked_certificate_and_one_of_another_authority_end_the_connection(public: PublicSlapd) -> None:
    public.show("faux", a_root().issue())
    assert [is_served(public, client=name) for name in (REVOKED, "faux")] == [False, False]
    # One that is good is served, and whoever shows none.
    assert [is_served(public, client=name) for name in (STRANGER, None)] == [True, True]


def test_a_password_is_taken_over_tls_alone(public: PublicSlapd) -> None:
    for uri in (public.ldaps, public.starttls):
        with public.connect(uri, BY_PASSWORD, password=PASSWORD) as connection:
            assert who(connection) == f"dn:cn={BY_PASSWORD},ou=operators,ou=clients,{SUFFIX}"
            assert count(connection, 700) == (700, "sizeLimitExceeded")
    for uri in (public.starttls, public.slapd.uri):
        clear = public.open(uri, BY_PASSWORD, password=PASSWORD)
        assert not clear.bind()
        assert clear.result["description"] == "confidentialityRequired"
        clear.unbind()


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(public: PublicSlapd) -> None:
    said = []
    for name, password in ((BY_PASSWORD, "wrong"), ("nobody.exemple", PASSWORD), (OPERATOR, PASSWORD)):
        connection = public.open(public.ldaps, name, password=password)
        assert not connection.bind()
        said.append((connection.result["description"], connection.result["message"]))
        connection.unbind()
    assert set(said) == {("invalidCredentials", "")}


def test_each_group_has_its_limits_and_every_cut_is_said(public: PublicSlapd) -> None:
    with public.connect(public.ldaps) as anybody:
        assert count(anybody) == (50, "sizeLimitExceeded")
        assert count(anybody, 1_000) == (50, "sizeLimitExceeded")
        assert pages(anybody) == (0, "adminLimitExceeded")
    with public.connect(public.ldaps, OPERATOR) as operator:
        assert count(operator) == (200, "sizeLimitExceeded")
        assert count(operator, 5_000) == (1_000, "sizeLimitExceeded")
        assert pages(operator) == (1_000, "sizeLimitExceeded")
    with public.connect(public.ldaps, REPLICA) as replica:
        assert count(replica) == (ENTRIES, "success")


@pytest.mark.parametrize("name", [None, OPERATOR, REPLICA])
def test_nothing_is_writable_and_what_is_private_is_absent(public: PublicSlapd, name: str | None) -> None:
    with public.connect(public.ldaps, name) as connection:
        dn = f"mail=boite1@ch-exemple.mssante.fr,{BASE}"
        connection.modify(dn, {"description": [(ldap3.MODIFY_REPLACE, ["x"])]})
        # Anonymous writers are told to say who they are (8), others that they may not (50).
        assert connection.result["result"] == (8 if name is None else 50)
        connection.add(f"cn=me,ou=operators,ou=clients,{SUFFIX}", "applicationProcess")
        assert connection.result["result"] in {8, 50, 32}
        for private in (
            "cn=config",
            "cn=monitor",
            f"ou=clients,{SUFFIX}",
            f"cn={BY_PASSWORD},ou=operators,ou=clients,{SUFFIX}",
        ):
            connection.search(private, "(objectClass=*)", ldap3.SUBTREE, attributes=["*", "+"])
            assert (connection.result["description"], connection.response or []) == ("noSuchObject", [])
        # Nor do they turn up in a search of everything.
        connection.search(SUFFIX, f"(|(cn={OPERATOR})(cn={BY_PASSWORD}))", attributes=["*"])
        assert [found for found in connection.response if found["type"] == "searchResEntry"] == []


def test_only_replicas_read_the_sequence(public: PublicSlapd) -> None:
    seen = {}
    for name in (None, OPERATOR, REPLICA):
        with public.connect(public.ldaps, name) as connection:
            connection.search(BASE, "(mail=boite7@ch-exemple.mssante.fr)", attributes=["*", "+"])
            seen[name] = connection.response[0]["raw_attributes"].get("annuaireSequence")
    assert seen == {None: None, OPERATOR: None, REPLICA: [b"8"]}


@pytest.mark.parametrize("bytes_asked", [65_536, 1 << 24])
def test_a_request_larger_than_the_buffer_ends_the_connection(public: PublicSlapd, bytes_asked: int) -> None:
    """A client that announces much is cut before it sends it."""
    host, port = public.starttls.removeprefix("ldap://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        client.sendall(b"\x30\x84" + bytes_asked.to_bytes(4, "big") + b"\x02\x01\x01")
        assert client.recv(1) == b""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_before_1_2_is_refused(public: PublicSlapd) -> None:
    versions = (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)
    assert [is_served(public, highest=version) for version in versions] == [False, True, True]


def test_the_files_of_tls_are_private_to_slapd_and_renewed_at_a_start(open_dir: Path) -> None:
    authority = a_root()
    made = PublicSlapd(open_dir, authority)
    with made.slapd:
        first = ssl.get_server_certificate((LOOPBACK, int(made.ldaps.rpartition(":")[2])))
        key = made.slapd.config_dir.parent / "tls" / "key.pem"
        assert key.stat().st_mode & 0o077 == 0
    renewed = authority.issue()
    (open_dir / "server.pem").write_bytes(renewed.pem)
    (open_dir / "server.key").write_bytes(renewed.key_pem)
    with made.slapd:
        assert ssl.get_server_certificate((LOOPBACK, int(made.ldaps.rpartition(":")[2]))) != first


def test_a_missing_certificate_is_said(open_dir: Path) -> None:
    tls = Tls(open_dir / "none.pem", open_dir / "none.key")
    slapd = Slapd(open_dir / "data", port=free_port(), public=Listeners((f"ldaps://{LOOPBACK}:{free_port()}",), tls))
    with pytest.raises(Refused, match=r"cannot read .*none.pem for the TLS of LDAP"):
        slapd.start()


def test_listeners_come_from_the_settings() -> None:
    paths: dict[str, Any] = {"ldap_certificate": Path("/c"), "ldap_key": Path("/k")}
    assert Listeners.of(Settings(_env_file=None)) is None
    settings = Settings(_env_file=None, ldap_listen="ldaps://[::]:636 ldap://0.0.0.0:389", **paths)
    assert Listeners.of(settings) == Listeners(("ldaps://[::]:636", "ldap://0.0.0.0:389"), Tls(Path("/c"), Path("/k")))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ldap_listen": "ldaps://0.0.0.0:636"}, "ldap_listen needs ldap_certificate and ldap_key"),
        ({"ldap_listen": "ldaps://0.0.0.0"}, "is no URL like"),
        ({"ldap_listen": "ldapi:///x"}, "is no URL like"),
        ({"ldap_client_ca_file": Path("/ca")}, "ldap_client_ca_file needs ldap_client_crl"),
    ],
)
def test_settings_that_would_open_a_door_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Settings(_env_file=None, **given)
