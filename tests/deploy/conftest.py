"""An API behind the committed nginx, and the parts of deploy/ as data."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.settings import Settings
from tests.access.authority import Authority, Held
from tests.access.conftest import authority, certificate_settings
from tests.harness.nginx_front import Front, nginx_front
from tests.http.fixtures import api_settings, key_for, reader, registry

__all__ = ["api_settings", "authority", "certificate_settings", "key_for", "reader", "registry"]

Start = Callable[..., Front]


@pytest.fixture
def start(certificate_settings: Settings, authority: Authority, open_dir: Path) -> Iterator[Start]:
    """Start it; `revoked` are on the list of the authority, `edit` changes the configuration, `more` are settings."""
    with ExitStack() as running:

        def begin(*revoked: Held, edit: Callable[[str], str] = str, **more: str) -> Front:
            lists = authority.list_of(revoked)
            front = nginx_front(certificate_settings, authority.pem, lists, open_dir, edit, **more)
            return running.enter_context(front)

        yield begin


@pytest.fixture
def front(start: Start) -> Front:
    return start()
