"""Which certificates are taken: every way in which one may be wrong is refused, with its reason."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from ssl import DER_cert_to_PEM_cert

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from app.access.certificate_header import Sent
from app.access.certificate_trust import NotTrusted, Trust, TrustUnusable
from app.access.distinguished_name import canonical
from app.console import Refused
from app.trust.certificates import from_file
from tests.access.authority import ANY, CLIENT, DAY, SERVER, Authority, Held, a_name, a_root

ROOT = a_root("AC RACINE")
ORGANISATIONS = ROOT.sub("AC ORGANISATIONS")
PERSONS = ROOT.sub("AC PERSONNES")
STRANGER = a_root("AC RACINE")
GOOD = ORGANISATIONS.issue()


def of_no_issuer(lists: bytes, tag: int, first: bytes) -> bytes:
    """The same list as DER, its issuer named by what is no text: it is read, and fails where the name is looked at."""
    name = b"AC ORGANISATIONS"
    der = x509.load_pem_x509_crl(lists).public_bytes(Encoding.DER)
    text = b"\x0c" + bytes([len(name)]) + name
    assert der.count(text) == 1
    return der.replace(text, bytes([tag, len(name)]) + first + name[len(first) :])


@pytest.fixture
def trust(tmp_path: Path) -> Callable[..., Trust]:
    """Trust in these anchors and lists, as files give it."""

    def make(*anchors: Held, lists: Iterable[bytes]) -> Trust:
        (tmp_path / "ca.pem").write_bytes(b"".join(each.pem for each in anchors))
        folder = tmp_path / "lists"
        folder.mkdir(exist_ok=True)
        for number, each in enumerate(lists):
            (folder / f"{number}.crl").write_bytes(each)
        return Trust.read(tmp_path / "ca.pem", folder)

    return make


def verify(trust: Trust, held: Held, *chain: Held, now: datetime | None = None) -> str:
    """The name under which it is taken, or the reason why not."""
    try:
        sent = Sent(held.der, tuple(each.der for each in chain))
        return trust.verify(sent, now or datetime.now(UTC)).name
    except NotTrusted as refusal:
        return refusal.reason


NAME = canonical("CN=bal.exemple,OU=1990000010,O=GIP EXEMPLE,C=FR")


def test_a_good_one_is_taken_by_its_issuer_or_by_the_root_above(trust: Callable[..., Trust]) -> None:
    lists = [ORGANISATIONS.list_of(), ROOT.list_of()]
    assert verify(trust(ORGANISATIONS, lists=lists), GOOD) == NAME
    assert verify(trust(ROOT, lists=lists), GOOD, ORGANISATIONS) == NAME
    assert verify(trust(ROOT, lists=lists), GOOD) == "untrusted"  # the way up is missing


def swapped() -> tuple[Held, Held]:
    """A certificate of an authority that took the name of a trusted one."""
    other = STRANGER.sub("AC ORGANISATIONS")
    return other.issue(), other


def from_a_leaf() -> tuple[Held, Held]:
    """A certificate that the holder of a good one issued."""
    return Authority(GOOD.certificate, GOOD.key).issue(), GOOD


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: (STRANGER.issue(),), "untrusted"),
        (lambda: (STRANGER.issue(), STRANGER), "untrusted"),
        (lambda: (PERSONS.issue(),), "untrusted"),
        (lambda: (PERSONS.issue(), PERSONS), "untrusted"),
        (swapped, "untrusted"),
        (from_a_leaf, "untrusted"),
        (lambda: (a_root("bal.exemple"),), "usage"),
        (lambda: (ORGANISATIONS.issue(valid_from=-10 * DAY, valid_for=9 * DAY),), "expired"),
        (lambda: (ORGANISATIONS.issue(valid_from=DAY),), "not_yet_valid"),
        (lambda: (ORGANISATIONS.issue(usages=(SERVER,)),), "usage"),
        (lambda: (ORGANISATIONS.issue(usages=(ANY,)),), "usage"),
        (lambda: (ORGANISATIONS.issue(usages=None),), "usage"),
        (lambda: (ORGANISATIONS.issue(signs=False),), "usage"),
        (lambda: (ORGANISATIONS.issue(is_authority=True),), "untrusted"),
        (lambda: (ORGANISATIONS.issue(x509.Name([])),), "name"),
        (lambda: (ORGANISATIONS.sub("below"),), "usage"),
    ],
    ids=[
        "other authority",
        "other authority of the same name",
        "sister authority",
        "sister authority sent along",
        "authority swapped",
        "issued by a client",
        "an authority itself",
        "expired",
        "not yet valid",
        "for servers",
        "for anything",
        "for nothing said",
        "key may not sign",
        "an authority for clients",
        "without a name",
        "sub-authority",
    ],
)
def test_a_wrong_one_is_refused(trust: Callable[..., Trust], made: Callable[[], tuple[Held, ...]], reason: str) -> None:
    lists = [each.list_of() for each in (ORGANISATIONS, STRANGER, PERSONS, ROOT)]
    assert verify(trust(ORGANISATIONS, lists=lists), *made()) == reason


def test_the_same_name_from_another_authority_is_another_certificate(trust: Callable[..., Trust]) -> None:
    taken = trust(ORGANISATIONS, lists=[ORGANISATIONS.list_of(), STRANGER.list_of()])
    assert verify(taken, ORGANISATIONS.issue(a_name("same"))) == canonical("CN=same,OU=1990000010,O=GIP EXEMPLE,C=FR")
    assert verify(taken, STRANGER.issue(a_name("same"))) == "untrusted"


def test_one_that_serves_both_ways_is_taken(trust: Callable[..., Trust]) -> None:
    both = ORGANISATIONS.issue(usages=(SERVER, CLIENT))
    assert verify(trust(ORGANISATIONS, lists=[ORGANISATIONS.list_of()]), both) == NAME


def test_a_revoked_one_is_refused_and_no_other(trust: Callable[..., Trust]) -> None:
    revoked = ORGANISATIONS.issue()
    taken = trust(ORGANISATIONS, lists=[ORGANISATIONS.list_of([revoked])])
    assert (verify(taken, revoked), verify(taken, GOOD)) == ("revoked", NAME)


def test_one_below_a_revoked_authority_is_refused(trust: Callable[..., Trust]) -> None:
    taken = trust(ROOT, lists=[ORGANISATIONS.list_of(), ROOT.list_of([ORGANISATIONS])])
    assert verify(taken, GOOD, ORGANISATIONS) == "revoked"


def test_the_newest_list_counts(trust: Callable[..., Trust]) -> None:
    older, newer = ORGANISATIONS.list_of([GOOD], at=-2 * DAY), ORGANISATIONS.list_of()
    assert verify(trust(ORGANISATIONS, lists=[older, newer]), GOOD) == NAME
    assert verify(
        trust(ORGANISATIONS, lists=[ORGANISATIONS.list_of(at=-2 * DAY), ORGANISATIONS.list_of([GOOD])]), GOOD
    ) == ("revoked")


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        ([], "there is no revocation list of CN=AC ORGANISATIONS"),
        ([PERSONS.list_of()], "there is no revocation list of CN=AC ORGANISATIONS"),
        ([ORGANISATIONS.list_of(at=-9 * DAY)], "ended on"),
        ([ORGANISATIONS.list_of(at=DAY)], "is of the future"),
        ([ORGANISATIONS.list_of(key=STRANGER)], "was not signed by it"),
        ([ORGANISATIONS.list_of(at=-9 * DAY), ORGANISATIONS.list_of(key=STRANGER)], "ended on"),
    ],
    ids=["none", "of another", "stale", "of the future", "forged", "forged beside a stale one"],
)
def test_without_a_list_that_counts_nobody_is_taken(trust: Callable[..., Trust], lists: list[bytes], said: str) -> None:
    with pytest.raises(TrustUnusable, match=said):
        verify(trust(ORGANISATIONS, lists=lists), GOOD)


@pytest.mark.parametrize(
    "extension",
    [
        x509.DeltaCRLIndicator(1),
        x509.IssuingDistributionPoint(None, None, True, False, None, False, False),
    ],
    ids=["delta", "part"],
)
def test_a_list_of_only_a_part_is_not_relied_on(trust: Callable[..., Trust], extension: x509.ExtensionType) -> None:
    with pytest.raises(TrustUnusable, match="not understood"):
        trust(ORGANISATIONS, lists=[ORGANISATIONS.list_of(extensions=[extension])])


def test_a_list_that_is_signed_in_a_way_nobody_knows_is_not_its_issuers(trust: Callable[..., Trust]) -> None:
    der = x509.load_pem_x509_crl(ORGANISATIONS.list_of()).public_bytes(Encoding.DER)
    sha256, unknown = bytes.fromhex("06082a8648ce3d040302"), bytes.fromhex("06082a8648ce3d04037f")
    assert der.count(sha256) == 2
    with pytest.raises(TrustUnusable, match="was not signed by it"):
        verify(trust(ORGANISATIONS, lists=[der.replace(sha256, unknown)]), GOOD)


def test_a_list_is_read_as_pem_several_in_one_file_or_as_der(tmp_path: Path) -> None:
    ca, lists = tmp_path / "ca.pem", tmp_path / "crl"
    ca.write_bytes(ROOT.pem)
    together = ORGANISATIONS.list_of() + b"\n" + ROOT.list_of()
    lists.write_bytes(b"a comment\n" + together)
    assert verify(Trust.read(ca, lists), GOOD, ORGANISATIONS) == NAME
    ca.write_bytes(b"# the issuer\n" + ORGANISATIONS.pem)
    lists.write_bytes(x509.load_pem_x509_crl(ORGANISATIONS.list_of()).public_bytes(Encoding.DER))
    assert verify(Trust.read(ca, lists), GOOD) == NAME


@pytest.mark.parametrize(
    ("ca", "crl"),
    [
        (b"", b""),
        (b"nothing here", ORGANISATIONS.list_of()),
        (GOOD.pem, ORGANISATIONS.list_of()),
        (ORGANISATIONS.pem.replace(b"M", b"N", 1), ORGANISATIONS.list_of()),
        (ORGANISATIONS.pem, b"no list"),
        (ORGANISATIONS.pem, ORGANISATIONS.pem),
        (ORGANISATIONS.pem, of_no_issuer(ORGANISATIONS.list_of(), 0x4C, b"")),
        (ORGANISATIONS.pem, of_no_issuer(ORGANISATIONS.list_of(), 0x03, b"\0")),
    ],
    ids=[
        "empty",
        "no authority",
        "a client as an authority",
        "damaged",
        "no list",
        "a certificate as a list",
        "of nobody",
        "of bits",
    ],
)
def test_files_that_cannot_be_used_are_named(tmp_path: Path, ca: bytes, crl: bytes) -> None:
    (tmp_path / "ca.pem").write_bytes(ca)
    (tmp_path / "lists.crl").write_bytes(crl)
    with pytest.raises(TrustUnusable, match=r"ca\.pem|lists\.crl"):
        Trust.read(tmp_path / "ca.pem", tmp_path / "lists.crl")
    with pytest.raises(TrustUnusable, match="missing"):
        Trust.read(tmp_path / "missing", tmp_path / "lists.crl")


def test_what_was_found_good_is_good_until_the_first_of_its_ends(trust: Callable[..., Trust]) -> None:
    now = datetime.now(UTC)
    short = ORGANISATIONS.issue(valid_for=2 * DAY)
    taken = trust(ORGANISATIONS, lists=[ORGANISATIONS.list_of()])
    assert taken.verify(Sent(short.der, ()), now).until == short.certificate.not_valid_after_utc
    assert timedelta() < taken.verify(Sent(GOOD.der, ()), now).until - now < 7 * DAY
    assert verify(taken, short, now=now + 2 * DAY) == "expired"


# A serial number that became negative is warned of when it is read, and the certificate refused for its signature.
@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@example(place=15, by=128)
@given(place=st.integers(0, 10_000), by=st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_altered_byte_is_refused(tmp_path: Path, place: int, by: int) -> None:
    (tmp_path / "ca.pem").write_bytes(ORGANISATIONS.pem)
    (tmp_path / "crl").write_bytes(ORGANISATIONS.list_of())
    der = bytearray(GOOD.der)
    place %= len(der)
    # How many bits of the signature's last byte are none is no part of what is signed, and may be said in several ways.
    assume(place != len(der) - len(x509.load_der_x509_certificate(GOOD.der).signature) - 1)
    der[place] ^= by
    with pytest.raises(NotTrusted):
        Trust.read(tmp_path / "ca.pem", tmp_path / "crl").verify(Sent(bytes(der), ()), datetime.now(UTC))


def of_no_version(held: Held) -> bytes:
    """The certificate, called one of version 4."""
    return held.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1)


def test_a_version_that_does_not_exist_is_refused(trust: Callable[..., Trust]) -> None:
    unknown = of_no_version(GOOD)
    with pytest.raises(NotTrusted, match="no certificate that can be read"):
        trust(ORGANISATIONS, lists=[ORGANISATIONS.list_of()]).verify(Sent(unknown, ()), datetime.now(UTC))


@pytest.mark.parametrize("file", ["ca.pem", "lists.crl"])
def test_so_is_one_of_the_files_that_say_whom_to_trust(tmp_path: Path, file: str) -> None:
    lists = x509.load_pem_x509_crl(ORGANISATIONS.list_of()).public_bytes(Encoding.DER)
    unknown = {
        "ca.pem": DER_cert_to_PEM_cert(of_no_version(ORGANISATIONS)).encode(),
        # A list says its version, 2, before the algorithm that it is signed with.
        "lists.crl": lists.replace(b"\x02\x01\x01\x30", b"\x02\x01\x03\x30", 1),
    }
    for name, content in {"ca.pem": ORGANISATIONS.pem, "lists.crl": lists, file: unknown[file]}.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TrustUnusable, match=file):
        Trust.read(tmp_path / "ca.pem", tmp_path / "lists.crl")


def test_and_one_whose_name_is_asked(tmp_path: Path) -> None:
    (tmp_path / "client.pem").write_bytes(DER_cert_to_PEM_cert(of_no_version(GOOD)).encode())
    with pytest.raises(Refused, match="no certificate in PEM can be read"):
        from_file(tmp_path / "client.pem")
