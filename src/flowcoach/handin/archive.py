"""Unpack a ZIP file that a stranger made: whole and inside its folder, or not at all.

A ZIP is described twice, in its directory and before each file, and may lie in both; its names are whatever somebody
wrote (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT). So names are looked at before anything is written,
sizes are counted while unpacking, and what is refused is refused by name. Archives inside are files like any other.
"""

from __future__ import annotations

import io
import shutil
import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_PIECE = 2**16
_RESERVED = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
_FORBIDDEN = set('<>:"|?*\\')
_LOCAL_HEADER = 30  # bytes before the name of each file in the archive
_DIRECTORY = 2**23  # bytes of the list of entries, which is read at once


class Refused(Exception):
    """The archive is not unpacked; the text says which entry, and why."""


@dataclass(frozen=True)
class Most:
    """What an archive may hold: bytes packed and unpacked, entries, folders above a file, and how far it may shrink."""

    packed: int = 2**28
    unpacked: int = 2**29
    entries: int = 20_000
    depth: int = 12
    name: int = 240
    ratio: int = 1000


MOST = Most()


def unpack(path: Path, target: Path, most: Most = MOST) -> tuple[str, ...]:
    """Unpack the ZIP file `path` into the new folder `target`; the names of its files, in order.

    Raises Refused, and leaves no folder behind, for an archive that climbs out, explodes, or lies.
    """
    try:
        if path.stat().st_size > most.packed:
            raise Refused(f"{path.name} has more than {most.packed >> 20} MB")
        with _Sparing(path) as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            _look(entries, most)
            target.mkdir()
            left = most.unpacked
            for entry in entries:
                if not entry.is_dir():
                    left -= _extract(archive, entry, target, left)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OverflowError) as error:
        shutil.rmtree(target, ignore_errors=True)
        raise Refused(f"{path.name} is no whole ZIP file: {error}") from error
    except (Refused, OSError, RuntimeError) as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, Refused):
            raise
        raise Refused(f"{path.name} cannot be unpacked: {error}") from error
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return tuple(sorted(entry.filename for entry in entries if not entry.is_dir()))


class _Sparing(io.FileIO):
    """A file of which nobody reads very much at once: millions of entries would fill the memory before any is seen."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > _DIRECTORY:
            raise Refused("its list of entries is too long")
        return super().read(_DIRECTORY if size is None or size < 0 else size) or b""


def _look(entries: Sequence[zipfile.ZipInfo], most: Most) -> None:
    """Everything that can be known before unpacking. Raises Refused."""
    if len(entries) > most.entries:
        raise Refused(f"it has {len(entries):,} entries, more than {most.entries:,}")
    for entry in entries:
        _look_at_name(entry.orig_filename, most)
        _look_at_kind(entry)
    look_at_names((entry.filename for entry in entries), most)
    if sum(entry.file_size for entry in entries) > most.unpacked:
        raise Refused(f"it would unpack to more than {most.unpacked >> 20} MB")
    for entry in entries:
        if entry.file_size > most.ratio * max(entry.compress_size, 100):
            raise Refused(f"{_shown(entry.filename)} would unpack to {most.ratio:,} times its size and more")
    _look_for_overlaps(entries)


def look_at_names(names: Iterable[str], most: Most = MOST) -> None:
    """Names with forward slashes, folders ending in one, that lie in one folder. Raises Refused for those that climb
    out of it, that no system or not every system can keep, and that would lie in one place."""
    seen: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        _look_at_name(name, most)
        folded = _folded(name.rstrip("/"))
        if folded in seen:
            raise Refused(f"{_shown(name)} and {_shown(seen[folded])} would lie in one place")
        seen[folded] = name
        above = name.rstrip("/").split("/")[:-1]
        for depth in range(1, len(above) + 1):
            folder = "/".join(above[:depth])
            if folders.setdefault(_folded(folder), folder) != folder:
                raise Refused(f"{_shown(name)} lies in a folder whose name differs in case alone from another")
    for folded, folder in folders.items():
        if folded in seen and not seen[folded].endswith("/"):
            raise Refused(f"{_shown(folder)} is a file and a folder at once")


def _look_at_name(name: str, most: Most) -> None:
    parts = name.rstrip("/").split("/")
    if not name or len(name) > most.name or len(parts) > most.depth:
        raise Refused(f"{_shown(name)}: its name is empty, too long or too deep")
    if name.startswith("/") or _FORBIDDEN & set(name) or any(ord(char) < 32 or ord(char) == 127 for char in name):
        raise Refused(f"{_shown(name)} is no name inside a folder")
    for part in parts:
        if part in ("", ".", ".."):
            raise Refused(f"{_shown(name)} climbs out of its folder")
        if part[-1] in ". " or part.split(".")[0].rstrip().casefold() in _RESERVED:
            raise Refused(f"{_shown(name)} cannot lie in every folder (Windows keeps such names for itself)")


def _look_at_kind(entry: zipfile.ZipInfo) -> None:
    mode = entry.external_attr >> 16
    kind = stat.S_IFMT(mode)
    if kind == stat.S_IFLNK:
        raise Refused(f"{_shown(entry.filename)} is a link")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Refused(f"{_shown(entry.filename)} is a device or a pipe, not a file")
    if entry.flag_bits & 0x1:
        raise Refused(f"{_shown(entry.filename)} is encrypted")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Refused(f"{_shown(entry.filename)} is packed in a way that is not read here")


def _look_for_overlaps(entries: Sequence[zipfile.ZipInfo]) -> None:
    """Many names for the same few bytes make an archive explode although no single file does."""
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    for before, after in pairwise(ordered):
        if before.header_offset + _LOCAL_HEADER + before.compress_size > after.header_offset:
            raise Refused(f"{_shown(after.filename)} shares its bytes with {_shown(before.filename)}")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int) -> int:
    """Unpack one file; how many bytes it really has. Raises Refused when these are not as many as it said."""
    path = target.joinpath(*entry.filename.split("/"))
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with archive.open(entry) as packed, path.open("xb") as file:
        while piece := packed.read(_PIECE):
            count += len(piece)
            if count > entry.file_size or count > left:
                raise Refused(f"{_shown(entry.filename)} has more bytes than it says")
            file.write(piece)
    if count != entry.file_size:
        raise Refused(f"{_shown(entry.filename)} has fewer bytes than it says")
    return count


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFC", name).casefold())


def _shown(name: str) -> str:
    return f"“{name[:100]}”".encode("unicode_escape").decode("ascii") if not name.isprintable() else f"“{name[:100]}”"
