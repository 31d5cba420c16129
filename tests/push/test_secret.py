"""Secrets can be read again by us alone, and signatures are those of Standard Webhooks."""

from base64 import b64decode

import pytest
from pydantic import SecretStr

from app.access.peppers import Peppers
from app.push.secret import SecretLost, headers, new_secret, seal, shown, unseal


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of the specification (standard-webhooks, spec and libraries)."""
    secret = b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = headers(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, '{"test": 2432232314}')
    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_is_shown_as_the_specification_writes_it() -> None:
    assert shown(bytes(32)) == "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="


def test_a_sealed_secret_is_opened_under_its_pepper_also_when_that_is_a_former_one() -> None:
    old, new = SecretStr("the old pepper"), SecretStr("the new pepper")
    secret, before = new_secret(), Peppers(old)
    sealed = seal(before.current, "a", secret)
    assert secret not in sealed
    assert unseal(Peppers(new, old), before.current.id, "a", sealed) == secret


def test_a_secret_is_lost_with_its_pepper_and_goes_to_no_other_webhook() -> None:
    peppers = Peppers(SecretStr("the old pepper"))
    sealed = seal(peppers.current, "a", new_secret())
    spoiled = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for held, webhook, stored in (
        (Peppers(SecretStr("another")), "a", sealed),
        (peppers, "b", sealed),
        (peppers, "a", spoiled),
    ):
        with pytest.raises(SecretLost):
            unseal(held, peppers.current.id, webhook, stored)
