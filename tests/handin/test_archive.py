"""A ZIP of a stranger is unpacked whole and inside its folder, or refused by name."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flowcoach.handin.archive import Most, Refused, unpack

SMALL = Most(packed=2**20, unpacked=2**16, entries=20, depth=4, name=60, ratio=50)


def packed(path: Path, *names: str, content: bytes = b"text", mode: int = 0, how: int = zipfile.ZIP_DEFLATED) -> Path:
    """A ZIP file with these names, written as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            entry = zipfile.ZipInfo("placeholder")
            entry.filename = name
            entry.compress_type = how
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return path


def refused(path: Path, target: Path, most: Most = SMALL) -> str:
    before = set(target.parent.rglob("*"))
    with pytest.raises(Refused) as reason:
        unpack(path, target, most)
    assert set(target.parent.rglob("*")) == before, "something was left behind, or written elsewhere"
    return str(reason.value)


def test_an_honest_archive_is_unpacked_with_all_its_files(tmp_path: Path) -> None:
    names = unpack(packed(tmp_path / "a.zip", "b/c.txt", "a.txt"), tmp_path / "out")
    assert names == ("a.txt", "b/c.txt")
    assert (tmp_path / "out" / "b" / "c.txt").read_bytes() == b"text"


def test_an_archive_inside_stays_packed(tmp_path: Path) -> None:
    inner = packed(tmp_path / "inner.zip", "../../evil").read_bytes()
    unpack(packed(tmp_path / "a.zip", "inner.zip", content=inner), tmp_path / "out")
    assert (tmp_path / "out" / "inner.zip").read_bytes() == inner


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../evil",
            "a/../../evil",
            "/etc/evil",
            "a/./b",
            "a//b",
            "..",
            "C:/evil",
            "C:evil",
            "a\\..\\evil",
            "\\\\host\\x",
        ),
        *("CON", "a/nul.txt", "com1.toml", "dot.", "blank ", "a:stream", "question?", "line\nbreak", "nul\x07"),
        *("a/b/c/d/e", "x" * 61),
    ],
)
def test_a_name_that_leads_elsewhere_or_cannot_lie_everywhere_is_refused(name: str, tmp_path: Path) -> None:
    assert "name" in (text := refused(packed(tmp_path / "a.zip", name), tmp_path / "out")) or "“" in text


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (stat.S_IFLNK, "is a link"),
        (stat.S_IFCHR, "device"),
        (stat.S_IFBLK, "device"),
        (stat.S_IFIFO, "pipe"),
        (stat.S_IFSOCK, "device"),
    ],
)
def test_what_is_no_file_is_refused(kind: int, said: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", "x", content=b"/etc/passwd", mode=kind | 0o777)
    assert said in refused(path, tmp_path / "out")


@pytest.mark.parametrize(
    "names",
    [("a.txt", "A.TXT"), ("é", "e\u0301"), ("dir/a", "DIR/b"), ("x", "x/y"), ("\ufb01le", "file")],
    ids=["case", "normalisation", "folders", "file and folder", "ligature"],
)
def test_names_that_would_lie_in_one_place_are_refused(names: tuple[str, str], tmp_path: Path) -> None:
    refused(packed(tmp_path / "a.zip", *names), tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    assert "in one place" in refused(packed(tmp_path / "a.zip", "a", "a"), tmp_path / "out")


def test_more_entries_than_a_submission_has_are_refused(tmp_path: Path) -> None:
    assert "21 entries" in refused(packed(tmp_path / "a.zip", *map(str, range(21))), tmp_path / "out")


def test_more_bytes_than_a_submission_has_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", *"abc", content=b"\x00\x01" * 2**14, how=zipfile.ZIP_STORED)
    assert "unpack to more" in refused(path, tmp_path / "out")


def test_a_file_that_would_unpack_to_many_times_its_size_is_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", "bomb", content=b"0" * 60_000)
    assert "times its size" in refused(path, tmp_path / "out")


def listed(*entries: bytes) -> bytes:
    """A ZIP file that is its list of entries alone."""
    whole = b"".join(entries)
    return whole + struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, len(entries) & 0xFFFF, len(entries) & 0xFFFF, len(whole), 0, 0
    )


def an_entry(*, offset: int = 0, extra: bytes = b"") -> bytes:
    numbers = (0, 0, 0, 0, 0, 0, 0, 0, 1, len(extra), 0, 0, 0, 0, offset)
    return struct.pack("<4s4B4H3L5H2L", b"PK\x01\x02", 45, 0, 45, *numbers) + b"a" + extra


def test_millions_of_entries_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(listed(*[an_entry()] * 200_000))
    assert "list of entries is too long" in refused(tmp_path / "a.zip", tmp_path / "out", Most())


@pytest.mark.parametrize("offset", [2**62, 2**63, 2**64 - 1])
def test_a_place_beyond_every_file_is_refused(offset: int, tmp_path: Path) -> None:
    far = an_entry(offset=0xFFFFFFFF, extra=struct.pack("<HHQ", 1, 8, offset))
    (tmp_path / "a.zip").write_bytes(listed(far))
    refused(tmp_path / "a.zip", tmp_path / "out")


def test_a_large_archive_is_not_even_opened(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(bytes(2**20 + 1))
    assert "more than 1 MB" in refused(tmp_path / "a.zip", tmp_path / "out")


def changed(path: Path, change: Callable[[bytearray], None]) -> Path:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize("claimed", [1, 4000])
def test_a_size_that_lies_is_refused(claimed: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", "a", content=bytes(range(250)), how=zipfile.ZIP_STORED)

    def lie(content: bytearray) -> None:
        at = content.index(b"PK\x01\x02") + 24
        content[at : at + 4] = struct.pack("<I", claimed)

    refused(changed(path, lie), tmp_path / "out")


def test_many_names_for_the_same_bytes_are_refused(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", "a", "b", content=bytes(range(200)), how=zipfile.ZIP_STORED)

    def overlap(content: bytearray) -> None:
        at = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4) + 42
        content[at : at + 4] = struct.pack("<I", 0)

    assert "shares its bytes" in refused(changed(path, overlap), tmp_path / "out")


def test_an_encrypted_entry_is_refused(tmp_path: Path) -> None:
    def encrypt(content: bytearray) -> None:
        content[content.index(b"PK\x01\x02") + 8] |= 1

    assert "encrypted" in refused(changed(packed(tmp_path / "a.zip", "a"), encrypt), tmp_path / "out")


def test_a_way_of_packing_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    assert "packed in a way" in refused(packed(tmp_path / "a.zip", "a", how=zipfile.ZIP_BZIP2), tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no zip at all", b"PK\x05\x06"])
def test_what_is_no_zip_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    assert "no whole ZIP" in refused(tmp_path / "a.zip", tmp_path / "out")


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_one_is_refused(share: float, tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", "a", "b", content=bytes(range(250)))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refused(path, tmp_path / "out")


def test_damaged_content_is_refused_and_what_was_unpacked_is_removed(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.zip", "a", "b", content=bytes(range(250)), how=zipfile.ZIP_STORED)

    def damage(content: bytearray) -> None:
        content[content.index(b"PK\x03\x04", 4) + 60] ^= 0xFF

    refused(changed(path, damage), tmp_path / "out")
