"""The units of deploy/systemd, judged by systemd's own tools, which need no systemd that runs."""

import os
import re
import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest

from app.settings import PREFIX, Settings
from tests.docs.markdown import ROOT
from tests.harness.unprivileged import as_ordinary_user, directory_of_ordinary_user

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
RENEW = FOLDER / "annuaire-slapd-renew.service"
# Those that run until they are stopped.
SERVERS = [path for path in SERVICES if path != RENEW]
COMMAND, SHARE = "/opt/annuaire/bin/annuaire", "/opt/annuaire/share"
# Tenths of systemd's measure of exposure (0 best, 100 worst). slapd needs ports below 1024, and to know uids of others.
EXPOSURE = {"annuaire-api": 9, "annuaire-worker": 11, "annuaire-slapd": 14, "annuaire-slapd-renew": 11}
pytestmark = pytest.mark.skipif(
    not shutil.which("systemd-analyze"), reason="systemd-analyze is missing: deploy/packages.sh test installs it"
)


def run(*command: str) -> tuple[int, str]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout + done.stderr


def unit(path: Path) -> dict[str, list[tuple[str, str]]]:
    """Sections of a unit with their lines, names repeated where they are."""
    sections: dict[str, list[tuple[str, str]]] = {}
    lines: list[tuple[str, str]] = []
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("["):
            lines = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            lines.append((name, value))
    return sections


def values(path: Path, name: str) -> list[str]:
    return [value for found, value in unit(path)["Service"] if found == name]


def test_systemd_reads_every_unit_without_complaint(tmp_path: Path) -> None:
    for path in FOLDER.glob("annuaire*.*"):
        # Commands are where a deployment installs them.
        text = path.read_text("utf-8").replace(COMMAND, sys.executable).replace(SHARE, str(ROOT / "deploy"))
        (tmp_path / path.name).write_text(text, "utf-8")
    units = [str(path) for path in tmp_path.iterdir() if path.suffix in {".service", ".target", ".timer"}]
    assert run("systemd-analyze", "verify", "--man=no", *units) == (0, "")


def test_a_misspelt_directive_would_be_found(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.service"
    wrong.write_text(f"[Service]\nExecStart={sys.executable}\nNoNewPrivilege=yes\n", "utf-8")
    assert "NoNewPrivilege" in run("systemd-analyze", "verify", "--man=no", str(wrong))[1]


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_unit_is_exposed_no_more_than_it_must(path: Path) -> None:
    status, said = run("systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE[path.stem]}", str(path))
    assert status == 0, said


def test_the_tools_need_no_root() -> None:
    with directory_of_ordinary_user() as folder:
        copy = folder / SERVICES[0].name
        copy.write_text(SERVICES[0].read_text("utf-8"), "utf-8")
        copy.chmod(0o644)
        as_ordinary_user(lambda: _judge(copy))


def _judge(path: Path) -> None:
    assert run("systemd-analyze", "security", "--offline=true", "--threshold=20", str(path))[0] == 0


@pytest.mark.parametrize("path", SERVERS, ids=lambda path: path.stem)
def test_a_unit_starts_again_within_bounds_and_stops_in_time(path: Path) -> None:
    limits = dict(unit(path)["Unit"])
    assert int(limits["StartLimitBurst"]) > 0
    assert int(limits["StartLimitIntervalSec"]) > int(limits["StartLimitBurst"]) * int(values(path, "RestartSec")[0])
    assert values(path, "Restart") == ["on-failure"]
    assert values(path, "TimeoutStopSec")
    assert dict(unit(path)["Unit"])["PartOf"] == "annuaire.target"


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_credentials_are_settings_and_no_secret_stands_in_a_unit(path: Path) -> None:
    for given in values(path, "LoadCredential"):
        name, _, file = given.partition(":")
        assert name.removeprefix(PREFIX.lower()) in Settings.model_fields
        assert Path(file).name == name
    assert values(path, "Environment") == []


def test_a_command_of_a_unit_is_one_of_ours() -> None:
    for path in SERVICES:
        (start,) = values(path, "ExecStart")
        program, name, *options = start.split()
        if program == COMMAND:
            status, said = run(sys.executable, "-m", "app.cli", name, "--help")
            assert status == 0
            assert all(option in said for option in options if option.startswith("--"))


@pytest.mark.parametrize(
    ("pid", "limit", "status"), [("self", 0, 0), ("self", 100_000, 1), ("0", 0, 1), ("1" * 9, 0, 255)]
)
def test_a_server_is_renewed_where_it_has_outgrown_its_memory(pid: str, limit: int, status: int) -> None:
    """systemd names what does not run 0; 255 is to it a failure, and any other but 0 a condition that does not hold."""
    (condition,) = values(RENEW, "ExecCondition")
    program, _, _ = condition.split()
    assert (
        run(program.replace(SHARE, str(ROOT / "deploy")), pid.replace("self", str(os.getpid())), str(limit))[0]
        == status
    )


def test_what_systemd_does_not_tell_is_a_failure() -> None:
    """systemd does not run where the tests do."""
    assert run(str(ROOT / "deploy" / "slapd" / "outgrown"), "no such.service", "0")[0] == 255


def test_users_and_folders_are_made_by_systemd(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    groups = "root:x:0:\nwww-data:x:33:\nopenldap:x:101:\n"
    (tmp_path / "etc" / "group").write_text(groups, "utf-8")
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\nopenldap:x:101:101::/:/bin/false\n", "utf-8")
    users = run("systemd-sysusers", f"--root={tmp_path}", str(FOLDER / "annuaire.sysusers.conf"))
    assert users[0] == 0, users[1]
    assert re.search(r"^annuaire:", (tmp_path / "etc" / "passwd").read_text("utf-8"), re.MULTILINE)


def test_sockets_lie_where_the_settings_look_for_them() -> None:
    parsed = ConfigParser(delimiters=("=",), interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment, method-assign]
    parsed.read_string("[env]\n" + (ROOT / "deploy" / "annuaire.env").read_text("utf-8"))
    uri = parsed["env"]["ANNUAIRE_LDAP_URI"].removeprefix("ldapi://")
    (slapd,) = values(FOLDER / "annuaire-slapd.service", "ExecStart")
    assert uri.replace("/", "%%2F") in slapd
    folders = (FOLDER / "annuaire.tmpfiles.conf").read_text("utf-8")
    assert str(Path(uri).parent) in folders
    (api,) = values(FOLDER / "annuaire-api.service", "ExecStart")
    assert str(Path(api.split()[-1]).parent) in folders
