"""deploy/compose: the compose file by its specification, the Dockerfile by hadolint and by what its build does.

There is no Docker here: what needs one (bases, packages of the images) is not tried.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from app.settings import PREFIX, Settings
from tests.docs.markdown import ROOT
from tests.harness.nginx_front import NGINX

FOLDER = ROOT / "deploy" / "compose"
SCHEMAS = ROOT / "tests" / "data" / "schemas"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
STEP = re.compile(r"(FROM|ARG|ENV|RUN|WORKDIR|COPY|USER|ENTRYPOINT|CMD) (.*)", re.DOTALL)


def steps(stage: str) -> list[tuple[str, str]]:
    """The instructions of one stage of the Dockerfile, continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", (FOLDER / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    found: list[tuple[str, str]] = []
    here = ""
    for line in text.replace("\\\n", " ").splitlines():
        if match := STEP.fullmatch(line):
            here = match[2].rpartition(" AS ")[2] if match[1] == "FROM" else here
            if here == stage:
                found.append((match[1], match[2]))
    return found


def complaints(document: dict[str, Any]) -> list[str]:
    schema = json.loads((SCHEMAS / "compose-spec.json").read_text("utf-8"))
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(document)]


def test_the_compose_file_is_one() -> None:
    assert complaints(COMPOSE) == []
    assert complaints({**COMPOSE, "services": {"api": {"imagee": "annuaire"}}})


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_may_do_no_more_than_it_must(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory", "pids"}
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    # A worker has no port to ask; a step that ends has no health.
    assert ("healthcheck" in service) == (name not in {"worker", "schema"})
    # Only the image of PostgreSQL needs to be told whom to be: ours say so themselves.
    assert ("user" in service) == (name == "postgres")


def test_the_database_is_reached_from_inside_alone() -> None:
    assert COMPOSE["networks"]["inside"]["internal"]
    assert SERVICES["postgres"]["networks"] == ["inside"]
    assert {name for name, service in SERVICES.items() if "ports" in service} == {"front", "slapd"}


def test_secrets_are_files_that_are_settings_or_named_by_one() -> None:
    environment = (FOLDER / "annuaire.env").read_text("utf-8")
    settings = set(re.findall(rf"^{PREFIX}([A-Z_]+)=", environment, re.MULTILINE))
    assert {name.lower() for name in settings} <= set(Settings.model_fields)
    secret = {name for name, field in Settings.model_fields.items() if "Secret" in str(field.annotation)}
    assert not {name.lower() for name in settings} & (secret | {"database_url"})
    for name in COMPOSE["secrets"]:
        if name.startswith(PREFIX.lower()):
            assert name.removeprefix(PREFIX.lower()) in Settings.model_fields
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
        assert not any("PASSWORD" in name and not name.endswith("_FILE") for name in service.get("environment", {}))


def test_images_are_stages_of_the_dockerfile_and_nobody_in_them_is_root() -> None:
    for service in SERVICES.values():
        if "build" in service:
            built = dict(steps(service["build"]["target"]))
            assert built["USER"].split(":")[0] != "0"
            assert (ROOT / service["build"]["dockerfile"]).exists()


def test_the_worker_is_whom_slapd_takes_for_its_exporter() -> None:
    uid = dict(steps("annuaire"))["USER"].split(":")[0]
    assert f"CALLER_UID={uid}" in SERVICES["slapd"]["command"]


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, FOLDER / "Dockerfile"], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_holds_what_is_locked_and_runs_annuaire(tmp_path: Path) -> None:
    """The steps of the stage `build` in a plain directory, but for the one that installs uv, which stands beside us."""
    source, installed = tmp_path / "src", tmp_path / "opt" / "annuaire"
    source.mkdir()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for instruction, rest in steps("build"):
        if instruction == "ENV":
            environment |= dict(pair.split("=") for pair in rest.split())
            environment["UV_PROJECT_ENVIRONMENT"] = str(installed)
        elif instruction == "COPY":
            *sources, target = shlex.split(rest)
            _copy(sources, source / target)
        elif instruction == "RUN" and rest.startswith("uv "):
            # The packages are in uv's cache where `make setup` ran; a layer of an image keeps none.
            words = [*shlex.split(rest.replace(" --no-cache", "")), "--quiet", "--python", sys.executable]
            certificates = ["--system-certs"] if Path("/etc/ssl/certs/ca-certificates.crt").exists() else []
            subprocess.run([*words, *certificates], cwd=source, env=environment, check=True, timeout=240)
    shutil.rmtree(source)
    listed = subprocess.run([installed / "bin" / "annuaire", "--help"], capture_output=True, cwd=tmp_path, check=True)
    assert b"serve" in listed.stdout
    packages = subprocess.run(
        ["uv", "pip", "list", "--python", installed], env=environment, capture_output=True, check=True
    )
    assert b"pytest" not in packages.stdout


def _copy(sources: list[str], target: Path) -> None:
    """As COPY does: a folder's content into the target, files into it."""
    for name in sources:
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(path, target)


def test_every_file_of_an_image_is_here_and_let_through() -> None:
    let_through = [
        line[1:] for line in (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").split() if line.startswith("!")
    ]
    for stage in ("build", "annuaire", "slapd", "front"):
        for instruction, rest in steps(stage):
            if instruction == "COPY" and not rest.startswith("--from"):
                for name in shlex.split(rest)[:-1]:
                    assert (ROOT / name).exists()
                    assert any(name == each or name.startswith(f"{each}/") for each in let_through)


@pytest.mark.skipif(not NGINX, reason="nginx is missing: deploy/packages.sh test installs it")
def test_nginx_reads_the_main_file_of_its_image(tmp_path: Path) -> None:
    assert NGINX
    text = (FOLDER / "nginx.conf").read_text("utf-8").replace("include /etc/nginx/conf.d/*.conf;", "")
    (tmp_path / "nginx.conf").write_text(re.sub(r"(pid |_path )/tmp", rf"\g<1>{tmp_path}", text), "utf-8")
    done = subprocess.run(
        [NGINX, "-t", "-c", tmp_path / "nginx.conf", "-p", tmp_path], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
