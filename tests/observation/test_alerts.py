"""Each alert fires when it should and is quiet otherwise, as Prometheus' own promtool evaluates it."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from tests.observation.files import CONFIGURATION, RULES, Alert, alerts, metrics_in

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(
    PROMTOOL is None, reason="promtool is not here: deploy/packages.sh test installs it"
)
# Two hours of one sample a minute: longer than any alert waits. The clock of promtool begins at 0.
MINUTES, NOW = 125, 2 * 3_600
DAY = 86_400

Series = Mapping[str, str]
DISK = {"folder": "spool", "instance": "a"}


class Case(NamedTuple):
    """Series by which an alert fires, with the labels that it then has, and series by which it does not."""

    fires: Series
    quiet: Series
    labels: Mapping[str, str] = {}


def steady(value: float) -> str:
    return f"{value}+0x{MINUTES}"


def growing(step: float) -> str:
    """A counter that grows by this each minute."""
    return f"0+{step}x{MINUTES}"


def over(metric: str, beyond: float, within: float, labels: Mapping[str, str] | None = None, **seen: str) -> Case:
    """An alert on the value of one metric; `seen`: labels of the series that the alert does not keep."""
    kept = dict(labels or {})
    inside = ",".join(f'{name}="{value}"' for name, value in {**kept, **seen, "instance": "a"}.items())
    series = f"{metric}{{{inside}}}"
    return Case({series: steady(beyond)}, {series: steady(within)}, kept)


def _requests(failing: float) -> Series:
    return {
        'annuaire_http_requests_total{status="200"}': growing(100),
        'annuaire_http_requests_total{status="503"}': growing(failing),
    }


def _slow(route: str, within: float) -> Series:
    buckets = {"0.1": within, "1": within, "2.5": 100, "+Inf": 100}
    name = "annuaire_http_request_seconds_bucket"
    return {f'{name}{{route="{route}",le="{bound}"}}': growing(count) for bound, count in buckets.items()}


def _share(part: str, whole: str, percent: float, labels: Mapping[str, str]) -> Series:
    inside = "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}"
    return {f"{part}{inside}": steady(percent), f"{whole}{inside}": steady(100)}


def _files(percent: float) -> Series:
    return _share("process_open_fds", "process_max_fds", percent, {"instance": "a"})


def _crowd(percent: float) -> Series:
    return _share("annuaire_database_connections", "annuaire_database_connections_limit", percent, {})


def _disk(percent: float) -> Series:
    return _share("annuaire_folder_free_bytes", "annuaire_folder_size_bytes", percent, DISK)


OLDEST = "annuaire_database_oldest_transaction_seconds"
CASES: Mapping[str, Case] = {
    "AnnuaireApiDown": Case({'up{job="annuaire"}': steady(0)}, {'up{job="annuaire"}': steady(1)}, {"job": "annuaire"}),
    "AnnuaireErrors": Case(_requests(3), _requests(1)),
    "AnnuaireSlow": Case(_slow("/v1/search", 90), _slow("/v1/changes", 0)),
    "AnnuairePoolRefusals": Case(
        {'annuaire_pool_refused_total{pool="read"}': growing(1)},
        {'annuaire_pool_refused_total{pool="read"}': steady(7)},
        {"pool": "read"},
    ),
    "AnnuaireConsultationsDropped": Case(
        {'annuaire_consultations_total{outcome="dropped"}': growing(1)},
        {'annuaire_consultations_total{outcome="written"}': growing(9)},
    ),
    "AnnuaireFiles": Case(_files(81), _files(79), {"instance": "a"}),
    "AnnuaireDatabaseDown": over("annuaire_database_up", 0, 1, {"job": "annuaire", "instance": "a"}),
    "AnnuaireSchemaOld": over("annuaire_schema_current", 0, 1, {"job": "annuaire", "instance": "a"}),
    "AnnuaireIdleTransaction": over(OLDEST, 301, 299, state="idle"),
    "AnnuaireLongTransaction": over(OLDEST, 7_201, 7_199, state="active"),
    "AnnuaireLockWaits": over("annuaire_database_lock_waits", 1, 0),
    "AnnuaireConnectionsCrowded": Case(_crowd(81), _crowd(79)),
    "AnnuaireArchiveOld": over("annuaire_database_archive_age_seconds", 901, 900),
    "AnnuaireBackupOld": over("annuaire_base_backup_age_seconds", 172_801, 172_800),
    "AnnuaireArchiveFailing": over("annuaire_database_archive_failing", 1, 0),
    "AnnuaireStandbyLag": over("annuaire_database_standby_lag_seconds", 61, 59),
    "AnnuaireWorkerSilent": over("annuaire_worker_seen_seconds", 601, 599),
    "AnnuaireDutyFailing": over("annuaire_duties_failing", 1, 0),
    "AnnuaireChannelLate": over("annuaire_channel_late", 1, 0, {"channel": "ldap"}),
    "AnnuaireDomainRuleOff": over("annuaire_domain_rule", 0, 1),
    "AnnuaireImportFailed": over("annuaire_import_state", 1, 0, {"source": "finess"}, state="failed"),
    "AnnuaireImportRefused": over("annuaire_import_state", 1, 0, {"source": "finess"}, state="refused"),
    "AnnuaireImportLong": over("annuaire_import_running_seconds", 7_201, 7_199, source="finess", phase="reading"),
    "AnnuaireDirectoryOld": over("annuaire_import_applied_seconds", 9 * DAY, 7 * DAY, {"source": "mssante"}),
    "AnnuaireBudgetStorm": over("annuaire_budget_exhausted_callers", 50, 49, kind="anonymous"),
    "AnnuaireCertificateEnding": over(
        "annuaire_certificate_end_timestamp_seconds", NOW + 29 * DAY, NOW + 31 * DAY, {"kind": "served"}
    ),
    "AnnuaireCertificateEndingSoon": over(
        "annuaire_certificate_end_timestamp_seconds", NOW + 6 * DAY, NOW + 8 * DAY, {"kind": "served"}
    ),
    "AnnuaireRevocationListEnding": over(
        "annuaire_revocation_list_end_timestamp_seconds", NOW + 0.9 * DAY, NOW + 1.1 * DAY, {"kind": "client"}
    ),
    "AnnuaireCredentialFileUnreadable": over("annuaire_credential_files_unreadable", 1, 0, {"kind": "client_list"}),
    "AnnuaireOperatorCredentialsEnding": over("annuaire_operator_credentials_ending", 1, 0, {"kind": "key"}),
    "AnnuaireAuditNotAnchored": over("annuaire_audit_anchored_seconds", 10_801, 10_799),
    "AnnuaireDiskLow": Case(_disk(14), _disk(16), DISK),
    "AnnuaireDiskFull": Case(_disk(4), _disk(6), DISK),
}


def test_each_alert_is_tried_both_ways() -> None:
    assert set(CASES) == {alert.name for alert in alerts()}


@needs_promtool
def test_promtool_accepts_rules_and_configuration() -> None:
    _promtool("check", "rules", str(RULES))
    _promtool("check", "config", str(CONFIGURATION))


@needs_promtool
def test_an_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    _promtool("test", "rules", str(_written(tmp_path, alerts(), CASES)))


@needs_promtool
def test_an_alert_that_did_not_fire_would_be_seen(tmp_path: Path) -> None:
    alert = alerts()[0]
    case = CASES[alert.name]
    turned = {alert.name: Case(case.quiet, case.fires, case.labels)}
    with pytest.raises(AssertionError, match="FAILED"):
        _promtool("test", "rules", str(_written(tmp_path, [alert], turned)))


def _worlds(tried: Sequence[Alert]) -> list[list[Alert]]:
    """Alerts that share no metric, so that one world holds the series of all: promtool takes seconds for each world."""
    worlds: list[list[Alert]] = []
    for alert in tried:
        own = metrics_in(alert.expression)
        fit = [world for world in worlds if not any(own & metrics_in(each.expression) for each in world)]
        if fit:
            fit[0].append(alert)
        else:
            worlds.append([alert])
    return worlds


def _test(world: Sequence[Alert], cases: Mapping[str, Case], *, is_firing: bool) -> dict[str, Any]:
    series = {
        name: values
        for alert in world
        for name, values in (cases[alert.name].fires if is_firing else cases[alert.name].quiet).items()
    }
    rules = []
    for alert in world:
        fired = {"exp_labels": {**alert.labels, **cases[alert.name].labels}, "exp_annotations": alert.annotations}
        expected = [fired] if is_firing else []
        rules.append({"eval_time": f"{NOW}s", "alertname": alert.name, "exp_alerts": expected})
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": rules,
    }


def _written(folder: Path, tried: Sequence[Alert], cases: Mapping[str, Case]) -> Path:
    tests = [_test(world, cases, is_firing=firing) for world in _worlds(tried) for firing in (True, False)]
    path = folder / "tests.yml"
    path.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": tests}), "utf-8")
    return path


def _promtool(*arguments: str) -> None:
    assert PROMTOOL
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
