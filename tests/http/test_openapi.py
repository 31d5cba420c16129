"""The description of the API, its committed file, and the pages around it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from app.access.rules import RULES, Rule, rule_of
from app.documentation import ASSETS, SERVED
from app.openapi import as_yaml, document, main

COMMITTED = Path(__file__).parent.parent.parent / "openapi" / "annuaire.yaml"
HIDDEN = {"/openapi.json", "/docs", "/docs/{asset}", "/problems/{slug}"}


@pytest.fixture
def described(client: TestClient) -> Any:
    return client.get("/openapi.json").json()


def test_the_committed_file_is_what_the_routes_say() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == document(), "run `make openapi` and look at the difference"


def test_the_check_tells_drift_from_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "annuaire.yaml"
    assert main(["--check", str(file)]) == 1
    assert main(["--write", str(file)]) == 0
    assert main(["--check", str(file)]) == 0
    file.write_text(file.read_text(encoding="utf-8") + "# more\n", encoding="utf-8")
    assert main(["--check", str(file)]) == 1
    assert "make openapi" in capsys.readouterr().err


def test_every_public_route_is_described_with_its_errors_and_who_may_call(described: Any) -> None:
    assert set(described["paths"]) == set(RULES) - HIDDEN
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            rule = rule_of(path, method.upper())
            keyed: Any = [{"key": []}, {"token": []}, {"certificate": []}]
            wanted = {Rule.OPEN: None, Rule.LOOK_UP: [{}, *keyed]}.get(rule, keyed)
            assert operation.get("security") == wanted
            assert operation["description"]
            assert operation["summary"]
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    assert list(response["content"]) == ["application/problem+json"]


def test_every_reference_of_the_description_exists(described: Any) -> None:
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(described)))
    assert wanted <= set(described["components"]["schemas"])
    found = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(described)))
    assert found == {f"#/components/schemas/{name}" for name in wanted}


def test_every_link_leads_to_an_operation_that_takes_what_it_brings(described: Any) -> None:
    operations = {each["operationId"]: each for those in described["paths"].values() for each in those.values()}
    answers = [answer for each in operations.values() for answer in each["responses"].values()]
    links = [link for answer in answers for link in answer.get("links", {}).values()]
    for link in links:
        taken = {each["name"] for each in operations[link["operationId"]]["parameters"]}
        assert link["parameters"].keys() <= taken
        assert all(value.startswith(("$response.body#/", "$response.header.")) for value in link["parameters"].values())
    # All that a path asks for can be had from another answer.
    led_to = {link["operationId"] for link in links}
    asked = {
        name for name, each in operations.items() if any(part["in"] == "path" for part in each.get("parameters", ()))
    }
    assert asked <= led_to


def test_every_body_may_be_unreadable_and_too_large(described: Any) -> None:
    for operations in described["paths"].values():
        for operation in operations.values():
            if "requestBody" in operation:
                assert {"400", "413"} <= set(operation["responses"])


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=20,
)


@example({"A·": None})
@given(JSON_VALUES)
def test_yaml_scalars_are_json_and_lines_are_lines(value: Any) -> None:
    for line in as_yaml(value):
        tail = re.sub(r'^ *(- ?|("(?:[^"\\]|\\.)*"|[^\W\d]\w*):( |$))?', "", line)
        assert tail == "" or json.loads(tail) is not ...


def test_the_pages_load_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    linked = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert all(link.startswith("/") and not link.startswith("//") for link in linked)
    for link in linked:
        assert client.get(link).status_code == 200
    assert set(SERVED) <= {path.name for path in ASSETS.iterdir()}
    assert "<script>" not in page.text


@pytest.mark.parametrize("asset", ["SOURCES.md", "docs.html", "..%2Fmain.py", "nothing.js"])
def test_no_other_file_is_served(client: TestClient, asset: str) -> None:
    assert client.get(f"/docs/{asset}").status_code == 404


@pytest.mark.parametrize("slug", ["nothing", "..%2F..%2FREADME", "README.md"])
def test_no_other_page_is_served(client: TestClient, slug: str) -> None:
    assert client.get(f"/problems/{slug}").status_code in {404, 422}
