"""Two persons: whoever accepts a guard is another admin than the one who made the plan."""

import pytest
from starlette.testclient import TestClient

from app.settings import Settings
from tests.imports_http.conftest import ROWS, Headers, KeyFor, mailboxes, settled, upload

pytestmark = pytest.mark.usefixtures("worker")
ACCEPTED = {"accept_guard": ["shrink", "file_shrank"]}


@pytest.fixture
def api_settings(api_settings: Settings) -> Settings:
    return api_settings.model_copy(update={"import_second_person": True})


def test_a_guard_is_accepted_by_another_admin(client: TestClient, admin: Headers, key_for: KeyFor) -> None:
    settled(client, admin, upload(client, admin, mailboxes(*ROWS), apply="true")["run"])
    plan = settled(client, admin, upload(client, admin, mailboxes(*ROWS[:2]))["run"])
    path = f"/v1/imports/{plan['run']}/apply"
    answer = client.post(path, headers=admin, params=ACCEPTED)
    assert (answer.status_code, answer.json()["code"]) == (403, "import.second_person_required")
    assert client.post(path, headers=key_for("admin"), params=ACCEPTED).status_code == 202
    done = settled(client, admin, plan["run"])
    assert done["state"] == "applied"
    assert done["planned_by"] != done["applied_by"] == done["guards"][0]["by"]
    assert done["guards"][0]["at"]


def test_nobody_accepts_a_guard_of_a_plan_that_is_still_to_be_made(
    client: TestClient, admin: Headers, key_for: KeyFor
) -> None:
    settled(client, admin, upload(client, admin, mailboxes(*ROWS), apply="true")["run"])
    held = settled(client, admin, upload(client, admin, mailboxes(*ROWS[:2]), apply="true", **ACCEPTED)["run"])
    assert (held["state"], held["refusal"]["code"]) == ("refused", "import.second_person_required")
    # What one admin may not do does not stand in the way of the other.
    path = f"/v1/imports/{held['run']}/apply"
    assert client.post(path, headers=key_for("admin"), params=ACCEPTED).status_code == 202
    assert settled(client, admin, held["run"])["state"] == "applied"
