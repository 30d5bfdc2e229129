"""What a homework's work is called, for every way in which the published ones were found to differ."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from flowcoach import profiles
from flowcoach.result import CheckResult
from tests.profiles.homework import AUTOLOG, KNOBS, TRAINING, Homework

Story = Callable[[Homework], object]


def judged(folder: Path) -> dict[str, CheckResult]:
    return {check.id: check for check in profiles.look("zoomcamp-2024", folder).checks}


def statuses(folder: Path, check: str, *stories: Story) -> str | None:
    homework = Homework(folder / "mlflow.db")
    for story in stories:
        story(homework)
    return judged(folder)[check].status


def all_of_it(homework: Homework) -> None:
    homework.train()
    homework.tune()
    finalists = homework.score(5.6, 5.5, 5.7)
    homework.register(finalists[1])


def test_all_of_it_earns_everything(tmp_path: Path) -> None:
    all_of_it(Homework(tmp_path / "mlflow.db"))
    result = profiles.look("zoomcamp-2024", tmp_path)
    assert [check.status for check in result.checks] == ["yes"] * 5
    assert (result.points, result.max_points, result.exit_code) == (10, 10, 0)


# autolog


AUTOLOG_STORIES: dict[str, tuple[str, list[Story]]] = {
    "a run of train.py": ("yes", [lambda it: it.train()]),
    "signs without figures": ("yes", [lambda it: it.run("x", params=KNOBS, tags=AUTOLOG)]),
    "figures without signs": ("yes", [lambda it: it.run("x", metrics=TRAINING)]),
    "the tag of an autologging run": ("yes", [lambda it: it.run("x", tags={"mlflow.autologging": "sklearn"})]),
    "train.py logs its rmse too": ("yes", [lambda it: it.train(rmse=5.4)]),
    "train.py run often": ("yes", [lambda it: [it.train(rmse=5.4) for _ in range(6)], lambda it: it.tune()]),
    "train.py scores the test month, beside finalists": (
        "yes",
        [lambda it: it.train(test_rmse=5.6), lambda it: it.score(5.5)],
    ),
    "in Default": ("yes", [lambda it: it.train("Default")]),
    "in an experiment called my-best": ("yes", [lambda it: it.train("my-best")]),
    "in an experiment called research": ("yes", [lambda it: it.train("research")]),
    "a failed attempt, then a good one": ("yes", [lambda it: it.train(status="FAILED"), lambda it: it.train()]),
    "only finalists": ("best-models-only", [lambda it: it.score(5.5)]),
    "only finalists, under another name": ("best-models-only", [lambda it: it.score(5.5, experiment="hw2-reg")]),
    "finalists, and a failed attempt": (
        "best-models-only",
        [lambda it: it.train(status="FAILED"), lambda it: it.score(5.5)],
    ),
    "only in the tuning": ("hpo/best-only", [lambda it: it.train("random-forest-hyperopt")]),
    "everything in one experiment": (
        "hpo/best-only",
        [lambda it: it.train("hw"), lambda it: it.tune("hw"), lambda it: it.score(5.5, experiment="hw")],
    ),
    "by hand": ("manual", [lambda it: it.run("x", params={"max_depth": "10"}, metrics={"rmse": 5.4})]),
    "by hand, training figure too": ("manual", [lambda it: it.run("x", metrics={"training_rmse": 4.0, "rmse": 5.4})]),
    "trials are not by hand": ("no", [lambda it: it.tune(), lambda it: it.tune("other")]),
    "failed": ("unfinished", [lambda it: it.train(status="FAILED")]),
    "running": ("unfinished", [lambda it: it.train(status="RUNNING")]),
    "failed, and others by hand": (
        "unfinished",
        [lambda it: it.train(status="KILLED"), lambda it: it.run("x", metrics={"rmse": 5.4})],
    ),
    "deleted": ("no", [lambda it: it.run("x", tags=AUTOLOG, deleted=True)]),
    "in a deleted experiment": ("no", [lambda it: it.train(), lambda it: it.delete_experiment("nyc-taxi")]),
    "an empty run": ("no", [lambda it: it.run("x")]),
    "begun and nothing logged": ("no", [lambda it: it.run("x", status="RUNNING")]),
}


@pytest.mark.parametrize(("status", "stories"), AUTOLOG_STORIES.values(), ids=AUTOLOG_STORIES)
def test_autolog(tmp_path: Path, status: str, stories: list[Story]) -> None:
    assert statuses(tmp_path, "autolog", *stories) == status


# hpo


def without_figures(homework: Homework, experiment: str = "random-forest-hyperopt", **tags: str) -> None:
    for depth in range(6):
        homework.run(experiment, params={**KNOBS, "max_depth": str(depth)}, tags=tags)


HPO_STORIES: dict[str, tuple[str, list[Story]]] = {
    "under its name": ("yes", [lambda it: it.tune()]),
    "under another name": ("yes", [lambda it: it.tune("hw2-q3")]),
    "called best, full of trials": ("yes", [lambda it: it.tune("best-parameters")]),
    "the official one is empty, another is not": (
        "yes",
        [lambda it: it.experiment("random-forest-hyperopt"), lambda it: it.tune("forest")],
    ),
    "the official one is deleted, another is not": (
        "yes",
        [lambda it: it.experiment("random-forest-hyperopt", deleted=True), lambda it: it.tune("forest")],
    ),
    "failed and running trials among them": (
        "yes",
        [
            lambda it: it.tune(trials=5),
            lambda it: it.run("random-forest-hyperopt", status="FAILED"),
            lambda it: it.run("random-forest-hyperopt", params=KNOBS, status="RUNNING"),
        ],
    ),
    "some trials without the RMSE": ("yes", [lambda it: it.tune(trials=5), without_figures]),
    "always the same trial": (
        "yes",
        [lambda it: [it.run("x", params=KNOBS, metrics={"rmse": 5.4}) for _ in range(5)]],
    ),
    "every trial is scored on the test month too": (
        "yes",
        [
            lambda it: [
                it.run("x", params={**KNOBS, "max_depth": str(n)}, metrics={"rmse": 5.4, "test_rmse": 5.5})
                for n in range(6)
            ]
        ],
    ),
    "called best, every trial scored too": (
        "yes",
        [
            lambda it: [
                it.run("best-params", params={**KNOBS, "max_depth": str(n)}, metrics={"rmse": 5.4, "test_rmse": 5.5})
                for n in range(6)
            ]
        ],
    ),
    "four trials": ("unfinished", [lambda it: it.tune(trials=4)]),
    "all failed": ("unfinished", [lambda it: it.run("random-forest-hyperopt", params=KNOBS, status="FAILED")]),
    "hyper-parameters not logged": (
        "unfinished",
        [lambda it: [it.run("random-forest-hyperopt", metrics={"rmse": 5.4}) for _ in range(6)]],
    ),
    "no RMSE": ("partial: no val rmse", [without_figures]),
    "no RMSE, under another name": ("partial: no val rmse", [lambda it: without_figures(it, "forest")]),
    "NaN for an RMSE": (
        "partial: no val rmse",
        [lambda it: [it.run("random-forest-hyperopt", params=KNOBS, metrics={"rmse": math.nan}) for _ in range(6)]],
    ),
    "autolog instead": (
        "partial: no val rmse",
        [lambda it: [it.train("random-forest-hyperopt") for _ in range(6)]],
    ),
    "nothing logged in any trial": (
        "partial: no val rmse",
        [lambda it: [it.run("random-forest-hyperopt") for _ in range(6)]],
    ),
    "made and empty": ("empty", [lambda it: it.experiment("random-forest-hyperopt")]),
    "all runs deleted": ("empty", [lambda it: it.run("random-forest-hyperopt", params=KNOBS, deleted=True)]),
    "deleted": ("no", [lambda it: it.tune(), lambda it: it.delete_experiment("random-forest-hyperopt")]),
    "finalists are no trials": ("no", [lambda it: it.score(*(5 + n / 10 for n in range(9)))]),
    "nothing": ("no", []),
    "train.py alone": ("no", [lambda it: it.train()]),
}


@pytest.mark.parametrize(("status", "stories"), HPO_STORIES.values(), ids=HPO_STORIES)
def test_hpo(tmp_path: Path, status: str, stories: list[Story]) -> None:
    assert statuses(tmp_path, "hpo", *stories) == status


VALIDATION = [
    *(
        "rmse",
        "RMSE",
        "val_rmse",
        "valid_rmse",
        "Validation RMSE",
        "validation_rmse",
        "val-rmse",
        "valRMSE",
        "rmse_val",
    ),
    *("RMSE (validation)", "rmse/val", "val_root_mean_squared_error", "root_mean_squared_error_X_val", "latest_rmse"),
]
NO_VALIDATION = ["training_rmse", "train_rmse", "test_rmse", "mse", "loss", "training_root_mean_squared_error"]


@pytest.mark.parametrize("metric", VALIDATION)
def test_a_validation_rmse_is_known_under_the_names_people_use(tmp_path: Path, metric: str) -> None:
    assert statuses(tmp_path, "hpo", lambda it: it.tune(metric=metric)) == "yes"


@pytest.mark.parametrize("metric", NO_VALIDATION)
def test_other_figures_are_no_validation_rmse(tmp_path: Path, metric: str) -> None:
    assert statuses(tmp_path, "hpo", lambda it: it.tune(metric=metric)) != "yes"


# best_models


BEST_STORIES: dict[str, tuple[str, list[Story]]] = {
    "under its name": ("yes", [lambda it: it.score(5.5)]),
    "under another name": ("yes", [lambda it: it.score(5.5, experiment="hw2-reg")]),
    "in the third attempt": (
        "yes",
        [
            lambda it: it.score(5.5),
            lambda it: it.delete_experiment("random-forest-best-models"),
            lambda it: it.run("random-forest-best-models_v2", metrics={"test_rmse": 5.5}, deleted=True),
            lambda it: it.score(5.5, experiment="random-forest-best-models_v3"),
        ],
    ),
    "without hyper-parameters": ("yes", [lambda it: it.run("hw2-reg", metrics={"test_rmse": 5.5})]),
    "still running": ("unfinished", [lambda it: it.run("random-forest-best-models", status="RUNNING")]),
    "failed after scoring": ("unfinished", [lambda it: it.run("x", metrics={"test_rmse": 5.5}, status="FAILED")]),
    "without the test RMSE": ("unfinished", [lambda it: it.score(5.5, metric="valid_rmse")]),
    "NaN": ("unfinished", [lambda it: it.score(math.nan)]),
    "made and empty": ("empty", [lambda it: it.experiment("random-forest-best-models")]),
    "all runs deleted": (
        "empty",
        [lambda it: it.run("random-forest-best-models", metrics={"test_rmse": 5.5}, deleted=True)],
    ),
    "deleted, its runs not": (
        "no",
        [lambda it: it.score(5.5), lambda it: it.delete_experiment("random-forest-best-models")],
    ),
    "nothing": ("no", [lambda it: it.tune()]),
}


@pytest.mark.parametrize(("status", "stories"), BEST_STORIES.values(), ids=BEST_STORIES)
def test_best_models(tmp_path: Path, status: str, stories: list[Story]) -> None:
    assert statuses(tmp_path, "best_models", *stories) == status


@pytest.mark.parametrize("metric", ["test_rmse", "TEST_RMSE", "Test RMSE", "rmse_test", "testRMSE", "rmse (test)"])
def test_a_test_rmse_is_known_under_the_names_people_use(tmp_path: Path, metric: str) -> None:
    assert statuses(tmp_path, "best_models", lambda it: it.score(5.5, metric=metric)) == "yes"


# registered, registered_is_best


def finalists(*figures: float, registered: int) -> Story:
    def story(homework: Homework) -> None:
        homework.register(homework.score(*figures)[registered])

    return story


def of_a_trial(homework: Homework) -> None:
    homework.score(5.5)
    homework.register(homework.tune()[0])


def deleted_runs_are_lower(homework: Homework) -> None:
    homework.run("random-forest-best-models", metrics={"test_rmse": 5.1}, deleted=True)
    homework.score(5.2, experiment="random-forest-best-models_v2")
    homework.delete_experiment("random-forest-best-models_v2")
    homework.register(homework.score(5.6, 5.5)[1])


def without_run_id(homework: Homework) -> None:
    run = homework.score(5.6, 5.5)[1]
    homework.register(None, source=f"/home/learner/mlruns/3/{run}/artifacts/model")


def right_then_wrong(homework: Homework) -> None:
    runs = homework.score(5.5, 5.6)
    for run in runs:
        homework.register(run)


def another_model_too(homework: Homework) -> None:
    homework.register(homework.run("lesson", metrics={"rmse": 6.0}), name="a-lesson")
    homework.register(homework.score(5.6, 5.5)[1])


IS_BEST_STORIES: dict[str, tuple[str, str, list[Story]]] = {
    "the best": ("yes", "yes", [finalists(5.6, 5.5, registered=1)]),
    "one of three that tie": ("yes", "tie", [finalists(5.5, 5.5, 5.5, 5.6, registered=2)]),
    "not the best": ("yes", "no", [finalists(5.6, 5.5, registered=0)]),
    "lower ones are deleted": ("yes", "yes", [deleted_runs_are_lower]),
    "one that is NaN is not lower": ("yes", "yes", [finalists(math.nan, 5.5, registered=1)]),
    "right, then wrong": ("yes", "no", [right_then_wrong]),
    "a trial": ("yes", "no", [of_a_trial]),
    "nobody was scored": ("yes", "no", [lambda it: it.register(it.tune()[0])]),
    "a run that is not here": ("yes", "no", [lambda it: it.score(5.5), lambda it: it.register("f" * 32)]),
    "the run only in the source": ("yes", "yes", [without_run_id]),
    "no run at all": ("yes", "no", [lambda it: it.score(5.5), lambda it: it.register(None, source="models/forest")]),
    "a lesson's model beside it": ("yes", "yes", [another_model_too]),
    "a name without versions": ("empty model", "n/a", [lambda it: it.score(5.5), lambda it: it.name("forest")]),
    "a name without versions beside it": ("yes", "yes", [finalists(5.5, registered=0), lambda it: it.name("a")]),
    "a prompt": ("no", "n/a", [lambda it: it.name("ask", mlflow__prompt__is_prompt="true")]),
    "nothing": ("no", "n/a", [lambda it: it.score(5.5)]),
}


@pytest.mark.parametrize(("registered", "is_best", "stories"), IS_BEST_STORIES.values(), ids=IS_BEST_STORIES)
def test_registered(tmp_path: Path, registered: str, is_best: str, stories: list[Story]) -> None:
    assert statuses(tmp_path, "registered", *stories) == registered
    assert judged(tmp_path)["registered_is_best"].status == is_best


# Misconceptions: what was seen, and what to type.


MISCONCEPTIONS: dict[str, tuple[str, str, list[Story]]] = {
    "registered_is_best/ordered-by-a-missing-metric": (
        "silently",
        "metrics.test_rmse ASC",
        [finalists(5.5, 5.6, registered=1)],
    ),
    "registered_is_best/a-trial-instead-of-a-finalist": (
        "random-forest-hyperopt",
        "mlflow.register_model",
        [of_a_trial],
    ),
    "registered_is_best/chosen-without-a-test": (
        "scored on the test month",
        "register_model.py",
        [lambda it: it.register(it.tune()[0])],
    ),
    "registered_is_best/run-is-not-there": (
        "ffffffff",
        "mlflow.register_model",
        [lambda it: it.score(5.5), lambda it: it.register("f" * 32)],
    ),
    "registered/name-without-version": ("forest", "mlflow.register_model", [lambda it: it.name("forest")]),
    "hpo/autolog-instead-of-validation": (
        "autolog",
        "out of hpo.py",
        [lambda it: [it.train("random-forest-hyperopt") for _ in range(6)]],
    ),
    "hpo/no-validation-rmse": ("validation month", "mlflow.log_metric", [without_figures]),
    "hpo/no-hyper-parameters": (
        "min_samples_leaf",
        "mlflow.log_params",
        [lambda it: it.run("random-forest-hyperopt", metrics={"rmse": 5.4})],
    ),
    "autolog/train-run-elsewhere": ("train.py", "python train.py", [lambda it: it.score(5.5)]),
    "autolog/stopped-on-the-way": ("FAILED", "root_mean_squared_error", [lambda it: it.train(status="FAILED")]),
    "autolog/logged-by-hand": ("`rmse`", "mlflow.sklearn.autolog()", [lambda it: it.run("x", metrics={"rmse": 5.4})]),
}


@pytest.mark.parametrize("id", MISCONCEPTIONS)
def test_a_misconception_is_answered_with_what_was_seen_and_what_to_type(tmp_path: Path, id: str) -> None:
    seen, typed, stories = MISCONCEPTIONS[id]
    name = id.partition("/")[0]
    statuses(tmp_path, name, *stories)
    check = judged(tmp_path)[name]
    assert check.misconception == id
    assert seen in (check.message or "")
    assert typed in (check.advice or "")


def test_trials_in_another_store_than_the_script_looked_into_are_told_of(tmp_path: Path) -> None:
    Homework(tmp_path / "backend.db").tune()
    Homework(tmp_path / "mlflow.db").experiment("random-forest-best-models")
    check = judged(tmp_path)["best_models"]
    assert check.misconception == "best_models/two-stores"
    assert "sqlite:///backend.db" in (check.advice or "")


def test_an_experiment_that_was_deleted_can_be_brought_back(tmp_path: Path) -> None:
    statuses(
        tmp_path, "best_models", lambda it: it.score(5.5), lambda it: it.delete_experiment("random-forest-best-models")
    )
    message = judged(tmp_path)["best_models"].message or ""
    assert "mlflow experiments restore --experiment-id 1" in message
    assert "sqlite:///mlflow.db" in message


def test_a_version_without_a_model_behind_it_is_noted_and_still_counts(tmp_path: Path) -> None:
    all_of_it(Homework(tmp_path / "mlflow.db"))
    check = judged(tmp_path)["registered"]
    assert check.status == "yes"
    assert "no model was logged" in (check.evidence or "")


def test_a_trial_figure_under_another_name_is_noted_and_still_counts(tmp_path: Path) -> None:
    Homework(tmp_path / "mlflow.db").tune(metric="RMSE")
    check = judged(tmp_path)["hpo"]
    assert check.status == "yes"
    assert 'metrics."RMSE" ASC' in (check.evidence or "")
