"""The exposition of an app, parsed by the library that Prometheus itself publishes."""

from dataclasses import dataclass

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient


@dataclass(frozen=True)
class Exposed:
    """What one scrape brought."""

    metrics: list[Metric]

    def value(self, name: str, **labels: str) -> float | None:
        """The value of one sample; None where there is none."""
        found = [
            sample.value
            for metric in self.metrics
            for sample in metric.samples
            if sample.name == name and sample.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else None

    @property
    def names(self) -> set[str]:
        """The names of all families, counters with their ending."""
        return {metric.name + ("_total" if metric.type == "counter" else "") for metric in self.metrics}


def scraped(client: TestClient) -> Exposed:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return Exposed(list(text_string_to_metric_families(answer.text)))
