"""`--data-dir DIR`: the way of a command to a running `annuaire up`."""

import json
import os
import threading
from pathlib import Path

import pytest

from app.console import Refused
from app.embedded import Slapd, free_port
from app.embedded.attach import PAUSE, environment_for, read_settings, replace_tree, settings_for
from app.embedded.lock import Lock, is_locked
from app.embedded.runfile import LOCK, NothingRuns, Run, read_run, remove_run, write_run
from app.embedded.secret import key_pepper
from app.embedded.supervisor import Supervisor
from tests.embedded.servers import SUFFIX_ENTRY
from tests.embedded.test_slapd import entries
from tests.faults.publishing import DOMAIN, STEADY, Reader, beside
from tests.harness.unprivileged import as_ordinary_user


def a_run(data_dir: Path, *, ldap: str = "ldap://127.0.0.1:3389") -> Run:
    return Run(
        pid=os.getpid(),
        state="ready",
        data_dir=str(data_dir),
        api="http://127.0.0.1:8000",
        ldap=ldap,
        ldapi="ldapi:///run/ldapi",
        ldap_suffix="dc=mssante,dc=fr",
        database_url="postgresql://annuaire@/annuaire?host=/run",
        socket_dir="/run",
    )


def test_without_a_directory_the_environment_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", "postgresql:///elsewhere")
    assert settings_for(None).database_url == "postgresql:///elsewhere"


def test_a_running_directory_wins_over_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_URL", "postgresql:///elsewhere")
    write_run(tmp_path, a_run(tmp_path))
    with Lock(tmp_path / LOCK):
        settings = settings_for(tmp_path)
    assert settings.database_url == "postgresql://annuaire@/annuaire?host=/run"
    assert settings.ldap_uri == "ldapi:///run/ldapi"
    assert settings.key_pepper.get_secret_value() == key_pepper(tmp_path)


def test_the_children_get_the_same_as_environment(tmp_path: Path) -> None:
    environment = environment_for(a_run(tmp_path))
    assert environment["ANNUAIRE_DATABASE_URL"] == "postgresql://annuaire@/annuaire?host=/run"
    assert environment["ANNUAIRE_KEY_PEPPER"] == key_pepper(tmp_path)
    assert environment["PATH"] == os.environ["PATH"]


def test_a_pepper_that_was_changed_is_named_as_a_former_one(tmp_path: Path) -> None:
    first = key_pepper(tmp_path)
    assert environment_for(a_run(tmp_path))["ANNUAIRE_FORMER_KEY_PEPPERS"] == ""
    (tmp_path / "secrets" / "key_pepper").rename(tmp_path / "secrets" / "former_key_peppers")
    environment = environment_for(a_run(tmp_path))
    assert environment["ANNUAIRE_FORMER_KEY_PEPPERS"] == first
    assert environment["ANNUAIRE_KEY_PEPPER"] != first


def test_where_one_tries_a_directory_a_key_publishes_unless_the_environment_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert environment_for(a_run(tmp_path))["ANNUAIRE_PUBLISH_WITH_KEY"] == "true"
    monkeypatch.setenv("ANNUAIRE_PUBLISH_WITH_KEY", "false")
    assert environment_for(a_run(tmp_path))["ANNUAIRE_PUBLISH_WITH_KEY"] == "false"


def test_checkpoints_are_signed_with_a_key_made_here_unless_the_environment_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Path(environment_for(a_run(tmp_path))["ANNUAIRE_SIGNING_KEY"])
    content = made.read_bytes()
    assert made.stat().st_mode & 0o777 == 0o600
    assert Path(environment_for(a_run(tmp_path))["ANNUAIRE_SIGNING_KEY"]).read_bytes() == content
    monkeypatch.setenv("ANNUAIRE_SIGNING_KEY", "/etc/annuaire/signing.pem")
    assert environment_for(a_run(tmp_path))["ANNUAIRE_SIGNING_KEY"] == "/etc/annuaire/signing.pem"


def test_the_ready_line_tells_what_it_promises(tmp_path: Path) -> None:
    assert json.loads(json.dumps(a_run(tmp_path).ready())) == {
        "api": "http://127.0.0.1:8000",
        "ldap": "ldap://127.0.0.1:3389",
        "data_dir": str(tmp_path),
        "database_url": "postgresql://annuaire@/annuaire?host=/run",
    }


def test_secrets_and_the_run_file_are_private_and_stay(tmp_path: Path) -> None:
    first = key_pepper(tmp_path)
    assert len(first) >= 32
    assert key_pepper(tmp_path) == first
    write_run(tmp_path, a_run(tmp_path))
    assert (tmp_path / "secrets" / "key_pepper").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("leftover", [True, False])
def test_a_directory_where_nothing_runs_is_said(tmp_path: Path, *, leftover: bool) -> None:
    if leftover:
        write_run(tmp_path, a_run(tmp_path))
    with pytest.raises(NothingRuns, match=f"no annuaire up runs in {tmp_path}: start it with annuaire up --data-dir"):
        settings_for(tmp_path)


def test_a_directory_that_starts_but_is_not_there_yet_is_said(tmp_path: Path) -> None:
    remove_run(tmp_path)
    with Lock(tmp_path / LOCK), pytest.raises(NothingRuns):
        read_run(tmp_path)


def test_the_directory_of_somebody_else_is_said(open_dir: Path) -> None:
    write_run(open_dir, a_run(open_dir))
    with Lock(open_dir / LOCK):

        def knock() -> None:
            if open_dir.stat().st_uid != os.geteuid():
                with pytest.raises(Refused, match="belongs to another user"):
                    settings_for(open_dir)

        as_ordinary_user(knock)


def test_a_wrong_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABASE_POOL", "many")
    with pytest.raises(Refused, match="setting ANNUAIRE_DATABASE_POOL: "):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [("IMPORT_SHRINK_LIMIT", "5"), ("IMPORT_REJECT_LIMIT", "-0.1"), ("LDAP_BATCH", "0"), ("PUBLISH_WIDE", "0")],
)
def test_a_setting_out_of_its_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"ANNUAIRE_{name}", value)
    with pytest.raises(Refused, match=f"setting ANNUAIRE_{name}: "):
        read_settings()


def test_a_misspelt_setting_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANNUAIRE_DATABSE_URL", "x")
    with pytest.raises(Refused, match="unknown setting ANNUAIRE_DATABSE_URL"):
        read_settings()


def test_a_lock_is_free_when_its_holder_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_locked(path)
    with Lock(path):
        assert is_locked(path)
        assert path.read_text().strip() == str(os.getpid())
    assert not is_locked(path)


def test_a_tree_is_replaced_under_a_running_supervisor(open_dir: Path) -> None:
    slapd = Slapd(open_dir, port=free_port())
    slapd.load([SUFFIX_ENTRY])
    watch = Supervisor()
    with Lock(open_dir / LOCK):
        watch.start(slapd, is_paused=lambda: is_locked(open_dir / PAUSE))
        try:
            write_run(open_dir, a_run(open_dir, ldap=slapd.uri))
            branch = b"dn: ou=bal,dc=mssante,dc=fr\nobjectClass: organizationalUnit\nou: bal\n\n"
            asker = threading.Thread(target=replace_tree, args=(open_dir, [SUFFIX_ENTRY, branch]))
            asker.start()
            watch.wait(lambda: not asker.is_alive())
            assert entries(slapd) == ["dc=mssante,dc=fr", "ou=bal,dc=mssante,dc=fr"]
        finally:
            watch.stop()


def test_who_reads_while_a_tree_is_replaced_is_cut_once_and_told_nothing_wrong(open_dir: Path) -> None:
    def tree(text: str) -> list[bytes]:
        branch = b"dn: ou=bal,dc=mssante,dc=fr\nobjectClass: organizationalUnit\nou: bal\n\n"
        names = [STEADY, *(f"b{number}@{DOMAIN}" for number in range(40))]
        return [SUFFIX_ENTRY, branch, *(a_person(name, text) for name in names)]

    slapd = Slapd(open_dir, port=free_port())
    slapd.load(tree("old"))
    watch = Supervisor()
    with Lock(open_dir / LOCK):
        watch.start(slapd, is_paused=lambda: is_locked(open_dir / PAUSE))
        reader = Reader(slapd.uri, "ou=bal,dc=mssante,dc=fr")
        try:
            write_run(open_dir, a_run(open_dir, ldap=slapd.uri))
            asker = threading.Thread(target=replace_tree, args=(open_dir, tree("new")))
            with beside(reader):
                watch.wait(lambda: reader.answers > 0)
                asker.start()
                watch.wait(lambda: not asker.is_alive())
                before = reader.answers
                watch.wait(lambda: reader.answers > before)
            assert (reader.cut, reader.wrong) == (1, [])
            assert len(entries(slapd)) == 43
            assert not (open_dir / "ldap" / "db.old").exists()
        finally:
            watch.stop()


def a_person(address: str, text: str) -> bytes:
    lines = ("objectClass: inetOrgPerson", f"mail: {address}", f"cn: {text}", f"sn: {text}")
    return "\n".join([f"dn: mail={address},ou=bal,dc=mssante,dc=fr", *lines, "", ""]).encode()
