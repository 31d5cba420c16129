"""The embedded slapd: its life, its trees, and who may write."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.embedded import Slapd, binaries, free_port, slapd_config
from app.embedded.binaries import EngineMissing, SlapdBinaries, find_slapd
from app.embedded.lock import InUse
from app.embedded.ports import PortTaken
from app.embedded.slapd_config import ConfigPaths, own_schema, rendered
from app.embedded.slapd_tools import SlapdFailed
from tests.embedded.servers import SUFFIX_ENTRY, is_alive, kill
from tests.harness import newer_slapd
from tests.harness.unprivileged import as_ordinary_user, directory_of_ordinary_user

SUFFIX = "dc=mssante,dc=fr"
BRANCH = b"dn: ou=bal,dc=mssante,dc=fr\nobjectClass: organizationalUnit\nou: bal\n\n"
NOWHERE = SlapdBinaries(*(Path("/nowhere"),) * 6, is_openssl=False)


def entries(slapd: Slapd) -> list[str]:
    """The DNs that anybody sees."""
    command = ["ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H", slapd.uri, "-b", SUFFIX, "dn"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    return [line.removeprefix("dn: ") for line in answer.stdout.splitlines() if line.startswith("dn: ")]


def add(ldif: bytes, *authentication: str) -> int:
    """The LDAP result code of adding entries."""
    command = ["ldapadd", *authentication]
    return subprocess.run(command, input=ldif, capture_output=True, check=False, timeout=30).returncode


def exporter(slapd: Slapd) -> list[str]:
    path = slapd.ldapi_uri.removeprefix("ldapi://").replace("/", "%2F")
    return ["-Y", "EXTERNAL", "-Q", "-H", f"ldapi://{path}"]


def test_a_missing_slapd_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "SLAPD_FOLDERS", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EngineMissing, match=r"no slapd found .*: install the package slapd"):
        find_slapd()


def test_a_slapd_without_its_database_module_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "SLAPD_MODULES", ())
    with pytest.raises(EngineMissing, match="no module back_mdb"):
        find_slapd()


def test_the_configuration_leaves_no_word_to_fill() -> None:
    text = rendered(ConfigPaths(Path("/c"), Path("/d"), Path("/r"), Path("/l")), NOWHERE, "dc=test,dc=example")
    assert "@" not in text
    assert "olcSuffix: dc=test,dc=example" in text
    assert f"uidNumber={os.getuid()}," in text


def test_a_path_beyond_ascii_is_written_in_base64() -> None:
    text = rendered(ConfigPaths(Path("/c"), Path("/données"), Path("/r"), Path("/l")), NOWHERE, SUFFIX)
    assert "olcDbDirectory:: Ii9kb25uw6llcyI=" in text


@pytest.mark.parametrize("suffix", ["", "mssante", 'dc=x"', "dc=a\ndc=b", "dc=a,,dc=b"])
def test_a_suffix_that_could_change_the_configuration_is_refused(suffix: str) -> None:
    with pytest.raises(ValueError, match="is not of the form"):
        rendered(ConfigPaths(Path("/c"), Path("/d"), Path("/r"), Path("/l")), NOWHERE, suffix)


def test_only_the_exporter_writes_and_everybody_reads(slapd: Slapd) -> None:
    assert add(SUFFIX_ENTRY, "-x", "-H", slapd.uri) != 0
    assert entries(slapd) == []
    assert add(SUFFIX_ENTRY, *exporter(slapd)) == 0
    assert entries(slapd) == [SUFFIX]


def test_another_local_user_does_not_write(slapd: Slapd) -> None:
    arguments = exporter(slapd)

    def knock() -> None:
        assert add(SUFFIX_ENTRY, *arguments) != 0

    if os.geteuid() == 0:
        as_ordinary_user(knock)
    assert Path(slapd.ldapi_uri.removeprefix("ldapi://")).parent.stat().st_mode & 0o077 == 0
    assert entries(slapd) == []


def test_a_fixture_gives_an_empty_tree_each_time(slapd: Slapd) -> None:
    assert entries(slapd) == []
    assert add(SUFFIX_ENTRY + BRANCH, *exporter(slapd)) == 0
    slapd.empty()
    assert entries(slapd) == []


@pytest.fixture
def own(open_dir: Path) -> Iterator[Slapd]:
    """A slapd of one test's own, not started."""
    server = Slapd(open_dir, port=free_port())
    yield server
    server.stop()


def test_a_tree_goes_on_under_a_newer_slapd(open_dir: Path) -> None:
    own = Slapd(open_dir, port=free_port())
    own.load([SUFFIX_ENTRY, BRANCH])
    for name in newer_slapd.EITHER:
        with Slapd(open_dir, port=own.port, root=newer_slapd.root_of(name)) as slapd:
            assert entries(slapd) == [SUFFIX, f"ou=bal,{SUFFIX}"]


def test_a_slapd_that_is_not_in_the_folder_that_is_named_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineMissing, match=rf"no slapd found below {tmp_path} \(ANNUAIRE_SLAPD_ROOT\)"):
        find_slapd(tmp_path)


def test_a_load_replaces_the_whole_tree(own: Slapd) -> None:
    own.load([SUFFIX_ENTRY, BRANCH])
    own.start()
    assert entries(own) == [SUFFIX, f"ou=bal,{SUFFIX}"]
    own.stop()
    own.load([SUFFIX_ENTRY])
    own.start()
    assert entries(own) == [SUFFIX]


@pytest.mark.parametrize("fault", [b"dn: ou=x,dc=nowhere\nou: x\n\n", b"dn: ou=bal,dc=mssante,dc=fr\nnonsense: 1\n\n"])
def test_a_load_that_fails_changes_nothing(own: Slapd, fault: bytes) -> None:
    own.load([SUFFIX_ENTRY])
    with pytest.raises(SlapdFailed, match="slapadd failed"):
        own.load([SUFFIX_ENTRY, BRANCH, fault])
    own.start()
    assert entries(own) == [SUFFIX]
    assert not (own.db_dir.parent / "build").exists()


def test_an_entry_maker_that_raises_leaves_the_old_tree(own: Slapd) -> None:
    def broken() -> Iterator[bytes]:
        yield SUFFIX_ENTRY
        raise LookupError("the source broke")

    own.load([SUFFIX_ENTRY, BRANCH])
    with pytest.raises(LookupError):
        own.load(broken())
    own.start()
    assert len(entries(own)) == 2


def test_a_running_slapd_goes_on_while_a_tree_is_built(own: Slapd) -> None:
    own.start()
    own.build([SUFFIX_ENTRY])
    assert entries(own) == []
    with pytest.raises(SlapdFailed, match="stop it before"):
        own.install()
    own.stop()
    own.install()
    own.start()
    assert entries(own) == [SUFFIX]


def test_a_replacement_killed_between_its_two_renames_is_undone_and_said(
    own: Slapd, capsys: pytest.CaptureFixture[str]
) -> None:
    own.load([SUFFIX_ENTRY])
    own.db_dir.rename(own.db_dir.with_name("db.old"))
    own.start()
    assert entries(own) == [SUFFIX]
    assert "is put back" in capsys.readouterr().err


def test_it_starts_again_after_kill_9_with_what_was_acknowledged(own: Slapd) -> None:
    own.start()
    assert add(SUFFIX_ENTRY, *exporter(own)) == 0
    kill(own)
    own.stop()
    own.start()
    assert entries(own) == [SUFFIX]


def test_a_slapd_that_outlived_its_parent_is_stopped_and_said(own: Slapd, capsys: pytest.CaptureFixture[str]) -> None:
    own.start()
    assert own.process is not None
    assert own._lock is not None
    own._lock.release()  # what the kernel does when the parent is killed
    with Slapd(own._data_dir, port=own.port) as again:
        assert own.process.wait(30) is not None
        assert entries(again) == []
    assert (
        f"stopping the slapd that an earlier run left in {own._data_dir}/ldap (process {own.process.pid})"
        in capsys.readouterr().err
    )


def test_a_second_start_on_one_directory_is_refused(own: Slapd, open_dir: Path) -> None:
    own.start()
    with pytest.raises(InUse, match="is in use by process"):
        Slapd(open_dir, port=free_port()).start()


def test_a_taken_port_is_said_with_the_option_that_changes_it(own: Slapd) -> None:
    said = f"port {own.port} .* is taken .* --ldap-port"
    with socket.create_server(("127.0.0.1", own.port)), pytest.raises(PortTaken, match=said):
        own.start()
    own.start()
    assert own.is_running


def test_a_changed_configuration_is_applied_and_the_tree_kept(
    own: Slapd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.load([SUFFIX_ENTRY])
    with own:
        pass
    monkeypatch.setattr(slapd_config, "UNCHECKED", 123)
    with own:
        assert entries(own) == [SUFFIX]
        assert "size.unchecked=123" in (own.config_dir.parent / "config.ldif").read_text(encoding="utf-8")
    # A national tree is out of service for minutes while its indexes are made again: not when they are the same.
    assert capsys.readouterr().err == ""


def test_indexes_that_are_made_otherwise_are_made_again_once(
    own: Slapd, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own.load([SUFFIX_ENTRY])
    with own:
        pass
    monkeypatch.setattr("app.embedded.slapd.indexing", lambda: "olcIndexSubstrAnyLen: 2\n")
    with own:
        assert entries(own) == [SUFFIX]
    assert "indexes of the present tree are made again" in capsys.readouterr().err
    with own:
        pass
    assert capsys.readouterr().err == ""


def test_a_configuration_that_slapd_refuses_is_said_in_its_words(own: Slapd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slapd_config, "UNCHECKED", -7)
    with pytest.raises(SlapdFailed, match="slapadd failed"):
        own.start()
    monkeypatch.undo()
    own.start()
    assert own.is_running


def test_it_never_runs_as_root_and_dies_with_its_parent_thread(own: Slapd) -> None:
    own.start()
    assert own.process is not None
    status = Path(f"/proc/{own.process.pid}/status").read_text(encoding="utf-8")
    uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()[1:]
    assert "0" not in uids
    assert is_alive(own.process.pid)
    own.process.send_signal(signal.SIGTERM)
    assert own.process.wait(30) == 0


def test_a_deep_directory_with_accents_works(open_dir: Path) -> None:
    deep = open_dir / "é à" / ("d" * 110)
    slapd = Slapd(deep, port=free_port())
    slapd.load([SUFFIX_ENTRY])
    with slapd:
        assert entries(slapd) == [SUFFIX]
        assert len(slapd.ldapi_uri) < 100


def test_it_works_for_an_ordinary_user() -> None:
    # Read (once for each process) while we may: the checkout can be closed to him.
    rendered(ConfigPaths(Path("/c"), Path("/d"), Path("/r"), Path("/l")), NOWHERE, SUFFIX)
    own_schema()
    with directory_of_ordinary_user() as path:

        def live() -> None:
            slapd = Slapd(path / "var", port=free_port())
            slapd.load([SUFFIX_ENTRY])
            with slapd:
                assert entries(slapd) == [SUFFIX]
                assert add(BRANCH, *exporter(slapd)) == 0

        as_ordinary_user(live)
