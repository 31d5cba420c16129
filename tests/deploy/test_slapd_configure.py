"""deploy/slapd/configure: a slapd that units and containers run, and a copy of it, made by it alone."""

import ipaddress
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from shutil import copytree

import pytest
from cryptography import x509

from app.embedded import free_port, process
from app.embedded.account import Account, engines_account
from app.embedded.binaries import find_slapd
from tests.access.authority import SERVER, a_name, a_root
from tests.deploy.manifests import workloads
from tests.embedded.servers import SUFFIX_ENTRY, wait_for
from tests.harness import newer_slapd
from tests.harness.ldap_tls import SLAPD_FILES, SUBJECT, configure, write

SUFFIX = "dc=mssante,dc=fr"
COPY = "copie.exemple"


class Configured:
    """A slapd below `folder`, which the script made."""

    def __init__(self, folder: Path, scripts: Path, root: Path | None) -> None:
        self.folder = folder
        self.account: Account = engines_account()
        self.port = free_port()
        self.ldapi = f"ldapi://{folder}/ldapi"
        self._scripts = scripts
        self._binaries = find_slapd(root)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir()
        self.account.owns(folder)

    def configure(self, role: str, **words: str) -> tuple[int, str]:
        command = [str(self._scripts / "configure"), str(self.folder), role]
        binaries = self._binaries
        given = {**words, "MODULE_DIR": str(binaries.modules), "SCHEMA_URL": f"file://{binaries.schemas}"}
        command += [f"{word}={value}" for word, value in given.items()]
        path = {"PATH": f"{binaries.slapd.parent}:/usr/bin:/bin"}
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd="/", timeout=60, env=path, **self.account.run_as()
        )
        return done.returncode, done.stderr

    def start(self) -> None:
        listeners = f"ldap://127.0.0.1:{self.port} ldapi://{str(self.folder / 'ldapi').replace('/', '%2F')}"
        self._process = process.spawn(
            [str(self._binaries.slapd), "-F", str(self.folder / "slapd.d"), "-h", listeners, "-d", "none"],
            log=self.folder.with_suffix(".log"),
            death_signal=signal.SIGTERM,
            account=self.account,
            environment=process.SERVER_ENVIRONMENT,
            directory="/",
        )
        wait_for(lambda: self.search("", "-s", "base", "1.1")[0] == 0, "slapd answers")

    def stop(self) -> None:
        if self._process is not None:
            process.stop(self._process, ((signal.SIGTERM, 60.0),))
            self._process = None

    def clients(self) -> str:
        """Who may read more than everybody, as it stands in the database file."""
        tool = self._binaries.slapd.with_name("slapcat")
        command = [str(tool), "-F", str(self.folder / "slapd.d"), "-b", f"ou=clients,{SUFFIX}", "-o", "ldif-wrap=no"]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, cwd="/", timeout=60, **self.account.run_as()
        ).stdout

    def search(self, base: str, *options: str) -> tuple[int, str]:
        command = ["ldapsearch", "-x", "-LLL", "-H", f"ldap://127.0.0.1:{self.port}", "-b", base, *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return done.returncode, done.stdout


@pytest.fixture(params=newer_slapd.EITHER)
def machines(request: pytest.FixtureRequest, open_dir: Path) -> Iterator[tuple[Configured, Configured]]:
    """Where a provider and a copy will be, and the scripts where slapd's account may read them."""
    scripts = Path(copytree(SLAPD_FILES, open_dir / "slapd"))
    with ExitStack() as ending:
        root = newer_slapd.root_of(request.param)
        both = Configured(open_dir / "provider", scripts, root), Configured(open_dir / "copy", scripts, root)
        for each in both:
            ending.callback(each.stop)
        yield both


def is_ready(copy: Configured) -> bool:
    """What Kubernetes asks of it (deploy/k8s)."""
    (container,) = workloads()["annuaire-ldap"]["spec"]["containers"]
    *shell, script = container["readinessProbe"]["exec"]["command"]
    asked = [*shell, script.replace(":3389", f":{copy.port}")]
    return subprocess.run(asked, capture_output=True, check=False, timeout=60).returncode == 0


def certificates(folder: Path, account: Account) -> dict[str, str]:
    """PEM files of a server and of a copy that asks it, by what they are for."""
    authority = a_root()
    here = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    server, copy = authority.issue(a_name("ldap", None), usages=(SERVER,), hosts=here), authority.issue(a_name(COPY))
    contents = {
        # As some tools write it: without an end of its last line.
        "ca": authority.pem.rstrip(),
        "crl": authority.list_of(),
        "server": server.pem,
        "server_key": server.key_pem,
        "copy": copy.pem,
        "copy_key": copy.key_pem,
    }
    files = {name: write(folder / f"{name}.pem", content) for name, content in contents.items()}
    for path in files.values():
        account.owns(path)
    return {name: str(path) for name, path in files.items()}


def test_a_provider_is_written_by_its_worker_and_followed_by_its_copy(
    machines: tuple[Configured, Configured], open_dir: Path
) -> None:
    provider, copy = machines
    files = certificates(open_dir, provider.account)
    tls = {"TLS_CERTIFICATE": files["server"], "TLS_KEY": files["server_key"]}
    tls |= {"TLS_CLIENT_CA": files["ca"], "TLS_CLIENT_CRL": files["crl"]}
    tls["REPLICA"] = SUBJECT.format(name=COPY).replace("cn=", "CN=")
    for unchecked in ("10", "150000"):
        said = provider.configure("provider", SUFFIX=SUFFIX, CALLER_UID=str(os.getuid()), UNCHECKED=unchecked, **tls)
        assert said[0] == 0, said[1]
    assert provider.clients().count(f"seeAlso: {tls['REPLICA']}") == 1
    provider.start()
    configure(provider.ldapi, SUFFIX_ENTRY.decode(), "ldapadd")

    line = {"PROVIDER": f"ldap://127.0.0.1:{provider.port}", "STARTTLS": "critical", "PROVIDER_CA": files["ca"]}
    said = copy.configure("replica", SUFFIX=SUFFIX, **line, CERTIFICATE=files["copy"], KEY=files["copy_key"], **tls)
    assert said[0] == 0, said[1]
    copy.start()
    wait_for(lambda: is_ready(copy), "the copy has read the whole tree")
    assert "dc: mssante" in copy.search(SUFFIX)[1]
    with pytest.raises(AssertionError, match="shadow context"):
        configure(copy.ldapi, f"dn: ou=x,{SUFFIX}\nobjectClass: organizationalUnit\nou: x\n", "ldapadd")

    copy.stop()
    refused = copy.configure("provider", SUFFIX=SUFFIX, CALLER_UID="1")
    assert refused[0] == 64
    assert "holds the tree of a replica" in refused[1]


def test_before_each_start_authorities_and_lists_are_joined_anew(open_dir: Path) -> None:
    """What the unit does, where slapd's OpenSSL has them in one file; elsewhere it is nothing."""
    join = [str(SLAPD_FILES / "authorities"), str(open_dir)]
    subprocess.run(join, check=True, timeout=60)
    assert list(open_dir.iterdir()) == []
    sources = [open_dir / "ca.pem", open_dir / "client crl.pem"]
    (open_dir / "authorities.from").write_text("".join(f"{path}\n" for path in sources), "utf-8")
    for lists in ("old", "new"):
        for path, text in zip(sources, ("authority", lists), strict=True):
            path.write_text(text, "utf-8")
        subprocess.run(join, check=True, timeout=60)
        assert (open_dir / "authorities.pem").read_text("utf-8") == f"authority\n{lists}"
    sources[1].unlink()
    assert subprocess.run(join, check=False, capture_output=True, timeout=60).returncode != 0
    assert (open_dir / "authorities.pem").read_text("utf-8") == "authority\nnew"


def test_an_empty_slapd_is_not_ready(machines: tuple[Configured, Configured]) -> None:
    provider, _ = machines
    assert provider.configure("provider", SUFFIX=SUFFIX, CALLER_UID="1")[0] == 0
    provider.start()
    assert not is_ready(provider)


def test_it_is_made_once_and_again_when_something_changed(machines: tuple[Configured, Configured]) -> None:
    provider, _ = machines
    words = {"SUFFIX": SUFFIX, "CALLER_UID": str(os.getuid())}
    assert provider.configure("provider", **words)[0] == 0
    provider.start()
    configure(provider.ldapi, SUFFIX_ENTRY.decode(), "ldapadd")
    provider.stop()

    made = (provider.folder / "slapd.d").stat().st_ino
    assert provider.configure("provider", **words) == (0, "")
    assert (provider.folder / "slapd.d").stat().st_ino == made
    # An index that an older version made: the tree stays, its indexes are made again.
    (provider.folder / "indexed-by").write_text("otherwise\n", "utf-8")
    assert provider.configure("provider", **words, UNCHECKED="10")[0] == 0
    assert "otherwise" not in (provider.folder / "indexed-by").read_text("utf-8")
    provider.start()
    assert "dc: mssante" in provider.search(SUFFIX)[1]


@pytest.mark.parametrize(
    ("role", "words"),
    [
        ("provider", {}),
        ("follower", {"SUFFIX": SUFFIX}),
        ("provider", {"SUFFIX": SUFFIX}),
        ("provider", {"SUFFIX": SUFFIX, "CALLER_UID": "1", "TLS_CERTIFICATE": "/c", "TLS_CLIENT_CA": "/a"}),
        ("provider", {"SUFFIX": SUFFIX, "CALLER_UID": "1", "REPLICA": "CN=*"}),
        ("provider", {"SUFFIX": SUFFIX, "CALLER_UID": "1", "REPLICA": "O=no name"}),
    ],
)
def test_what_is_missing_or_wrong_is_said(
    machines: tuple[Configured, Configured], role: str, words: dict[str, str]
) -> None:
    status, said = machines[0].configure(role, **words)
    assert status != 0
    assert said
    assert not (machines[0].folder / "configured").exists()
