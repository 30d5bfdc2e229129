"""Stock nbgrader, by its own commands: every section is released, one is graded, for three learners.

That each solution earns full marks and each untouched exercise none is proved section by section in tests/prove.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from flowcoach import course
from flowcoach.atomic import write_text
from flowcoach.course import Section
from tools import exercises

pytestmark = pytest.mark.timeout(900)  # three notebooks, each with a kernel of its own, are graded in one fixture
NOTEBOOKS = [section for section in course.sections() if not section.is_homework]
every_section = pytest.mark.parametrize("section", NOTEBOOKS, ids=lambda section: section.id)
TRIED = NOTEBOOKS[
    1:2
]  # graded here; that every solution earns full marks, and no untouched exercise any, is in tests/prove
tried_sections = pytest.mark.parametrize("section", TRIED, ids=lambda section: section.id)

COMMANDS = """
import sys
from nbgrader.apps import NbGraderApp
from traitlets.config import Application
for command in sys.argv[1:]:
    NbGraderApp.launch_instance(command.split())
    Application.instance().clear_instance()
"""


@dataclass(frozen=True)
class Classroom:
    """A course folder of nbgrader, and the scores that it exported: by learner and section."""

    folder: Path
    scores: dict[tuple[str, str], float]


@pytest.fixture(scope="module")
def classroom(tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    """Three learners, graded one after the other: all done, nothing done (but a borrowed store), half done."""
    folder = tmp_path_factory.mktemp("classroom")
    shutil.copy(exercises.ROOT / "nbgrader_config.py", folder)
    for path, text in exercises.sources(exercises.ROOT).items():
        (folder / path).parent.mkdir(parents=True)
        write_text(folder / path, text)
    nbgrader(folder, "generate_assignment *")
    for section in NOTEBOOKS:
        source, released = (folder / kind / section.name / "exercise.ipynb" for kind in ("solutions", "exercises"))
        if section in TRIED:
            submit(folder, "alice", section, source)
            submit(folder, "bob", section, released)
            submit(folder, "carol", section, half_done(source, released, folder / f"{section.name}.ipynb"))
    nbgrader(folder, "autograde * --student alice")
    for section in TRIED:
        lend(folder / "autograded" / "alice" / section.name / "workspace", folder / "submitted" / "bob" / section.name)
    nbgrader(folder, "autograde *", "generate_feedback *", "export")  # of alice, nothing is new
    with (folder / "grades.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Classroom(folder, {(row["student_id"], row["assignment"]): float(row["score"]) for row in rows})


def nbgrader(folder: Path, *commands: str) -> None:
    """Give nbgrader its commands in the course folder, in one process, for its imports take seconds.

    This Python's own programs come first on PATH: nbgrader calls alembic.
    """
    inherited = {k: v for k, v in os.environ.items() if k not in ("FLOWCOACH_WORKSPACE", "MLFLOW_TRACKING_URI")}
    path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", "")])
    environment = {**inherited, "PATH": path, "JUPYTER_CONFIG_DIR": str(folder / ".jupyter")}
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, *commands],
        cwd=folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr


def submit(folder: Path, learner: str, section: Section, notebook: Path) -> None:
    place = folder / "submitted" / learner / section.name
    place.mkdir(parents=True)
    shutil.copy(notebook, place / "exercise.ipynb")


def solution_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]


def half_done(source: Path, released: Path, target: Path) -> Path:
    """The exercise with the first half of its solution cells filled in."""
    answers = solution_cells(nbformat.read(source, as_version=4))
    notebook = nbformat.read(released, as_version=4)
    for cell, answer in list(zip(solution_cells(notebook), answers, strict=True))[: len(answers) // 2]:
        cell.source = answer.source
    nbformat.write(notebook, target)
    return target


def lend(workspace: Path, submission: Path) -> None:
    """Put somebody's finished work beside a submitted notebook, in both places where it might be looked for."""
    shutil.copy(workspace / "mlflow.db", submission)
    shutil.copy(workspace / "flowcoach.toml", submission)
    shutil.copytree(workspace, submission / "workspace")


@tried_sections
def test_the_solution_earns_full_marks(section: Section, classroom: Classroom) -> None:
    assert classroom.scores["alice", section.name] == sum(check.points for check in section.checks if not check.bonus)


@tried_sections
def test_the_untouched_exercise_earns_none_though_a_finished_store_lies_beside_it(
    section: Section, classroom: Classroom
) -> None:
    assert classroom.scores["bob", section.name] == 0


@tried_sections
def test_half_the_work_earns_the_points_of_that_half(section: Section, classroom: Classroom) -> None:
    done = section.checks[: len(section.checks) // 2]
    assert classroom.scores["carol", section.name] == sum(check.points for check in done)


@tried_sections
@pytest.mark.parametrize("learner", ["alice", "bob", "carol"])
def test_each_learner_gets_feedback_and_no_files_of_the_grader(
    section: Section, learner: str, classroom: Classroom
) -> None:
    feedback = classroom.folder / "feedback" / learner / section.name
    assert (feedback / "exercise.html").is_file()
    assert not (feedback / "workspace").exists()


@tried_sections
def test_no_cell_of_an_untouched_exercise_raises(section: Section, classroom: Classroom) -> None:
    graded = classroom.folder / "autograded" / "bob" / section.name / "exercise.ipynb"
    code = [cell for cell in nbformat.read(graded, as_version=4).cells if cell.cell_type == "code"]
    errors = [output for cell in code for output in cell.outputs if output.output_type == "error"]
    assert errors == []


@every_section
def test_learners_get_no_source_of_the_solution(section: Section, classroom: Classroom) -> None:
    assert [path.name for path in (classroom.folder / "exercises" / section.name).iterdir()] == ["exercise.ipynb"]
