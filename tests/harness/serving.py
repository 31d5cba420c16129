"""The API on a port of this machine, for clients that speak HTTP."""

import threading
import time

import uvicorn

from app.embedded import free_port
from app.main import create_app
from app.settings import Settings

PATIENCE = 60.0


class serving:  # noqa: N801 - a context
    """The API of these settings on a port, in a thread."""

    def __init__(self, settings: Settings) -> None:
        port = free_port()
        self._url = f"http://127.0.0.1:{port}"
        self.app = create_app(settings.model_copy(update={"issuer": self._url}))
        config = uvicorn.Config(self.app, "127.0.0.1", port, log_config=None, access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run)

    def __enter__(self) -> str:
        self._thread.start()
        deadline = time.monotonic() + PATIENCE
        while not self._server.started:
            assert self._thread.is_alive(), "the API ended before it served"
            assert time.monotonic() < deadline, "the API does not start"
            time.sleep(0.01)
        return self._url

    def __exit__(self, *raised: object) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
