"""A section's solution as a text to read: prose and code, in the order of the exercise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from flowcoach import course
from flowcoach.course import Section
from flowcoach.problem import Problem

_CELL = re.compile(r"^# %%(?P<kind> \[markdown\])?.*$", re.MULTILINE)
_MARKS = re.compile(r"^ *### (BEGIN|END) SOLUTION.*\n?", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A piece of prose (Markdown), or of Python."""

    text: str
    is_prose: bool


def read(source: Path) -> list[Cell]:
    """The cells of an exercise's source in the percent format (https://jupytext.readthedocs.io, “percent”).

    Raises Problem when there is none.
    """
    if not source.is_file():
        raise Problem(f"There is no solution to read: {source} is missing.", "see what there is: flowcoach list")
    text = source.read_text(encoding="utf-8")
    marks = list(_CELL.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    cells = []
    for mark, end in zip(marks, ends, strict=True):
        body = text[mark.end() : end]
        is_prose = mark["kind"] is not None
        body = re.sub(r"^# ?", "", body, flags=re.MULTILINE) if is_prose else _MARKS.sub("", body)
        if body.strip():
            cells.append(Cell(body.strip("\n"), is_prose))
    return cells


def of(section: Section) -> list[Cell]:
    """The solution of a section: its exercise's cells; of a homework, its scripts one after the other.

    Raises Problem when there is none.
    """
    folder = course.root() / "solutions" / section.name
    if not section.is_homework:
        return read(folder / "exercise.py")
    cells = []
    for path in sorted(folder.glob("*.py")):
        cells.append(Cell(f"## {path.name}", is_prose=True))
        cells.append(Cell(_MARKS.sub("", path.read_text(encoding="utf-8")).strip("\n"), is_prose=False))
    return cells


def script(cells: list[Cell]) -> str:
    """The cells as one Python script, its prose as comments."""
    parts = [_comment(cell.text) if cell.is_prose else cell.text for cell in cells]
    return "\n\n".join(parts) + "\n"


def _comment(prose: str) -> str:
    return "\n".join(f"# {line}".rstrip() for line in prose.splitlines())
