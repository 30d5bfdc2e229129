"""The proof of the course, second half: what earns marks and keeps them, and which message answers which mistake."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

import pytest

from flowcoach.checks import Harmless, Mistake
from flowcoach.course import Section
from flowcoach.handin.replay import steps_of
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.prove import stage
from tests.prove.conftest import Solved


def test_the_solution_earns_full_marks(section: Section, solved: Solved) -> None:
    assert stage.not_passed(section, solved.here) == {}
    result = stage.examine(solved.here, section)
    assert result.points >= result.max_points


def test_finishing_later_steps_never_turns_a_green_red(section: Section, solved: Solved) -> None:
    assert len(solved.history) == (len(steps_of(section)) if section.is_homework else len(section.checks))
    passed: set[str] = set()
    for after in solved.history:
        now = {id for id, state in after.items() if state is State.PASSED}
        assert passed <= now
        passed = now


def test_a_mistake_fails_its_check_alone_and_gets_its_own_message(
    section: Section, mistake: Mistake, solved: Solved, solved_copy: Workspace
) -> None:
    before = solved.history[-1]
    if before[mistake.check_id] is State.SKIPPED:
        pytest.skip(f"the bonus {mistake.check_id} cannot be checked here")
    with stage.inside(solved_copy):
        mistake.build(solved_copy)
    results = stage.by_id(stage.examine(solved_copy, section))
    fallen = results[mistake.check_id]
    assert fallen.state is State.FAILED, f"{mistake.story}: {fallen}"
    assert fallen.misconception == mistake.misconception_id
    others = {id: result for id, result in results.items() if id != mistake.check_id}
    behind = stage.dependents(section, mistake.check_id)
    assert {id: result.state for id, result in others.items()} == {
        id: State.SKIPPED if id in behind else before[id] for id in others
    }


def test_junk_beside_the_evidence_and_the_script_run_again_cost_nothing(
    section: Section, solved_copy: Workspace
) -> None:
    from mlflow import MlflowClient

    from tests.prove.junk import litter, retype_tags

    with stage.inside(solved_copy):
        retype_tags(MlflowClient())
        litter(MlflowClient())
        runpy.run_path(str(section.folder / "run.py"))
    assert stage.not_passed(section, solved_copy) == {}


def test_a_harmless_state_costs_nothing(section: Section, harmless: Harmless, solved_copy: Workspace) -> None:
    with stage.inside(solved_copy):
        harmless.build(solved_copy)
    assert stage.not_passed(section, solved_copy) == {}, harmless.story


def test_failing_in_every_way_and_repairing_costs_nothing(
    section: Section, solved_copy: Workspace, tmp_path: Path
) -> None:
    mistakes = list(section.mistakes)
    random.Random(7).shuffle(mistakes)
    with stage.inside(solved_copy):
        for mistake in mistakes:
            mistake.build(solved_copy)
        assert stage.not_passed(section, solved_copy) != {}
    stage.solve_again(section, solved_copy, tmp_path)
    assert stage.not_passed(section, solved_copy) == {}
