"""Read what an isolated command left behind, which may be anything: a link, a pipe, a file without end."""

from __future__ import annotations

import os
import stat
from contextlib import closing
from pathlib import Path


class NoResult(Exception):
    """The command left no file that could be read as its result; the text says what was found."""


def read_result(folder: Path, name: str, *, most: int = 2**26) -> bytes:
    """The bytes of the plain file `name` in `folder`. Raises NoResult for anything else, and for more than `most`."""
    if name == ".." or Path(name).name != name:  # a folder on the way may be a link
        raise ValueError(f"{name!r} is not the name of a file in the folder itself")
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with closing(os.fdopen(os.open(folder / name, flags), "rb")) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise NoResult(f"{name} is not a file")
            if found.st_size > most:
                raise NoResult(f"{name} has {found.st_size:,} bytes, more than {most:,}")
            return file.read(most)
    except FileNotFoundError:
        raise NoResult("it left no result") from None
    except OSError as error:
        raise NoResult(f"{name} cannot be read: {error.strerror}") from error
