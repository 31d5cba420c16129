"""A professional leaves the register by a full file and comes back: the mailboxes, their operators, the tombstone."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from app.imports.guards import NAMES
from app.sandbox.generate import Generated, generate
from app.settings import Settings
from tests.imports.files import run

Connection = psycopg.Connection[Any]
Headers = Callable[..., dict[str, str]]
# Their mailboxes, each with the operator that answers for it: the one that wrote it, or the only owner of its domain.
LEFT = """
SELECT a.address, a.practitioner, coalesce(m.operator, (
  SELECT CASE WHEN min(c.operator) = max(c.operator) THEN min(c.operator) END
  FROM domain d JOIN operator_certificate c ON c.dn = d.certificate WHERE d.name = m.domain))
FROM mailbox_attachment a JOIN mailbox m ON m.address = a.address
JOIN practitioner p ON p.national_id = a.practitioner
WHERE p.register_state = 'closed' AND m.state = 'active' AND NOT m.unlisted AND m.type = 'PER' ORDER BY a.address
"""


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Generated, Generated]:
    folder = tmp_path_factory.mktemp("days")
    return generate(400, 11, folder / "1"), generate(400, 11, folder / "2", next_day=True)


def imported(settings: Settings, folder: Path, *paths: Path) -> None:
    reports = run(settings, folder, *paths, accept=NAMES)
    assert {report.state for report in reports} == {"applied"}


def test_struck_off_told_and_back(
    settings: Settings,
    registry: Connection,
    client: TestClient,
    key_for: Headers,
    days: tuple[Generated, Generated],
    tmp_path: Path,
) -> None:
    imported(settings, tmp_path, *(file.path for file in days[0].files))
    reader = key_for("read")
    before = client.get("/v1/digest", headers=reader).json()["root"]
    assert registry.execute(LEFT).fetchall() == []
    assert registry.execute("SELECT count(*) FROM notice").fetchone() == (0,)
    registry.commit()

    imported(settings, tmp_path, days[1].activity.path)
    left = registry.execute(LEFT).fetchall()
    assert left
    registry.commit()
    owned = [(address, operator) for address, _, operator in left if operator]
    assert owned
    for address, holder, _ in left:
        answer = client.get(f"/v1/mailboxes/{address}")
        assert (answer.status_code, answer.json()["reason"]) == (410, "holder_inactive")
        assert client.get(f"/v1/practitioners/{holder}").status_code == 404
    assert told(client, key_for, {operator for _, operator in owned}) == {
        (operator, "mailbox.holder_inactive", address) for address, operator in owned
    }
    assert registry.execute("SELECT count(*) FROM mailbox WHERE state = 'withdrawn'").fetchone() == (0,)
    registry.commit()

    imported(settings, tmp_path, days[0].activity.path)
    for address, _, _ in left:
        assert client.get(f"/v1/mailboxes/{address}").status_code == 200
    assert told(client, key_for, {operator for _, operator in owned}) == {
        (operator, code, address)
        for address, operator in owned
        for code in ("mailbox.holder_inactive", "mailbox.restored")
    }
    assert registry.execute("SELECT * FROM withdrawn").fetchall() == []
    assert client.get("/v1/digest", headers=reader).json()["root"] == before


def told(client: TestClient, key_for: Headers, operators: set[str]) -> set[tuple[str, str, str]]:
    """(operator, code, key) of everything that these operators read of themselves."""
    found = set()
    for operator in operators:
        page = client.get("/v1/me/notices?limit=200", headers=key_for("read", operator=operator)).json()
        found |= {(operator, item["code"], item["key"]) for item in page["items"]}
    return found
