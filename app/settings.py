"""All settings of annuaire, one frozen object, read once at the composition roots.

Each setting is described, with the consequence of changing it, in `.env.example`; a test keeps the two in step.
"""

import os
import re
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from app import mail_domains

PREFIX = "ANNUAIRE_"
# Names the folder of files that are one setting each: systemd sets it for LoadCredential=, a container image by itself.
CREDENTIALS = "CREDENTIALS_DIRECTORY"


# Names separated by spaces, as one writes them in a file of settings.
MailDomains = Annotated[
    tuple[str, ...],
    NoDecode,
    BeforeValidator(lambda given: mail_domains.names_of(given) if isinstance(given, str) else given),
]


# Files separated by spaces.
Paths = Annotated[
    tuple[Path, ...] | None,
    NoDecode,
    BeforeValidator(lambda given: given.split() or None if isinstance(given, str) else given),
]

UNIX_SOCKET = "unix"


def _proxies(given: object) -> object:
    """Networks and the word unix, separated by spaces. Raises ValueError."""
    if not isinstance(given, str):
        return given
    names = tuple(given.split())
    for name in names:
        if name != UNIX_SOCKET:
            ip_network(name)
    return names or None


TrustedProxies = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_proxies)]


LDAP_URL = re.compile(r"ldaps?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}")


def _ldap_urls(given: object) -> object:
    """URLs with host and port, separated by spaces. Raises ValueError."""
    if not isinstance(given, str):
        return given
    urls = tuple(given.split())
    for url in urls:
        if not LDAP_URL.fullmatch(url):
            raise ValueError(f"{url} is no URL like ldaps://0.0.0.0:636 or ldap://[::]:389")
    return urls or None


LdapUrls = Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(_ldap_urls)]


class UnknownSetting(ValueError):
    """A variable or a credential with our prefix that names no setting: most often a typing error."""


class Settings(BaseSettings):
    """The configuration of one process. Frozen: whoever needs another value builds another object."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_file=".env", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    # A libpq or SQLAlchemy URL; without host it means the unix socket (`postgresql:///annuaire?host=/run/…`).
    # It may hold a password: no log shows it with the other settings.
    database_url: str = Field("postgresql:///annuaire", repr=False)
    database_pool: int = Field(8, ge=1)
    statement_timeout_ms: int = Field(5_000, ge=0)
    # A streaming replica of that database, which answers reads of the publication, and how old its answers may be.
    read_database_url: str | None = None
    read_lag_ms: int = Field(5_000, ge=200, le=60_000)
    # Processes of `annuaire serve`.
    workers: int = Field(1, ge=1)
    # Requests that each of them works at (app.admission).
    requests_at_once: int = Field(256, ge=1)

    # Secret of the HMAC under which API keys are stored, and those before it, which still know their keys.
    key_pepper: SecretStr = SecretStr("")
    former_key_peppers: SecretStr = SecretStr("")

    # What clients write into `aud`: the public address of this API.
    issuer: str = Field("http://127.0.0.1:8000", pattern=r"^https?://[^\s/?#]+(/[^\s?#]*[^\s?#/])?$")

    # Who may say which certificate its client holds, and by which authorities and lists it is verified again.
    trusted_proxies: TrustedProxies = None
    proxy_secret: SecretStr = SecretStr("")
    client_ca_file: Path | None = None
    client_crl: Path | None = None

    anonymous_access: bool = True
    # Persons a day, requests a minute; 0 = no limit (app.budgets).
    anonymous_budget: int = Field(150, ge=0)
    anonymous_rate: int = Field(6_000, ge=0)
    key_rate: int = Field(120_000, ge=0)
    # Wrong credentials a minute from one address; 0 = no limit (app.access.failures).
    failed_rate: int = Field(600, ge=0)
    publish_with_key: bool = False

    # A file or an HTTP URL.
    audit_anchor: str | None = Field(None, pattern=r"^(https?://\S+|[^:]+)$")
    # What deploy/backup/base-backup writes when a copy is whole and verified.
    backup_stamp: Path | None = None
    consultation_days: int = Field(180, ge=0)
    notice_days: int = Field(365, ge=1)

    ldap_uri: str = "ldapi:///run/annuaire/ldapi"
    ldap_suffix: str = "dc=mssante,dc=fr"
    ldap_batch: int = Field(500, ge=1)
    ldap_enabled: bool = True
    # Where the slapd of `annuaire up` is reached from outside, and what it and its clients prove themselves by.
    ldap_listen: LdapUrls = None
    ldap_certificate: Path | None = None
    ldap_key: Path | None = None
    ldap_client_ca_file: Path | None = None
    ldap_client_crl: Path | None = None

    import_second_person: bool = False
    import_plan_days: int = Field(7, ge=1)
    import_undo_days: int = Field(30, ge=1)
    import_upload_limit: int = Field(2_147_483_648, ge=1)
    spool_dir: Path = Path("var/spool")

    mailbox_domains: MailDomains = ("*.mssante.fr", "interop-mssante.apicrypt.org")
    mailbox_tombstone_days: int = Field(365, ge=1)
    mailbox_quarantine_days: int = Field(730, ge=0)
    idempotency_hours: int = Field(48, ge=1)

    white_list_key: Path | None = None
    white_list_certificate: Path | None = None
    white_list_contact: str | None = None

    # What signs checkpoints and manifests, and further public keys that are shown (app.signing).
    signing_key: Path | None = None
    former_signing_keys: Paths = None

    pg_bin: Path | None = None
    slapd_root: Path | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    drain_lock_ms: int = Field(100, ge=1)
    publish_wide: int = Field(1_000, ge=1)
    feed_days: int = Field(30, ge=1)
    feed_waiters: int = Field(200, ge=0)
    export_seconds: int = Field(300, ge=1)

    snapshot_dir: Path = Path("var/snapshots")
    snapshot_hours: int = Field(24, ge=0)
    snapshot_days: int = Field(7, ge=1)

    # Certificates that other programs serve for us, whose end is watched too (app.metrics.credentials).
    watched_certificates: Paths = None

    # Webhooks: what is allowed beside https to public addresses, and whom to believe beside the system's authorities.
    webhook_insecure: bool = False
    webhook_ca_file: Path | None = None

    # Where traces go (OTLP over HTTP), and the share of them that is kept (app.tracing).
    traces_url: str | None = Field(None, pattern=r"^https?://[^\s/?#@]+(/\S*)?$")
    traces_ratio: float = Field(0.05, ge=0, le=1)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - its folder was fixed at import
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """The environment, then `.env`, then the files of the credentials, each named like its variable."""
        files = SecretsSettingsSource(settings_cls, os.environ.get(CREDENTIALS) or None)
        return init_settings, env_settings, dotenv_settings, files

    @model_validator(mode="after")
    def _certificates_need_lists(self) -> Self:
        """Without revocation lists a stolen key would open the door until its certificate ends by itself."""
        if self.client_ca_file and not self.client_crl:
            raise ValueError("client_ca_file needs client_crl: the revocation lists of those authorities")
        if self.ldap_client_ca_file and not self.ldap_client_crl:
            raise ValueError("ldap_client_ca_file needs ldap_client_crl: the revocation lists of those authorities")
        return self

    @model_validator(mode="after")
    def _listeners_need_a_certificate(self) -> Self:
        """Whom somebody looks for is nobody else's business: slapd listens outside with TLS or not at all."""
        if self.ldap_listen and not (self.ldap_certificate and self.ldap_key):
            raise ValueError("ldap_listen needs ldap_certificate and ldap_key: PEM files")
        return self

    @model_validator(mode="after")
    def _no_unknown_variable(self) -> Self:
        """pydantic-settings does not see unknown variables, nor files; a misspelt one must not pass for set."""
        known = {PREFIX + name.upper() for name in type(self).model_fields}
        given = {*os.environ, *(name.upper() for name in _credentials())}
        unknown = sorted(name for name in given if name.startswith(PREFIX) and name not in known)
        if unknown:
            raise UnknownSetting(
                f"unknown setting {', '.join(unknown)}: correct the name or remove it (see .env.example)"
            )
        return self


def _credentials() -> list[str]:
    """The names of the files in the folder of credentials; none where there is no such folder."""
    folder = os.environ.get(CREDENTIALS)
    return [file.name for file in Path(folder).iterdir()] if folder and Path(folder).is_dir() else []
