"""The result on a terminal: what holds, what does not, and the one next step."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from flowcoach.report.text import clean, explain, score
from flowcoach.result import Result


def render(result: Result, console: Console) -> None:
    """Draw the result on `console`."""
    for section in result.sections:
        console.print(Text(f"{section.id} {section.title}  {score(section.points, section.max_points)}"))
        for check in section.checks:
            console.print(Text(f"  {check.state} {clean(check.title)}"))
            if check.message:
                console.print(Text(explain(check)))
