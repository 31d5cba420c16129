"""Receiving: the texts of a file, its hash and stamp, and archives that are damaged or that lie."""

import gzip
import hashlib
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.imports.receive import Text, receive
from app.imports.refusal import FileRefused
from tests.imports.files import written, zipped

# Each line differs, as in a national file: text that packs like a bomb would be judged as one.
TEXT = b"".join(b"%d|%s\n" % (number, hashlib.sha256(b"%d" % number).hexdigest().encode()) for number in range(3_000))


def content(text: Text) -> bytes:
    with text.open() as opened:
        return b"".join(iter(lambda: opened.read(10_000), b""))


def test_plain_text_is_one_text(tmp_path: Path) -> None:
    (text,) = receive(written(tmp_path, "anything", TEXT))
    assert content(text) == TEXT
    assert text.sha256 == hashlib.sha256(TEXT).hexdigest()


def test_gzip_and_zip_are_told_by_their_bytes_whatever_their_name(tmp_path: Path) -> None:
    (packed,) = receive(written(tmp_path, "list.txt", gzip.compress(TEXT)))
    (member,) = receive(zipped(tmp_path, "list.csv", {"inside.txt": TEXT}))
    assert content(packed) == content(member) == TEXT


def test_every_member_of_a_zip_is_a_text(tmp_path: Path) -> None:
    texts = receive(zipped(tmp_path, "three.zip", {"a.txt": b"A", "b.txt": b"B", "c.txt": b"C"}))
    assert [content(text) for text in texts] == [b"A", b"B", b"C"]


def test_a_member_that_climbs_out_of_its_folder_writes_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (text,) = receive(zipped(folder, "climb.zip", {"../climbed.txt": b"A"}))
    assert content(text) == b"A"
    assert not (tmp_path / "climbed.txt").exists()


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        ("PS_LibreAcces_202609230201.zip", "202609230201"),
        ("Extraction_Correspondance_MSSante_202608260215.txt", "202608260215"),
        ("ps-libreacces-personne-activite.txt", None),
        ("PS_LibreAcces_20260923.txt", None),
    ],
)
def test_the_stamp_is_read_from_the_name(tmp_path: Path, name: str, stamp: str | None) -> None:
    assert receive(written(tmp_path, name, TEXT))[0].stamp == stamp


def test_the_stamp_of_a_member_comes_before_that_of_its_archive(tmp_path: Path) -> None:
    (text,) = receive(zipped(tmp_path, "x_202601010000.zip", {"x_202602020000.txt": TEXT}))
    assert text.stamp == "202602020000"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_zip_is_refused(tmp_path: Path, share: float) -> None:
    whole = zipped(tmp_path, "whole.zip", {"a.txt": TEXT}).read_bytes()
    path = written(tmp_path, "cut.zip", whole[: max(4, int(len(whole) * share))])
    with pytest.raises(FileRefused, match=r"cut\.zip is cut short or damaged"):
        receive(path)


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_truncated_gzip_is_refused(tmp_path: Path, share: float) -> None:
    whole = gzip.compress(TEXT)
    (text,) = receive(written(tmp_path, "cut.gz", whole[: int(len(whole) * share)]))
    with pytest.raises(FileRefused, match="cut short or damaged"):
        content(text)


def test_a_gzip_with_garbage_behind_it_is_refused(tmp_path: Path) -> None:
    (text,) = receive(written(tmp_path, "tail.gz", gzip.compress(TEXT) + b"garbage"))
    with pytest.raises(FileRefused) as refused:
        content(text)
    assert refused.value.code == "archive.damaged"


def test_a_member_whose_checksum_fails_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path, "flipped.zip", {"a.txt": TEXT}, zipfile.ZIP_STORED)
    (text,) = receive(written(tmp_path, "flipped.zip", path.read_bytes().replace(b"17|", b"18|", 1)))
    with pytest.raises(FileRefused, match="CRC"):
        content(text)


def test_a_zip_bomb_is_stopped_while_it_inflates(tmp_path: Path) -> None:
    (text,) = receive(zipped(tmp_path, "bomb.zip", {"a.txt": b" " * (70 << 20)}))
    with pytest.raises(FileRefused) as refused:
        content(text)
    assert refused.value.code == "archive.too_large"


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    whole = zipped(tmp_path, "named.zip", {"x": TEXT}).read_bytes()
    # Its name has no length: in its own header, and in the directory at the end, which is what is read.
    local, central = whole.index(b"PK\x03\x04"), whole.index(b"PK\x01\x02")
    nameless = whole[: local + 26] + b"\0\0" + whole[local + 28 : local + 30] + whole[local + 31 : central + 28]
    nameless += b"\0\0" + whole[central + 30 : central + 46] + whole[central + 47 :]
    end = nameless.rindex(b"PK\x05\x06")
    size, start = end - nameless.index(b"PK\x01\x02"), nameless.index(b"PK\x01\x02")
    nameless = nameless[: end + 12] + size.to_bytes(4, "little") + start.to_bytes(4, "little") + nameless[end + 20 :]
    with pytest.raises(FileRefused, match="a file without a name"):
        receive(written(tmp_path, "nameless.zip", nameless))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_measure_are_not_read(tmp_path: Path, method: int) -> None:
    with pytest.raises(FileRefused) as refused:
        receive(zipped(tmp_path, "other.zip", {"a.txt": TEXT}, method))
    assert refused.value.code == "archive.method"


def test_an_empty_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileRefused) as refused:
        receive(zipped(tmp_path, "empty.zip", {}))
    assert refused.value.code == "archive.empty"


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=4), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_archive_gives_its_text_or_is_refused(
    tmp_path: Path,
    flips: list[tuple[float, int]],
    is_zip: bool,  # noqa: FBT001 - a drawn value
) -> None:
    whole = bytearray(
        zipped(tmp_path, "whole.zip", {"a.txt": TEXT[:3_000]}).read_bytes() if is_zip else gzip.compress(TEXT[:3_000])
    )
    for share, value in flips:
        whole[int(share * len(whole))] = value
    try:
        for text in receive(written(tmp_path, "flipped", bytes(whole))):
            content(text)
    except FileRefused:
        return
