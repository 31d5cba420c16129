"""The sample files of the tests, and a run of the import engine over any of them."""

import gzip
import zipfile
from collections import Counter
from pathlib import Path

from app.imports.options import Options
from app.imports.pipeline import import_files
from app.imports.report import Report
from app.settings import Settings

DATA = Path(__file__).parent.parent / "data"
SAMPLES = DATA / "samples"
WHITE_LISTS = DATA / "whitelist"
PERSONS = SAMPLES / "PS_LibreAcces_Personne_activite_SYNTHETIC_56col.txt"
OTHER_CLOTHES = SAMPLES / "PS_LibreAcces_Personne_activite_SYNTHETIC_56col_trailing_pipe_bom_crlf.txt"
OLD_PERSONS = SAMPLES / "PS_LibreAcces_Personne_activite_202112020908.sample.txt"
SKILLS = SAMPLES / "PS_LibreAcces_SavoirFaire_SYNTHETIC.txt"
DIPLOMAS = SAMPLES / "PS_LibreAcces_Dipl_AutExerc_SYNTHETIC.txt"
MAILBOXES = SAMPLES / "Extraction_Correspondance_MSSante_SYNTHETIC.txt"
SITES = SAMPLES / "etalab-cs1100502-stock-20260512-sample.csv"
FULL_LIST = WHITE_LISTS / "listeblanchemssante.full.xml.gz"
SHORT_LIST = WHITE_LISTS / "listeblanchemssante.xml"
CUT_LIST = WHITE_LISTS / "listeblanchemssante.truncated.xml"


def full_list() -> bytes:
    """The real white list, inflated."""
    return gzip.decompress(FULL_LIST.read_bytes())


def run(
    settings: Settings, folder: Path, *paths: Path, accept: tuple[str, ...] = (), dry_run: bool = False
) -> list[Report]:
    """Import these files; rejected lines go below `folder`."""
    return import_files(settings, paths, Options(folder / "rejects", frozenset(accept), dry_run=dry_run))


def run_one(settings: Settings, path: Path, *, accept: tuple[str, ...] = (), dry_run: bool = False) -> Report:
    """Import one file of one text, which lies in a folder of this test."""
    (report,) = run(settings, path.parent, path, accept=accept, dry_run=dry_run)
    return report


def written(folder: Path, name: str, content: bytes) -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(content)
    return path


def zipped(folder: Path, name: str, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip of these members."""
    path = folder / name
    with zipfile.ZipFile(path, "w", method) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return path


def edited(mailboxes: Path, folder: Path, name: str = "edited.txt") -> Path:
    """The file of mailboxes without one, with a new one, and with another service for a third."""
    head, *lines = mailboxes.read_text("utf-8").splitlines()
    place = head.split("|").index("Service de rattachement")
    copies = Counter(line.split("|")[1].lower() for line in lines)
    lone = [line for line in lines if copies[line.split("|")[1].lower()] == 1]
    cells = lone[1].split("|")
    moved = "|".join([*cells[:place], f"{cells[place]} B", *cells[place + 1 :]])
    fresh = "|".join([*cells[:1], f"new.{cells[1]}", *cells[2:]])
    left = [line for line in lines if line not in lone[:2]]
    return written(folder, name, "\n".join([head, moved, fresh, *left, ""]).encode())
