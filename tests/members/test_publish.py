"""`annuaire mailbox publish` against an annuaire that serves: what is published, left out, and left alone."""

import itertools
import stat
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.members.directory import Directory
from app.settings import Settings
from tests.builders import FINESS, a_practitioner, publish
from tests.harness.serving import serving
from tests.members.conftest import ANNE, DOMAIN, NAMESAKE, NURSE, OPERATOR, OTHER_DOMAIN, Connection, Network

ADDRESS = f"anne@{DOMAIN}"


def a_member(**cells: str) -> dict[str, str]:
    return {"address": ADDRESS, "rpps": ANNE, "nom": "Exemple", **cells}


def published(registry: Connection, address: str = ADDRESS) -> Any:
    """The registry's row of an address: operator, source, service, description, rank, unlisted, state."""
    registry.rollback()
    return registry.execute(
        "SELECT operator, source, service, description, rank, unlisted, state FROM mailbox WHERE address = %s",
        [address],
    ).fetchone()


def edition(registry: Connection) -> int:
    registry.rollback()
    row = registry.execute("SELECT edition FROM directory").fetchone()
    assert row is not None
    return int(row[0])


def audited(registry: Connection) -> list[tuple[str, str]]:
    registry.rollback()
    return registry.execute("SELECT action, object_key FROM audit ORDER BY sequence").fetchall()


def test_a_member_is_published_once_and_the_same_file_changes_nothing(network: Network, registry: Connection) -> None:
    rows = [a_member(service="CARDIOLOGIE", rang="1"), a_member(address=f"luc@{DOMAIN}", rpps=NURSE, nom="Infirmier")]
    code, found = network.publish(rows)
    assert (code, found["state"], found["operator"]) == (0, "published", OPERATOR)
    assert found["lines"] == {"read": 2, "done": 2, "left_out": 0}
    assert found["codes"] == {"done.created": 2}
    assert (found["rejects"], found["not_in_file"]) == (None, 0)
    assert found["edition"]["after"] == edition(registry)
    assert published(registry) == (OPERATOR, "api", "CARDIOLOGIE", None, 1, False, "active")
    before, trail = edition(registry), audited(registry)
    assert network.publish(rows)[1]["codes"] == {"done.same": 2}
    assert (edition(registry), audited(registry)) == (before, trail)


def test_what_the_file_states_otherwise_is_changed_and_what_it_does_not_state_stays(
    network: Network, registry: Connection
) -> None:
    network.publish([a_member(service="CARDIOLOGIE", liste_rouge="O", telephone="01 99 00 00 00")])
    assert published(registry)[5:] == (True, "active")
    # No column for the telephone, an empty cell for the red list: neither changes.
    assert network.publish([a_member(service="URGENCES", liste_rouge="")])[1]["codes"] == {"done.changed": 1}
    assert published(registry) == (OPERATOR, "api", "URGENCES", None, None, True, "active")
    assert network.publish([a_member(service="")])[1]["codes"] == {"done.changed": 1}
    assert published(registry) == (OPERATOR, "api", None, None, None, True, "active")
    row = registry.execute("SELECT phone FROM mailbox WHERE address = %s", [ADDRESS]).fetchone()
    assert row == ("01 99 00 00 00",)
    assert network.publish([a_member(liste_rouge="N")])[1]["codes"] == {"done.changed": 1}
    assert published(registry)[5] is False


def test_a_member_that_left_is_withdrawn_once(network: Network, registry: Connection) -> None:
    network.publish([a_member()])
    assert network.publish([a_member(etat="retirée")])[1]["codes"] == {"done.withdrawn": 1}
    assert published(registry)[6] == "withdrawn"
    assert network.publish([a_member(etat="withdrawn")])[1]["codes"] == {"done.same": 1}
    assert network.publish([a_member(etat="active")])[1]["codes"] == {"done.created": 1}
    assert published(registry)[6] == "active"


def test_mailboxes_of_structures_are_published_too(network: Network, registry: Connection) -> None:
    rows = [
        {"address": f"accueil@{DOMAIN}", "type": "org", "structure": FINESS, "rpps": "", "description": "Accueil"},
        {"address": f"inconnu@{DOMAIN}", "type": "ORG", "structure": "990009999", "rpps": "", "description": ""},
    ]
    code, found = network.publish(rows)
    assert (code, found["codes"]) == (1, {"done.created": 1, "mailbox.organization_unknown": 1})
    assert published(registry, f"accueil@{DOMAIN}")[3] == "Accueil"
    assert network.publish(rows)[1]["codes"] == {"done.same": 1, "mailbox.organization_unknown": 1}


def test_nobody_with_a_longer_name_is_taken_for_a_member(network: Network, registry: Connection) -> None:
    """The search finds INFIRMIER-DUPONT for DUPONT, and rightly; a mailbox is published for nobody but the member."""
    person = a_practitioner(
        registry, rpps="99900000099", family="INFIRMIER-DUPONT", given="Luc", organization=f"1{FINESS}"
    )
    publish(registry, ("practitioner", person))
    member = a_member(rpps="", nom="Dupont", prenom="Luc", ville="Besançon")
    assert network.publish([member])[1]["codes"] == {"member.not_found": 1}
    assert network.publish([{**member, "nom": "Infirmier Dupont"}])[1]["codes"] == {"member.to_confirm": 1}


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"rpps": "99909999996"}, "mailbox.practitioner_unknown"),
        ({"rpps": "12345"}, "practitioner.form"),
        ({"rpps": NURSE}, "member.name_differs"),
        ({"rpps": ""}, "member.number_missing"),
        ({"rpps": "", "prenom": "Anne-Élise"}, "member.number_missing"),
        ({"rpps": "", "prenom": "Anne-Élise", "code_postal": "25000"}, "member.homonyms"),
        ({"rpps": "", "prenom": "Anne-Élise", "code_postal": "75001"}, "member.not_found"),
        ({"rpps": "", "nom": "Infirmier", "prenom": "Luc", "ville": "Besançon"}, "member.to_confirm"),
        ({"rpps": "", "nom": "Infirm", "prenom": "Luc", "ville": "Besançon"}, "member.not_found"),
        ({"address": "anne"}, "address.at_sign"),
        ({"address": ""}, "address.missing"),
        ({"address": f"anne@{OTHER_DOMAIN}"}, "domain.not_yours"),
        ({"address": f"anne@sub.{DOMAIN}"}, "domain.not_yours"),
        ({"type": "XYZ"}, "type.unknown"),
        ({"etat": "gone"}, "state.unknown"),
        ({"rang": "0"}, "rank.form"),
        ({"liste_rouge": "peut-être"}, "answer.form"),
        ({"service": "S" * 91}, "mailbox.member_limit"),
        ({"description": "Cabinet"}, "mailbox.member_not_allowed"),
    ],
)
def test_a_member_who_cannot_be_published_is_told_with_the_reason(
    network: Network, registry: Connection, cells: dict[str, str], code: str
) -> None:
    exit_code, found = network.publish([a_member(**cells)])
    assert (exit_code, found["codes"]) == (1, {code: 1})
    (line,) = network.report("rejects")
    assert (line["report_line"], line["report_code"]) == ("2", code)
    french, english = line["report_message"].split(" / ", 1)
    assert french
    assert english
    assert registry.execute("SELECT count(*) FROM mailbox").fetchone() == (0,)


def test_one_who_is_struck_off_is_told_apart_from_one_who_never_was(network: Network, registry: Connection) -> None:
    registry.execute("UPDATE practitioner SET register_state = 'closed' WHERE rpps = %s", [ANNE])
    registry.execute("SELECT publish(ARRAY['practitioner'], ARRAY[%s])", ["8" + ANNE])
    registry.commit()
    assert network.publish([a_member()])[1]["codes"] == {"mailbox.practitioner_inactive": 1}


def test_names_alone_publish_only_where_that_was_asked_for(network: Network, registry: Connection) -> None:
    row = a_member(rpps="", nom="INFIRMIER", prenom="luc", ville="besancon")
    assert network.publish([row])[1]["codes"] == {"member.to_confirm": 1}
    assert NURSE in network.report()[0]["report_message"]
    assert network.publish([row], "--match-names")[1]["codes"] == {"done.created": 1}
    registry.rollback()
    held = registry.execute("SELECT practitioner FROM mailbox_attachment WHERE address = %s", [ADDRESS]).fetchall()
    assert held == [("8" + NURSE,)]
    homonym = a_member(rpps="", prenom="Anne-Élise", ville="Besançon", address=f"x@{DOMAIN}")
    assert network.publish([homonym], "--match-names")[1]["codes"] == {"member.homonyms": 1}
    told = network.report()[0]["report_message"]
    assert ANNE in told
    assert NAMESAKE in told


def test_a_holder_never_changes(network: Network, registry: Connection) -> None:
    network.publish([a_member()])
    assert network.publish([a_member(rpps=NAMESAKE)])[1]["codes"] == {"mailbox.immutable": 1}
    held = registry.execute("SELECT practitioner FROM mailbox_attachment WHERE address = %s", [ADDRESS]).fetchall()
    assert held == [("8" + ANNE,)]


def test_an_address_that_stands_twice_counts_once(network: Network) -> None:
    rows = [a_member(service="A"), a_member(address=ADDRESS.upper(), service="B")]
    assert network.publish(rows)[1]["codes"] == {"done.created": 1, "member.repeated": 1}
    assert network.codes() == ["done.created", "member.repeated"]
    assert "line 2" in network.report()[1]["report_message"]


def test_a_plan_publishes_nothing_and_says_what_would_be(network: Network, registry: Connection) -> None:
    network.publish([a_member(service="A"), a_member(address=f"b@{DOMAIN}"), a_member(address=f"c@{DOMAIN}")])
    before = edition(registry)
    rows = [
        a_member(service="B"),
        a_member(address=f"b@{DOMAIN}", service="", etat="withdrawn"),
        a_member(address=f"c@{DOMAIN}", service=""),
        a_member(address=f"new@{DOMAIN}"),
        a_member(address=f"new@{OTHER_DOMAIN}"),
        a_member(address=f"who@{DOMAIN}", rpps="99909999996"),
    ]
    code, found = network.publish([{**a_member(etat="", service=""), **row} for row in rows], "--dry-run")
    assert (code, found["state"]) == (1, "planned")
    assert network.codes() == [
        *("plan.changed", "plan.withdrawn", "done.same", "plan.created"),
        *("domain.not_yours", "mailbox.practitioner_unknown"),
    ]
    assert found["lines"] == {"read": 6, "done": 4, "left_out": 2}
    assert edition(registry) == before


def test_a_report_is_handed_in_again_as_it_is(network: Network) -> None:
    network.publish([a_member(service='=CARDIO; "A"'), a_member(address=f"luc@{DOMAIN}", rpps="1", service="")])
    report = network.folder / "members.report.csv"
    code, found = network.run(str(report), "--key-file", str(network.key), "--report", str(network.folder / "2.csv"))
    assert (code, found["codes"]) == (1, {"done.same": 1, "practitioner.form": 1})
    second = (network.folder / "2.csv").read_text("utf-8-sig").splitlines()
    assert second[0] == report.read_text("utf-8-sig").splitlines()[0]
    assert second[1].startswith(f'{ADDRESS};{ANNE};Exemple;"=CARDIO; ""A""";2;done.same;')


def test_reports_are_for_their_owner_alone_and_overwrite_no_file_of_members(network: Network) -> None:
    network.publish([a_member(), a_member(rpps="1")])
    for kind in ("report", "rejects"):
        assert stat.S_IMODE((network.folder / f"members.{kind}.csv").stat().st_mode) == 0o600
    members = network.folder / "members.csv"
    before = members.read_bytes()
    code, refused = network.publish([a_member(), a_member(rpps="1")], "--report", str(members))
    assert (code, refused["error"]["code"]) == (2, "members.out")
    assert members.read_bytes() == before


def test_a_file_of_left_out_lines_that_is_out_of_date_goes(network: Network) -> None:
    network.publish([a_member(rpps="1")])
    rejects = network.folder / "members.rejects.csv"
    assert rejects.exists()
    assert network.publish([a_member()])[0] == 0
    assert not rejects.exists()


def test_mailboxes_that_the_file_does_not_name_are_counted_and_stay(network: Network, registry: Connection) -> None:
    network.publish([a_member(), a_member(address=f"b@{DOMAIN}")])
    assert network.publish([a_member()])[1]["not_in_file"] == 1
    assert published(registry, f"b@{DOMAIN}")[6] == "active"


def test_a_mailbox_that_changed_meanwhile_is_looked_at_again(
    network: Network, registry: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the list of one's own and the write somebody published, or withdrew, the same address."""
    network.publish([a_member(service="A"), a_member(address=f"b@{DOMAIN}", service="A")])
    known = Directory.own_mailboxes
    # What was listed before somebody else wrote: nothing of the first, everything of the second.
    monkeypatch.setattr(
        Directory, "own_mailboxes", lambda *given: (each for each in known(*given) if each["address"] != ADDRESS)
    )
    registry.execute("UPDATE mailbox SET state = 'withdrawn' WHERE address = %s", [f"b@{DOMAIN}"])
    registry.execute("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", [f"b@{DOMAIN}"])
    registry.commit()
    rows = [
        a_member(service="B"),
        a_member(address=f"b@{DOMAIN}", service="B"),
        a_member(address=f"c@{DOMAIN}", service=""),
    ]
    assert network.publish(rows)[1]["codes"] == {"done.changed": 1, "done.created": 2}
    assert [published(registry, f"{name}@{DOMAIN}")[2] for name in ("anne", "b")] == ["B", "B"]


def test_a_mailbox_of_another_operator_is_left_alone(network: Network, registry: Connection) -> None:
    network.publish([a_member()])
    registry.execute("UPDATE mailbox SET operator = '1990000010' WHERE address = %s", [ADDRESS])
    registry.execute(
        "INSERT INTO domain (name, certificate, source) SELECT %s, dn, 'admin' FROM operator_certificate"
        " WHERE operator = '1990000010'",
        [DOMAIN],
    )
    registry.execute("SELECT publish(ARRAY['mailbox'], ARRAY[%s])", [ADDRESS])
    registry.commit()
    assert network.publish([a_member(service="B")])[1]["codes"] == {"mailbox.not_yours": 1}
    assert published(registry)[2] is None


def members(count: int) -> list[dict[str, str]]:
    return [a_member(address=f"m{number:04d}@{DOMAIN}") for number in range(count)]


def test_who_is_suspended_midway_is_told_and_goes_on_later(
    network: Network, registry: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = itertools.count()
    write = Directory.write

    def suspended_before_the_third(self: Directory, lines: Any) -> Any:
        if next(sent) == 2:
            registry.execute("UPDATE operator SET state = 'suspended' WHERE id = %s", [OPERATOR])
            registry.commit()
        return write(self, lines)

    monkeypatch.setattr(Directory, "write", suspended_before_the_third)
    code, refused = network.publish(members(50), "--portion", "10")
    assert (code, refused["error"]["code"]) == (2, "operator.not_publishing")
    assert "suspended" in refused["error"]["detail"]
    assert "20 lines were done" in refused["error"]["detail"]
    assert network.codes() == ["done.created"] * 20 + ["operator.not_publishing"] * 10
    registry.execute("UPDATE operator SET state = 'active' WHERE id = %s", [OPERATOR])
    registry.commit()
    assert network.publish(members(50))[1]["codes"] == {"done.same": 20, "done.created": 30}


def test_a_run_that_was_interrupted_goes_on_where_it_stopped(
    network: Network, registry: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C after the directory has written, before its answer is read: nothing is lost, nothing is done twice."""
    sent = itertools.count()
    write = Directory.write

    def interrupted(self: Directory, lines: Any) -> Any:
        results = write(self, lines)
        if next(sent) == 2:
            raise KeyboardInterrupt
        return results

    monkeypatch.setattr(Directory, "write", interrupted)
    code, refused = network.publish(members(50), "--portion", "10")
    assert (code, refused["error"]["code"]) == (3, "interrupted")
    assert network.codes() == ["done.created"] * 20
    assert network.publish(members(50), "--portion", "10")[1]["codes"] == {"done.same": 30, "done.created": 20}
    registry.rollback()
    acts = [key for action, key in audited(registry) if action == "mailbox.created"]
    assert len(acts) == len(set(acts)) == 50


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--url", "http://annuaire.example"), "members.url"),
        (("--url", "ftp://127.0.0.1"), "members.url"),
        (("--url", "http://127.0.0.1:1"), "members.unreachable"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused(
    command: Callable[..., tuple[int, Any]], tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    (tmp_path / "members.csv").write_text("address\n", "utf-8")
    (tmp_path / "key").write_text("a-key", "ascii")
    given = ("mailbox", "publish", str(tmp_path / "members.csv"), "--key-file", str(tmp_path / "key"))
    exit_code, refused = command(*given, *options)
    assert (exit_code, refused["error"]["code"]) == (2, code)
    assert "a-key" not in refused["error"]["detail"]


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--url", "http://127.0.0.1:1", "--data-dir", "var"),
        ("--url", "http://127.0.0.1:1"),
        ("--url", "http://127.0.0.1:1", "--key-file", "key", "--client", "x"),
        ("--url", "http://127.0.0.1:1", "--key-file", "key", "--client", "x", "--client-key", "key"),
        ("--url", "http://127.0.0.1:1", "--private-key", "key"),
    ],
)
def test_half_a_credential_or_two_of_a_kind_are_a_mistake_of_usage(
    command: Callable[..., tuple[int, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("members.csv", "key"):
        (tmp_path / name).write_text("address\n", "utf-8")
    assert command("mailbox", "publish", "members.csv", *options)[0] == 64


def test_a_key_that_may_not_publish_is_refused_before_a_line_is_read(
    network: Network, key_for: Callable[..., dict[str, str]]
) -> None:
    for scopes, operator in ((["read"], OPERATOR), (["publish"], None)):
        network.key.write_text(key_for(*scopes, operator=operator)["Authorization"].removeprefix("Bearer "), "ascii")
        code, refused = network.publish([a_member()])
        assert (code, refused["error"]["code"]) == (2, "members.credential")
    network.key.write_text("annuaire_wrong", "ascii")
    code, refused = network.publish([a_member()])
    assert (code, refused["error"]["code"]) == (2, "credentials.invalid")


def test_a_key_is_too_weak_where_the_directory_says_so(
    network: Network, api_settings: Settings, command: Callable[..., tuple[int, Any]]
) -> None:
    with serving(api_settings.model_copy(update={"publish_with_key": False})) as url:
        file = network.file([a_member()])
        code, refused = command("mailbox", "publish", str(file), "--key-file", str(network.key), "--url", url)
    assert (code, refused["error"]["code"]) == (2, "credentials.too_weak")
    assert "certificate" in refused["error"]["detail"]


def test_memory_stays_flat(network: Network) -> None:
    """Of a file of many thousand lines, a portion is held; the rest is on the disk."""

    def peak(lines: int) -> int:
        file = network.file([a_member(address=f"m{number}@{OTHER_DOMAIN}", rpps="1") for number in range(lines)])
        tracemalloc.start()
        try:
            code, found = network.run(str(file), "--key-file", str(network.key), "--portion", "200")
            assert (code, found["codes"]) == (1, {"practitioner.form": lines})
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)
    assert peak(20_000) < 1.3 * peak(1_000)
