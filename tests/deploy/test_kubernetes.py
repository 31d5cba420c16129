"""deploy/k8s by the schemas of Kubernetes and CloudNativePG, and by what its parts promise each other."""

import copy
import json
import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft7Validator

from app.settings import PREFIX, Settings
from tests.deploy.manifests import (
    FOLDER,
    Resource,
    containers,
    named,
    of_kind,
    resources,
    schema_of,
    selects,
    workloads,
)
from tests.deploy.test_compose import steps
from tests.docs.markdown import ROOT

OF_CLOUDNATIVE_PG = {"Cluster", "ScheduledBackup", "ObjectStore"}
# The oldest that the manifests say they need, and the newest whose schema we have.
VERSIONS = ("1.30", "1.37")
EVERYBODY = sorted(workloads())
# Connections: nine loops of a worker, of which some need a second one; commands and PostgreSQL's own.
OF_A_WORKER, OF_OTHERS = 20, 20
KUBECTL = shutil.which("kubectl")


def title(resource: Resource) -> str:
    return f"{resource['kind']}-{resource['metadata']['name']}"


def complaints(resource: Resource) -> list[str]:
    if resource["kind"] in OF_CLOUDNATIVE_PG:
        found = Draft7Validator(schema_of(resource["kind"])).iter_errors(resource)
        return [f"{error.json_path}: {error.message}" for error in found]
    said = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(resource, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            said.append(f"{version}: {error.message}")
    return said


@pytest.mark.parametrize("resource", resources(), ids=title)
def test_a_resource_is_what_its_kind_says(resource: Resource) -> None:
    assert complaints(resource) == []


@pytest.mark.parametrize("kind", ["Cluster", "ObjectStore", "Deployment", "NetworkPolicy"])
def test_a_misspelt_field_is_found(kind: str) -> None:
    wrong = copy.deepcopy(of_kind(kind)[0])
    wrong["spec"]["instancez"] = 3
    assert "instancez" in "".join(complaints(wrong))


def test_every_file_is_listed() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert {*listed, "kustomization.yaml"} == {path.name for path in FOLDER.glob("*.yaml")}


@pytest.mark.skipif(not KUBECTL, reason="kubectl is no package of Debian's: where it is, kustomize is tried too")
def test_kustomize_builds_them(tmp_path: Any) -> None:
    assert KUBECTL
    shutil.copytree(FOLDER, tmp_path / "k8s")
    file = tmp_path / "k8s" / "kustomization.yaml"
    file.write_text(file.read_text("utf-8").replace("# components:", "components:"), "utf-8")
    done = subprocess.run([KUBECTL, "kustomize", file.parent], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    assert len(built) == len(resources()) + 1
    api = next(each for each in built if title(each) == "Deployment-annuaire-api")
    assert "replicas" not in api["spec"]


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_pod_is_let_into_a_restricted_namespace(name: str) -> None:
    """Pod Security Standards, profile restricted (and a file system that is read only)."""
    pod = workloads()[name]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    for each in containers(workloads()[name]):
        allowed = each["securityContext"]
        assert allowed.get("runAsUser", pod["securityContext"].get("runAsUser"))
        assert allowed["readOnlyRootFilesystem"]
        assert allowed["allowPrivilegeEscalation"] is False
        assert allowed["capabilities"] == {"drop": ["ALL"]}
        assert each["resources"]["limits"]["memory"]
        assert each["resources"]["requests"].keys() == {"cpu", "memory"}
    assert all(
        volume.keys() & {"emptyDir", "persistentVolumeClaim", "secret", "projected"} for volume in pod["volumes"]
    )


@pytest.mark.parametrize("name", EVERYBODY)
def test_a_server_is_asked_how_it_is(name: str) -> None:
    for each in workloads()[name]["spec"]["containers"]:
        # A worker has no port: what goes wrong in it ends it.
        assert ("livenessProbe" in each) == (each["args"] != ["worker"] if "args" in each else True)


@pytest.mark.parametrize("name", EVERYBODY)
def test_nothing_reaches_a_pod_unless_a_policy_says_so(name: str) -> None:
    policies = [each["spec"] for each in of_kind("NetworkPolicy")]
    denied = named("NetworkPolicy", "nothing")["spec"]
    assert denied == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    labels = workloads()[name]["metadata"]["labels"]
    own = [each for each in policies if each["podSelector"] and selects(each["podSelector"], labels)]
    assert own
    opened = {port["port"] for each in own for rule in each.get("ingress", []) for port in rule["ports"]}
    listening = {port["containerPort"] for each in containers(workloads()[name]) for port in each.get("ports", [])}
    assert opened <= listening


def test_services_and_budgets_find_their_pods() -> None:
    labels = [template["metadata"]["labels"] for template in workloads().values()]
    for service in of_kind("Service"):
        assert any(service["spec"]["selector"].items() <= each.items() for each in labels), title(service)
    for budget in of_kind("PodDisruptionBudget"):
        assert any(selects(budget["spec"]["selector"], each) for each in labels), title(budget)
    for name, template in workloads().items():
        made = next(each for each in of_kind("Deployment", "StatefulSet") if each["metadata"]["name"] == name)
        assert selects(made["spec"]["selector"], template["metadata"]["labels"])


def test_settings_and_secrets_have_the_names_of_settings() -> None:
    given = re.findall(rf"^{PREFIX}([A-Z_]+)=", (FOLDER / "annuaire.env").read_text("utf-8"), re.MULTILINE)
    for template in workloads().values():
        given += [env["name"].removeprefix(PREFIX) for each in containers(template) for env in each.get("env", [])]
        for volume in template["spec"]["volumes"]:
            for source in volume.get("projected", {}).get("sources", []):
                given += [item["path"].removeprefix(PREFIX.lower()) for item in source["secret"].get("items", [])]
    assert {name.lower() for name in given} - {"credentials_directory"} <= set(Settings.model_fields)


def test_the_guide_names_every_secret() -> None:
    """All but the one that the operator of PostgreSQL makes."""
    texts = [path.read_text("utf-8") for path in FOLDER.glob("*.yaml") if path.name != "postgres.yaml"]
    found = re.findall(r"secretName: ([\w-]+)|secret: \{name: ([\w-]+)\}|secret:\n\s+name: ([\w-]+)", "\n".join(texts))
    asked = {"".join(names) for names in found} - {"annuaire-postgres-app"}
    asked.add(named("Cluster", "annuaire-postgres")["spec"]["managed"]["roles"][0]["passwordSecret"]["name"])
    credentials = named("ObjectStore", "annuaire-backup")["spec"]["configuration"]["s3Credentials"]
    asked |= {each["name"] for each in credentials.values()}
    guide = (ROOT / "docs" / "deployment.md").read_text("utf-8")
    assert asked == set(re.findall(r"^\| `(annuaire-[\w-]+)` \|", guide, re.MULTILINE))


def test_the_worker_of_slapd_is_whom_slapd_takes_for_its_exporter() -> None:
    slapd, worker = workloads()["annuaire-ldap-provider"]["spec"]["containers"]
    assert f"CALLER_UID={worker['securityContext']['runAsUser']}" in slapd["args"]
    for container, stage in ((slapd, "slapd"), (worker, "annuaire")):
        assert dict(steps(stage))["USER"].split(":")[0] == str(container["securityContext"]["runAsUser"])
    assert named("StatefulSet", "annuaire-ldap-provider")["spec"]["replicas"] == 1


def test_postgresql_bears_the_connections_of_as_many_pods_as_there_may_be() -> None:
    """The sums of docs/deployment.md."""
    most = int(named("HorizontalPodAutoscaler", "annuaire-api")["spec"]["maxReplicas"])
    workers = named("Deployment", "annuaire-worker")["spec"]["replicas"] + 1
    pool = Settings.model_fields["database_pool"].default
    needed = most * (4 * pool + 13) + workers * OF_A_WORKER + OF_OTHERS
    parameters = named("Cluster", "annuaire-postgres")["spec"]["postgresql"]["parameters"]
    assert needed <= int(parameters["max_connections"])


def test_parameters_of_postgresql_are_texts() -> None:
    """Its operator refuses numbers and booleans, which YAML makes of what stands without quotes."""
    parameters = named("Cluster", "annuaire-postgres")["spec"]["postgresql"]["parameters"]
    assert all(isinstance(value, str) for value in json.loads(json.dumps(parameters)).values())
