"""The committed configuration of nginx: read as text everywhere, and put to the proof where nginx is installed."""

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.access.distinguished_name import of_name
from app.embedded import free_port
from app.settings import PREFIX, Settings
from tests.access.authority import SERVER, Authority, Held, a_name, a_root
from tests.access.conftest import list_certificate
from tests.builders import OPERATOR, an_operator
from tests.docs.markdown import ROOT

Connection = psycopg.Connection[Any]
CONFIGURATION = ROOT / "deploy" / "nginx" / "annuaire.conf"
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
PATIENCE = 60.0

MAIN = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/annuaire.conf;
}}
"""


def directives() -> dict[str, list[str]]:
    """Every directive of the file by its name, with what follows it."""
    code = re.sub(r"^\s*#.*$", "", CONFIGURATION.read_text("utf-8"), flags=re.MULTILINE)
    assert code.count("{") == code.count("}")
    found: dict[str, list[str]] = {}
    for statement in re.split(r"[;{}]", code):
        name, _, rest = " ".join(statement.split()).partition(" ")
        found.setdefault(name, []).append(rest)
    return found


def test_what_the_api_believes_is_always_set_by_the_proxy_itself() -> None:
    said = directives()
    headers = dict(each.split(" ", 1) for each in said["proxy_set_header"])
    assert headers["Client-Cert"] == "$ssl_client_escaped_cert"
    assert headers["Client-Cert-Chain"] == headers["X-Annuaire-Proxy"] == '""'
    assert headers["X-Forwarded-For"] == "$remote_addr"
    assert said["ssl_verify_client"] == ["optional"]
    assert all("ssl" in each.split() for each in said["listen"])
    assert re.search(r"location = /metrics \{\s*return 404;\s*\}", CONFIGURATION.read_text("utf-8"))
    # One proxy_set_header inside a location would do away with all of those above it.
    locations = CONFIGURATION.read_text("utf-8").split("location", 1)[1]
    assert "proxy_set_header" not in locations


@dataclass(frozen=True)
class Front:
    """nginx with the committed configuration, before a real API."""

    port: int
    server: Authority
    folder: Path

    def get(self, path: str, held: Held | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        context = ssl.create_default_context(cadata=self.server.pem.decode())
        context.check_hostname = False
        if held:
            file = self.folder / f"{held.certificate.serial_number}.pem"
            file.write_bytes(held.pem + held.key_pem)
            context.load_cert_chain(file)
        with closing(http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=PATIENCE)) as one:
            one.request("GET", path, headers=headers or {})
            answer = one.getresponse()
            body = answer.read()
            kind = answer.headers.get_content_type()
            return answer.status, json.loads(body) if kind.endswith("json") else body


@pytest.fixture
def front(certificate_settings: Settings, authority: Authority, open_dir: Path) -> Iterator[Front]:
    server = a_root("AC SERVEURS")
    socket_folder = open_dir / "http"
    socket_folder.mkdir()
    files = _written(open_dir, server, authority)
    port = free_port()
    text = CONFIGURATION.read_text("utf-8").replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("/etc/annuaire/tls", str(files)).replace("/run/annuaire/http", str(socket_folder))
    (open_dir / "annuaire.conf").write_text(text.replace("/var/log/nginx", str(open_dir)), "utf-8")
    main = open_dir / "nginx.conf"
    main.write_text(MAIN.format(folder=open_dir), "utf-8")
    assert NGINX, "nginx is missing: deploy/packages.sh test installs it"
    command = [NGINX, "-c", str(main), "-p", str(open_dir)]
    subprocess.run([*command, "-t"], check=True, capture_output=True, timeout=PATIENCE)
    with _serving(certificate_settings, socket_folder / "socket"), _running(command):
        _wait_for(port)
        yield Front(port, server, open_dir)


def _written(folder: Path, server: Authority, clients: Authority) -> Path:
    files = folder / "tls"
    files.mkdir()
    own = server.issue(a_name("annuaire.example", None), usages=(SERVER,))
    (files / "server.pem").write_bytes(own.pem)
    (files / "server.key").write_bytes(own.key_pem)
    (files / "client-chain.pem").write_bytes(clients.pem)
    (files / "client-chain.crl").write_bytes(clients.list_of())
    return files


def _serving(settings: Settings, path: Path) -> "subprocess.Popen[bytes]":
    given = {
        "database_url": settings.database_url,
        "database_pool": "2",
        "key_pepper": settings.key_pepper.get_secret_value(),
        "log_level": "error",
        "trusted_proxies": "unix",
        "client_ca_file": str(settings.client_ca_file),
        "client_crl": str(settings.client_crl),
    }
    environment = {**os.environ, **{f"{PREFIX}{name.upper()}": value for name, value in given.items()}}
    return _Ended([sys.executable, "-m", "app.cli", "serve", "--unix-socket", str(path)], env=environment)


def _running(command: list[str]) -> "subprocess.Popen[bytes]":
    return _Ended(command)


class _Ended(subprocess.Popen[bytes]):
    """A program that is ended with its block."""

    def __exit__(self, *raised: object) -> None:
        self.terminate()
        self.wait(PATIENCE)


def _wait_for(port: int) -> None:
    """Until nginx and the API behind it answer."""
    deadline = time.monotonic() + PATIENCE
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    while True:
        assert time.monotonic() < deadline, "nginx or the API behind it does not answer"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)):
                continue
        with closing(http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=PATIENCE)) as one:
            one.request("GET", "/healthz")
            if one.getresponse().status == 200:
                return


def test_a_certificate_reaches_the_api_through_the_proxy_and_a_forged_header_does_not(
    front: Front, registry: Connection, authority: Authority
) -> None:
    an_operator(registry)
    held, unlisted = authority.issue(a_name("of this test")), authority.issue(a_name("unlisted"))
    list_certificate(registry, held, "one.mssante.fr")

    status, me = front.get("/v1/me", held)
    assert (status, me["operator"], me["domains"]) == (200, OPERATOR, ["one.mssante.fr"])
    assert me["certificate"]["name"] == of_name(held.certificate.subject)
    status, refused = front.get("/v1/me", unlisted)
    assert (status, refused["code"]) == (403, "certificate.unknown")

    for forged in (held.header, held.escaped, {**held.header, "X-Forwarded-For": "127.0.0.1"}):
        status, refused = front.get("/v1/me", headers=forged)
        assert (status, refused["code"]) == (401, "credentials.missing")
        assert front.get("/v1/me", unlisted, headers=forged)[1]["code"] == "certificate.unknown"
    assert front.get("/v1/digest")[0] == 200
    assert front.get("/metrics")[0] == 404


def test_the_proxy_itself_turns_away_what_does_not_verify(front: Front, authority: Authority) -> None:
    for wrong in (a_root("AC ORGANISATIONS").issue(), authority.issue(usages=(SERVER,))):
        assert front.get("/v1/me", wrong)[0] == 400
