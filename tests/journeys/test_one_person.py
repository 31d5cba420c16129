"""One person from the national files to every channel, and, once on the red list, in none."""

import json
from urllib.parse import quote

from tests.journeys.conftest import Running

RPPS = "99900000060"
NATIONAL_ID = "8" + RPPS
ADDRESS = "anne-elise.exemple@medecin-exemple.mssante.fr"
OTHER = "anne-elise.exemple@ch-exemple.mssante.fr"
THUNDERBIRD = "(&(objectClass=*)(|(cn=*{0}*)(mail=*{0}*)(givenName=*{0}*)(sn=*{0}*)))"


def feed(running: Running, key: str, after: str | None = None) -> tuple[list[dict[str, object]], str]:
    """Every change after a cursor, page by page, and the cursor to go on from."""
    items: list[dict[str, object]] = []
    while True:
        query = f"?limit=200&after={quote(after)}" if after else "?limit=200"
        page = running.get(f"/v1/changes{query}", key).json
        items += page["items"]
        after = page["next"]
        if len(page["items"]) < 200:
            return items, str(after)


def test_she_is_found_on_every_channel_and_after_the_red_list_on_none(running: Running) -> None:
    key = running.command("key", "issue", "--name", "a follower", "--scope", "read")["key"]

    by_rpps = running.get(f"/v1/practitioners/{RPPS}").json
    assert (by_rpps["family"], by_rpps["given"]) == ("EXEMPLE", "Anne-Élise")
    # A network that joins the same directory may give her more of them.
    assert {mailbox["address"] for mailbox in by_rpps["mailboxes"]} >= {ADDRESS, OTHER}
    assert running.get(f"/v1/practitioners/{NATIONAL_ID}").json == by_rpps

    by_address = running.get(f"/v1/mailboxes/{quote(ADDRESS.upper())}")
    assert by_address.json["practitioner"]["rpps"] == RPPS
    assert by_address.headers["Directory-Edition"] == str(running.edition())

    by_name = running.get("/v1/practitioners?name=anne%20elise%20exemple").json
    assert [item["rpps"] for item in by_name["items"]] == [RPPS]

    entries = running.search(THUNDERBIRD.format("exemple"))
    assert ADDRESS in {entry["mail"][0] for entry in entries}

    changes, cursor = feed(running, key)
    assert [change["sequence"] for change in changes] == list(range(1, running.edition() + 1))
    assert [change["kind"] for change in changes if change["key"] == ADDRESS] == ["mailbox"]

    with running.registry() as registry, registry.transaction():
        registry.execute("UPDATE mailbox SET unlisted = true WHERE address = %s", (ADDRESS,))
        registry.execute("INSERT INTO pending (kind, key) VALUES ('mailbox', %s)", (ADDRESS,))
        registry.execute("SELECT pg_notify('annuaire_pending', '')")
    running.wait_until_everywhere()

    assert_nowhere(running, key)
    changes, cursor = feed(running, key, cursor)
    assert [(change["kind"], change["key"], change["operation"], "resource" in change) for change in changes] == [
        ("mailbox", ADDRESS, "delete", False),
        ("practitioner", NATIONAL_ID, "put", True),
    ]
    assert ADDRESS not in json.dumps(changes[1])


def assert_nowhere(running: Running, key: str) -> None:
    """No channel shows the address, and its absence looks like that of an address that never was."""
    never_seen = "jamais.vue@medecin-exemple.mssante.fr"
    hidden, never = (running.get(f"/v1/mailboxes/{quote(address)}") for address in (ADDRESS, never_seen))
    assert hidden.status == never.status == 404
    hidden_body, never_body = hidden.json, never.json
    assert hidden_body.pop("request_id") != never_body.pop("request_id")
    assert json.dumps(hidden_body).replace(ADDRESS, never_seen) == json.dumps(never_body)
    lookup = running.get("/v1/mailboxes/lookup", body={"addresses": [ADDRESS]}).json
    assert [(result["found"], "resource" in result) for result in lookup["results"]] == [(False, False)]
    for path in (
        f"/v1/practitioners/{RPPS}",
        "/v1/practitioners?name=exemple",
        "/v1/mailboxes?domain=medecin-exemple.mssante.fr&limit=200",
        f"/v1/mailboxes?practitioner={RPPS}",
    ):
        assert ADDRESS not in running.get(path).body, path
    for query in (f"(mail={ADDRESS})", THUNDERBIRD.format("anne-elise.exemple@medecin")):
        assert running.search(query) == [], query
    changes, _ = feed(running, key)
    assert [change for change in changes if ADDRESS in json.dumps(change.get("resource", {}))] == []
    assert {change["operation"] for change in changes if change["key"] == ADDRESS} == {"put", "delete"}
    assert running.command("ldap", "verify")
