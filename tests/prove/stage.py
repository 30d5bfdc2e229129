"""The stage of the proof: workspaces to work in, notebooks run headless, results read from the evidence."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from flowcoach import course, workspace
from flowcoach.coach import scripts
from flowcoach.course import Section
from flowcoach.handin.replay import steps_of
from flowcoach.result import CheckResult, SectionResult, State
from flowcoach.workspace import Workspace
from tools.exercises import with_gaps
from tools.notebooks import notebook

LOCATIONS = {"experiments": "artifact_location", "runs": "artifact_uri", "logged_models": "artifact_location"}


def copy(source: Workspace, folder: Path) -> Workspace:
    """A copy of a workspace to change at will: what is logged there stays there."""
    shutil.copytree(source.folder, folder)
    made = workspace.load(folder)
    with closing(sqlite3.connect(folder / "mlflow.db")) as store, store:
        for table, column in LOCATIONS.items():
            store.execute(
                f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (f"{source.artifacts}/", f"{made.artifacts}/")
            )
    return made


def examine(here: Workspace, section: Section) -> SectionResult:
    """What `flowcoach check` would find in the workspace."""
    return course.look((section.id,), here.folder, here.own_store).sections[0]


def states(result: SectionResult) -> dict[str, State]:
    """The state of each check."""
    return {check.id: check.state for check in result.checks}


def by_id(result: SectionResult) -> dict[str, CheckResult]:
    """Each check's result."""
    return {check.id: check for check in result.checks}


def not_passed(section: Section, here: Workspace) -> dict[str, CheckResult]:
    """What a workspace lacks to be solved: every check that did not pass, but for a bonus that was skipped."""
    return {
        check.id: check
        for check in examine(here, section).checks
        if check.state is not State.PASSED and not (check.bonus and check.state is State.SKIPPED)
    }


def run_notebook(path: Path, here: Workspace, after_cell: Callable[[], None] = lambda: None) -> None:
    """Run a notebook headless in the workspace; `after_cell` is called after each graded cell.

    A cell that raises ends the run with nbclient's CellExecutionError.
    """
    import nbformat
    from nbclient import NotebookClient

    read = nbformat.read(path, as_version=4)
    graded = {cell.id for cell in read.cells if cell.metadata.get("nbgrader", {}).get("grade")}

    def done(cell: nbformat.NotebookNode, cell_index: int, **_: object) -> None:
        if cell.id in graded:
            after_cell()

    client = NotebookClient(read, timeout=180, kernel_name="python3", on_cell_executed=done)
    client.execute(cwd=str(here.folder), env=scripts.environment(here))


def solution_notebook(section: Section, folder: Path) -> Path:
    """The section's solution as a notebook, in `folder`."""
    path = folder / f"{section.name}.ipynb"
    path.write_text(notebook(course.root() / "solutions" / section.name / "exercise.py"), encoding="utf-8")
    return path


def hand_out(section: Section, here: Workspace, gap: int | None = None) -> None:
    """Put the homework's complete scripts into the workspace; with `gap`, that one gap is still open."""
    for source in (course.root() / "solutions" / section.name).glob("*.py"):
        text = source.read_text(encoding="utf-8")
        script = text if gap is None else with_gaps(text, source.name, gap)
        (here.folder / section.place / source.name).write_text(script, encoding="utf-8")


def work_homework(
    section: Section, here: Workspace, after_step: Callable[[], None] = lambda: None, first: int = 0
) -> list[int]:
    """Run the homework's scripts as they lie in the workspace, and answer what can be answered after each.

    In this process, which imported MLflow already, and without a server: the experiment is made as one would make it.
    The exit code of each script comes back, from step `first` on; `after_step` is called after each.
    """
    import mlflow

    codes = []
    with inside(here):
        for step in steps_of(section)[first:]:
            if step.server and mlflow.get_experiment_by_name("homework-search") is None:
                mlflow.create_experiment("homework-search", "mlflow-artifacts:/homework-search")
            arguments = [text.replace("{server}", here.own_store) for text in step.arguments]
            codes.append(run_script(here.folder / section.place / step.script, arguments))
            mlflow.sklearn.autolog(disable=True)
            answer(section, here)
            after_step()
    return codes


def run_script(script: Path, arguments: list[str]) -> int:
    """Run a script as if it had been started with these arguments; its exit code, 1 for one that raises."""
    before = sys.argv
    sys.argv = [str(script), *arguments]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    except Exception:
        return 1
    finally:
        sys.argv = before
    return 0


def answer(section: Section, here: Workspace) -> None:
    """Answer the homework's questions with what its evidence shows by now."""
    with suppress(FileNotFoundError):
        section.load("answers").fill(here)


def solve_again(section: Section, here: Workspace, scratch: Path) -> None:
    """Work the whole section once more, correctly, in a workspace where anything may have happened."""
    if section.is_homework:
        hand_out(section, here)
        assert work_homework(section, here) == [0] * len(steps_of(section))
        return
    solution = scratch / "solution.py"
    solution.write_text(solution_code(section), encoding="utf-8")
    with inside(here):
        runpy.run_path(str(solution))


def solution_code(section: Section) -> str:
    """The solution as one program, without the checks between its steps."""
    text = (course.root() / "solutions" / section.name / "exercise.py").read_text(encoding="utf-8")
    return re.sub(r"^check\(.*\)$", "", text, flags=re.MULTILINE)


@contextmanager
def inside(here: Workspace) -> Iterator[None]:
    """Stand in the workspace as a learner's own process does: its folder, its store, its environment."""
    import mlflow
    from mlflow.tracking import fluent

    before, variables = Path.cwd(), dict(os.environ)
    address = mlflow.get_tracking_uri()
    os.chdir(here.folder)
    os.environ.update(scripts.environment(here))
    mlflow.set_tracking_uri(here.own_store)
    fluent._active_experiment_id = None  # a new process has none; MLflow offers no other way to forget it
    try:
        yield
    finally:
        while mlflow.active_run():
            mlflow.end_run()
        mlflow.set_tracking_uri(address)
        os.chdir(before)
        os.environ.clear()
        os.environ.update(variables)


def dependents(section: Section, check_id: str) -> set[str]:
    """The checks that need this one, directly or not."""
    found: set[str] = set()
    for check in section.checks:  # in order, needs first
        if any(need.id == check_id or need.id in found for need in check.needs):
            found.add(check.id)
    return found
