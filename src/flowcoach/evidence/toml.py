"""A TOML file of a learner's folder, whose content nobody vouches for: read within limits, or one line on why not."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

_LARGEST = 2**16  # bytes; settings and answers are a page or two
_DOTS = 1000  # in one line; the parser's memory grows with the square of a key's parts


def read(path: Path) -> dict[str, Any]:
    """The tables of the file. A byte order mark, which Windows' editors write, is no fault.

    Raises FileNotFoundError when there is none, another OSError when it cannot be opened, and ValueError, whose text
    says why, when it is not a small file of valid TOML.
    """
    if path.exists() and not path.is_file():  # a pipe would be waited for without end
        raise ValueError("it is not a file")
    with path.open("rb") as file:
        found = file.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST // 1024} KB")
    text = found.decode("utf-8-sig")
    if any(line.count(".") > _DOTS for line in text.splitlines()):
        raise ValueError(f"a line of it has more than {_DOTS:,} dots")
    try:
        tables = tomllib.loads(text)
        repr(tables)  # a number too long to be written down would trip whoever shows it
    except RecursionError:
        raise ValueError("it nests too deeply") from None
    return tables
