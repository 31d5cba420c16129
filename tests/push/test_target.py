"""Which URLs may be subscribed to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.push.target import Target, TargetInvalid, parse


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://bal.exemple.fr", Target("bal.exemple.fr", 443, "/", is_secure=True)),
        ("https://Bal.Exemple.FR:443/a/b?c=d%20e", Target("bal.exemple.fr", 443, "/a/b?c=d%20e", is_secure=True)),
        ("https://xn--rseau-bsa.fr/?", Target("xn--rseau-bsa.fr", 443, "/", is_secure=True)),
    ],
)
def test_a_url_is_taken_apart(url: str, target: Target) -> None:
    assert parse(url, insecure=False) == target
    assert target.host_header == target.host


@pytest.mark.parametrize(
    "url",
    [
        *("", "bal.exemple.fr", "http://bal.exemple.fr/", "ftp://bal.exemple.fr/", "https:///path", "https://"),
        *("https://localhost/", "https://127.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://127.1/"),
        *("https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://exemple.0/", "https://a..fr/", "https://-a.fr/"),
        *("https://bal.exemple.fr:8443/", "https://bal.exemple.fr:0/", "https://bal.exemple.fr:99999/"),
        *("https://me@bal.exemple.fr/", "https://me:pw@bal.exemple.fr/", "https://bal.exemple.fr/#part"),
        *("https://bal.exemple.fr/a b", "https://bal.exemple.fr/\r\nX: y", "https://réseau.fr/", "https://a_b.fr/"),
        *("https://evil.fr\\@bal.exemple.fr/", "https://bal.exemple.fr%2f@evil.fr/", "https://a.fr/" + "x" * 1_000),
        "https://" + "a" * 64 + ".fr/",
    ],
)
def test_what_is_no_public_https_url_is_refused(url: str) -> None:
    with pytest.raises(TargetInvalid):
        parse(url, insecure=False)


def test_a_trial_may_use_http_and_its_own_machine() -> None:
    target = parse("http://localhost:9000/hook", insecure=True)
    assert target == Target("localhost", 9000, "/hook", is_secure=False)
    assert target.host_header == "localhost:9000"


@given(st.text(max_size=60).map(lambda text: f"https://{text}") | st.text(max_size=60), st.booleans())
def test_whatever_is_taken_cannot_break_out_of_the_request(url: str, insecure: bool) -> None:  # noqa: FBT001
    try:
        target = parse(url, insecure=insecure)
    except TargetInvalid:
        return
    for part in (target.host_header, target.path):
        assert part.isascii()
        assert not any(character.isspace() or not character.isprintable() for character in part)
    assert "@" not in target.host
    assert 0 <= target.port <= 65_535
