"""Draw the README's picture of a real check: a demo's work, then one wrong turn that real learners take."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from dataclasses import replace
from io import StringIO
from pathlib import Path

from rich.console import Console

from flowcoach import course
from flowcoach.coach.demo import demo
from flowcoach.coach.scripts import environment
from flowcoach.report import terminal
from flowcoach.workspace import MONTHS

PICTURE = Path(__file__).parents[1] / "docs" / "check.svg"
SHOWN = "sqlite:////home/you/my-course/mlflow.db"  # in the place of a temporary folder
SECTION, WRONG_TURN = "2.3", "2.3/best-tagged/tagged-the-newest"


def main() -> int:
    """Play section 2.3, take the wrong turn, check, and write what the terminal shows as an SVG file."""
    with tempfile.TemporaryDirectory() as scratch:
        here = demo(Path(scratch) / "my-course", data=None, months=MONTHS, say=print).workspace
        os.environ.update(environment(here))
        wrong = next(one for one in course.section(SECTION).mistakes if one.misconception_id == WRONG_TURN)
        wrong.build(here)
        result = replace(course.look((SECTION,), here.folder, here.own_store), stores=(SHOWN,))
    console = Console(record=True, width=100, file=StringIO(), force_terminal=True, highlight=False)
    terminal.render(result, console)
    PICTURE.parent.mkdir(exist_ok=True)
    drawn = console.export_svg(title=f"flowcoach check {SECTION}", unique_id="check")
    without_fonts = re.sub(r"@font-face \{.*?\}", "", drawn, flags=re.DOTALL)  # they would be fetched from elsewhere
    PICTURE.write_text(re.sub(r"[ \t]+$", "", without_fonts, flags=re.MULTILINE), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
