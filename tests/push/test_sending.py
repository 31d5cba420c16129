"""One POST to a receiver that may be anything: hostile, slow, gone, or somebody else."""

import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.push import sending
from app.push.sending import Sender
from app.settings import Settings
from tests.access.authority import DAY, a_name
from tests.push.receiver import Receiver, closed_port

STRICT = Settings(_env_file=None)
LOOSE = STRICT.model_copy(update={"webhook_insecure": True})
HEADERS = {"webhook-id": "msg_a"}


def test_a_message_arrives_with_its_headers_and_body(receiver: Receiver) -> None:
    outcome = Sender(LOOSE).post(receiver.url + "?of=mine", HEADERS, '{"é":1}')
    assert (outcome.word, outcome.status) == ("delivered", 204)
    (got,) = receiver.got
    assert (got.path, got.body.decode(), got.message) == ("/hook?of=mine", '{"é":1}', "msg_a")
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_any_other_answer_is_no_delivery(receiver: Receiver, status: int) -> None:
    receiver.status(status)
    outcome = Sender(LOOSE).post(receiver.url, HEADERS, "{}")
    assert (outcome.word, outcome.status, outcome.is_final) == ("rejected", status, False)


def test_a_receiver_that_is_gone_for_good_says_so(receiver: Receiver) -> None:
    receiver.status(410)
    assert Sender(LOOSE).post(receiver.url, HEADERS, "{}").is_final


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(receiver: Receiver, status: int) -> None:
    with Receiver() as elsewhere:
        receiver.status(status, f"Location: {elsewhere.url}")
        outcome = Sender(LOOSE).post(receiver.url, HEADERS, "{}")
        assert (outcome.word, outcome.status) == ("rejected", status)
        assert elsewhere.got == []
    assert len(receiver.got) == 1


def test_nothing_is_read_beyond_the_status_line(receiver: Receiver) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000_000
    assert Sender(LOOSE).post(receiver.url, HEADERS, "{}").word == "delivered"


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00" * 5_000, b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200", b"HTTP/1.1 100 Continue\r\n", b"x" * 4_000],
)
def test_what_is_not_http_is_no_delivery(receiver: Receiver, answer: bytes) -> None:
    receiver.answer = answer
    assert Sender(LOOSE).post(receiver.url, HEADERS, "{}").word == "unreachable"


def test_a_receiver_that_talks_drop_by_drop_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each byte comes in time, the whole never."""
    monkeypatch.setattr(sending, "DEADLINE_SECONDS", 0.5)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                while not over.wait(0.05):
                    peer.sendall(b"H")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            outcome = Sender(LOOSE).post(f"http://127.0.0.1:{server.getsockname()[1]}/", HEADERS, "{}")
        finally:
            over.set()
            thread.join()
    assert outcome.word == "unreachable"
    assert outcome.detail.startswith("no answer within")


def test_nobody_there(receiver: Receiver) -> None:
    outcome = Sender(LOOSE).post(f"http://127.0.0.1:{closed_port()}/", HEADERS, "{}")
    assert outcome.word == "unreachable"
    assert receiver.got == []


class Names:
    """A resolver that answers something else each time it is asked."""

    def __init__(self, *answers: list[str], port: int) -> None:
        self._answers, self._port = list(answers), port
        self.asked: list[str] = []

    def __call__(self, host: str, _port: int) -> list[tuple[int, tuple[Any, ...]]]:
        self.asked.append(host)
        return [(int(socket.AF_INET), (address, self._port)) for address in self._answers.pop(0)]


def test_a_name_is_resolved_once_and_what_was_judged_is_what_is_connected_to(receiver: Receiver) -> None:
    """Asked again, the name would lead elsewhere: to a port on which nobody listens."""
    names = Names(["127.0.0.1"], ["127.0.0.2"], port=receiver.port)
    outcome = Sender(LOOSE, names).post("http://bal.exemple.fr/hook", HEADERS, "{}")
    assert (outcome.word, names.asked) == ("delivered", ["bal.exemple.fr"])
    assert receiver.got[0].headers["host"] == "bal.exemple.fr"


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["169.254.169.254"], []])
def test_a_name_that_leads_into_our_network_is_not_connected_to(receiver: Receiver, addresses: list[str]) -> None:
    outcome = Sender(STRICT, Names(addresses, port=receiver.port)).post("https://bal.exemple.fr/", HEADERS, "{}")
    assert outcome.word == "forbidden"
    assert "127" not in outcome.detail
    assert receiver.got == []


def test_what_was_allowed_for_a_trial_is_refused_afterwards(receiver: Receiver) -> None:
    assert Sender(STRICT).post(receiver.url, HEADERS, "{}").word == "forbidden"
    assert Sender(STRICT).post("https://localhost/", HEADERS, "{}").word == "forbidden"


def test_a_name_that_nobody_has() -> None:
    def nobody(_host: str, _port: int) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    outcome = Sender(STRICT, nobody).post("https://bal.exemple.fr/", HEADERS, "{}")
    assert (outcome.word, outcome.detail) == ("unreachable", "its name cannot be resolved")


@pytest.fixture
def certified(tmp_path: Path) -> Iterator[tuple[Receiver, Path]]:
    """A receiver with a certificate for bal.exemple.fr, and the file that it may be believed by."""
    key = generate_private_key(SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(a_name("bal.exemple.fr"))
        .issuer_name(a_name("bal.exemple.fr"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("bal.exemple.fr")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    files = tmp_path / "certificate.pem", tmp_path / "key.pem"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with Receiver((str(files[0]), str(files[1]))) as receiver:
        yield receiver, files[0]


@pytest.mark.parametrize(
    ("host", "is_believed", "word"),
    [
        ("bal.exemple.fr", True, "delivered"),
        ("autre.exemple.fr", True, "unreachable"),
        ("bal.exemple.fr", False, "unreachable"),
    ],
)
def test_a_certificate_is_verified_against_the_name(
    certified: tuple[Receiver, Path], host: str, word: str, *, is_believed: bool
) -> None:
    receiver, authority = certified
    settings = LOOSE.model_copy(update={"webhook_ca_file": authority if is_believed else None})
    outcome = Sender(settings, Names(["127.0.0.1"], port=receiver.port)).post(f"https://{host}/", HEADERS, "{}")
    assert outcome.word == word, outcome
    assert len(receiver.got) == (word == "delivered")
    if word != "delivered":
        assert outcome.detail.startswith("its certificate is not accepted")


def test_a_receiver_that_speaks_no_tls_is_not_spoken_to(receiver: Receiver) -> None:
    outcome = Sender(LOOSE).post(receiver.url.replace("http:", "https:"), HEADERS, "{}")
    assert outcome.word == "unreachable"
    assert receiver.got == []


def test_old_tls_is_refused() -> None:
    assert Sender(STRICT)._tls.minimum_version == ssl.TLSVersion.TLSv1_2
