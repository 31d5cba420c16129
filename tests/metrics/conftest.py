"""The API in process, and its metrics as Prometheus reads them."""

from tests.http.fixtures import api_settings, client, key_for, reader, registry

__all__ = ["api_settings", "client", "key_for", "reader", "registry"]
