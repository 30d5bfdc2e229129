"""Build the exercises: stock nbgrader turns each section's hand-written source into the learner's notebook."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import textwrap
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

from flowcoach.atomic import write_text
from tools.notebooks import notebook

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Write the notebooks of all sections; with --check, only say whether the committed ones are up to date."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when an exercise is out of date")
    only_check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        exercises = build(ROOT, Path(scratch))
    old = [path for path, text in exercises.items() if not _holds(ROOT / path, text)]
    for path in old:
        sys.stdout.write(f"{path.as_posix()} {'is out of date: make exercises' if only_check else 'written'}\n")
        if not only_check:
            (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
            write_text(ROOT / path, exercises[path])
    if not only_check:
        for path, text in sources(ROOT).items():
            write_text(ROOT / path, text)
    if not old:
        sys.stdout.write(f"{len(exercises)} exercises are up to date\n")
    return int(only_check and bool(old))


def sources(course: Path) -> dict[Path, str]:
    """The instructor's notebooks, as nbgrader's own commands want them: path inside `course`, and text."""
    found = sorted((course / "solutions").glob("*/exercise.py"))
    return {path.relative_to(course).with_suffix(".ipynb"): notebook(path) for path in found}


def build(course: Path, scratch: Path) -> dict[Path, str]:
    """The exercises of `course`, made by nbgrader in the empty folder `scratch`: path inside `course`, and text.

    Nothing in `course` changes. nbgrader reads the course's own `nbgrader_config.py`, so that its commands and this
    one agree; no gradebook is needed. What else lies beside a source comes along as it is. Raises nbgrader's
    NbGraderException for a source that it does not accept.
    """
    config = PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config()
    config.CourseDirectory.root = str(scratch.resolve())
    config.CourseDirectory.assignment_id = "*"
    config.GenerateAssignment.no_database = True
    config.SaveCells.enabled = False
    for path, text in sources(course).items():
        (scratch / path).parent.mkdir(parents=True)
        write_text(scratch / path, text)
    GenerateAssignment(coursedir=CourseDirectory(config=config), config=config).start()
    made = sorted((scratch / "exercises").glob("*/*.ipynb"))
    return {path.relative_to(scratch): path.read_text(encoding="utf-8") for path in made} | handouts(course)


def handouts(course: Path) -> dict[Path, str]:
    """The files that a section's exercise brings besides its notebook: path inside `course`, and text."""
    found = sorted(path for path in (course / "solutions").glob("*/*") if path.is_file() and path.stem != "exercise")
    made = {}
    for path in found:
        text = path.read_text(encoding="utf-8")
        if path.parent.name.endswith("-homework"):
            made[Path("homework", path.name)] = with_gaps(text, path.name)
        else:
            made[Path("exercises", path.parent.name, path.name)] = text
    return made


def with_gaps(text: str, script: str, only: int | None = None) -> str:
    """A homework's script with its gaps open: what each asks for stands there, and a script that is run ends at it.

    With `only`, just the gap of this number is open, as after work that is not yet done.
    """

    def opened(gap: re.Match[str]) -> str:
        if only is not None and int(gap["number"]) != only:
            return _MARK.sub("", gap[0])
        indent, asked = gap["indent"], gap["asked"].strip()
        lines = textwrap.wrap(f"Gap {gap['number']}: {asked}", 110 - len(indent))
        told = f"{script} stops at gap {gap['number']}: put your own lines in the place of this one."
        return "".join(f"{indent}# {line}\n" for line in lines) + f'{indent}raise SystemExit("{told}")\n'

    return _GAP.sub(opened, text)


_GAP = re.compile(
    r"^(?P<indent> *)### BEGIN SOLUTION Gap (?P<number>\d+): (?P<asked>.*)\n"
    r"(?:.*\n)*?(?P=indent)### END SOLUTION\n",
    re.MULTILINE,
)
_MARK = re.compile(r"^ *### (?:BEGIN|END) SOLUTION.*\n", re.MULTILINE)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


if __name__ == "__main__":
    sys.exit(main())
