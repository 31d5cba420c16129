"""`/metrics` in Prometheus' text form: what was counted, what is measured now, and what the database tells."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from anyio import to_thread
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.metrics import base_backup, credentials, folders, process
from app.metrics.files import CredentialFiles
from app.metrics.measured import Gauge
from app.metrics.pools import Pools
from app.metrics.process import SHARED_COUNTERS
from app.metrics.reading import Reader
from app.metrics.requests import Requests
from app.settings import Settings

WAITERS = Gauge("annuaire_feed_waiters", "Readers that wait for the next change here")


class Metrics:
    """The metrics of one app. `registry`: what is counted, for features that count something of their own."""

    def __init__(self, settings: Settings, schema_head: Sequence[str]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Requests(self.registry)
        self.pools = Pools(self.registry)
        self._settings = settings
        self._reader = Reader(settings, schema_head)
        self._files = CredentialFiles(settings)

    async def exposition(self, waiters: int, more: Iterable[Metric] = ()) -> bytes:
        """The text form. `waiters`: who waits for the feed in this process; `more`: what other features measured."""
        self.pools.note()
        told = [WAITERS.at(waiters), *more, *await to_thread.run_sync(self._of_machine), *await self._reader.metrics()]
        return self._counted() + _text(told)

    def _of_machine(self) -> list[Metric]:
        """What is read from files and folders: it may wait for a disk."""
        is_signing = self._settings.signing_key is not None
        ending = credentials.of_files(self._files.ends(), is_signing=is_signing)
        kept = base_backup.shown(self._settings)
        return [*process.shown(), *folders.shown(folders.spaces(self._settings)), *kept, *ending]

    def _counted(self) -> bytes:
        folder = os.environ.get(SHARED_COUNTERS)
        if folder is None:
            return generate_latest(self.registry)
        process.forget_the_dead(Path(folder))
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)


class _Told(Collector):
    """Metrics that were measured already."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def _text(metrics: Iterable[Metric]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told(metrics))
    return generate_latest(registry)
