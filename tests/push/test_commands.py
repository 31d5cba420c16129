"""`annuaire webhook …`: an administrator handles the webhooks of everybody."""

import pytest

from app.doctor import examine
from app.push.loop import Courier
from app.push.subscriptions import MOST
from app.settings import Settings
from tests.audit.conftest import Run
from tests.builders import OPERATOR
from tests.push.conftest import Connection, deliver, hurry, subscribe
from tests.push.receiver import Receiver
from tests.push.test_courier import change

URL = "https://bal.exemple.fr/annuaire"


def test_a_webhook_by_command(annuaire: Run, clock: Connection, directory: int) -> None:
    code, made = annuaire("webhook", "add", URL, "--operator", OPERATOR, "--kind", "mailbox")
    assert (code, made["kinds"], made["edition"]) == (0, ["mailbox"], directory)
    assert made.pop("secret").startswith("whsec_")
    assert annuaire("webhook", "list") == (0, [made])
    assert annuaire("webhook", "show", made["id"]) == (0, {**made, "deliveries": []})
    code, said = annuaire("webhook", "replay", made["id"], "--after", "1")
    assert (code, said["edition"]) == (0, 1)
    assert annuaire("webhook", "remove", made["id"])[0] == 0
    assert annuaire("webhook", "list") == (0, [])
    acts = clock.execute("SELECT action, operator, actor LIKE 'account %' FROM audit ORDER BY sequence").fetchall()
    assert acts == [(f"webhook.{action}", OPERATOR, True) for action in ("created", "replayed", "deleted")]


def test_what_was_given_up_is_shown_and_told_again(
    annuaire: Run,
    registry: Connection,
    clock: Connection,
    courier: Courier,
    receiver: Receiver,
    push_settings: Settings,
    directory: int,
) -> None:
    def finding() -> tuple[bool | None, str]:
        return next((found.ok, found.detail) for found in examine(push_settings) if found.name == "webhooks")

    webhook, _ = subscribe(clock, push_settings, receiver.url)
    assert finding()[0] is True
    receiver.status(410)
    edition = change(registry, "UN")
    deliver(courier, clock)
    assert finding() == (None, "0 receivers do not answer, 1 were given up")
    (delivery,) = annuaire("webhook", "show", webhook)[1]["deliveries"]
    assert (delivery["outcome"], delivery["status"], delivery["edition"]) == ("rejected", 410, edition)
    receiver.status(204)
    assert annuaire("webhook", "replay", webhook)[1]["edition"] == directory
    hurry(clock)
    assert deliver(courier, clock) == 1
    assert clock.execute("SELECT state, edition FROM webhook").fetchall() == [("active", edition)]


@pytest.mark.usefixtures("directory")
@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (("add", URL), 64, "usage"),
        (("add", URL, "--operator", OPERATOR, "--key", "abc"), 64, "usage"),
        (("add", URL, "--operator", "nobody"), 2, "operator.unknown"),
        (("add", URL, "--key", "nobody"), 2, "key.unknown"),
        (("add", "http://127.0.0.1/", "--operator", OPERATOR), 2, "webhook.url_invalid"),
        (("show", "nobody"), 2, "webhook.unknown"),
        (("replay", "nobody"), 2, "webhook.unknown"),
        (("remove", "nobody"), 2, "webhook.unknown"),
    ],
)
def test_what_cannot_be_done_is_refused(annuaire: Run, arguments: tuple[str, ...], code: int, error: str) -> None:
    ended, said = annuaire("webhook", *arguments)
    assert (ended, said["error"]["code"]) == (code, error)


def test_one_owner_has_few(annuaire: Run, clock: Connection, push_settings: Settings, directory: int) -> None:
    for _ in range(MOST):
        subscribe(clock, push_settings, URL)
    ended, said = annuaire("webhook", "add", URL, "--operator", OPERATOR)
    assert (ended, said["error"]["code"]) == (2, "webhook.too_many")
    assert directory
