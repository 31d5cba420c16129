"""Peppers: secrets of the installation under which keys are stored. One is in force; former ones still know their keys.

Whoever changes the pepper names the one before as former: a key stored under it works on, and is stored again under the
one in force when it is next used.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import SecretStr

from app.settings import Settings


class PepperMissing(ValueError):
    """Keys cannot be kept without a secret of the installation."""


@dataclass(frozen=True, slots=True)
class Pepper:
    """One secret. `id` says which one it is and tells nothing of it."""

    id: str
    secret: bytes = field(repr=False)


class Peppers:
    """The pepper in force and the former ones. Raises PepperMissing when none is in force."""

    def __init__(self, current: SecretStr, *former: SecretStr) -> None:
        self.current = _pepper(require_pepper(current))
        self._all = (self.current, *(_pepper(require_pepper(each)) for each in former))

    @classmethod
    def of(cls, settings: Settings) -> "Peppers":
        return cls(settings.key_pepper, *former_peppers(settings))

    @property
    def former(self) -> Sequence[Pepper]:
        return self._all[1:]

    def named(self, identifier: str | None) -> Sequence[Pepper]:
        """The peppers that a key may be stored under: the one of this id, or any for a key that does not say."""
        return [each for each in self._all if identifier in {None, each.id}]


def former_peppers(settings: Settings) -> list[SecretStr]:
    """The peppers before the one in force, as the setting lists them: separated by spaces or line ends."""
    return [SecretStr(each) for each in settings.former_key_peppers.get_secret_value().split()]


def require_pepper(pepper: SecretStr) -> bytes:
    """The pepper as bytes. Raises PepperMissing when there is none."""
    value = pepper.get_secret_value().strip()
    if not value:
        raise PepperMissing("ANNUAIRE_KEY_PEPPER is empty: set it to a long random text and keep it.")
    return value.encode()


def _pepper(secret: bytes) -> Pepper:
    return Pepper(hmac.digest(secret, b"annuaire pepper", "sha256")[:4].hex(), secret)
