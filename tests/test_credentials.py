"""Settings that are files: what systemd's LoadCredential= and the secrets of a container image give."""

from pathlib import Path

import pytest

from app.console import Refused
from app.embedded.attach import read_settings
from app.settings import CREDENTIALS


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "credentials").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CREDENTIALS, str(tmp_path / "credentials"))
    return tmp_path / "credentials"


def test_a_file_named_like_a_variable_is_that_setting(folder: Path) -> None:
    (folder / "annuaire_key_pepper").write_text("a long random text\n", "utf-8")
    (folder / "tls.key").write_text("of somebody else", "utf-8")
    assert read_settings().key_pepper.get_secret_value() == "a long random text"


def test_the_files_of_a_mounted_secret_are_links_beside_hidden_folders(folder: Path) -> None:
    """As Kubernetes lays them out, so that all change at once."""
    (folder / "..2026").mkdir()
    (folder / "..data").symlink_to("..2026")
    (folder / "..2026" / "annuaire_proxy_secret").write_text("said by the proxy", "utf-8")
    (folder / "annuaire_proxy_secret").symlink_to("..data/annuaire_proxy_secret")
    assert read_settings().proxy_secret.get_secret_value() == "said by the proxy"


def test_the_environment_wins_over_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "annuaire_key_pepper").write_text("of the file", "utf-8")
    monkeypatch.setenv("ANNUAIRE_KEY_PEPPER", "of the environment")
    assert read_settings().key_pepper.get_secret_value() == "of the environment"


def test_a_misspelt_file_does_not_pass_for_a_setting(folder: Path) -> None:
    (folder / "annuaire_key_peper").write_text("a long random text", "utf-8")
    with pytest.raises(Refused, match="unknown setting ANNUAIRE_KEY_PEPER"):
        read_settings()


def test_no_secret_of_a_file_is_in_what_is_said_of_it(folder: Path) -> None:
    (folder / "annuaire_key_pepper").write_text("a long random text", "utf-8")
    assert "a long random text" not in repr(read_settings())
