"""deploy/slapd/fill, and the configuration of a slapd that the system runs, made with it as docs/ldap.md says."""

import re
import subprocess
from pathlib import Path

import pytest

from app.embedded.account import engines_account
from app.embedded.binaries import find_slapd
from app.embedded.slapd_config import ConfigPaths, rendered
from app.embedded.slapd_listeners import GNUTLS, OPENSSL
from tests.docs.markdown import ROOT
from tests.harness.ldap_tls import SLAPD_FILES, filled

GUIDE = ROOT / "docs" / "ldap.md"
SUFFIX = "dc=mssante,dc=fr"


def fill(path: Path, *words: str) -> tuple[int, str, str]:
    command = [str(SLAPD_FILES / "fill"), str(path), *words]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return answer.returncode, answer.stdout, answer.stderr


@pytest.mark.parametrize("value", ["a", r"a\b", "a|b&c", "a b", 'file:///é "x"'])
def test_a_value_is_taken_as_it_is(tmp_path: Path, value: str) -> None:
    path = tmp_path / "template"
    path.write_text("# about @NOTHING@\nfirst: @A@ and @A@\nsecond: @B@\n", "utf-8")
    assert fill(path, f"A={value}", "B=") == (0, f"first: {value} and {value}\n", "")


def test_a_word_that_stays_open_is_named(tmp_path: Path) -> None:
    path = tmp_path / "template"
    path.write_text("first: @A@\nsecond: @B_C@\n", "utf-8")
    assert fill(path, "A=x") == (1, "", f"{path}: no value for @B_C@\n")


def test_it_makes_what_annuaire_up_makes(tmp_path: Path) -> None:
    paths = ConfigPaths(tmp_path / "config", tmp_path / "db", tmp_path, tmp_path / "clients")
    binaries = find_slapd()
    text = rendered(paths, binaries, SUFFIX)
    uid = re.search(r"uidNumber=(\d+),", text)
    unchecked = re.search(r"\* .*unchecked=(\d+)", text)
    assert uid
    assert unchecked
    words = {
        "SUFFIX": SUFFIX,
        "CALLER_UID": uid[1],
        "UNCHECKED": unchecked[1],
        "MODULE_DIR": str(binaries.modules),
        "SCHEMA_URL": f"file://{binaries.schemas}",
        "OWN_SCHEMA_URL": f"file://{tmp_path}/schema.ldif",
        "DB_DIR": str(paths.database),
        "CLIENTS_DIR": str(paths.clients),
        **dict.fromkeys(re.findall(r"@(TLS_[A-Z_]+)@", (SLAPD_FILES / "config.ldif.in").read_text("utf-8")), ""),
    }
    assert filled("config.ldif.in", words) == text


def test_the_recipe_of_the_guide_makes_a_configuration(open_dir: Path) -> None:
    """It is run as it stands, but for folders and accounts."""
    recipe = re.search(
        r"```sh\n(deploy/slapd/fill deploy/slapd/config\.ldif\.in .*?)```", GUIDE.read_text("utf-8"), re.DOTALL
    )
    assert recipe
    account = engines_account()
    for name in ("etc", "etc/slapd.d", "lib", "lib/annuaire", "lib/clients"):
        (open_dir / name).mkdir()
        account.owns(open_dir / name)
    schema = open_dir / "schema.ldif"
    schema.write_text((SLAPD_FILES / "schema.ldif").read_text("utf-8"), "utf-8")
    commands = recipe[1]
    for pattern, by in (
        (r"/var/lib/ldap", str(open_dir / "lib")),
        (r"/etc/ldap/slapd\.d", str(open_dir / "etc" / "slapd.d")),
        (r"file://\$PWD/deploy/slapd/schema\.ldif", f"file://{schema}"),
        (r"\$\(id -u annuaire\)", "1"),
        (r"sudo -u openldap ", ""),
        (r"slapadd", str(find_slapd().slapadd)),
    ):
        commands, count = re.subn(pattern, by, commands)
        assert count, pattern
    # Filled by whoever may read the checkout, added by slapd's account: two halves of each pipe.
    for line in commands.replace("\\\n", " ").strip().splitlines():
        fills, adds = line.split(" | ")
        text = subprocess.run(["sh", "-c", fills], cwd=ROOT, capture_output=True, check=True, timeout=60).stdout
        subprocess.run(["sh", "-c", adds], input=text, cwd="/", check=True, timeout=60, **account.run_as())
    assert (open_dir / "lib" / "clients" / "data.mdb").exists()
    for words in (GNUTLS, OPENSSL):
        assert all(f"{word}={value}" in GUIDE.read_text("utf-8") for word, value in words.items())
