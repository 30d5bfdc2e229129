"""Builds each wrong state of the homework for real, from a solved workspace."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import mlflow
from mlflow import MlflowClient

from flowcoach.checks import harmless, mistake
from flowcoach.evidence.opening import path_of
from flowcoach.workspace import Workspace

FOREST, SEARCH, FINALISTS = "homework-forest", "homework-search", "homework-finalists"
MODEL = "green-taxi-duration"
ANSWERS = "homework/answers.toml"
SUMMARY = "homework/output/summary.json"
KNOBS = ("max_depth", "n_estimators", "min_samples_split", "min_samples_leaf")


def _answer(here: Workspace, question: str, change: Callable[[Any], Any]) -> None:
    import tomlkit

    path = here.folder / ANSWERS
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    table: Any = document["2.7"]
    table[question] = change(table[question])
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


def _in_store(here: Workspace, experiment: str, *statements: str) -> None:
    """Change what the runs of an experiment left, as if their script had been another. RUNS stands for their ids."""
    ids = "(SELECT run_uuid FROM runs JOIN experiments USING (experiment_id) WHERE experiments.name = ?)"
    with closing(sqlite3.connect(path_of(here.own_store))) as store, store:
        for statement in statements:
            store.execute(statement.replace("RUNS", ids), (experiment,))


def _runs(*experiments: str, order: str = "attributes.start_time DESC") -> list[Any]:
    return list(mlflow.search_runs(experiment_names=list(experiments), order_by=[order], output_format="list"))


def _newest_finalist() -> Any:
    return _runs(FINALISTS)[0]


def _other_finalist() -> Any:
    """A finalist that is neither the best nor the newest."""
    taken = {_newest_finalist().info.run_id, _best().info.run_id}
    return next(run for run in _runs(FINALISTS) if run.info.run_id not in taken)


def _best() -> Any:
    return _runs(FINALISTS, order="metrics.test_rmse ASC")[0]


def _figure(run: Any) -> float:
    return run.data.metrics.get("test_rmse", 6.0)


def _register_instead(run_id: str, source: str = "", name: str = MODEL) -> None:
    """Take the registered model away and register another run, or another place, under a name."""
    client = MlflowClient()
    for old in {model.name for model in client.search_registered_models()} & {MODEL, name}:
        client.delete_registered_model(old)
    client.create_registered_model(name)
    client.create_model_version(name, source or f"runs:/{run_id}/model", run_id)


@mistake("2.7/preprocessed")
def another_number_of_trips(here: Workspace) -> None:
    """The number of trips was read off another file."""
    _answer(here, "training_trips", lambda trips: trips - 1)


@mistake("2.7/preprocessed", "all_trips_kept")
def no_filter(here: Workspace) -> None:
    """Gap 1 added the pairs of zones and kept every trip."""
    found = json.loads((here.folder / SUMMARY).read_text(encoding="utf-8"))
    found["trips"] = found["read"]
    (here.folder / SUMMARY).write_text(json.dumps(found), encoding="utf-8")


@mistake("2.7/version")
def the_version_of_another_machine(here: Workspace) -> None:
    """The version was looked up where another MLflow is installed."""
    _answer(here, "mlflow_version", lambda _: "2.22.0")


@mistake("2.7/autologged")
def a_value_guessed(here: Workspace) -> None:
    """The recorded value was guessed, not read."""
    _answer(here, "recorded", lambda _: "17.5")


@mistake("2.7/autologged", "switched_on_after_the_fit")
def autolog_after_the_fit(here: Workspace) -> None:
    """autolog() stood behind fit(), where it sees nothing any more."""
    _in_store(
        here,
        FOREST,
        "DELETE FROM params WHERE run_uuid IN RUNS",
        "DELETE FROM latest_metrics WHERE key LIKE 'training%' AND run_uuid IN RUNS",
        "DELETE FROM metrics WHERE key LIKE 'training%' AND run_uuid IN RUNS",
        "DELETE FROM tags WHERE key LIKE 'estimator%' AND run_uuid IN RUNS",
    )


@mistake("2.7/autologged", "another_variant")
def a_course_mates_depth(here: Workspace) -> None:
    """train.py was run with the depth of somebody else's variant."""
    _in_store(here, FOREST, "UPDATE params SET value = '3' WHERE key = 'regressor__max_depth' AND run_uuid IN RUNS")


@mistake("2.7/forest-figure")
def rounded_too_far(here: Workspace) -> None:
    """The figure was told with one decimal."""
    _answer(here, "forest_rmse", lambda rmse: round(rmse, 1) + 0.03)


@mistake("2.7/forest-figure", "only_the_training_figure")
def no_validation_figure(here: Workspace) -> None:
    """Autologging's training figure was taken for the answer, and gap 3 left as it was."""
    _in_store(
        here,
        FOREST,
        "DELETE FROM latest_metrics WHERE key = 'rmse' AND run_uuid IN RUNS",
        "DELETE FROM metrics WHERE key = 'rmse' AND run_uuid IN RUNS",
    )


@mistake("2.7/forest-figure", "answer_from_elsewhere")
def a_course_mates_figure(here: Workspace) -> None:
    """The figure is that of somebody else, whose trips are others."""
    _answer(here, "forest_rmse", lambda rmse: rmse + 0.4)


@mistake("2.7/trials", "trials_without_values")
def trials_that_say_nothing(here: Workspace) -> None:
    """Autologging was on in the search, gap 4 left open: no validation RMSE."""
    _in_store(
        here,
        SEARCH,
        "DELETE FROM latest_metrics WHERE run_uuid IN RUNS",
        "DELETE FROM metrics WHERE run_uuid IN RUNS",
    )


@mistake("2.7/trials", "searched_elsewhere")
def a_name_of_ones_own(here: Workspace) -> None:
    """The experiment was renamed."""
    experiment = mlflow.get_experiment_by_name(SEARCH)
    if experiment is not None:
        MlflowClient().rename_experiment(experiment.experiment_id, "my-search")


@mistake("2.7/trials")
def the_figure_of_the_first_trial(here: Workspace) -> None:
    """The figure told is not the lowest."""
    _answer(here, "best_rmse", lambda rmse: rmse + 0.1)


@mistake("2.7/server", "straight_to_the_file")
def without_a_server(here: Workspace) -> None:
    """The search was logged straight into the SQLite file."""
    with closing(sqlite3.connect(path_of(here.own_store))) as store, store:
        location = f"{here.artifacts}/{SEARCH}"
        store.execute("UPDATE experiments SET artifact_location = ? WHERE name = ?", (location, SEARCH))


@mistake("2.7/finalists", "finalists_without_test_figures")
def never_asked_about_the_test_month(here: Workspace) -> None:
    """Gap 5 logged the validation figure alone."""
    _in_store(
        here,
        FINALISTS,
        "DELETE FROM latest_metrics WHERE key = 'test_rmse' AND run_uuid IN RUNS",
        "DELETE FROM metrics WHERE key = 'test_rmse' AND run_uuid IN RUNS",
    )


@mistake("2.7/finalists")
def four_finalists(here: Workspace) -> None:
    """One of the five was deleted."""
    MlflowClient().delete_run(_other_finalist().info.run_id)


@mistake("2.7/registered", "a_trial_instead_of_a_finalist")
def a_trial(here: Workspace) -> None:
    """The best trial was registered, not the best finalist."""
    _register_instead(_runs(SEARCH, "my-search", order="metrics.rmse ASC")[0].info.run_id)


@mistake("2.7/registered", "ordered_by_a_metric_nobody_logged")
def the_newest(here: Workspace) -> None:
    """The finalists were ordered by metrics.rmse, which they do not log, so the newest came first."""
    best, newest = _best(), _newest_finalist()
    if best.info.run_id == newest.info.run_id:  # then another one shall be the best
        client = MlflowClient()
        client.log_metric(_other_finalist().info.run_id, "test_rmse", _figure(best) - 0.5)
    _register_instead(newest.info.run_id)


@mistake("2.7/registered", "points_nowhere")
def a_ghost(here: Workspace) -> None:
    """A path was registered where no model had been logged."""
    best = _best().info.run_id
    _register_instead(best, f"runs:/{best}/models")


@mistake("2.7/registered", "under_another_name")
def a_name_that_sounds_better(here: Workspace) -> None:
    """The right finalist was registered under a name of the learner's own."""
    _register_instead(_best().info.run_id, name="best-forest")


@mistake("2.7/registered")
def the_validation_figure(here: Workspace) -> None:
    """The figure told is the one on the validation month."""
    _answer(here, "test_rmse", lambda _: 3.0)


@mistake("2.7/described")
def no_alias(here: Workspace) -> None:
    """The version has a description and no alias."""
    client = MlflowClient()
    for alias in list(client.get_registered_model(MODEL).aliases):
        client.delete_registered_model_alias(MODEL, alias)


@mistake("2.7/described", "text_on_the_model")
def described_one_floor_up(here: Workspace) -> None:
    """The description went to the registered model."""
    client = MlflowClient()
    for version in client.search_model_versions(f"name = '{MODEL}'"):
        client.update_model_version(MODEL, version.version, "")
    client.update_registered_model(MODEL, "Best of five forests, chosen on the test month.")


@mistake("2.7/registry-read")
def the_depth_of_the_first_forest(here: Workspace) -> None:
    """The depth was taken from the wrong run."""
    _answer(here, "registered_depth", lambda depth: depth + 20)


@mistake("2.7/final-figure")
def told_wrongly(here: Workspace) -> None:
    """The figure told is not the one that was logged."""
    _answer(here, "final_rmse", lambda rmse: rmse + 1)


@mistake("2.7/final-figure", "measured_for_all")
def all_five_at_the_end(here: Workspace) -> None:
    """The fourth month was looked at for every finalist."""
    for number, run in enumerate(_runs(FINALISTS)):
        MlflowClient().log_metric(run.info.run_id, "final_rmse", 6.0 + number / 10)


@mistake("2.7/final-figure", "the_test_figure_again")
def the_test_month_again(here: Workspace) -> None:
    """Gap 8 measured the test month once more."""
    best = _best()
    MlflowClient().log_metric(best.info.run_id, "final_rmse", _figure(best))


@harmless
def tries_before_and_after(here: Workspace) -> None:
    """Failed tries, a forest of another depth, and a version of a worse finalist were left lying about."""
    for experiment in (FOREST, SEARCH, FINALISTS):
        mlflow.set_experiment(experiment)
        run = mlflow.start_run(run_name="try")
        mlflow.log_param("max_depth", 3)
        mlflow.end_run("FAILED" if experiment != FINALISTS else "FINISHED")
        assert run.info.run_id
    worse = _other_finalist()
    MlflowClient().create_model_version(MODEL, f"runs:/{worse.info.run_id}/model", worse.info.run_id)


@harmless
def answers_as_text(here: Workspace) -> None:
    """Every answer stands in quotes."""
    import tomlkit

    path = here.folder / ANSWERS
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    table: Any = document["2.7"]
    for question, answer in list(table.items()):
        table[question] = str(answer)
    path.write_text(tomlkit.dumps(document), encoding="utf-8")


@harmless
def searched_on_with_more_luck(here: Workspace) -> None:
    """Searched on with better trials, and trained one of them as a sixth finalist, which beats the registered one."""
    knobs = {"max_depth": 13, "n_estimators": 37, "min_samples_split": 3, "min_samples_leaf": 2}
    for experiment, metrics in (
        (SEARCH, {"rmse": 3.0}),
        (FINALISTS, {"valid_rmse": 3.0, "test_rmse": 3.0}),
    ):
        mlflow.set_experiment(experiment)
        with mlflow.start_run():
            mlflow.log_params(knobs)
            mlflow.log_metrics(metrics)
