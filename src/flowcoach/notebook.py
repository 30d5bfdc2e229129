"""What a notebook imports: `check("2.3/trials")` looks at the evidence and shows what holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from flowcoach import workspace
from flowcoach.report import notebook as face
from flowcoach.report import terminal
from flowcoach.report.text import clean
from flowcoach.result import Result, from_dict


class NotChecked(Exception):
    """Nothing could be judged: one cause, one next step, both in the message."""

    def __init__(self, cause: str, next_step: str) -> None:
        super().__init__(f"{clean(cause)}\nNext: {clean(next_step)}")

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message, and no traceback of ours."""
        return [str(self)]


class Points(float):
    """Points earned, to nbgrader the plain number that it counts; to a reader the same with its unit."""

    def _repr_html_(self) -> str:
        return f'<span style="opacity:.75">{self:g} {"point" if self == 1 else "points"}</span>'


def check(name: str) -> float:
    """Check a step ("2.3/trials") or a section ("2.3"), show the result, and give back the points earned.

    The check runs in a process of its own, on what was stored: nothing that lives in the notebook can change it. The
    number reads as a plain float, for nbgrader counts the cell's last value when it does. Raises NotChecked when
    nothing could be checked, or when a check broke, so that no zero of ours is taken for the learner's.
    """
    result = _ask(name)
    if result.problem:
        raise NotChecked(result.problem.cause, result.problem.next_step)
    _show(result)
    if result.needs_regrade:
        raise NotChecked("A check broke. That is our fault, not yours.", "please report it, with what stands above")
    return Points(result.points)


def _ask(name: str) -> Result:
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flowcoach", "check", "--json", name],  # -P: no module from the current folder
        env=_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        return from_dict(json.loads(done.stdout))
    except ValueError:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with exit code {done.returncode}"]
        raise NotChecked(
            f"flowcoach check {name} gave no result: {last[0]}", f"try it in a terminal: flowcoach check {name}"
        ) from None


def _environment() -> dict[str, str]:
    """This process's environment, but for the address that mlflow.set_tracking_uri may have written into it."""
    environment = {name: text for name, text in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    inherited = {"MLFLOW_TRACKING_URI": workspace.INHERITED} if workspace.INHERITED else {}
    return {**environment, **inherited, "PYTHONUTF8": "1"}


def _show(result: Result) -> None:
    """Draw the result in the notebook; where the same code runs as a script, on the terminal."""
    ipython = sys.modules.get("IPython")  # in a notebook, it is there
    if ipython and ipython.get_ipython():
        from IPython.display import display

        display({"text/html": face.html(result), "text/plain": terminal.dumps(result)}, raw=True)
    else:
        from rich.console import Console

        terminal.render(result, Console())
