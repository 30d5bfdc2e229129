"""The beginning of a download, kept for the next time.

A part is one file: a line of JSON that says what it is the beginning of, and then the bytes that have come. So it
can be resumed by another process, on another day, and is never continued with the bytes of another file.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

_LONGEST_LINE = 8192


@dataclass(frozen=True)
class Origin:
    """What bytes came from: an address, the version of the file there, and its whole size in bytes if told.

    `version` is a strong ETag or a Last-Modified date, as If-Range takes it (RFC 9110, 13.1.5), or None if the
    server names none; such a download cannot be resumed.
    """

    url: str
    version: str | None
    size: int | None


@dataclass(frozen=True)
class Part:
    """The part at `path`, which need not exist."""

    path: Path

    def origin(self) -> Origin | None:
        """Return what this is the beginning of; None if there is no part, or a file that is none."""
        if not self.path.is_file():
            return None
        with self.path.open("rb") as file:
            try:
                return Origin(**json.loads(file.readline(_LONGEST_LINE)))
            except (ValueError, TypeError):
                return None

    def held(self) -> int:
        """Return how many bytes have come."""
        with self.open() as file:
            start = file.tell()
            return file.seek(0, 2) - start

    def begin(self, origin: Origin) -> None:
        """Start anew, from nothing."""
        self.path.write_bytes(json.dumps(asdict(origin)).encode() + b"\n")

    def append(self) -> BinaryIO:
        """Open for the bytes that come next."""
        return self.path.open("ab")

    def open(self) -> BinaryIO:
        """Open for reading what has come, from its first byte."""
        file = self.path.open("rb")
        file.readline(_LONGEST_LINE)
        return file

    def ends(self) -> tuple[bytes, bytes]:
        """Return the first four and the last four bytes that have come."""
        with self.open() as file:
            first = file.read(4)
            file.seek(-min(4, len(first)), 2)
            return first, file.read()

    def discard(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
