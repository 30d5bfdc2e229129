"""Writing a file whole or not at all: whoever reads it meanwhile sees the old one or the new one, never a part."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path, *, private: bool = False) -> Iterator[Path]:
    """Give an empty file to write to, which takes the place of `path` when all went well and is removed when not.

    The folder of `path` has to be there. A link stays one, and a device or a pipe is written to as it is, for nothing
    can take its place. With `private`, nobody but its owner may read it. Raises OSError when it cannot be written to.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    unfinished = Path(name)
    try:
        yield unfinished
        unfinished.chmod(0o600 if private else 0o644)  # mkstemp lets only the owner read
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Write a text as UTF-8 with plain newlines, whole or not at all. Raises OSError as `replacing` does."""
    with replacing(path, private=private) as unfinished:
        unfinished.write_text(text, encoding="utf-8", newline="\n")
