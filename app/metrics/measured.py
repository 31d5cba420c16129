"""A value that is measured at the moment somebody asks for it, and the statement that measures several at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

# The values of the labels, in their order; a metric without labels has one value under ().
Values = Mapping[tuple[str, ...], float | None]


@dataclass(frozen=True, slots=True)
class Gauge:
    """The declaration of one metric. Units are in its name: `_seconds` is an age or a duration, `_bytes` a size."""

    name: str
    meaning: str
    labels: tuple[str, ...] = ()

    def at(self, value: float | None) -> Metric:
        """The metric with its one value; None: it has none now."""
        return self.by({(): value})

    def by(self, values: Values) -> Metric:
        """The metric with a value for each set of labels. Its name is shown also where it has none."""
        family = GaugeMetricFamily(self.name, self.meaning, labels=self.labels)
        for labels, value in values.items():
            if value is not None:
                family.add_metric(labels, float(value))
        return family


class Watched(NamedTuple):
    """A subject that the database tells of. `sql` answers one JSON value, which `shown` makes metrics of.

    The statement may use the parameters of `reading.parameters`. It must cost milliseconds on a national directory.
    """

    sql: str
    shown: Callable[[Any], Iterator[Metric]]
