"""Three learners do the homework honestly: each earns full marks, and each with answers of their own."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flowcoach import course, rescore, workspace
from flowcoach.coach.start import write_months
from flowcoach.result import Basis
from flowcoach.workspace import Workspace
from tests.prove import stage

SECTION = course.section("2.7")
LEARNERS = ("ada", "grace", "emmy")


@pytest.fixture(scope="module")
def done(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workspace]:
    """The workspaces of three learners who did the homework, by learner."""
    return {learner: _do(learner, prepared, tmp_path_factory.mktemp(learner)) for learner in LEARNERS}


def _do(learner: str, prepared: Workspace, folder: Path) -> Workspace:
    here = stage.copy(prepared, folder / "course")
    settings = here.folder / workspace.SETTINGS
    settings.write_text(settings.read_text(encoding="utf-8").replace('"prove"', f'"{learner}"'), encoding="utf-8")
    workspace.remove(here.data)
    here = workspace.load(here.folder)
    write_months(here)
    stage.hand_out(SECTION, here)
    assert stage.work_homework(SECTION, here) == [0] * 5
    return here


def answers(here: Workspace) -> dict[str, Any]:
    return tomllib.loads((here.folder / "homework" / "answers.toml").read_text(encoding="utf-8"))["2.7"]


@pytest.mark.parametrize("learner", LEARNERS)
def test_each_earns_full_marks(learner: str, done: dict[str, Workspace]) -> None:
    assert stage.not_passed(SECTION, done[learner]) == {}


def test_honest_models_give_their_figures_again(done: dict[str, Workspace]) -> None:
    here = done["ada"]
    result = course.look(("2.7",), here.folder, here.own_store, rescorer=rescore.own(here, compute=True))
    assert (result.points, result.basis) == (result.max_points, Basis.REPRODUCED)


@pytest.mark.parametrize("question", ["training_trips", "forest_rmse", "best_rmse", "test_rmse", "final_rmse"])
def test_no_two_of_them_have_the_same_answer(question: str, done: dict[str, Workspace]) -> None:
    assert len({answers(here)[question] for here in done.values()}) == len(LEARNERS)


def test_the_answers_of_another_are_told_from_ones_own(done: dict[str, Workspace], tmp_path: Path) -> None:
    mine = stage.copy(done["ada"], tmp_path / "course")
    theirs = (done["grace"].folder / "homework" / "answers.toml").read_bytes()
    (mine.folder / "homework" / "answers.toml").write_bytes(theirs)
    results = stage.by_id(stage.examine(mine, SECTION))
    assert str(answers(done["grace"])["training_trips"]) in (results["2.7/preprocessed"].found or "")


def test_the_work_of_another_is_told_from_ones_own_by_its_variant(done: dict[str, Workspace], tmp_path: Path) -> None:
    copied = stage.copy(done["grace"], tmp_path / "course")
    settings = copied.folder / workspace.SETTINGS
    settings.write_text(settings.read_text(encoding="utf-8").replace('"grace"', '"ada"'), encoding="utf-8")
    result = stage.by_id(stage.examine(copied, SECTION))["2.7/autologged"]
    assert result.misconception == "2.7/autologged/another-variant"
    assert "“ada”" in (result.message or "")


def test_a_figure_made_better_in_the_store_is_shown_beside_what_its_model_gives(
    done: dict[str, Workspace], tmp_path: Path
) -> None:
    import sqlite3
    from contextlib import closing

    forged = stage.copy(done["emmy"], tmp_path / "course")
    with closing(sqlite3.connect(forged.folder / "mlflow.db")) as store, store:
        store.execute("UPDATE latest_metrics SET value = value - 1 WHERE key = 'test_rmse'")
    rescorer = replace(rescore.own(forged, compute=True), memory=None)
    result = course.look(("2.7",), forged.folder, forged.own_store, rescorer=rescorer).sections[0]
    finalists = stage.by_id(result)["2.7/finalists"]
    assert "its own model gives" in (finalists.message or "")
