"""Certificates and lists in files: when the first ends, also after they were replaced."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from starlette.testclient import TestClient

from app.main import create_app
from app.metrics.files import CredentialFiles
from app.settings import Settings
from tests.access.authority import DAY, a_root
from tests.metrics.samples import scraped


def test_the_first_end_of_each_kind_is_told(settings: Settings, tmp_path: Path) -> None:
    root = a_root()
    front, slapd = tmp_path / "front.pem", tmp_path / "slapd.pem"
    front.write_bytes(root.issue(valid_for=40 * DAY).pem + root.pem)
    slapd.write_bytes(root.issue(valid_for=20 * DAY).pem)
    ca, lists = tmp_path / "ca.pem", tmp_path / "crl"
    ca.write_bytes(root.pem)
    lists.mkdir()
    # An older list of the same authority is kept beside: it no longer counts.
    (lists / "old.pem").write_bytes(root.list_of(at=-6 * DAY, lasts=3 * DAY))
    (lists / "new.pem").write_bytes(root.list_of(lasts=9 * DAY))
    named = {"watched_certificates": (front, slapd), "client_ca_file": ca, "client_crl": lists}
    files = CredentialFiles(settings.model_copy(update=named))
    ends = files.ends()
    assert _days(ends.certificates["served"]) == 18
    assert _days(ends.lists["client"]) == 7
    assert set(ends.certificates) == {"served", "client_authority"}
    slapd.write_bytes(root.issue(valid_for=90 * DAY).pem)
    assert _days(files.ends().certificates["served"]) == 38


def test_a_file_that_is_no_certificate_is_told_and_mended_without_a_restart(
    api_settings: Settings, tmp_path: Path
) -> None:
    front = tmp_path / "front.pem"
    watching = api_settings.model_copy(update={"watched_certificates": (front,)})
    with TestClient(create_app(watching)) as client:
        for content in (None, b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
            if content:
                front.write_bytes(content)
            exposed = scraped(client)
            assert exposed.value("annuaire_credential_files_unreadable", kind="served") == 1
            assert exposed.value("annuaire_certificate_end_timestamp_seconds", kind="served") is None
        held = a_root().issue()
        front.write_bytes(held.pem)
        exposed = scraped(client)
    assert exposed.value("annuaire_credential_files_unreadable", kind="served") == 0
    ends = exposed.value("annuaire_certificate_end_timestamp_seconds", kind="served")
    assert ends == held.certificate.not_valid_after_utc.timestamp()


def _days(end: datetime | None) -> int:
    assert end is not None
    return (end - datetime.now(UTC)) // timedelta(days=1)
