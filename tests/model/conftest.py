"""The base world of this test process. A failed check tells both sides."""

from pathlib import Path

import pytest

from app.embedded import Postgres, Slapd
from app.settings import Settings

RULES = ("checks", "follower", "writes", "files", "trust", "moves", "crashes")
pytest.register_assert_rewrite(*(f"tests.model.{name}" for name in RULES))

from tests.model.histories import Histories  # noqa: E402 - its modules are rewritten by the line above
from tests.model.system import made_base  # noqa: E402


@pytest.fixture
def histories(migrated: Postgres, slapd: Slapd, tmp_path: Path, open_dir: Path) -> type[Histories]:
    """The machine of histories, with the installation that each of them begins with."""
    ours = Settings(
        _env_file=None, key_pepper="pepper-of-the-tests", publish_with_key=True, database_pool=3, log_level="error",
        anonymous_budget=0, anonymous_rate=0, key_rate=0, consultation_days=0, ldap_uri=slapd.ldapi_uri,
    )  # fmt: skip
    Histories.base, Histories.folder = made_base(migrated, slapd, ours, tmp_path), open_dir
    return Histories
