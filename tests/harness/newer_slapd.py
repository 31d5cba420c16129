"""slapd of Debian 13 beside an older one of the system, in a folder of its own with its own C library.

Debian 12's (2.5.13) keeps the memory of every write within a transaction (ITS#9892, mended in 2.5.14 and 2.6.4), and
speaks TLS by GnuTLS where this one does by OpenSSL. `python -m tests.harness.newer_slapd` fetches it: a part of
`make system-test`. Where the system's slapd is new enough, nothing is fetched and `root` is None.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from app.embedded.binaries import find_slapd
from app.ldap.version import is_frugal, read

SUITE = "trixie"
PACKAGES = (
    *("slapd", "libldap2", "libsasl2-2", "libssl3t64", "libodbc2", "libltdl7", "libargon2-1", "libwrap0", "libcrypt1"),
    *("libc6", "zlib1g", "libzstd1"),
)
# What every account may enter, since engines run as another than root.
PLACE = Path("/var/cache" if os.geteuid() == 0 else os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
FOLDER = PLACE / f"annuaire-slapd-{SUITE}"
SOURCE = f"""Types: deb
URIs: http://deb.debian.org/debian
Suites: {SUITE}
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""
PATIENCE = 300
# The system's slapd and a new one, for tests of what they do differently.
EITHER = ("system", "newer")


def is_new(slapd: Path) -> bool:
    """Whether it gives back what the members of a transaction took, as `slapd -VV` says its version."""
    answer = subprocess.run([str(slapd), "-VV"], capture_output=True, text=True, check=True, timeout=10)
    found = read(answer.stderr + answer.stdout)
    assert found, answer
    return is_frugal(found)


def root() -> Path | None:
    """Where to find a new one (`find_slapd`): None = where all programs are."""
    if is_new(find_slapd().slapd):
        return None
    assert FOLDER.exists(), f"no {FOLDER}: run `make system-test`, which fetches it"
    return FOLDER


def root_of(name: str) -> Path | None:
    """Of one of EITHER, for `find_slapd` and what takes its root."""
    return root() if name == "newer" else None


def fetch() -> None:
    """Download, unpack, and let the program find its own libraries alone."""
    if is_new(find_slapd().slapd) or FOLDER.exists():
        return
    made = FOLDER.with_suffix(".new")
    shutil.rmtree(made, ignore_errors=True)
    for folder in ("apt/lists/partial", "apt/cache/archives/partial", "packages"):
        (made / folder).mkdir(parents=True)
    (made / "apt" / "debian.sources").write_text(SOURCE, encoding="ascii")
    apt = ["apt-get", "-qq"]
    for option, value in {
        "Dir::Etc::sourcelist": made / "apt" / "debian.sources",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": made / "apt" / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": made / "apt" / "cache",
        "APT::Sandbox::User": "",
        "Acquire::Retries": "3",
        "Acquire::http::Timeout": "60",
    }.items():
        apt += ["-o", f"{option}={value}"]
    run([*apt, "update"], made)
    run([*apt, "download", *PACKAGES], made / "packages")
    for package in sorted((made / "packages").iterdir()):
        run(["dpkg-deb", "-x", str(package), str(made)], made)
    shutil.rmtree(made / "apt")
    shutil.rmtree(made / "packages")
    libraries = next((FOLDER / path.relative_to(made)) for path in (made / "usr" / "lib").glob("*-linux-gnu*"))
    loader = FOLDER / next(made.glob("usr/lib*/ld-linux*")).relative_to(made)
    programs = made / "usr" / "sbin"
    (programs / "slapd.alone").write_bytes((programs / "slapd").read_bytes())
    (programs / "slapd.alone").chmod(0o755)
    run(
        ["patchelf", "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", str(libraries), "slapd.alone"],
        programs,
    )
    for name in ("slapd", "slapadd", "slapcat", "slapindex", "slapmodify"):
        (programs / name).unlink()
    (programs / "slapd.alone").rename(programs / "slapd")
    for name in ("slapadd", "slapcat", "slapindex", "slapmodify"):
        (programs / name).symlink_to("slapd")
    made.rename(FOLDER)


def run(command: list[str], folder: Path) -> None:
    if shutil.which(command[0]) is None:
        sys.exit(
            f"the system's slapd is old, and {command[0]} is missing, by which a newer one is fetched: install either"
        )
    answer = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=PATIENCE)
    if answer.returncode != 0:
        sys.exit(f"a newer slapd cannot be fetched: {command[0]}: {(answer.stderr or answer.stdout).strip()}")


if __name__ == "__main__":
    fetch()
