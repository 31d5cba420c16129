"""A real nginx with the committed configuration, before a real API in a process of its own."""

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.embedded import free_port
from app.settings import PREFIX, Settings
from tests.access.authority import SERVER, Authority, Held, a_name, a_root
from tests.docs.markdown import ROOT

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


@dataclass(frozen=True)
class Front:
    """Where it listens, who certified it, and where it lies. `api`: the process behind it."""

    port: int
    server: Authority
    folder: Path
    api: "subprocess.Popen[bytes]"

    def get(self, path: str, held: Held | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and body, read where it is JSON."""
        answer, body = self.ask("GET", path, held, headers=headers or {})
        return answer.status, body

    def ask(
        self, method: str, path: str, held: Held | None = None, **given: Any
    ) -> tuple[http.client.HTTPResponse, Any]:
        """The answer and its body; `given` goes to http.client."""
        context = self.context(held)
        with closing(http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=PATIENCE)) as one:
            one.request(method, path, **given)
            answer = one.getresponse()
            body = answer.read()
            return answer, json.loads(body) if answer.headers.get_content_type().endswith("json") else body

    def context(self, held: Held | None = None) -> ssl.SSLContext:
        """What a client believes, and what it shows."""
        context = ssl.create_default_context(cadata=self.server.pem.decode())
        context.check_hostname = False
        if held:
            file = self.folder / f"{held.certificate.serial_number}.pem"
            file.write_bytes(held.pem + held.key_pem)
            context.load_cert_chain(file)
        return context


@contextmanager
def nginx_front(
    settings: Settings, chain: bytes, lists: bytes, folder: Path, edit: Callable[[str], str] = str, **more: str
) -> Iterator[Front]:
    """nginx and API until the block ends.

    `chain`, `lists`: PEM of the clients' authorities; `edit` changes the configuration, `more` are settings of the API.
    """
    assert NGINX, "nginx is missing: deploy/packages.sh test installs it"
    server = a_root("AC SERVEURS")
    (folder / "http").mkdir()
    port = free_port()
    _write(folder, edit(_moved(folder, port)), _certificates(server, chain, lists))
    command = [NGINX, "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert checked.returncode == 0, checked.stderr
    with ExitStack() as running:
        api = running.enter_context(_serving(settings, folder / "http" / "socket", more))
        running.enter_context(_Ended(command))
        behind = str(folder / "http" / "socket")
        _wait_for((socket.AF_UNIX, behind), (socket.AF_INET, ("127.0.0.1", port)))
        yield Front(port, server, folder, api)


def _moved(folder: Path, port: int) -> str:
    text = CONFIGURATION.read_text("utf-8").replace("listen 443", f"listen 127.0.0.1:{port}")
    text = text.replace("/etc/annuaire/tls", str(folder / "tls")).replace("/run/annuaire/http", str(folder / "http"))
    return text.replace("/var/log/nginx", str(folder))


def _write(folder: Path, text: str, files: dict[str, bytes]) -> None:
    (folder / "annuaire.conf").write_text(text, "utf-8")
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder), "utf-8")
    (folder / "tls").mkdir()
    for name, content in files.items():
        (folder / "tls" / name).write_bytes(content)


def _certificates(server: Authority, chain: bytes, lists: bytes) -> dict[str, bytes]:
    own = server.issue(a_name("annuaire.example", None), usages=(SERVER,))
    return {
        "server.pem": own.pem,
        "server.key": own.key_pem,
        "client-chain.pem": chain,
        "client-chain.crl": lists,
    }


def _serving(settings: Settings, path: Path, more: dict[str, str]) -> "subprocess.Popen[bytes]":
    given = {
        "database_url": settings.database_url,
        "database_pool": "2",
        "key_pepper": settings.key_pepper.get_secret_value(),
        "log_level": "error",
        "trusted_proxies": "unix",
        "client_ca_file": str(settings.client_ca_file),
        "client_crl": str(settings.client_crl),
        **more,
    }
    environment = {**os.environ, **{f"{PREFIX}{name.upper()}": value for name, value in given.items()}}
    return _Ended([sys.executable, "-m", "app.cli", "serve", "--unix-socket", str(path)], env=environment)


class _Ended(subprocess.Popen[bytes]):
    """A program that is ended with its block."""

    def __exit__(self, *raised: object) -> None:
        self.terminate()
        self.wait(PATIENCE)


def _wait_for(*listeners: tuple[socket.AddressFamily, Any]) -> None:
    """Until each of them listens. Nobody is asked: a test may count requests."""
    deadline = time.monotonic() + PATIENCE
    for family, address in listeners:
        while True:
            assert time.monotonic() < deadline, f"nothing listens at {address}"
            with socket.socket(family) as probe:
                if not probe.connect_ex(address):
                    break
            time.sleep(0.05)
