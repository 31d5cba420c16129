"""Free space where the API and the worker keep files: what was handed in, and the full files."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from prometheus_client.metrics_core import Metric

from app.metrics.measured import Gauge
from app.settings import Settings

FREE = Gauge("annuaire_folder_free_bytes", "Free space of the disk that a folder is on", ("folder",))
SIZE = Gauge("annuaire_folder_size_bytes", "Size of the disk that a folder is on", ("folder",))


class Space(NamedTuple):
    """Bytes of a disk, and how many of them we may still take."""

    size: int
    free: int


def spaces(settings: Settings) -> dict[str, Space]:
    """The space of each folder that can be looked at. A folder that is not there yet will be made on that disk."""
    found = {}
    for name, folder in (("spool", settings.spool_dir), ("snapshots", settings.snapshot_dir)):
        try:
            usage = shutil.disk_usage(_existing(folder.absolute()))
        except OSError:  # not ours to enter: whoever can enter it tells
            continue
        found[name] = Space(usage.total, usage.free)
    return found


def shown(found: dict[str, Space]) -> Iterator[Metric]:
    yield FREE.by({(name,): space.free for name, space in found.items()})
    yield SIZE.by({(name,): space.size for name, space in found.items()})


def _existing(folder: Path) -> Path:
    return next(each for each in (folder, *folder.parents) if each.exists())
