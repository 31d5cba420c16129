"""Alerts, dashboard and guide name what /metrics shows, and nothing else."""

import re
from collections import Counter

import pytest
from starlette.testclient import TestClient

from tests.docs.markdown import ROOT, anchors
from tests.http.fixtures import api_settings, client
from tests.metrics.samples import scraped
from tests.observation.files import GUIDE, Alert, alerts, metrics_in, panels

__all__ = ["api_settings", "client"]

ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+?) \| (.*?) \| (.*?) \|$", re.MULTILINE)
ROWS = 6


@pytest.fixture
def shown(client: TestClient) -> set[str]:
    """The names that a real app shows, without the instants at which counters began."""
    client.get("/healthz")
    return {name for name in scraped(client).names if not name.endswith("_created")}


def test_the_guide_has_a_line_for_each_metric_and_no_other(shown: set[str]) -> None:
    named = Counter(row[0] for row in ROW.findall(GUIDE.read_text("utf-8")))
    assert set(named) == shown
    assert max(named.values()) == 1


def test_alerts_and_dashboard_name_what_is_shown(shown: set[str]) -> None:
    in_alerts = {name for alert in alerts() for name in metrics_in(alert.expression)}
    in_panels = {name for panel in panels() for each in panel.get("targets", []) for name in metrics_in(each["expr"])}
    assert in_alerts - shown == {"up"}
    assert in_panels - shown == set()


def test_an_unknown_name_would_be_seen() -> None:
    assert metrics_in('sum(rate(annuaire_x_bucket{route="annuaire_y"}[5m])) / up') == {"annuaire_x", "up"}


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_how_bad_and_where_to_read_what_to_do(alert: Alert) -> None:
    name, expression, labels, annotations = alert
    assert labels["severity"] in {"critical", "warning", "info"}
    assert annotations["summary"]
    path, _, anchor = annotations["runbook"].partition("#")
    guide = (ROOT / path).read_text("utf-8")
    assert anchor == name.lower()
    assert anchor in anchors(guide)
    text = guide.split(f"\n### {name}\n")[1].split("\n#")[0]
    assert annotations["summary"] in text
    assert f"({labels['severity']}" in text
    assert "\nDo: " in text
    # The metrics of the alert lead to it.
    table = {row[0]: row[4] for row in ROW.findall(guide)}
    leading = [metric for metric in metrics_in(expression) if f"#{anchor})" in table.get(metric, "")]
    assert leading or expression.startswith("up{")


def test_each_alert_of_a_metric_exists() -> None:
    named = {name for row in ROW.findall(GUIDE.read_text("utf-8")) for name in re.findall(r"\[(\w+)\]", row[4])}
    assert {name for name in named if name.startswith("Annuaire")} <= {alert.name for alert in alerts()}


def test_panels_are_told_apart_and_stand_in_rows() -> None:
    found = panels()
    assert len({panel["id"] for panel in found}) == len(found)
    assert len([panel for panel in found if panel["type"] == "row"]) == ROWS
    for panel in found:
        assert panel["title"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or panel["targets"]
