"""Mail domains of the trust space: nothing that only looks like an accepted name is one."""

import string
from random import Random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.mail_domains import InvalidDomain, is_accepted, names_of, parse, require_accepted
from app.settings import Settings

NATIONAL = Settings(_env_file=None).mailbox_domains
GATEWAY = "interop-mssante.apicrypt.org"
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?", fullmatch=True).filter(lambda x: not x.startswith("xn--"))
# Letters that people take for an ASCII one: Cyrillic, Greek, full width, with accents, dotless, long.
LOOK_ALIKES = {
    "a": "\u0430\u03b1\uff41\u00e0", "c": "\u0441\uff43\u00e7", "e": "\u0435\uff45\u00e9",
    "i": "\u0456\u0131\uff49", "k": "\u212a\u043a", "m": "\uff4d\u043c",
    "n": "\u0578\uff4e", "o": "\u043e\u03bf\uff4f", "p": "\u0440\uff50",
    "r": "\uff52\u0433", "s": "\u0455\uff53\u017f", "t": "\uff54\u03c4",
    "u": "\uff55\u03c5", ".": "\u3002\uff0e\uff61\u2024", "-": "\u2010\u2013\u2212",
}  # fmt: skip


@pytest.mark.parametrize(
    "name", ["ch-exemple.mssante.fr", "a.b.c.mssante.fr", "CH-Exemple.MSSante.FR", " x.mssante.fr ", GATEWAY]
)
def test_national_domains_and_the_gateway_are_taken_in_lower_case(name: str) -> None:
    assert require_accepted(name, NATIONAL) == name.strip().lower()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("mssante.fr", "domain.foreign"),
        ("xmssante.fr", "domain.foreign"),
        ("x.mssante.fr.exemple.org", "domain.foreign"),
        ("x.mssante.com", "domain.foreign"),
        ("x.mssante.fr.", "domain.form"),
        (".mssante.fr", "domain.form"),
        ("x..mssante.fr", "domain.form"),
        ("x@y.mssante.fr", "domain.form"),
        ("x y.mssante.fr", "domain.form"),
        ("-x.mssante.fr", "domain.form"),
        ("x_y.mssante.fr", "domain.form"),
        ("x.mssante.fr\nBcc", "domain.form"),
        ("*.mssante.fr", "domain.form"),
        ("", "domain.form"),
        (f"{'x' * 64}.mssante.fr", "domain.form"),
        ("xn--ch-exmple-d1a.mssante.fr", "domain.encoded"),
        ("x.xn--mssant-fva.fr", "domain.encoded"),
        (f"sub.{GATEWAY}", "domain.foreign"),
        ("apicrypt.org", "domain.foreign"),
        ("mssante.apicrypt.org", "domain.foreign"),
    ],
)
def test_what_only_looks_like_one_is_refused(name: str, code: str) -> None:
    with pytest.raises(InvalidDomain) as refused:
        require_accepted(name, NATIONAL)
    assert refused.value.code == code


@given(st.lists(LABELS, min_size=1, max_size=3), st.data())
def test_one_letter_of_another_alphabet_never_passes(labels: list[str], data: st.DataObject) -> None:
    name = ".".join([*labels, "mssante", "fr"])
    places = [place for place, letter in enumerate(name) if letter in LOOK_ALIKES]
    place = data.draw(st.sampled_from(places))
    other = data.draw(st.sampled_from(LOOK_ALIKES[name[place]]))
    with pytest.raises(InvalidDomain):
        parse(name[:place] + other + name[place + 1 :])


@given(st.lists(LABELS, min_size=1, max_size=4), st.sampled_from(["mssante.fr", GATEWAY]), st.randoms())
def test_any_spelling_of_a_name_by_case_is_that_name(labels: list[str], end: str, chance: Random) -> None:
    name = ".".join([*labels, end])
    mixed = "".join(letter.upper() if chance.random() < 0.5 else letter for letter in name)
    assert parse(mixed) == parse(name) == name
    assert parse(parse(mixed)) == name


@given(LABELS, st.text(alphabet=string.ascii_lowercase + string.digits + "-.", max_size=12))
def test_only_whole_labels_count(label: str, around: str) -> None:
    assume(not around.endswith(".") and around)
    assert not is_accepted(f"{label}.{around}mssante.fr", NATIONAL)
    assert not is_accepted(f"{label}.mssante.fr.{around}", NATIONAL)
    assert not is_accepted(f"{around}{GATEWAY}", NATIONAL)


@given(st.text(max_size=300))
def test_any_text_is_a_domain_of_ours_or_refused(text: str) -> None:
    try:
        domain = require_accepted(text, NATIONAL)
    except InvalidDomain:
        return
    assert domain.isascii()
    assert domain == domain.lower()
    assert domain == GATEWAY or domain.endswith(".mssante.fr")


def test_the_setting_takes_names_and_families(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_MAILBOX_DOMAINS", "*.Exemple.fr, gateway.exemple.org")
    assert Settings(_env_file=None).mailbox_domains == ("*.exemple.fr", "gateway.exemple.org")
    for wrong in ("*", "*.", "a.*.fr", "exemple", "é.fr"):
        with pytest.raises(ValueError, match="is not a domain name"):
            names_of(wrong)
