"""Each section's expensive states, made once: script run, solved."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.coach import scripts
from flowcoach.coach.start import start
from flowcoach.course import Section
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.prove import stage


@dataclass(frozen=True)
class Solved:
    """A workspace in which the solution was run, and what the checks said after each of its graded cells."""

    here: Workspace
    history: tuple[dict[str, State], ...]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Prove every section there is, every mistake it can build and every harmless state."""
    wanted = metafunc.config.getoption("--section")
    sections = [course.section(wanted)] if wanted else list(course.sections())
    if "mistake" in metafunc.fixturenames:
        pairs = [(section, mistake) for section in sections for mistake in section.mistakes]
        names = [f"{mistake.check_id}:{mistake.build.__name__}" for _, mistake in pairs]
        metafunc.parametrize(("section", "mistake"), pairs, ids=names, scope="session")
    elif "harmless" in metafunc.fixturenames:
        pairs = [(section, harmless) for section in sections for harmless in section.harmless]
        names = [f"{section.id}:{harmless.build.__name__}" for section, harmless in pairs]
        metafunc.parametrize(("section", "harmless"), pairs, ids=names, scope="session")
    elif "section" in metafunc.fixturenames:
        metafunc.parametrize("section", sections, ids=[section.id for section in sections], scope="session")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """As everywhere in the tests, but quicker: MLflow is imported here already and prepares the store itself."""
    from mlflow import MlflowClient

    folder = tmp_path_factory.mktemp("prepared")
    with contextlib.chdir(folder):
        MlflowClient("sqlite:///empty.db").search_experiments()
    return start(folder / "course", learner="prove", trips=1500, store=folder / "empty.db")


@pytest.fixture(scope="session")
def begun(section: Section, prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which nothing but the section's script was run, as `flowcoach run` does."""
    here = stage.copy(prepared, tmp_path_factory.mktemp(f"begun-{section.id}") / "course")
    scripts.run(section.folder / "run.py", here, quiet=True)
    return here


@pytest.fixture(scope="session")
def solved(section: Section, prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Solved:
    """The section's solution, run headless in a workspace of its own: a notebook, or the homework's scripts."""
    folder = tmp_path_factory.mktemp(f"solved-{section.id}")
    here = stage.copy(prepared, folder / "course")
    history: list[dict[str, State]] = []

    def look() -> None:
        history.append(stage.states(stage.examine(here, section)))

    if section.is_homework:
        stage.hand_out(section, here)
        stage.work_homework(section, here, look)
    else:
        stage.run_notebook(stage.solution_notebook(section, folder), here, look)
    return Solved(here, tuple(history))


@pytest.fixture
def solved_copy(solved: Solved, tmp_path: Path) -> Workspace:
    """A copy of the solved workspace to spoil."""
    return stage.copy(solved.here, tmp_path / "course")
