"""The proof of the course: what earns marks, what earns none, and which message answers which mistake."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.checks import Mistake
from flowcoach.coach import scripts
from flowcoach.course import Section
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.prove import stage
from tests.prove.conftest import Solved


def test_every_check_says_what_a_teacher_would(section: Section) -> None:
    for check in section.checks:
        assert 1 <= len(check.hints) <= 3, f"{check.id} needs one to three hints"
        assert check.why, f"{check.id} says nothing on why it matters"
        assert len(check.why.splitlines()) == 2, f"{check.id}: two lines on why it matters"
        assert not check.title.endswith("."), f"{check.id}: a title, not a paragraph"


def test_every_mistake_is_built(section: Section) -> None:
    built = {mistake.check_id for mistake in section.mistakes}
    recognised = {mistake.misconception_id for mistake in section.mistakes}
    assert {check.id for check in section.checks} <= built
    assert {known.id for check in section.checks for known in check.misconceptions} <= recognised


def test_the_solution_earns_full_marks(section: Section, solved: Solved) -> None:
    result = stage.examine(solved.here, section)
    assert {id: state for id, state in stage.states(result).items() if state is not State.PASSED} == {}
    assert result.points == sum(check.points for check in section.checks)


def test_finishing_later_steps_never_turns_a_green_red(section: Section, solved: Solved) -> None:
    assert len(solved.history) == len(section.checks)
    passed: set[str] = set()
    for after in solved.history:
        now = {id for id, state in after.items() if state is State.PASSED}
        assert passed <= now
        passed = now


def test_the_untouched_exercise_earns_zero(section: Section, prepared: Workspace, tmp_path: Path) -> None:
    here = stage.copy(prepared, tmp_path / "course")
    stage.run_notebook(course.root() / "exercises" / section.name / "exercise.ipynb", here)
    assert stage.examine(here, section).points == 0


def test_running_the_script_alone_earns_zero(section: Section, prepared: Workspace, tmp_path: Path) -> None:
    here = stage.copy(prepared, tmp_path / "course")
    assert scripts.run(section.folder / "run.py", here, quiet=True) == 0
    assert stage.examine(here, section).points == 0


def test_a_mistake_fails_its_check_alone_and_gets_its_own_message(
    section: Section, mistake: Mistake, solved_copy: Workspace
) -> None:
    with stage.inside(solved_copy):
        mistake.build(solved_copy)
    results = stage.by_id(stage.examine(solved_copy, section))
    fallen = results[mistake.check_id]
    assert fallen.state is State.FAILED, f"{mistake.story}: {fallen}"
    assert fallen.misconception == mistake.misconception_id
    others = {id: result for id, result in results.items() if id != mistake.check_id}
    behind = stage.dependents(section, mistake.check_id)
    assert {id: result.state for id, result in others.items()} == {
        id: State.SKIPPED if id in behind else State.PASSED for id in others
    }


def test_junk_beside_the_evidence_costs_nothing(section: Section, solved_copy: Workspace) -> None:
    from mlflow import MlflowClient

    from tests.prove.junk import litter

    with stage.inside(solved_copy):
        litter(MlflowClient())
        scripts.run(section.folder / "run.py", solved_copy, quiet=True)
    assert set(stage.states(stage.examine(solved_copy, section)).values()) == {State.PASSED}


def test_failing_in_every_way_and_repairing_costs_nothing(
    section: Section, solved_copy: Workspace, tmp_path: Path
) -> None:
    solution = tmp_path / "solution.py"
    solution.write_text(stage.solution_code(section), encoding="utf-8")
    mistakes = list(section.mistakes)
    random.Random(7).shuffle(mistakes)
    with stage.inside(solved_copy):
        for mistake in mistakes:
            mistake.build(solved_copy)
        assert stage.examine(solved_copy, section).points < sum(check.points for check in section.checks)
        runpy.run_path(str(solution))
    assert set(stage.states(stage.examine(solved_copy, section)).values()) == {State.PASSED}


@pytest.mark.parametrize("name", ["README.md", "run.py", "checks.py", "mistakes.py"])
def test_a_section_is_whole(section: Section, name: str) -> None:
    assert (section.folder / name).read_text(encoding="utf-8").strip()
