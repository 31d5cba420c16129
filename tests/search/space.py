"""A trust space with a white list in force, and one address for each thing that can be wrong with one."""

from typing import Any

import psycopg

from tests.builders import DOMAIN, OPERATOR, a_mailbox, a_practitioner, an_operator, publish

Connection = psycopg.Connection[Any]

SECOND, LEFT_OUT = "clinique-essai.mssante.fr", "parti.mssante.fr"
OTHER_OPERATOR = "300000001800010"
HERE = f"anne.exemple@{DOMAIN}"
TEAM = f"secretariat@{DOMAIN}"
SUCCESSOR = f"suite@{DOMAIN}"
HIDDEN, SUSPENDED = f"cache.rouge@{DOMAIN}", f"compte.clos@{DOMAIN}"

Told = tuple[str | None, str | None]
# What was done to each address, or to the text of one: (reason, cause).
INJECTED: dict[str, Told] = {
    HERE: (None, None),
    HERE.upper(): (None, None),
    f"  {HERE}\t": (None, None),
    TEAM: (None, None),
    # Never there; hidden; suspended: all the same.
    f"personne@{DOMAIN}": ("unknown", None),
    HIDDEN: ("unknown", None),
    SUSPENDED: ("unknown", None),
    f"parti.depuis@{DOMAIN}": ("withdrawn", None),
    f"sans.suite@{DOMAIN}": ("withdrawn", None),
    f"radie@{DOMAIN}": ("holder_inactive", None),
    f"jadis@{LEFT_OUT}": ("domain_unlisted", None),
    f"inconnu@{LEFT_OUT}": ("domain_unknown", None),
    "personne@tout-autre.mssante.fr": ("domain_unknown", None),
    "anne.exemple@gmail.com": ("foreign", None),
    "anne.exemple@ch-exemp1e.mssante.fr": ("look_alike", "confusable"),
    "anne.exemple@ch-\u0435xemple.mssante.fr": ("look_alike", "confusable"),
    "anne.exemple@ch.exemple.mssante.fr": ("look_alike", "separator"),
    f"{HERE}.": ("look_alike", "separator"),
    f"anne.exemple@mail.{DOMAIN}": ("look_alike", "labels"),
    "anne.exemple@ch-exmple.mssante.fr": ("look_alike", "edit"),
    "anne.exemple@ch-exemple.mssante.com": ("look_alike", "ending"),
    "": ("syntax", "missing"),
    " \u00a0": ("syntax", "missing"),
    f"anne.exémple@{DOMAIN}": ("syntax", "ascii"),
    "Anne EXEMPLE": ("syntax", "at_sign"),
    f"a@b@{DOMAIN}": ("syntax", "at_sign"),
    f"a@@{DOMAIN}": ("syntax", "at_sign"),
    f"{'a' * 65}@{DOMAIN}": ("syntax", "length"),
    f"@{DOMAIN}": ("syntax", "local_part"),
    f"Anne <{HERE}>": ("syntax", "local_part"),
    f"anne\x00@{DOMAIN}": ("syntax", "local_part"),
    f"anne exemple@{DOMAIN}": ("syntax", "local_part"),
    "anne.exemple@localhost": ("syntax", "domain"),
    "anne.exemple@-autre-.mssante.fr": ("syntax", "domain"),
}


def build(connection: Connection) -> int:
    """Publish it all, then do to each what its reason says. Returns the edition."""
    connection.execute("UPDATE source SET loaded = true WHERE name = 'liste_blanche'")
    an_operator(connection, domains=(DOMAIN, LEFT_OUT))
    an_operator(connection, OTHER_OPERATOR, name="SOCIÉTÉ ESSAI", domains=(SECOND,))
    person, gone = a_practitioner(connection), a_practitioner(connection, rpps="99900000078", family="PARTI")
    for address in (HERE, SUCCESSOR, f"jadis@{LEFT_OUT}", f"parti.depuis@{DOMAIN}", f"sans.suite@{DOMAIN}"):
        a_mailbox(connection, address, practitioner=person)
    a_mailbox(connection, TEAM, mailbox_type="ORG")
    a_mailbox(connection, HIDDEN, practitioner=person)
    a_mailbox(connection, SUSPENDED, practitioner=person)
    a_mailbox(connection, f"radie@{DOMAIN}", practitioner=gone)
    ids = [("practitioner", person), ("practitioner", gone)]
    ids += [("mailbox", address) for (address,) in connection.execute("SELECT address FROM mailbox")]
    publish(connection, *ids)
    for statement in (
        f"UPDATE mailbox SET state = 'withdrawn', successor = '{SUCCESSOR}' WHERE address ^@ 'parti.depuis@'",
        "UPDATE mailbox SET state = 'withdrawn' WHERE address ^@ 'sans.suite@'",
        f"UPDATE mailbox SET unlisted = true WHERE address = '{HIDDEN}'",
        f"UPDATE mailbox SET state = 'suspended' WHERE address = '{SUSPENDED}'",
        f"UPDATE practitioner SET register_state = 'closed' WHERE national_id = '{gone}'",
        f"DELETE FROM domain WHERE name = '{LEFT_OUT}'",
    ):
        connection.execute(statement.encode())
    return publish(connection, *ids, ("domain", LEFT_OUT))


def operator(name: str = "GIP EXEMPLE", operator_id: str = OPERATOR) -> dict[str, str]:
    """An operator as an answer names it."""
    return {"id": operator_id, "name": name}
