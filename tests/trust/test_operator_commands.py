"""`annuaire operator …`: from a candidate with an empty file to one that left, and who may stand in between."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access.audit_verify import verify
from tests.builders import OPERATOR, a_mailbox, a_practitioner, an_operator, publish
from tests.trust.conformity import KINDS, Connection
from tests.trust.conftest import Annuaire

NETWORK = "300000001800028"
TODAY = date.today()  # noqa: DTZ011 - the tests' documents reach weeks beyond any time zone
SOON = str(TODAY + timedelta(days=200))
PAST = str(TODAY - timedelta(days=200))


def add(annuaire: Annuaire) -> Any:
    code, found = annuaire("operator", "add", NETWORK, "--name", "RÉSEAU  ESSAI")
    assert code == 0
    return found


def document(annuaire: Annuaire, kind: str, *, starts: str = PAST, until: str = SOON) -> tuple[int, Any]:
    given = ("--kind", kind, "--reference", f"{kind}-1", "--from", starts, "--until", until)
    return annuaire("operator", "conformity", NETWORK, *given)


def acts(connection: Connection) -> list[tuple[str, str | None]]:
    """(action, operator) of the audit trail, which must be whole."""
    assert verify(connection).faults == []
    return connection.execute("SELECT action, operator FROM audit ORDER BY sequence").fetchall()


def test_the_last_missing_piece_makes_a_candidate_active(annuaire: Annuaire, connection: Connection) -> None:
    found = add(annuaire)
    assert (found["name"], found["state"], found["may_publish"]) == ("RÉSEAU ESSAI", "candidate", False)
    assert found["missing"] == [*KINDS, "certificates", "domains"]
    for number, kind in enumerate(KINDS, start=1):
        code, told = document(annuaire, kind)
        is_last = number == len(KINDS)
        assert (code, told["admitted"], told["state"]) == (0, is_last, "active" if is_last else "candidate")
        missing = [fault["detail"].split()[1] for fault in told["faults"] if fault["code"] == "conformity.missing"]
        assert missing == list(KINDS[number:])
    assert annuaire("operator", "show", NETWORK)[1]["missing"] == ["certificates", "domains"]
    assert acts(connection) == [
        ("operator.added", NETWORK),
        *[("conformity.recorded", NETWORK)] * len(KINDS),
        ("operator.state_changed", NETWORK),
    ]


def test_a_document_that_is_over_or_ends_before_it_begins_is_refused(
    annuaire: Annuaire, connection: Connection
) -> None:
    add(annuaire)
    assert document(annuaire, "contract", until=PAST, starts="2020-01-01")[1]["error"]["code"] == "conformity.over"
    assert document(annuaire, "contract", starts=SOON, until=SOON)[1]["error"]["code"] == "conformity.dates"
    assert [action for action, _ in acts(connection)] == ["operator.added"]


def test_an_exception_is_dated_and_admits_a_candidate(annuaire: Annuaire, connection: Connection) -> None:
    add(annuaire)
    refused = annuaire("operator", "except", NETWORK, "--reason", "reprise", "--until", PAST)
    assert (refused[0], refused[1]["error"]["code"]) == (2, "conformity.over")
    code, told = annuaire("operator", "except", NETWORK, "--reason", "reprise", "--until", SOON)
    assert (code, told["admitted"], told["state"], told["faults"]) == (0, True, "active", [])
    found = annuaire("operator", "show", NETWORK)[1]
    assert (found["waiver"], found["exceptions"][0]["reason"]) == ("exception", "reprise")
    assert [action for action, _ in acts(connection)] == [
        "operator.added", "conformity.exception", "operator.state_changed",
    ]  # fmt: skip
    connection.execute("UPDATE conformity_exception SET expires_on = french_today() - 1")
    found = annuaire("operator", "show", NETWORK)[1]
    assert [fault["code"] for fault in found["faults"]] == ["conformity.missing"] * len(KINDS)


def test_states_follow_each_other_as_the_drawing_says(annuaire: Annuaire, connection: Connection) -> None:
    an_operator(connection)

    def move(verb: str) -> str:
        code, told = annuaire("operator", verb, OPERATOR, "--reason", f"because of {verb}")
        return str(told["state"] if code == 0 else told["error"]["code"])

    assert [move(verb) for verb in ("resume", "suspend", "suspend", "resume")] == [
        "operator.state", "suspended", "operator.state", "active",
    ]  # fmt: skip
    assert [move(verb) for verb in ("leave", "leave", "suspend", "resume")] == [
        "left", "operator.state", "operator.state", "active",
    ]  # fmt: skip
    add(annuaire)
    for verb, state in (("suspend", "operator.state"), ("leave", "left"), ("resume", "candidate")):
        code, told = annuaire("operator", verb, NETWORK, "--reason", "because")
        assert (told["state"] if code == 0 else told["error"]["code"]) == state
    told = connection.execute(
        "SELECT detail::json ->> 'reason' FROM notice WHERE operator = %s ORDER BY id", [OPERATOR]
    )
    assert [reason for (reason,) in told] == [f"because of {verb}" for verb in ("suspend", "resume", "leave", "resume")]
    assert len(acts(connection)) == 4 + 1 + 2


def test_an_operator_that_leaves_is_out_of_sight_at_once_and_back_when_it_returns(
    annuaire: Annuaire, connection: Connection
) -> None:
    connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    an_operator(connection)
    person = a_practitioner(connection)
    address = a_mailbox(connection, practitioner=person)
    publish(connection, ("mailbox", address), ("practitioner", person))
    shown = "SELECT count(*) FROM publication WHERE kind = 'mailbox'"
    annuaire("operator", "suspend", OPERATOR, "--reason", "audit")
    assert connection.execute(shown).fetchone() == (1,)
    annuaire("operator", "leave", OPERATOR, "--reason", "fin de contrat")
    assert connection.execute(shown).fetchone() == (0,)
    annuaire("operator", "resume", OPERATOR, "--reason", "retour")
    assert connection.execute(shown).fetchone() == (1,)


@pytest.mark.parametrize(
    ("identifier", "name", "code"),
    [
        ("318310021300029", "X", "operator.id_check"),
        ("1990000011", "X", "operator.id_check"),
        ("a b", "X", "operator.id_form"),
        ("é", "X", "operator.id_form"),
        ("x" * 65, "X", "operator.id_form"),
        ("", "X", "operator.id_form"),
        (NETWORK, " ", "operator.name_missing"),
        (OPERATOR, "X", "operator.exists"),
    ],
)
def test_an_operator_that_cannot_be_added_is_refused(
    annuaire: Annuaire, connection: Connection, identifier: str, name: str, code: str
) -> None:
    an_operator(connection)
    exit_code, found = annuaire("operator", "add", identifier, "--name", name)
    assert (exit_code, found["error"]["code"]) == (2, code)
    assert acts(connection) == []


@pytest.mark.parametrize("verb", ["show", "suspend", "resume", "leave", "except", "conformity", "certificate"])
def test_an_unknown_operator_is_said(annuaire: Annuaire, verb: str) -> None:
    more = {
        "show": (),
        "except": ("--reason", "x", "--until", SOON),
        "conformity": ("--kind", "contract", "--reference", "x", "--from", PAST, "--until", SOON),
        "certificate": ("--dn", "CN=x"),
    }.get(verb, ("--reason", "x"))
    code, found = annuaire("operator", verb, "nobody", *more)
    assert (code, found["error"]["code"]) == (2, "operator.unknown")


def test_people_read_what_is_missing(
    annuaire: Annuaire, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    from app import cli  # noqa: PLC0415 - the one test that reads the text

    add(annuaire)
    document(annuaire, "commitment")
    connection.execute("UPDATE conformity_document SET expires_on = french_today() - 1")
    with pytest.raises(SystemExit):
        cli.main(["operator", "show", NETWORK])
    text = capsys.readouterr().out
    assert "missing      contract, commitment, hosting, certificates, domains" in text
    assert "commitment   expired: commitment-1" in text
    assert "fault        operator.candidate: " in text


def test_certificates_are_registered_by_name_or_file_once_and_for_one_operator(
    annuaire: Annuaire, connection: Connection, tmp_path: Path
) -> None:
    an_operator(connection)
    add(annuaire)
    code, told = annuaire("operator", "certificate", NETWORK, "--dn", f"cn=Bal, ou={NETWORK},O=ESSAI")
    assert (code, told["dn"]) == (0, f"CN=bal,O=essai,OU={NETWORK}")
    again = annuaire("operator", "certificate", NETWORK, "--dn", f"O=essai,CN=BAL,OU={NETWORK}")
    assert again[0] == 0
    taken = annuaire("operator", "certificate", OPERATOR, "--dn", f"CN=bal,O=essai,OU={NETWORK}")
    assert taken[1]["error"]["code"] == "certificate.taken"
    for wrong, reason in (("nonsense", "certificate.form"), ("", "certificate.form")):
        assert annuaire("operator", "certificate", NETWORK, "--dn", wrong)[1]["error"]["code"] == reason
    path = tmp_path / "no.pem"
    path.write_text("nothing")
    assert (
        annuaire("operator", "certificate", NETWORK, "--pem", str(path))[1]["error"]["code"] == "certificate.unreadable"
    )
    assert annuaire("operator", "certificate", NETWORK)[0] == 64
    assert len(annuaire("operator", "show", NETWORK)[1]["certificates"]) == 1
    gone = annuaire("operator", "certificate", NETWORK, "--remove", "--dn", f"CN=bal,O=essai,OU={NETWORK}")
    assert (gone[0], gone[1]["removed"]) == (0, True)
    assert [action for action, _ in acts(connection)] == [
        "operator.added", "certificate.added", "certificate.added", "certificate.removed",
    ]  # fmt: skip
