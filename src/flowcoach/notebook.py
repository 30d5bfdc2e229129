"""What a notebook imports: `check("2.3/trials")` looks at the evidence and shows what holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from flowcoach.report import notebook as face
from flowcoach.report import terminal
from flowcoach.result import Result, from_dict


class NotChecked(Exception):
    """Nothing could be judged, and not by the learner's fault alone: one cause, one next step."""

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(f"{cause}\nNext: {next_step}")

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message and no traceback of ours."""
        return [str(self)]


def check(name: str) -> float:
    """Check a step ("2.3/trials") or a section ("2.3"), show the result, and give back the points earned.

    The check runs in a process of its own, so nothing in the notebook can change it. The plain number is what nbgrader
    counts. Raises NotChecked when nothing could be judged.
    """
    from IPython.display import display

    result = _ask(name)
    if result.problem:
        raise NotChecked(result.problem.cause, result.problem.next_step)
    display({"text/html": face.html(result), "text/plain": terminal.dumps(result)}, raw=True)
    if result.needs_regrade:
        raise NotChecked("A check broke. That is our fault, not yours.", "please report it with what stands above")
    return float(result.points)


def _ask(name: str) -> Result:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flowcoach", "check", "--json", name],  # -P: no module of the current folder
        env={**os.environ, "PYTHONUTF8": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        return from_dict(json.loads(done.stdout))
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise NotChecked(
            f"flowcoach check {name} gave no result: {last[0]}", f"try it in a terminal: flowcoach check {name}"
        ) from None
