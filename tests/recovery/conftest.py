"""The API in process with operators' writes by key, and commands, for every test of this folder."""

import pytest

from app.settings import Settings
from tests.audit.conftest import annuaire
from tests.http.fixtures import client, key_for, reader, registry
from tests.mailbox_writes.conftest import operator, other, world

__all__ = ["annuaire", "client", "key_for", "operator", "other", "reader", "registry", "world"]


@pytest.fixture
def api_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_pool": 4, "log_level": "error", "publish_with_key": True})
