"""The API in process, and commands as their user runs them, for every test of this folder."""

from tests.audit.conftest import annuaire
from tests.http.fixtures import api_settings, client, key_for, reader, registry

__all__ = ["annuaire", "api_settings", "client", "key_for", "reader", "registry"]
