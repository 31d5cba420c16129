"""Prometheus reaches the socket of an API node by nginx, and nobody else does."""

import http.client
from contextlib import closing
from pathlib import Path

from app.embedded.ports import free_port
from app.settings import Settings
from tests.access.authority import a_root
from tests.harness.nginx_front import nginx_front
from tests.observation.files import FOLDER


def test_prometheus_alone_is_let_in_and_only_to_the_metrics(settings: Settings, open_dir: Path) -> None:
    port = free_port()
    own = (FOLDER / "nginx" / "metrics.conf").read_text("utf-8").replace("127.0.0.1:9464", f"127.0.0.1:{port}")
    clients = a_root()
    held = clients.issue()
    with nginx_front(
        settings, clients.pem, clients.list_of(), open_dir, lambda text: text + own.replace("10.0.0.5", "127.0.0.2")
    ):
        # A certificate that anybody may write into a header goes no further.
        status, text = _asked(port, "/metrics", "127.0.0.1", held.header)
        assert (status, "annuaire_database_up 1.0" in text) == (200, True)
        assert _asked(port, "/metrics", "127.0.0.2")[0] == 200
        assert _asked(port, "/metrics", "127.0.0.3")[0] == 403
        assert _asked(port, "/v1/edition", "127.0.0.1")[0] == 404


def _asked(port: int, path: str, source: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60, source_address=(source, 0))) as connection:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
