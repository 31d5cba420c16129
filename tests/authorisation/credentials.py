"""Credentials of the matrix: what each one is by the rules, and one of each kind made for each operator."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg
from joserfc import jwt
from joserfc.jwk import ECKey
from pydantic import SecretStr

from app.access import clients, keys
from app.access.client_jwk import read
from app.access.key_form import make
from app.access.oauth_routes import ASSERTION_TYPE, GRANT
from app.access.peppers import Peppers
from app.settings import Settings
from tests.access.authority import DAY, Authority, Held
from tests.authorisation.space import CERTIFICATES, OPERATORS, name_of
from tests.harness.asgi import ANYBODY, Answer, Peer, Served, ask

Connection = psycopg.Connection[Any]
Headers = tuple[tuple[str, str], ...]

PROXY: Peer = ("127.0.0.1", 50000)
MISSING, INVALID = (401, "credentials.missing"), (401, "credentials.invalid")


class Kind(NamedTuple):
    """What a credential is good for (docs/access.md; reliability.md §6.1).

    `refused`: it opens no door but those that ask nothing. `strong`: proved by a private key. `certificate`: which of
    the operator's came with the request; its domains alone count then. `key_publishes`: asked of an installation where
    a key suffices.
    """

    scopes: frozenset[str] = frozenset()
    strong: bool = False
    certificate: int | None = None
    refused: tuple[int, str] | None = None
    key_publishes: bool = False

    @property
    def is_anonymous(self) -> bool:
        return self.refused == MISSING


def _good(*scopes: str, strong: bool = False, certificate: int | None = None, key_publishes: bool = False) -> Kind:
    return Kind(frozenset(scopes), strong, certificate, None, key_publishes)


CERTIFICATE_INVALID = (401, "certificate.invalid")
# Of nobody in particular.
NOBODYS: Mapping[str, Kind] = {
    "none": Kind(refused=MISSING),
    "unknown key": Kind(refused=INVALID),
    "malformed key": Kind(refused=INVALID),
    "certificate of nobody": Kind(refused=(403, "certificate.unknown")),
}
KINDS: Mapping[str, Kind] = {
    "revoked key": Kind(refused=INVALID),
    "expired key": Kind(refused=INVALID),
    "revoked key, keys publish": Kind(refused=INVALID, key_publishes=True),
    "publish key": _good("publish"),
    "publish key, keys publish": _good("publish", key_publishes=True),
    "read key": _good("read"),
    "read key, keys publish": _good("read", key_publishes=True),
    "admin key": _good("admin"),
    "admin key, keys publish": _good("admin", key_publishes=True),
    "audit key": _good("audit"),
    "certificate": _good("publish", strong=True, certificate=0),
    "other certificate": _good("publish", strong=True, certificate=1),
    "revoked certificate": Kind(refused=CERTIFICATE_INVALID),
    "expired certificate": Kind(refused=CERTIFICATE_INVALID),
    "forged certificate": Kind(refused=(401, "certificate.not_from_proxy")),
    "publish key with certificate": _good("publish", strong=True, certificate=0),
    "read key with certificate": _good("read", strong=True, certificate=0),
    "publish key with another's certificate": Kind(refused=INVALID, key_publishes=True),
    "token": _good("publish", strong=True),
    "token that reads": _good("read", strong=True),
    "expired token": Kind(refused=INVALID),
    "token of a revoked client": Kind(refused=INVALID),
    "bound token": _good("publish", strong=True, certificate=0),
    "bound token alone": Kind(refused=INVALID),
    "bound token with the other certificate": Kind(refused=INVALID),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request carries, and from where it comes."""

    headers: Headers
    peer: Peer = ANYBODY


class Wallet:
    """Makes the credentials, as operators and administrators get them."""

    def __init__(self, connection: Connection, settings: Settings, authority: Authority) -> None:
        self._connection = connection
        self._pepper: SecretStr = settings.key_pepper
        self._issuer = settings.issuer
        self._authority = authority
        self.certificates = {
            (name, number): authority.issue(name_of(name, number)) for name in OPERATORS for number in CERTIFICATES
        }
        self.revoked = {name: authority.issue(name_of(name, 0)) for name in OPERATORS}

    def nobodys(self) -> dict[str, Sent]:
        """One of each of NOBODYS."""
        _, unknown, _ = make(Peppers(self._pepper).current)
        stranger = self._authority.issue()
        return {
            "none": Sent(()),
            "unknown key": _bearer(unknown),
            "malformed key": _bearer(unknown[:-1]),
            "certificate of nobody": _shown(stranger),
        }

    def of(self, served: Served, operator: str) -> dict[str, Sent]:
        """One of each of KINDS, for one operator."""
        own, second = (self.certificates[operator, number] for number in CERTIFICATES)
        anothers = self.certificates["other" if operator == "owner" else "owner", 0]
        expired = self._authority.issue(name_of(operator, 0), valid_from=-9 * DAY, valid_for=2 * DAY)
        publish, reading, admin, audit, over, revoked = (
            self._key(operator, scope) for scope in ("publish", "read", "admin", "audit", "publish", "publish")
        )
        keys.revoke(self._connection, revoked[0])
        self._connection.execute("UPDATE api_key SET expires_at = now() WHERE id = %s", (over[0],))
        self._connection.commit()
        return {
            "revoked key": _bearer(revoked[1]),
            "revoked key, keys publish": _bearer(revoked[1]),
            "expired key": _bearer(over[1]),
            "publish key": _bearer(publish[1]),
            "publish key, keys publish": _bearer(publish[1]),
            "read key": _bearer(reading[1]),
            "read key, keys publish": _bearer(reading[1]),
            "admin key": _bearer(admin[1]),
            "admin key, keys publish": _bearer(admin[1]),
            "audit key": _bearer(audit[1]),
            "certificate": _shown(own),
            "other certificate": _shown(second),
            "revoked certificate": _shown(self.revoked[operator]),
            "expired certificate": _shown(expired),
            "forged certificate": Sent(_shown(own).headers),
            "publish key with certificate": _both(publish[1], own),
            "read key with certificate": _both(reading[1], own),
            "publish key with another's certificate": _both(publish[1], anothers),
        } | self._tokens(served, operator)

    def _tokens(self, served: Served, operator: str) -> dict[str, Sent]:
        own, second = (self.certificates[operator, number] for number in CERTIFICATES)
        client, revoked = _Client(self._connection, operator), _Client(self._connection, operator)
        self._connection.commit()
        token, reading, over, bound, lost = served.run(self._asked(served, (client, revoked), own))
        clients.revoke(self._connection, revoked.listed.id)
        # A slow machine must not outlive the good ones.
        longer = "UPDATE access_token SET expires_at = now() + interval '1 day' WHERE client = %s"
        self._connection.execute(longer, (client.listed.id,))
        end = "UPDATE access_token SET expires_at = now() WHERE digest = sha256(convert_to(%s, 'UTF8'))"
        assert self._connection.execute(end, (_secret(over),)).rowcount == 1
        self._connection.commit()
        return {
            "token": _bearer(token),
            "token that reads": _bearer(reading),
            "expired token": _bearer(over),
            "token of a revoked client": _bearer(lost),
            "bound token": _both(bound, own),
            "bound token alone": _bearer(bound),
            "bound token with the other certificate": _both(bound, second),
        }

    async def _asked(self, served: Served, those: "tuple[_Client, _Client]", own: Held) -> list[str]:
        client, revoked = those
        asked = [
            (client, {}, Sent(())),
            (client, {"scope": "read"}, Sent(())),
            (client, {}, Sent(())),
            (client, {}, _shown(own)),
            (revoked, {}, Sent(())),
        ]
        return [await self._token(served, *each) for each in asked]

    async def _token(self, served: Served, client: "_Client", fields: Mapping[str, str], sent: Sent) -> str:
        form = {
            "grant_type": GRANT,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": client.assertion(self._issuer),
            **fields,
        }
        body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
        headers = (*sent.headers, ("Content-Type", "application/x-www-form-urlencoded"))
        answer: Answer = await ask(served.apps[0], "POST", "/oauth2/token", headers, body, sent.peer)
        assert answer.status == 200, answer.body
        return str(answer.json["access_token"])

    def _key(self, operator: str, scope: str) -> tuple[str, str]:
        return keys.issue(self._connection, self._pepper, scope, [scope], OPERATORS[operator].id)


class _Client:
    """A program of an operator, with its own key."""

    def __init__(self, connection: Connection, operator: str) -> None:
        self._key = ECKey.generate_key("P-256")
        public = read(json.dumps(self._key.as_dict(private=False)))
        self.listed = clients.add(connection, "mail", OPERATORS[operator].id, ["publish", "read"], public)

    def assertion(self, issuer: str) -> str:
        claims = {
            "iss": self.listed.id,
            "sub": self.listed.id,
            "aud": issuer,
            "exp": int((datetime.now(UTC) + timedelta(minutes=2)).timestamp()),
            "jti": secrets.token_hex(8),
        }
        return jwt.encode({"alg": "ES256", "kid": self.listed.kid}, claims, self._key)


def _bearer(secret: str) -> Sent:
    return Sent((("Authorization", f"Bearer {secret}"),))


def _shown(held: Held) -> Sent:
    return Sent(tuple(held.header.items()), PROXY)


def _both(secret: str, held: Held) -> Sent:
    return Sent((*_bearer(secret).headers, *held.header.items()), PROXY)


def _secret(token: str) -> str:
    """What the database keeps a hash of: the token without its prefix and its checksum."""
    return token.removeprefix("annuaire_token_")[:52]
