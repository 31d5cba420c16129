"""The exporter's connection to slapd: reads, writes, and transactions (RFC 5805). The only module that knows ldap3.

No password exists: slapd reads our uid from its private socket (SASL EXTERNAL over ldapi).

    LdapFailed
    ├── LdapUnreachable   slapd is away or does not answer: try again later
    ├── WriteRefused      one plain write was refused; `code` is the LDAP result
    └── BatchRefused      a transaction was refused as a whole: nothing of it was written
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ParamSpec, Self, TypeVar

import ldap3
import structlog
from ldap3.core.exceptions import LDAPException

from app.ldap import members
from app.ldap.ber import Answer, Malformed
from app.ldap.entries import Entry
from app.ldap.operations import Add, Delete, Modify, MoveEdition, Operation, State
from app.ldap.tree import Tree, escape
from app.ldap.version import Version
from app.ldap.version import read as read_version

logger = structlog.get_logger(__name__)

CONNECT_SECONDS = 5
# A transaction of a full batch takes a fraction of a second; a slapd that is silent for so long hangs.
ANSWER_SECONDS = 60
PAGE = 1_000

TRANSACTION_START = "1.3.6.1.1.21.1"
TRANSACTION_END = "1.3.6.1.1.21.3"
COMMIT = bytes.fromhex("30020400")  # SEQUENCE { identifier "" }, commit defaults to TRUE
ABORT = bytes.fromhex("30050101000400")  # SEQUENCE { commit FALSE, identifier "" }

NO_SUCH_OBJECT = 32
INSUFFICIENT_ACCESS = 50
# Results that blame the entry itself, and would blame it again: attributes, syntax, constraint, name, classes.
ENTRY_FAULTS = {16, 17, 18, 19, 20, 21, 34, 64, 65, 67, 69}
# The tree does not hold what we read a moment ago.
STATE_FAULTS = {32, 68}

P = ParamSpec("P")
R = TypeVar("R")


class LdapFailed(Exception):
    """slapd did not do what it was asked."""


class LdapUnreachable(LdapFailed):
    """slapd does not answer."""


class WriteRefused(LdapFailed):
    """A plain write was refused."""

    def __init__(self, dn: str, result: Mapping[str, Any]) -> None:
        self.code = int(result["result"])
        super().__init__(f"slapd refused {dn}: {_words(result)}")


class BatchRefused(LdapFailed):
    """A transaction was refused: nothing of it was written."""


def _reaching(call: Callable[P, R]) -> Callable[P, R]:
    """ldap3's exceptions are all about a connection that does not work: results come as values."""

    def reach(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return call(*args, **kwargs)
        except LDAPException as error:
            raise LdapUnreachable(f"slapd does not answer: {error}") from error

    return reach


class Exporter:
    """One open connection. Used by one thread; close it (`with`). Every call may raise LdapUnreachable."""

    def __init__(self, uri: str, suffix: str) -> None:
        self.tree = Tree(suffix)
        server = ldap3.Server(uri, get_info=ldap3.NONE, connect_timeout=CONNECT_SECONDS)
        # Any: the published types of ldap3 leave its writes untyped.
        self._connection: Any = ldap3.Connection(
            server,
            authentication=ldap3.SASL,
            sasl_mechanism="EXTERNAL",
            sasl_credentials="",
            check_names=False,
            return_empty_attributes=False,
            receive_timeout=ANSWER_SECONDS,
        )
        try:
            self._open()
        except LdapFailed:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say good-bye and close the socket, whatever state the connection is in."""
        # ldap3 forgets a socket that it could not connect, and one over which it cannot say good-bye.
        opened = self._connection.socket
        try:
            self._connection.unbind()
        except LDAPException:
            logger.debug("slapd had closed the connection")
        finally:
            if opened is not None:
                opened.close()

    @_reaching
    def _open(self) -> None:
        if not self._connection.bind():
            raise LdapFailed(f"slapd does not accept us: {_words(self._connection.result)}")

    def state(self) -> State | None:
        """What the tree says of itself; None for a tree without suffix entry."""
        found = self._search(
            self.tree.suffix,
            ldap3.BASE,
            ["annuaireEdition", "annuaireEpoch", "annuaireDigest", "annuaireDigestEdition", "annuaireLayout"],
        )
        if not found:
            return None
        values = {name: texts[0] for name, texts in found[0][1].items()}
        if "annuaireEdition" not in values:
            raise LdapFailed(f"{self.tree.suffix} carries no annuaireEdition: this tree was not made by annuaire")
        digest_edition = values.get("annuaireDigestEdition")
        return State(
            int(values["annuaireEdition"]),
            values.get("annuaireEpoch"),
            values.get("annuaireDigest"),
            None if digest_edition is None else int(digest_edition),
            values.get("annuaireLayout"),
        )

    def require_schema(self) -> None:
        """Raises LdapFailed: this slapd runs with an older schema, and would refuse every entry one by one."""
        found = self._search("cn=Subschema", ldap3.BASE, ["attributeTypes"], "(objectClass=subschema)")
        known = " ".join(found[0][1].get("attributeTypes", [])) if found else ""
        if "'annuaireLayout'" not in known:
            raise LdapFailed(
                "slapd runs with the schema of an older version: load deploy/slapd/schema-upgrade.ldif.in"
                ' (docs/ldap.md, "From an older version")'
            )

    def version(self) -> Version:
        """Of the OpenLDAP that slapd is of. Raises LdapFailed where it does not say."""
        found = self._search("cn=Monitor", ldap3.BASE, ["monitoredInfo"])
        said = " ".join(found[0][1].get("monitoredInfo", [])) if found else ""
        number = read_version(said)
        if number is None:
            raise LdapFailed(f"slapd does not say of which version it is: {said or 'cn=Monitor is not shown'}")
        return number

    def read(self, addresses: Sequence[str]) -> dict[str, Entry]:
        """The entries of those addresses that have one."""
        if not addresses:
            return {}
        wanted = "".join(f"(mail={escape(address)})" for address in addresses)
        found = self._search(self.tree.mailboxes, ldap3.LEVEL, ["*"], f"(|{wanted})")
        named = {self.tree.address(dn): attributes for dn, attributes in found}
        return {address: named[address] for address in addresses if address in named}

    def holds_more_than(self, count: int) -> bool:
        """Whether more entries than this stand below `ou=bal`."""
        return len(self._search(self.tree.mailboxes, ldap3.LEVEL, [ldap3.NO_ATTRIBUTES], page=count + 1)) > count

    def entries(self, attributes: Sequence[str] = ("*",)) -> Iterator[list[tuple[str, Entry]]]:
        """Every entry below `ou=bal`, whoever wrote it, as (DN, these attributes), in portions of at most PAGE."""
        cookie: bytes | None = None
        above = self.tree.mailboxes.lower()
        while True:
            found = self._search(self.tree.mailboxes, ldap3.SUBTREE, list(attributes), page=PAGE, cookie=cookie)
            yield [(dn, held) for dn, held in found if dn.lower() != above]
            cookie = self._cookie()
            if not cookie:
                return

    def sequences(self) -> Iterator[list[tuple[str, str | None]]]:
        """Every entry below `ou=bal` as (DN, its annuaireSequence), in portions of at most PAGE."""
        for portion in self.entries(["annuaireSequence"]):
            yield [(dn, attributes.get("annuaireSequence", [None])[0]) for dn, attributes in portion]

    def write(self, operation: Operation) -> None:
        """One plain write, at once. Raises WriteRefused."""
        if not self._send(operation):
            result = self._connection.result
            raise _denied(result["result"]) or WriteRefused(operation.dn, result)

    def commit(self, operations: Sequence[Operation]) -> None:
        """All of these in this order, or none of them. Raises BatchRefused."""
        self._extended(TRANSACTION_START)
        if self._connection.result["result"]:
            raise BatchRefused(f"slapd opens no transaction: {_words(self._connection.result)}")
        refused = self._queue(operations)
        if refused:
            operation, answer = refused
            self._extended(TRANSACTION_END, ABORT)
            raise _denied(answer.code) or BatchRefused(f"slapd refused {operation.dn}: {answer.words} ({answer.code})")
        self._extended(TRANSACTION_END, COMMIT)
        result = self._connection.result
        if result["result"]:
            raise _denied(result["result"]) or BatchRefused(f"slapd refused the transaction: {_words(result)}")

    def _queue(self, operations: Sequence[Operation]) -> tuple[Operation, Answer] | None:
        """The first member that slapd refused; success only means queued."""
        connection = self._connection
        try:
            return members.queue(connection.socket, operations, connection.server.next_message_id)
        except (OSError, Malformed) as error:
            # slapd forgets the transaction with its connection, and nobody reads a late answer as another's.
            connection.socket.close()
            raise LdapUnreachable(f"slapd does not answer: {error}") from error

    @_reaching
    def _extended(self, name: str, value: bytes | None = None) -> None:
        self._connection.extended(name, value, no_encode=value is not None)

    @_reaching
    def _send(self, operation: Operation) -> bool:
        connection = self._connection
        if isinstance(operation, Add):
            return bool(connection.add(operation.dn, attributes=_encoded(operation.attributes)))
        if isinstance(operation, Delete):
            return bool(connection.delete(operation.dn))
        return bool(connection.modify(operation.dn, _changes(operation)))

    @_reaching
    def _search(
        self,
        base: str,
        scope: str,
        attributes: list[str],
        query: str = "(objectClass=*)",
        *,
        page: int | None = None,
        cookie: bytes | None = None,
    ) -> list[tuple[str, Entry]]:
        """Raises LdapFailed when the answer is not complete."""
        self._connection.search(base, query, scope, attributes=attributes, paged_size=page, paged_cookie=cookie)
        result = self._connection.result
        if result["result"] == NO_SUCH_OBJECT:
            return []
        if result["result"]:
            raise LdapFailed(f"slapd did not answer {base} wholly: {_words(result)}")
        return [
            (
                found["dn"],
                {name: [value.decode() for value in values] for name, values in found["raw_attributes"].items()},
            )
            for found in self._connection.response or ()
            if found["type"] == "searchResEntry"
        ]

    def _cookie(self) -> bytes | None:
        controls = self._connection.result.get("controls") or {}
        page = controls.get("1.2.840.113556.1.4.319")
        return page["value"]["cookie"] if page else None


def _changes(operation: Modify | MoveEdition) -> dict[str, list[tuple[str, list[bytes]]]]:
    if isinstance(operation, Modify):
        return {name: [(ldap3.MODIFY_REPLACE, values)] for name, values in _encoded(operation.replaced).items()}
    before, after = str(operation.before).encode(), str(operation.after).encode()
    return {"annuaireEdition": [(ldap3.MODIFY_DELETE, [before]), (ldap3.MODIFY_ADD, [after])]}


def _encoded(attributes: Entry) -> dict[str, list[bytes]]:
    return {name: [value.encode() for value in values] for name, values in attributes.items()}


def _denied(code: int) -> LdapFailed | None:
    if code != INSUFFICIENT_ACCESS:
        return None
    return LdapFailed(
        "slapd does not take us for its exporter: run this as the user whose uid stands in its olcAuthzRegexp"
    )


def _words(result: Mapping[str, Any]) -> str:
    said = f": {result['message']}" if result.get("message") else ""
    return f"{result['description']} ({result['result']}){said}"
