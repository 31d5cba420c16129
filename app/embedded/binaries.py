"""Where the engines' programs are, and one clear sentence when they are not."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.console import Refused

OLDEST_POSTGRES = 15
DEBIAN_POSTGRES = Path("/usr/lib/postgresql")
SYSTEM = Path("/")
# Where slapd is looked for when nobody names a root (tests do otherwise).
ROOT = SYSTEM
# Below a root: a distribution's folders, then those of an OpenLDAP that lies in a folder of its own. slapd is a system
# program: its folders are absent from an ordinary user's PATH.
SLAPD_FOLDERS = ("usr/sbin", "usr/local/sbin", "usr/libexec", "usr/local/libexec", "libexec", "sbin")
SLAPD_MODULES = (
    "usr/lib/ldap",
    "usr/lib64/openldap",
    "usr/lib/openldap",
    "usr/libexec/openldap",
    "usr/local/libexec/openldap",
    "libexec/openldap",
)
SLAPD_SCHEMAS = (
    "etc/ldap/schema",
    "etc/openldap/schema",
    "usr/share/openldap/schema",
    "usr/local/etc/openldap/schema",
)


class EngineMissing(Refused):
    """An engine, or a part of it, is not installed here."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "engine.missing")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    folder: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.folder / name)


@dataclass(frozen=True, slots=True)
class SlapdBinaries:
    slapd: Path
    slapadd: Path
    slapindex: Path
    slapmodify: Path
    modules: Path
    schemas: Path
    # Which library speaks TLS: the two do not take the same settings (app.embedded.slapd_listeners).
    is_openssl: bool


def find_postgres(chosen: Path | None = None, *, major: int | None = None) -> PostgresBinaries:
    """The newest PostgreSQL here, or the one of `major` (a data directory belongs to one). Raises EngineMissing.

    `chosen` (setting `pg_bin`) is taken as it is: whoever names a folder does not want another one.
    """
    folders = [chosen] if chosen else [*_debian_folders(), *_configured_folder()]
    found = [PostgresBinaries(folder, _postgres_major(folder)) for folder in folders if (folder / "initdb").exists()]
    if not found:
        where = str(chosen) if chosen else f"{DEBIAN_POSTGRES}/*/bin and pg_config --bindir"
        raise EngineMissing(
            f"no PostgreSQL server found in {where}: install the package postgresql (>= {OLDEST_POSTGRES}) "
            "or set ANNUAIRE_PG_BIN"
        )
    if major is not None:
        found = [binaries for binaries in found if binaries.major == major] or found
    best = max(found, key=lambda binaries: binaries.major) if not chosen else found[0]
    if best.major < OLDEST_POSTGRES:
        raise EngineMissing(
            f"PostgreSQL {best.major} in {best.folder} is too old: annuaire needs {OLDEST_POSTGRES} or newer "
            "(set ANNUAIRE_PG_BIN)"
        )
    return best


def find_slapd(root: Path | None = None) -> SlapdBinaries:
    """slapd, its tools, modules and standard schemas, below `root` (setting `slapd_root`) alone, else where they are.

    Raises EngineMissing.
    """
    # slapd is started elsewhere than where we are.
    top = (root or ROOT).expanduser().absolute()
    slapd = _system_program("slapd", top)
    if slapd is None:
        where = f"below {top} (ANNUAIRE_SLAPD_ROOT)" if root else "in /usr/sbin or on the PATH"
        raise EngineMissing(f"no slapd found {where}: install the package slapd")
    modules = next((top / folder for folder in SLAPD_MODULES if any((top / folder).glob("back_mdb*"))), None)
    if modules is None:
        raise EngineMissing(
            f"{slapd} has no module back_mdb in {_listed(top, SLAPD_MODULES)}: install OpenLDAP's server with back-mdb"
        )
    schemas = next((top / folder for folder in SLAPD_SCHEMAS if (top / folder / "inetorgperson.ldif").exists()), None)
    if schemas is None:
        raise EngineMissing(
            f"no inetorgperson.ldif in {_listed(top, SLAPD_SCHEMAS)}: install OpenLDAP's standard schemas"
        )
    slapadd, slapindex, slapmodify = (_slapd_tool(slapd, name, top) for name in ("slapadd", "slapindex", "slapmodify"))
    return SlapdBinaries(slapd, slapadd, slapindex, slapmodify, modules, schemas, is_openssl=not _is_gnutls(slapd))


def _debian_folders() -> list[Path]:
    return [path / "bin" for path in DEBIAN_POSTGRES.glob("[0-9]*") if path.name.isdigit()]


def _configured_folder() -> list[Path]:
    program = shutil.which("pg_config")
    if program is None:
        return []
    answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - found by which
    return [Path(answer.stdout.strip())] if answer.returncode == 0 and answer.stdout.strip() else []


def _postgres_major(folder: Path) -> int:
    answer = subprocess.run(  # noqa: S603 - a program of the folder that was found or chosen
        [str(folder / "postgres"), "--version"], capture_output=True, text=True, check=False, timeout=10
    )
    version = re.search(r"\) (\d+)", answer.stdout)
    if answer.returncode != 0 or version is None:
        raise EngineMissing(f"{folder}/postgres does not run: {(answer.stderr or answer.stdout).strip()}")
    return int(version[1])


def _system_program(name: str, top: Path) -> Path | None:
    for folder in SLAPD_FOLDERS:
        if os.access(top / folder / name, os.X_OK):
            return top / folder / name
    # Whoever names a root wants no other slapd.
    found = shutil.which(name) if top == SYSTEM else None
    return Path(found) if found else None


def _slapd_tool(slapd: Path, name: str, top: Path) -> Path:
    tool = slapd.with_name(name)
    found = tool if tool.exists() else _system_program(name, top)
    if found is None:
        raise EngineMissing(f"{name} is missing beside {slapd}: install the whole package slapd")
    return found


def _is_gnutls(slapd: Path) -> bool:
    """Debian 12's slapd speaks TLS by GnuTLS, most others by OpenSSL; no option of slapd tells."""
    ldd = shutil.which("ldd")
    if ldd is None:
        raise EngineMissing(f"no ldd, which tells by what library {slapd} speaks TLS: install it (Debian: libc-bin)")
    command = [ldd, str(slapd)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)  # noqa: S603 - found by which
    if answer.returncode != 0:
        raise EngineMissing(f"{slapd} is no program that runs here: {(answer.stderr or answer.stdout).strip()}")
    return "libgnutls" in answer.stdout


def _listed(top: Path, folders: tuple[str, ...]) -> str:
    return ", ".join(str(top / folder) for folder in folders)
