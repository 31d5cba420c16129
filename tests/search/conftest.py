"""The API in process, for every test of this folder."""

from tests.http.fixtures import api_settings, client, key_for, reader, registry

__all__ = ["api_settings", "client", "key_for", "reader", "registry"]
