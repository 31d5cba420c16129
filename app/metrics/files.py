"""Files of certificates and revocation lists: when the first of each kind ends. Changed files are read again."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509

from app.settings import Settings

PEM_LIST = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)

# Path, time of change and size of each file.
Look = tuple[tuple[str, int, int], ...]
# The first end in the contents of files; None: they are not what they should be.
Read = Callable[[Sequence[bytes]], datetime | None]


@dataclass(frozen=True, slots=True)
class Ends:
    """When the first of a kind ends; None: a file of that kind cannot be read."""

    certificates: Mapping[str, datetime | None]
    lists: Mapping[str, datetime | None]


class CredentialFiles:
    """The files that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._certificates: dict[str, Sequence[Path]] = {
            "served": settings.watched_certificates or (),
            "ldap": _given(settings.ldap_certificate),
            "white_list": _given(settings.white_list_certificate),
            "client_authority": _given(settings.client_ca_file),
            "ldap_client_authority": _given(settings.ldap_client_ca_file),
        }
        self._lists: dict[str, Sequence[Path]] = {
            "client": _given(settings.client_crl),
            "ldap_client": _given(settings.ldap_client_crl),
        }
        self._read: dict[Look, datetime | None] = {}

    def ends(self) -> Ends:
        """It reads files: not for the loop of an API."""
        before, self._read = self._read, {}
        certificates = {
            kind: self._end(paths, before, _end_of_certificates) for kind, paths in _named(self._certificates)
        }
        return Ends(
            certificates, {kind: self._end(paths, before, _end_of_lists) for kind, paths in _named(self._lists)}
        )

    def _end(self, paths: Sequence[Path], before: Mapping[Look, datetime | None], read: Read) -> datetime | None:
        try:
            files = [file for path in paths for file in _files(path)]
            look = tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
            if look not in before:
                self._read[look] = read([file.read_bytes() for file in files])
            else:
                self._read[look] = before[look]
        except OSError:
            return None
        return self._read[look]


def _end_of_certificates(contents: Sequence[bytes]) -> datetime | None:
    try:
        found = [each for content in contents for each in x509.load_pem_x509_certificates(content)]
    except ValueError:
        return None
    return min(each.not_valid_after_utc for each in found)


def _end_of_lists(contents: Sequence[bytes]) -> datetime | None:
    """Of an issuer only its newest list counts; one that does not say its end counts for nothing."""
    newest: dict[bytes, datetime] = {}
    try:
        for each in (found for content in contents for found in _lists_in(content)):
            issuer, until = each.issuer.public_bytes(), each.next_update_utc
            if until is not None:
                newest[issuer] = max(until, newest.get(issuer, until))
    except ValueError:
        return None
    return min(newest.values(), default=None)


def _lists_in(content: bytes) -> Iterator[x509.CertificateRevocationList]:
    blocks = PEM_LIST.findall(content)
    if not blocks:
        yield x509.load_der_x509_crl(content)
    for each in blocks:
        yield x509.load_pem_x509_crl(each)


def _files(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]


def _given(path: Path | None) -> Sequence[Path]:
    return () if path is None else (path,)


def _named(kinds: Mapping[str, Sequence[Path]]) -> Iterator[tuple[str, Sequence[Path]]]:
    return ((kind, paths) for kind, paths in kinds.items() if paths)
