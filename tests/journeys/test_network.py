"""An outside network joins: from `operator add` to its last LDAP entry, seen by another operator on every channel.

The national size of it, timed, is `make bench-network`.
"""

import csv
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.bench.network import measured
from tests.bench.table import rendered
from tests.harness.network import GATEWAY, Network, Person, address_of, line_of, persons, write_members
from tests.journeys.conftest import Running
from tests.journeys.guide import follow
from tests.journeys.joining import (
    PIECES,
    another_operator,
    become_candidate,
    changes_since,
    key_file,
    looked_up,
    publish,
    record,
    seen_by_others,
)

DOMAIN = GATEWAY.domain
# Persons of the sample (app/sandbox/specials.py).
ANNE = "99900000060"
NAMESAKES = {"99900000151", "99900000169"}
UNKNOWN = "99909999996"
MEMBERS = 280


def file_with_faults(running: Running, path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """A file of good members, and one of each kind that cannot be published: address to RPPS, address to code."""
    (activity,) = (file for file in running.files if file.name.startswith("PS_LibreAcces_Personne_activite"))
    everybody = list(persons(activity))[: MEMBERS + 2]
    neighbour, closed = everybody.pop(), everybody.pop()
    close(running, closed.rpps)
    anne = next(each for each in everybody if each.rpps == ANNE)
    marie = next(each for each in everybody if each.rpps in NAMESAKES)
    stranger = Person(UNKNOWN, "INCONNUE", "Ursule", "25000", "Besançon")
    faults = {
        "member.homonyms": line_of(marie, rpps="", adresse=f"marie@{DOMAIN}"),
        "member.to_confirm": line_of(anne, rpps="", adresse=f"anne@{DOMAIN}"),
        "member.not_found": line_of(anne, rpps="", prenom="Berthe", adresse=f"berthe@{DOMAIN}"),
        "member.number_missing": line_of(anne, rpps="", code_postal="", ville="", adresse=f"nobody@{DOMAIN}"),
        "member.name_differs": line_of(anne, rpps=neighbour.rpps, adresse=f"neighbour@{DOMAIN}"),
        "member.repeated": line_of(everybody[0]),
        "practitioner.form": line_of(anne, rpps="9,99E+10", adresse=f"spreadsheet@{DOMAIN}"),
        "mailbox.practitioner_unknown": line_of(stranger),
        "mailbox.practitioner_inactive": line_of(closed),
        "domain.not_yours": line_of(anne, adresse=f"anne@sub.{DOMAIN}"),
    }
    write_members(path, [*map(line_of, everybody), *faults.values()])
    return {address_of(each): each.rpps for each in everybody}, {line[0]: code for code, line in faults.items()}


def close(running: Running, rpps: str) -> None:
    """The register strikes somebody off."""
    with running.registry() as registry, registry.transaction():
        registry.execute("UPDATE practitioner SET register_state = 'closed' WHERE rpps = %s", (rpps,))
        registry.execute("INSERT INTO pending (kind, key) VALUES ('practitioner', %s)", ("8" + rpps,))
        registry.execute("SELECT pg_notify('annuaire_pending', '')")
    running.wait_until_everywhere()


def told(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file, delimiter=";"))


@pytest.mark.slow
def test_a_network_joins_and_every_channel_shows_its_members(running: Running, tmp_path: Path) -> None:
    good, faulty = file_with_faults(running, tmp_path / "members.csv")
    key = refused_until_its_file_is_complete(running, tmp_path)
    before = running.edition()

    found = publish(running, tmp_path / "members.csv", key, expect=1)
    assert found["codes"] == {**Counter(faulty.values()), "done.created": len(good)}
    assert found["lines"] == {"read": len(good) + len(faulty), "done": len(good), "left_out": len(faulty)}
    each_line_is_told(tmp_path / "members.csv", good, faulty)
    another_operator_sees_everybody(running, good, before, tmp_path)

    edition = running.edition()
    again = publish(running, tmp_path / "members.csv", key, expect=1)
    assert again["codes"] == {**Counter(faulty.values()), "done.same": len(good)}
    assert running.edition() == edition
    a_corrected_report_is_handed_in(running, key, tmp_path)


def refused_until_its_file_is_complete(running: Running, folder: Path) -> Path:
    """Every write names what is still missing; nothing of it is written. Returns the file with the network's key."""
    become_candidate(running)
    key = key_file(running, folder / "key")
    missing = list(PIECES)
    edition = running.edition()
    for piece in PIECES:
        refusal = publish(running, folder / "members.csv", key, expect=2)["error"]
        assert refusal["code"] == "operator.not_publishing"
        assert pieces_named(refusal["detail"]) == missing
        single = put(running, key, f"alone@{DOMAIN}")
        assert single["code"] == "operator.not_publishing"
        assert [each["code"] for each in single["errors"]] == [
            "operator.candidate",
            *["conformity.missing"] * len(missing),
        ]
        assert pieces_named(single["detail"]) == missing
        missing.remove(piece)
        assert record(running, piece)["state"] == ("candidate" if missing else "active")
    assert running.edition() == edition
    return key


def pieces_named(sentence: str) -> list[str]:
    return [piece for piece in PIECES if re.search(rf"the {piece} is missing", sentence)]


def put(running: Running, key: Path, address: str) -> Any:
    """One single write, as the network's own software would send it."""
    body = {"type": "PER", "practitioner": ANNE}
    return running.send("PUT", f"/v1/mailboxes/{address}", key.read_text("ascii").strip(), body).json


def each_line_is_told(members: Path, good: dict[str, str], faulty: dict[str, str]) -> None:
    """The report has every line of the file in its shape; the file of rejects those alone that were left out."""
    lines = told(members)
    report, rejects = told(members.with_suffix(".report.csv")), told(members.with_suffix(".rejects.csv"))
    assert [{name: line[name] for name in lines[0]} for line in report] == lines
    assert [int(line["report_line"]) for line in report] == list(range(2, len(lines) + 2))
    expected = ["done.created"] * len(good) + list(faulty.values())
    assert [line["report_code"] for line in report] == expected
    assert [(line["adresse"], line["report_code"]) for line in rejects] == list(faulty.items())
    said = {line["report_code"]: line["report_message"] for line in rejects}
    assert all(rpps in said["member.homonyms"] for rpps in NAMESAKES)
    assert ANNE in said["member.to_confirm"]
    assert said["mailbox.practitioner_inactive"].startswith("Le professionnel n'est plus en activité / ")


def another_operator_sees_everybody(running: Running, good: dict[str, str], before: int, folder: Path) -> None:
    """On REST, in the feed and over LDAP, each member with its own number."""
    running.wait_until_everywhere()
    reader = another_operator(running, folder)
    for name, found in seen_by_others(running, reader, list(good), before, folder).items():
        assert found() == good, name
    changes = list(changes_since(running, reader, before))
    assert [each["sequence"] for each in changes] == list(range(before + 1, running.edition() + 1))
    assert {each["resource"]["operator"] for each in looked_up(running, reader, list(good))} == {GATEWAY.operator}
    assert running.command("ldap", "verify")


def a_corrected_report_is_handed_in(running: Running, key: Path, folder: Path) -> None:
    """Somebody puts the right number into the file of rejects, and hands it in as it is."""
    rejects = folder / "members.rejects.csv"
    text = rejects.read_text("utf-8-sig")
    head, *lines = text.splitlines()
    confirmed = next(line for line in lines if line.startswith(f"anne@{DOMAIN};"))
    corrected = confirmed.replace(f"anne@{DOMAIN};;", f"anne@{DOMAIN};{ANNE};")
    (folder / "corrected.csv").write_text(f"{head}\n{corrected}\n", "utf-8")
    found = publish(running, folder / "corrected.csv", key)
    assert found["codes"] == {"done.created": 1}
    assert found["rejects"] is None
    assert running.get(f"/v1/mailboxes/anne@{DOMAIN}").json["practitioner"]["rpps"] == ANNE


@pytest.mark.slow
def test_the_guide_leads_another_network_the_same_way(running: Running, tmp_path: Path) -> None:
    """Every command of docs/joining.md, in its order; what is printed there is what they print."""
    assert follow(running, "joining.md", tmp_path) >= 12


@pytest.mark.slow
def test_the_benchmark_measures_every_step(running: Running, tmp_path: Path) -> None:
    """The national size of this journey (tests/bench/network.py), so that it cannot rot."""
    lines = measured(running, 40, tmp_path, Network("199999995", "reseau-mesure.mssante.fr"))
    table = rendered(lines)
    for what in ("operator add to the last LDAP entry", "in PostgreSQL: publish()", "processor: API", "the feed"):
        assert what in table
    assert [line.what for line in lines if line.value < 0] == []
    assert sum(line.value for line in lines if line.what.startswith("processor")) > 0
