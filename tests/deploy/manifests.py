"""The resources of deploy/k8s as data."""

import json
from collections.abc import Iterator
from typing import Any

import yaml

from tests.docs.markdown import ROOT

FOLDER = ROOT / "deploy" / "k8s"
Resource = dict[str, Any]
WORKLOADS = {"Deployment", "StatefulSet"}


def resources() -> list[Resource]:
    """Every resource of every file, those that are switched on by an overlay too."""
    paths = sorted([*FOLDER.glob("*.yaml"), *FOLDER.glob("*/*.yaml")])
    texts = [path.read_text("utf-8") for path in paths if path.name != "kustomization.yaml"]
    return [resource for text in texts for resource in yaml.safe_load_all(text)]


def of_kind(*kinds: str) -> list[Resource]:
    return [resource for resource in resources() if resource["kind"] in kinds]


def named(kind: str, name: str) -> Resource:
    return next(each for each in of_kind(kind) if each["metadata"]["name"] == name)


def workloads() -> dict[str, Resource]:
    """The pods' specifications by the name of what makes them."""
    return {each["metadata"]["name"]: each["spec"]["template"] for each in of_kind(*WORKLOADS)}


def containers(template: Resource) -> list[Resource]:
    return [*template["spec"].get("initContainers", []), *template["spec"]["containers"]]


def selects(selector: Resource, labels: dict[str, str]) -> bool:
    """Whether a selector of labels takes these."""
    exact = selector.get("matchLabels", {}).items() <= labels.items()
    rules = selector.get("matchExpressions", [])
    assert all(rule["operator"] == "In" for rule in rules)
    return exact and all(labels.get(rule["key"]) in rule["values"] for rule in rules)


def schema_of(kind: str) -> Resource:
    """The schema of a kind of CloudNativePG, in which an unknown field is an error, as it is for `kubectl apply`."""
    known: Resource = json.loads((ROOT / "tests" / "data" / "schemas" / "cloudnative-pg.json").read_text("utf-8"))[kind]
    known["properties"]["metadata"] = {"type": "object"}
    for node in _objects(known):
        if "properties" in node and not node.get("x-kubernetes-preserve-unknown-fields"):
            node.setdefault("additionalProperties", False)
    known["properties"]["metadata"] = {"type": "object"}
    return known


def _objects(node: Any) -> Iterator[Resource]:
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from _objects(each)
    elif isinstance(node, list):
        for each in node:
            yield from _objects(each)
