"""The main job, end to end, in a throw-away workspace: data, every section's script and solution, the checks."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from flowcoach import course
from flowcoach.coach import scripts
from flowcoach.coach.start import Say, start
from flowcoach.course import Section
from flowcoach.evidence.stores import shown
from flowcoach.problem import Problem
from flowcoach.result import Result
from flowcoach.workspace import Workspace, remove

MARK = Path(".flowcoach", "demo")  # says that a workspace is nobody's work
SIDE_BY_SIDE = 2  # sections: each is a process that waits as much as it works


def demo(folder: Path, *, data: Path | None, months: Sequence[str], say: Say) -> tuple[Workspace, Result]:
    """Play a whole course in `folder` and check it; the workspace stays for a look in the UI.

    `say` is told each step. Raises Problem when `folder` is somebody's work, or when a script fails.
    """
    scripts.require("mlflow", "optuna", "sklearn")
    if shutil.which("git") is None:
        raise Problem("The demo needs git, which is not installed here.", "install it: https://git-scm.com/downloads")
    _clear(folder)
    (folder / MARK).parent.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    made = start(folder, learner="demo", data=data, months=months, say=say)
    _refuse_another_store(made)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as players:
        for played in [players.submit(_play, section, made, say) for section in course.sections()]:
            played.result()
    say("checks")
    return made, course.look((), made.folder, made.own_store)


def _play(section: Section, made: Workspace, say: Say) -> None:
    """Run a section's script, then its exercise with the solution filled in."""
    say(f"{section.id} run.py")
    scripts.run(section.folder / "run.py", made, quiet=True)
    say(f"{section.id} exercise")
    scripts.run(course.root() / "solutions" / section.name / "exercise.py", made, quiet=True)


def _refuse_another_store(made: Workspace) -> None:
    """A demo never writes to the store that MLFLOW_TRACKING_URI names: that one is somebody's."""
    if made.store != made.own_store:
        raise Problem(
            f"MLFLOW_TRACKING_URI is set to {shown(made.store)}, and a demo must not write there.",
            "unset MLFLOW_TRACKING_URI and run the same again",
        )


def _clear(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).is_file():
        raise Problem(f"{folder} is not an earlier demo, so it stays as it is.", "name a new folder with --workspace")
    remove(folder)
