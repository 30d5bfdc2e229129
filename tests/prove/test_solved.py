"""The proof of the course, second half: what earns marks and keeps them, and which message answers which mistake."""

from __future__ import annotations

import random
import runpy
from pathlib import Path

import pytest

from flowcoach.checks import Mistake
from flowcoach.course import Section
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.prove import stage
from tests.prove.conftest import Solved


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


def test_junk_beside_the_evidence_and_the_script_run_again_cost_nothing(
    section: Section, solved_copy: Workspace
) -> None:
    from mlflow import MlflowClient

    from tests.prove.junk import litter, retype_tags

    with stage.inside(solved_copy):
        retype_tags(MlflowClient())
        litter(MlflowClient())
        runpy.run_path(str(section.folder / "run.py"))
    assert set(stage.states(stage.examine(solved_copy, section)).values()) == {State.PASSED}


@pytest.mark.parametrize(
    "afterwards", ["tidy_up_trials", "tidy_up_early_trials", "fail_in_reopened_runs", "search_in_vain_once_more"]
)
def test_going_on_after_the_choice_costs_nothing(section: Section, solved_copy: Workspace, afterwards: str) -> None:
    if section.id != "2.3":
        pytest.skip("only section 2.3 has trials")
    from mlflow import MlflowClient

    from tests.prove import junk

    with stage.inside(solved_copy):
        getattr(junk, afterwards)(MlflowClient())
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
