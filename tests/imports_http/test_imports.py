"""A file over REST: handed in, planned, looked at, applied, undone; and every refusal as a problem document."""

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.imports.schemas import ChangePage, Run, RunPage
from app.imports.template import csv_template, xlsx_template
from app.imports.wishes import MOST_WAITING
from app.publication.digest import root
from tests.imports import files
from tests.imports.files import zipped
from tests.imports_http.conftest import HEAD, ROWS, Connection, Headers, mailboxes, settled, upload

pytestmark = pytest.mark.usefixtures("worker")


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_a_file_is_planned_looked_at_applied_and_undone(
    client: TestClient, admin: Headers, registry: Connection, spool_dir: Path
) -> None:
    content = mailboxes(*ROWS)
    answered = upload(client, admin, content, name="Extraction_202609230201.txt")
    assert (answered["state"], answered["wish"]["do"]) == ("waiting", "plan")
    assert answered["sha256"] == hashlib.sha256(content).hexdigest()

    planned = settled(client, admin, answered["run"])
    assert (planned["state"], planned["source"], planned["diff"]["create"]) == ("planned", "mssante", 5)
    assert (planned["file"], planned["stamp"]) == ("Extraction_202609230201.txt", "202609230201")
    assert planned["runs"] == [answered["run"]]
    assert [path.name for path in spool_dir.iterdir()] == []
    page = client.get(f"/v1/imports/{planned['run']}/changes", headers=admin).json()
    ChangePage.model_validate(page)
    assert {item["action"] for item in page["items"]} == {"create"}
    assert client.get("/v1/mailboxes", headers=admin).json()["items"] == []
    before = root(registry).root
    registry.rollback()

    asked = client.post(f"/v1/imports/{planned['run']}/apply", headers=admin)
    assert (asked.status_code, asked.json()["wish"]["do"]) == (202, "apply")
    done = settled(client, admin, planned["run"])
    assert (done["state"], done["applied_by"]) == ("applied", done["planned_by"])
    assert done["edition"]["after"] > done["edition"]["before"]
    assert client.get("/v1/mailboxes", headers=admin).json()["total"]["value"] == 5

    assert client.post(f"/v1/imports/{planned['run']}/undo", headers=admin).status_code == 202
    undone = settled(client, admin, planned["run"])
    assert (undone["state"], undone["undone_by"]) == ("undone", done["planned_by"])
    assert undone["edition"]["undone"] > undone["edition"]["after"]
    assert client.get("/v1/mailboxes", headers=admin).json()["items"] == []
    assert root(registry).root == before
    for shown in (answered, planned, done, undone):
        Run.model_validate(shown)


def test_apply_true_applies_what_no_guard_refuses(client: TestClient, admin: Headers) -> None:
    first = settled(client, admin, upload(client, admin, mailboxes(*ROWS), apply="true")["run"])
    assert first["state"] == "applied"
    held = settled(client, admin, upload(client, admin, mailboxes(*ROWS[:2]), apply="true")["run"])
    assert (held["state"], held["refusal"], held["guards"][0]["name"]) == ("refused", None, "shrink")
    query = {"apply": "true", "accept_guard": ["shrink", "file_shrank"]}
    accepted = settled(client, admin, upload(client, admin, mailboxes(*ROWS[:2]), **query)["run"])
    assert (accepted["state"], accepted["diff"]["close"]) == ("applied", 3)
    assert accepted["guards"][0] | {"at": ""} == held["guards"][0] | {
        "accepted": True,
        "by": first["planned_by"],
        "at": "",
    }


def test_a_plan_that_a_guard_refuses_is_applied_when_it_is_accepted_by_name(client: TestClient, admin: Headers) -> None:
    settled(client, admin, upload(client, admin, mailboxes(*ROWS), apply="true")["run"])
    path = f"/v1/imports/{settled(client, admin, upload(client, admin, mailboxes(*ROWS[:2]))['run'])['run']}"
    assert code(client.post(f"{path}/apply", headers=admin)) == (409, "import.guarded")
    assert code(client.post(f"{path}/apply?accept_guard=everything", headers=admin)) == (422, "request.invalid")
    assert client.post(f"{path}/apply?accept_guard=shrink", headers=admin).status_code == 202
    assert settled(client, admin, path.rpartition("/")[2])["state"] == "applied"


def test_what_only_the_worker_finds_stands_in_the_run(client: TestClient, admin: Headers, registry: Connection) -> None:
    run = settled(client, admin, upload(client, admin, mailboxes(*ROWS), apply="true")["run"])["run"]
    address = ROWS[0].split("|")[HEAD.split("|").index("Adresse BAL")]
    registry.execute("UPDATE mailbox SET service = 'elsewhere' WHERE address = %s", [address])
    registry.commit()
    assert client.post(f"/v1/imports/{run}/undo", headers=admin).status_code == 202
    shown = settled(client, admin, run)
    assert (shown["state"], shown["refusal"]["code"]) == ("applied", "import.undo_refused")
    assert address in shown["refusal"]["detail"]


def test_a_plan_that_another_run_overtook_is_outdated(client: TestClient, admin: Headers) -> None:
    first, second = (
        settled(client, admin, upload(client, admin, mailboxes(*rows))["run"]) for rows in (ROWS, ROWS[1:])
    )
    assert client.post(f"/v1/imports/{second['run']}/apply", headers=admin).status_code == 202
    assert settled(client, admin, second["run"])["state"] == "applied"
    assert code(client.post(f"/v1/imports/{first['run']}/apply", headers=admin)) == (409, "import.outdated")
    assert code(client.post(f"/v1/imports/{second['run']}/apply", headers=admin)) == (409, "import.not_planned")
    assert code(client.post(f"/v1/imports/{first['run']}/undo", headers=admin)) == (409, "import.not_applied")


def test_only_the_latest_run_of_a_source_is_undone(client: TestClient, admin: Headers) -> None:
    runs = [
        settled(client, admin, upload(client, admin, mailboxes(*rows), apply="true")["run"])["run"]
        for rows in (ROWS[1:], ROWS)
    ]
    assert code(client.post(f"/v1/imports/{runs[0]}/undo", headers=admin)) == (409, "import.not_latest")


def test_a_zip_of_three_gives_three_runs(client: TestClient, admin: Headers, tmp_path: Path) -> None:
    members = {path.name: path.read_bytes() for path in (files.MAILBOXES, files.SKILLS, files.PERSONS)}
    content = zipped(tmp_path, "x.zip", members).read_bytes()
    run = upload(client, admin, content, name="PS_202609230201.zip", apply="true")["run"]
    shown = settled(client, admin, run)
    assert shown["runs"] == [run, f"{run}.2", f"{run}.3"]
    found = [client.get(f"/v1/imports/{name}", headers=admin).json() for name in shown["runs"]]
    assert [each["source"] for each in found] == ["personne_activite", "savoir_faire", "mssante"]
    assert {each["state"] for each in found} == {"applied"}


def test_a_file_that_is_refused_as_a_whole_says_why(client: TestClient, admin: Headers, spool_dir: Path) -> None:
    shown = settled(client, admin, upload(client, admin, b"Dear directory,\n")["run"])
    assert (shown["state"], shown["guards"][0]["name"], shown["file"]) == ("refused", "file.unknown", "upload")
    assert list(spool_dir.glob("*-upload-*")) == []
    assert code(client.post(f"/v1/imports/{shown['run']}/apply", headers=admin)) == (409, "import.not_planned")
    assert settled(client, admin, upload(client, admin, b"")["run"])["guards"][0]["name"] == "file.empty"


def test_rejected_lines_are_taken_home_corrected_and_handed_in_again(client: TestClient, admin: Headers) -> None:
    bad = ROWS[0].replace("@", "#")
    run = settled(client, admin, upload(client, admin, mailboxes(bad), name="boîtes.txt")["run"])["run"]
    shown = client.get(f"/v1/imports/{run}", headers=admin).json()
    assert shown["rejects"] == f"/v1/imports/{run}/rejects"
    answer = client.get(shown["rejects"], headers=admin)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "bo%C3%AEtes.rejects.txt" in answer.headers["content-disposition"]
    assert answer.text.splitlines()[1].startswith(f"{bad}|2|address.at_sign|L'adresse ")
    again = upload(client, admin, answer.content.replace(bad.encode(), ROWS[0].encode()), apply="true")
    done = settled(client, admin, again["run"])
    assert (done["state"], done["lines"]["rejected"], done["diff"]["create"]) == ("applied", 0, 1)
    assert code(client.get(f"/v1/imports/{done['run']}/rejects", headers=admin)) == (404, "import.no_rejects")


def test_changes_come_in_pages_and_as_one_table(client: TestClient, admin: Headers) -> None:
    settled(client, admin, upload(client, admin, mailboxes(*ROWS), apply="true")["run"])
    query = {"accept_guard": ["shrink", "file_shrank"]}
    run = settled(client, admin, upload(client, admin, mailboxes(ROWS[0]), **query)["run"])["run"]
    found: list[Any] = []
    path: str | None = f"/v1/imports/{run}/changes?limit=1"
    while path:
        answer = client.get(path, headers=admin)
        found += answer.json()["items"]
        path = answer.links["next"]["url"] if answer.links else None
    whole = client.get(f"/v1/imports/{run}/changes", headers=admin).json()
    assert len(found) > 1
    assert found == whole["items"]
    assert whole["total"]["value"] == len(found)
    table = client.get(f"/v1/imports/{run}/changes", headers={**admin, "Accept": "text/csv"})
    assert table.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(table.text, newline=""), delimiter=";"))
    assert {row["key"] for row in rows} == {item["key"] for item in found}
    assert code(client.get(f"/v1/imports/{run}/changes?cursor=x", headers=admin)) == (400, "cursor.invalid")


def test_runs_are_listed_newest_first_in_pages(client: TestClient, admin: Headers) -> None:
    made = [settled(client, admin, upload(client, admin, b"x\n")["run"])["run"] for _ in range(3)]
    first = client.get("/v1/imports?limit=2", headers=admin)
    RunPage.model_validate(first.json())
    rest = client.get(first.links["next"]["url"], headers=admin).json()
    assert [item["run"] for item in first.json()["items"] + rest["items"]] == made[::-1]
    assert (rest["next"], rest["total"]) == (None, {"value": 3, "exact": True})


@pytest.mark.parametrize("below", ["", "/changes", "/rejects", "/apply", "/undo"])
def test_a_run_that_is_not_there_is_not_found(client: TestClient, admin: Headers, below: str) -> None:
    method = "POST" if below in {"/apply", "/undo"} else "GET"
    for headers in (admin, {**admin, "Accept": "text/csv"}):
        assert code(client.request(method, f"/v1/imports/nothing{below}", headers=headers)) == (
            404,
            "import.unknown_run",
        )
    assert client.request(method, f"/v1/imports/..%2F..%2Fetc{below}", headers=admin).status_code in {404, 422}


def test_the_template_is_that_of_the_command(client: TestClient, admin: Headers) -> None:
    assert client.get("/v1/imports/template.csv", headers=admin).content == csv_template()
    answer = client.get("/v1/imports/template.xlsx", headers=admin)
    assert answer.content == xlsx_template()
    assert 'filename="annuaire-delta.xlsx"' in answer.headers["content-disposition"]


def test_as_many_as_may_wait_wait_and_no_more(client: TestClient, admin: Headers, registry: Connection) -> None:
    # An import of the command line holds the worker back.
    registry.execute("SELECT pg_advisory_lock(8)")
    try:
        runs = [upload(client, admin, b"x\n")["run"] for _ in range(MOST_WAITING)]
        answer = client.post("/v1/imports", content=b"x\n", headers=admin)
        assert code(answer) == (503, "import.queue_full")
        assert int(answer.headers["retry-after"]) > 0
        assert code(client.post(f"/v1/imports/{runs[0]}/undo", headers=admin)) == (409, "import.in_progress")
        assert client.get(f"/v1/imports/{runs[0]}", headers=admin).json()["state"] == "waiting"
    finally:
        registry.execute("SELECT pg_advisory_unlock(8)")
    assert {settled(client, admin, run)["state"] for run in runs} == {"refused"}
