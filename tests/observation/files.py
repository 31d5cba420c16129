"""The files of deploy/observation, as tests read them."""

import json
import re
from typing import Any, NamedTuple

import yaml

from tests.docs.markdown import ROOT

FOLDER = ROOT / "deploy" / "observation"
RULES = FOLDER / "prometheus" / "annuaire.rules.yml"
CONFIGURATION = FOLDER / "prometheus" / "prometheus.yml"
DASHBOARD = FOLDER / "grafana" / "annuaire.json"
GUIDE = ROOT / "docs" / "observation.md"
# PromQL's own names of our metrics, and `up`, which Prometheus adds.
METRIC = re.compile(r"\b(?:annuaire|process)_\w+|\bup\b")
PARTS = ("_bucket", "_sum", "_count")


class Alert(NamedTuple):
    name: str
    expression: str
    labels: dict[str, str]
    annotations: dict[str, str]


def alerts() -> list[Alert]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"])
        for group in groups
        for rule in group["rules"]
    ]


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def metrics_in(expression: str) -> set[str]:
    """The families that an expression names. Names of labels in quotes are no metrics."""
    bare = re.sub(r'"[^"]*"', "", expression)
    return {_family(name) for name in METRIC.findall(bare)}


def _family(name: str) -> str:
    part = next((part for part in PARTS if name.endswith(part)), "")
    return name.removesuffix(part)
