"""A page of the course as what there is to type: its blocks in order, and whether a program says what they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

_BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ELISION = ("…", "...")

# What may differ between the page and the reader's own terminal, in the order it is looked for.
_DIFFERS = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"\b[a-z][a-z0-9+-]*:/[^\s,;)”]*"), "ADDRESS"),
    (re.compile(r"(?:\b[A-Za-z]:|~|\.{1,2}|\b[\w.-]+)?(?:[/\\][\w.%+~-]+)+[/\\]?"), "PATH"),
    (re.compile(r"(?<!\d\.)\b(?:m-)?(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b"), "ID"),
    (re.compile(r"[-+]?\d[\d,.:]*(?<![,.:])(?:e[-+]?\d+)?"), "NUMBER"),
    (re.compile(r"[-─━═]{2,}"), "--"),  # as wide as the columns
    (re.compile(r"\s+"), " "),
)


@dataclass(frozen=True)
class Block:
    """A fenced block. `output` is the text block that follows it at once: what typing it brings."""

    language: str
    text: str
    output: str | None = None

    @property
    def lines(self) -> list[str]:
        """What is typed, line by line, without what is only a remark."""
        return [line.strip() for line in self.text.splitlines() if line.strip() and not line.lstrip().startswith("#")]

    @property
    def is_fragment(self) -> bool:
        """Whether it leaves something out (`...`), and so cannot be run."""
        return bool(re.search(r"^\s*\.\.\.", self.text, flags=re.MULTILINE))


def blocks(page: Path) -> Iterator[Block]:
    """The fenced blocks of a page in order, each with the output that the page shows for it."""
    text = page.read_text(encoding="utf-8")
    found = list(_BLOCK.finditer(text))
    outputs: dict[int, str] = {}
    for before, after in pairwise(found):
        at_once = not text[before.end() : after.start()].strip()
        if after["language"] == "text" and before["language"] in ("console", "python") and at_once:
            outputs[before.start()] = after["text"]
    for match in found:
        yield Block(match["language"], match["text"], outputs.get(match.start()))


def plain(text: str) -> list[str]:
    """The lines of an output with everything taken out that may differ: paths, addresses, ids, numbers, widths."""
    lines = []
    for line in text.splitlines():
        for differs, stands_for in _DIFFERS:
            line = differs.sub(stands_for, line)
        if line.strip():
            lines.append(line.strip())
    return lines


def agrees(shown: str, printed: str) -> bool:
    """Whether a program printed what the page shows, but for what may differ; a line `…` stands for any lines."""
    pattern = "".join(r"(?:.*\n)*?" if line in _ELISION else re.escape(line) + r"\n" for line in plain(shown))
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in plain(printed))) is not None
