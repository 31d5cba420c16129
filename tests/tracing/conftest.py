"""A collector, and settings under which everything is traced."""

from collections.abc import Iterator

import pytest

from app.settings import Settings
from tests.http.fixtures import api_settings, key_for, reader, registry
from tests.tracing.collector import Collector

__all__ = ["api_settings", "key_for", "reader", "registry"]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as listening:
        yield listening


@pytest.fixture
def traced(api_settings: Settings, collector: Collector) -> Settings:
    return api_settings.model_copy(
        update={
            "traces_url": collector.url,
            "traces_ratio": 1.0,
            "log_level": "info",
            "publish_with_key": True,
            "webhook_insecure": True,
        }
    )
