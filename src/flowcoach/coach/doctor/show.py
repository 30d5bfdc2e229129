"""A diagnosis as people and as machines read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flowcoach.coach.doctor.trouble import Diagnosis
from flowcoach.problem import Problem
from flowcoach.report.text import clean, fit, plural

if TYPE_CHECKING:
    from rich.console import Console

SCHEMA = "flowcoach/diagnosis/v1"


def to_dict(found: Sequence[Diagnosis] | Problem) -> dict[str, Any]:
    """The diagnoses as plain data, or why nothing could be looked at; then nobody knows whether all is well."""
    if isinstance(found, Problem):
        problem = {"cause": found.cause, "next_step": found.next_step}
        return {"schema": SCHEMA, "healthy": None, "troubles": [], "problem": problem}
    return {"schema": SCHEMA, "healthy": not found, "troubles": [asdict(diagnosis) for diagnosis in found]}


def render(diagnoses: Sequence[Diagnosis], console: Console) -> None:
    """Draw the diagnoses on `console`, in its width; a cure stands on a line of its own, to be copied."""
    from rich.text import Text

    def put(words: str, *, margin: str = "", style: str = "", whole: bool = False) -> None:
        text = Text(fit(clean(words), console.encoding), style)
        # A command that is broken in two cannot be copied.
        rows = [text] if whole else text.wrap(console, max(min(console.width, 100) - len(margin), 20))
        for row in rows:
            row.rstrip()
            console.print(Text(margin).append(row), soft_wrap=True)
            margin = " " * len(margin)

    if not diagnoses:
        put("No trouble found: store, addresses, kernel and code look well.", style="green")
        return
    for diagnosis in diagnoses:
        put(diagnosis.id, style="bold red")
        put(diagnosis.sentence, margin="  ")
        for finding in diagnosis.findings:
            put(finding.seen, margin="  seen   ")
            put(finding.where, margin="  where  ")
            put(finding.cure, margin="  cure   ", style="bold", whole=True)
        console.print()
    put(f"{plural(len(diagnoses), 'trouble')} found. Nothing was changed. After a cure: flowcoach doctor")
