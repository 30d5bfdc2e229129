"""The wrong turns of section 2.5, built for real from a solved workspace, so that CI can prove each message."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from contextlib import suppress

import mlflow
import mlflow.sklearn
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from mlflow.entities import Run
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LinearRegression

from flowcoach.checks import harmless, mistake
from flowcoach.workspace import Workspace

MODEL = "taxi-duration"
EVERYTHING = 1000


def runs_of(name: str, filter_string: str = "") -> list[Run]:
    """The runs of an experiment, oldest first."""
    client = MlflowClient()
    found = client.get_experiment_by_name(name)
    place = [found.experiment_id] if found else []
    return client.search_runs(place, filter_string, order_by=["start_time ASC"], max_results=EVERYTHING)


def finalists(metric: str = "valid_rmse") -> list[Run]:
    """The finalists, the lowest of a metric first."""
    return sorted(runs_of("finalists", "tags.finalist != ''"), key=lambda run: run.data.metrics.get(metric, 1e9))


def newcomer() -> Run:
    """The newcomer's run."""
    return runs_of("newcomer", "metrics.training_rmse > 0")[-1]


def versions(name: str = MODEL) -> list[ModelVersion]:
    """The versions of a registered model, oldest first; none when there is no such model."""
    found = MlflowClient().search_model_versions(f"name = '{name}'")
    return sorted(found, key=lambda version: int(version.version))


def made_from(*runs: Run) -> list[ModelVersion]:
    """The versions registered from runs, oldest first."""
    ids = {run.info.run_id for run in runs}
    return [version for version in versions() if version.run_id in ids]


def pair() -> tuple[str, str]:
    """The numbers of the best finalist's version and of the newcomer's, the last with a model; "" for none."""
    best, second = (
        [version for version in made_from(run) if (version.source or "").startswith("models:/")]
        for run in (finalists()[0], newcomer())
    )
    return (str(best[-1].version) if best else "", str(second[-1].version) if second else "")


def forget() -> None:
    """Delete the registered models that a section's exercise may have made."""
    for model in MlflowClient().search_registered_models():
        if model.name.startswith("taxi"):
            MlflowClient().delete_registered_model(model.name)


def register(run: Run, name: str = MODEL) -> ModelVersion:
    """Register the model of a run."""
    return mlflow.register_model(f"runs:/{run.info.run_id}/model", name)


def remove(runs: Iterable[Run]) -> None:
    """Move runs to MLflow's trash."""
    for run in runs:
        MlflowClient().delete_run(run.info.run_id)


@mistake("2.5/registered")
def nothing_registered(here: Workspace) -> None:
    """The learner looked at the finalists and registered none."""
    forget()


@mistake("2.5/registered")
def registered_the_newcomer_only(here: Workspace) -> None:
    """The learner skipped the first step."""
    forget()
    register(newcomer())


@mistake("2.5/registered")
def registered_the_second_best(here: Workspace) -> None:
    """The learner misread the table by a line."""
    forget()
    register(next(run for run in finalists()[1:] if run.info.run_name in ("forest", "other-forest", "stump")))


@mistake("2.5/registered", "name_without_a_version")
def misspelt_the_path(here: Workspace) -> None:
    """The learner registered a path where nothing was logged, and MLflow refused."""
    forget()
    with suppress(MlflowException):
        mlflow.register_model(f"runs:/{finalists()[0].info.run_id}/models", MODEL)


@mistake("2.5/registered", "under_another_name")
def underscore_in_the_name(here: Workspace) -> None:
    """The learner wrote the name with an underscore."""
    forget()
    register(finalists()[0], "taxi_duration")


@mistake("2.5/registered", "under_another_name")
def underscore_after_a_wrong_choice(here: Workspace) -> None:
    """The learner registered the deep tree first, and the best finalist under another name then."""
    forget()
    register(finalists("training_rmse")[0])
    register(finalists()[0], "taxi_duration")


@mistake("2.5/registered", "run_in_the_trash")
def deleted_the_run(here: Workspace) -> None:
    """The learner tidied up the runs after registering."""
    remove(finalists()[:1])


@mistake("2.5/registered", "nothing_logged_there")
def ghost(here: Workspace) -> None:
    """The learner made a version of a path where nothing was logged, by the client that does not look."""
    forget()
    run_id = finalists()[0].info.run_id
    MlflowClient().create_registered_model(MODEL)
    MlflowClient().create_model_version(MODEL, f"runs:/{run_id}/models", run_id)


@mistake("2.5/registered", "ordered_by_a_missing_metric")
def ordered_by_rmse(here: Workspace) -> None:
    """The learner ordered the finalists by rmse, which they do not log."""
    forget()
    register(runs_of("finalists", "tags.finalist != ''")[-1])


@mistake("2.5/registered", "chosen_on_the_training_month")
def ordered_by_training_rmse(here: Workspace) -> None:
    """The learner ordered the finalists by their training figure."""
    forget()
    register(finalists("training_rmse")[0])


@mistake("2.5/registered", "no_finalist")
def registered_a_tree_of_the_tour(here: Workspace) -> None:
    """The learner's query still looked into another experiment."""
    forget()
    mlflow.set_experiment("tree-models")
    with mlflow.start_run() as run:
        mlflow.sklearn.log_model(LinearRegression(), name="model", pip_requirements=["scikit-learn"])
    register(mlflow.get_run(run.info.run_id))


def without_challenger() -> None:
    """Delete the versions made from the newcomer, and names beside the right one."""
    for version in made_from(newcomer()):
        MlflowClient().delete_model_version(MODEL, str(version.version))
    remove(runs_of("night-shift", "tags.version != ''"))


def introduce(number: str, description: str, trained_on: str) -> None:
    """Write description and tag on a version."""
    MlflowClient().update_model_version(MODEL, number, description)
    MlflowClient().set_model_version_tag(MODEL, number, "trained_on", trained_on)


@mistake("2.5/challenger")
def no_challenger(here: Workspace) -> None:
    """The learner registered nothing more."""
    without_challenger()


@mistake("2.5/challenger")
def one_word(here: Workspace) -> None:
    """The learner described the version as “test”."""
    for version in made_from(newcomer()):
        introduce(str(version.version), "test", " ".join(here.month_names[:2]))


@mistake("2.5/challenger")
def one_month(here: Workspace) -> None:
    """The learner named only the first of the two months."""
    for version in made_from(newcomer()):
        introduce(str(version.version), "a forest of two months", here.month_names[0])


@mistake("2.5/challenger", "deleted_version")
def deleted_to_roll_back(here: Workspace) -> None:
    """The learner deleted the version that failed instead of moving the alias."""
    for version in made_from(newcomer()):
        MlflowClient().delete_model_version(MODEL, str(version.version))


@mistake("2.5/challenger", "second_name")
def challenger_under_its_own_name(here: Workspace) -> None:
    """The learner registered the newcomer as a model of its own."""
    without_challenger()
    register(newcomer(), "taxi-duration-new")


@mistake("2.5/challenger", "same_model_twice")
def ran_the_cell_twice(here: Workspace) -> None:
    """The learner ran the cell of step 1 twice and took version 2 for the challenger."""
    without_challenger()
    register(finalists()[0])


@mistake("2.5/challenger", "written_on_the_model")
def described_the_model(here: Workspace) -> None:
    """The learner described the registered model, not the version."""
    for version in made_from(newcomer()):
        introduce(str(version.version), "", " ".join(here.month_names[:2]))
    if versions():
        MlflowClient().update_registered_model(MODEL, "a forest of two months")


@mistake("2.5/challenger", "written_on_the_model")
def tagged_the_model(here: Workspace) -> None:
    """The learner tagged the registered model, not the version."""
    for version in made_from(newcomer()):
        MlflowClient().delete_model_version_tag(MODEL, str(version.version), "trained_on")
    if versions():
        MlflowClient().set_registered_model_tag(MODEL, "trained_on", " ".join(here.month_names[:2]))


def without_aliases() -> None:
    """Take away the aliases and everything that shows that they were there."""
    for version in versions():
        for alias in MlflowClient().get_model_version(MODEL, str(version.version)).aliases:
            MlflowClient().delete_registered_model_alias(MODEL, alias)
    remove(runs_of("night-shift", "tags.version != ''"))
    without_figures()


def without_figures() -> None:
    """Delete the runs that measured on the unseen month."""
    remove(runs_of("unseen-month"))


def alias(name: str, number: str) -> None:
    """Give a version an alias, when there is such a version."""
    if number:
        MlflowClient().set_registered_model_alias(MODEL, name, number)


@mistake("2.5/aliases")
def no_aliases(here: Workspace) -> None:
    """The learner remembered the numbers instead."""
    without_aliases()


@mistake("2.5/aliases")
def no_challenger_alias(here: Workspace) -> None:
    """The learner gave only the champion its alias."""
    without_aliases()
    alias("champion", pair()[0])


@mistake("2.5/aliases", "swapped")
def newcomer_at_once(here: Workspace) -> None:
    """The learner made the newcomer champion without any comparison."""
    without_aliases()
    alias("champion", pair()[1])
    alias("challenger", pair()[0])


@mistake("2.5/aliases", "stages_instead")
def production(here: Workspace) -> None:
    """The learner followed a tutorial of 2022."""
    without_aliases()
    with warnings.catch_warnings(action="ignore"):
        for number, stage in zip(pair(), ("Production", "Staging"), strict=True):
            if number:
                MlflowClient().transition_model_version_stage(MODEL, number, stage)


@mistake("2.5/aliases", "alias_as_a_tag")
def tagged_champion(here: Workspace) -> None:
    """The learner set a tag called alias."""
    without_aliases()
    without_stages()
    for number, name in zip(pair(), ("champion", "challenger"), strict=True):
        if number:
            MlflowClient().set_model_version_tag(MODEL, number, "alias", name)


def without_stages() -> None:
    """Take every version out of its stage."""
    with warnings.catch_warnings(action="ignore"):
        for version in versions():
            MlflowClient().transition_model_version_stage(MODEL, str(version.version), "None")


@mistake("2.5/aliases", "both_on_one_version")
def both_on_the_newest(here: Workspace) -> None:
    """The learner took the number of the newest version both times."""
    without_aliases()
    alias("champion", pair()[0])
    alias("challenger", pair()[0])


@mistake("2.5/aliases", "alias_spelled_otherwise")
def capital_letter(here: Workspace) -> None:
    """The learner wrote Champion."""
    without_aliases()
    alias("Champion", pair()[0])
    alias("challenger", pair()[1])


def dataset(here: Workspace, month: int, trips: int = 100) -> PandasDataset:
    """The first trips of one of the learner's months, under the month's name."""
    path = here.months[month]
    return from_pandas(pd.read_parquet(path, columns=["trip_distance"]).head(trips), name=path.stem)


def measure(*data: PandasDataset | None, figures: tuple[float, float] | None = None, key: str = "test_rmse") -> None:
    """Log figures for both models, on data of each: by default the true ones; the runs with those are deleted."""
    true = [_figure_of(number) for number in pair()]
    without_figures()
    mlflow.set_experiment("unseen-month")
    with mlflow.start_run():
        for place, number in enumerate(pair()):
            if number and true[place] is not None:
                value = figures[place] if figures else true[place]
                mlflow.log_metric(key, value or 0.0, model_id=_model_id(number), dataset=data[place])


def _model_id(number: str) -> str:
    return (MlflowClient().get_model_version(MODEL, number).source or "").removeprefix("models:/")


def _figure_of(number: str) -> float | None:
    metrics = MlflowClient().get_logged_model(_model_id(number)).metrics if number else None
    return next((metric.value for metric in metrics or () if metric.key == "test_rmse"), None)


@mistake("2.5/scored")
def nothing_measured(here: Workspace) -> None:
    """The learner trusted the validation figures."""
    without_figures()


@mistake("2.5/scored")
def champion_only(here: Workspace) -> None:
    """The learner measured the champion and forgot the challenger."""
    number = pair()[0]
    without_figures()
    mlflow.set_experiment("unseen-month")
    with mlflow.start_run():
        if number:
            mlflow.log_metric("test_rmse", 5.5, model_id=_model_id(number), dataset=dataset(here, 2))


@mistake("2.5/scored")
def in_seconds(here: Workspace) -> None:
    """The learner measured in seconds."""
    measure(dataset(here, 2), dataset(here, 2), figures=(330.0, 327.0))


@mistake("2.5/scored", "one_model_measured_twice")
def loaded_the_champion_twice(here: Workspace) -> None:
    """The learner loaded the champion both times, and logged its figure for both."""
    measure(dataset(here, 2), dataset(here, 2), figures=(5.61234567, 5.61234567))


@mistake("2.5/scored", "month_seen_before")
def measured_on_validation(here: Workspace) -> None:
    """The learner measured both on the validation month, which the challenger has learned from."""
    measure(dataset(here, 1), dataset(here, 1))


@mistake("2.5/scored", "two_datasets")
def other_trips_for_each(here: Workspace) -> None:
    """The learner drew a sample for each model."""
    measure(dataset(here, 2, 50), dataset(here, 2, 60))


@mistake("2.5/scored", "figure_without_data")
def no_dataset(here: Workspace) -> None:
    """The learner linked the model and forgot the data."""
    measure(None, None)


@mistake("2.5/scored", "not_linked_to_a_model")
def no_model(here: Workspace) -> None:
    """The learner logged both figures as plain metrics of a run."""
    without_figures()
    mlflow.set_experiment("unseen-month")
    with mlflow.start_run():
        mlflow.log_metrics({"test_rmse": 5.5, "test_rmse_challenger": 5.4})


@mistake("2.5/scored", "figure_under_another_name")
def called_it_rmse(here: Workspace) -> None:
    """The learner logged both figures as rmse."""
    measure(dataset(here, 2), dataset(here, 2), key="rmse")


def untag(*keys: str) -> None:
    """Take tags off every version."""
    for version in versions():
        for key in keys:
            if key in version.tags:
                MlflowClient().delete_model_version_tag(MODEL, str(version.version), key)


def tag(number: str, **tags: str) -> None:
    """Write tags on a version, when there is such a version."""
    for key, text in tags.items():
        if number:
            MlflowClient().set_model_version_tag(MODEL, number, key, text)


def promoted() -> str:
    """The number of the version that is tagged as champion last, "" when none is."""
    tagged = [str(version.version) for version in versions() if "champion_from" in version.tags]
    return tagged[-1] if tagged else ""


def other() -> str:
    """The number of the version that was compared with the promoted one."""
    first, second = pair()
    return first if promoted() == second else second


@mistake("2.5/promoted")
def nothing_promoted(here: Workspace) -> None:
    """The learner moved the alias and wrote nothing down."""
    untag("champion_from", "reason")


@mistake("2.5/promoted")
def no_date(here: Workspace) -> None:
    """The learner wrote “today”, which is another day tomorrow."""
    tag(promoted(), champion_from="today")


@mistake("2.5/promoted")
def no_date_and_other_trips(here: Workspace) -> None:
    """The learner wrote no date; on some other trips that were measured too, the other version is the better one."""
    first, second = pair()
    true = [_figure_of(number) for number in (first, second)]
    mlflow.set_experiment("unseen-month")
    with mlflow.start_run():
        for number, figure in ((first, true[1]), (second, true[0])):
            if number and figure is not None:
                for trips in (30, 40, 50):
                    data = dataset(here, 2, trips)
                    mlflow.log_metric("test_rmse", figure, model_id=_model_id(number), dataset=data)
    tag(promoted(), champion_from="today")


@mistake("2.5/promoted")
def no_reason(here: Workspace) -> None:
    """The learner wrote that it is better, and not by how much."""
    tag(promoted(), reason="it is better")


@mistake("2.5/promoted")
def night_shift_did_not_work(here: Workspace) -> None:
    """The learner moved the alias there and back before anybody used it."""
    number = promoted()
    remove(run for run in runs_of("night-shift") if run.data.tags.get("version", "").strip() == number)
    if number:
        alias("champion", number)


@mistake("2.5/promoted", "higher_wins")
def promoted_the_worse(here: Workspace) -> None:
    """The learner took the higher figure."""
    number = other()
    untag("champion_from", "reason")
    tag(number, champion_from="2023-04-01", reason="5.500 is more than 5.400")


@mistake("2.5/promoted", "promoted_the_model")
def tags_on_the_model(here: Workspace) -> None:
    """The learner wrote date and reason on the registered model."""
    untag("champion_from", "reason")
    if versions():
        MlflowClient().set_registered_model_tag(MODEL, "champion_from", "2023-04-01")


@mistake("2.5/promoted", "alias_left_behind")
def only_wrote_it_down(here: Workspace) -> None:
    """The learner wrote the tags and never moved the alias."""
    number, stayed = promoted(), other()
    remove(run for run in runs_of("night-shift") if run.data.tags.get("version", "").strip() == number)
    alias("champion", stayed)


def without_the_way_back() -> None:
    """Delete the nights after the last one that the promoted version worked."""
    nights = runs_of("night-shift", "tags.version != ''")
    while nights and nights[-1].data.tags["version"].strip() != promoted():
        remove([nights.pop()])


@mistake("2.5/rolled-back")
def nothing_written(here: Workspace) -> None:
    """The learner moved the alias back and wrote nothing down."""
    untag("champion_until", "why")


@mistake("2.5/rolled-back")
def one_word_of_explanation(here: Workspace) -> None:
    """The learner wrote “bad”."""
    tag(promoted(), why="bad")


@mistake("2.5/rolled-back")
def alias_taken_off(here: Workspace) -> None:
    """The learner took the alias off, and nobody serves."""
    without_the_way_back()
    with suppress(MlflowException):
        MlflowClient().delete_registered_model_alias(MODEL, "champion")


@mistake("2.5/rolled-back", "registered_again")
def version_three(here: Workspace) -> None:
    """The learner registered the old model again and made that champion."""
    without_the_way_back()
    if promoted():
        number = str(register(finalists()[0] if promoted() == pair()[1] else newcomer()).version)
        alias("champion", number)
        night(number)


def night(number: str) -> None:
    """Let the night shift work with this version."""
    mlflow.set_experiment("night-shift")
    with mlflow.start_run():
        mlflow.set_tag("version", number)


@mistake("2.5/rolled-back", "tags_on_the_wrong_version")
def wrote_on_the_one_that_returns(here: Workspace) -> None:
    """The learner wrote what happened on the version that serves again."""
    number = other()
    untag("champion_until", "why")
    tag(number, champion_until="2023-04-03", why="complaints about the estimates")


@mistake("2.5/rolled-back", "still_serving")
def only_wrote_it_down_again(here: Workspace) -> None:
    """The learner wrote the tags and left the alias where it was."""
    without_the_way_back()
    alias("champion", promoted())


@harmless
def both_cells_run_again(here: Workspace) -> None:
    """The learner ran the cells of steps 1 and 2 once more, so that each model has two versions."""
    register(finalists()[0])
    register(newcomer())


@harmless
def repaired_and_promoted_again(here: Workspace) -> None:
    """The cause was found: the challenger's alias is gone, the newcomer serves again, and the tags are overwritten."""
    MlflowClient().delete_registered_model_alias(MODEL, "challenger")
    alias("champion", promoted())
    night(promoted())
    tag(other(), champion_from="2023-04-03", reason="the newcomer failed", champion_until="2023-04-09")


@harmless
def tags_with_blanks(here: Workspace) -> None:
    """The learner typed every tag anew in the UI, with blanks around."""
    for version in versions():
        tag(str(version.version), **{key: f" {text} " for key, text in version.tags.items()})


@harmless
def a_better_run_later(here: Workspace) -> None:
    """The learner went on trying in the experiment of the finalists, and had an error in a reopened one."""
    mlflow.set_experiment("finalists")
    with mlflow.start_run():
        mlflow.log_metrics({"valid_rmse": 0.1, "training_rmse": 0.1, "test_rmse": 0.1})
    with suppress(ZeroDivisionError), mlflow.start_run(run_id=finalists()[0].info.run_id):
        raise ZeroDivisionError


@harmless
def measured_more(here: Workspace) -> None:
    """The learner measured on other months too, and on other trips for each."""
    for place, number in enumerate(pair()):
        mlflow.set_experiment("unseen-month")
        with mlflow.start_run():
            for month in range(3):
                data = dataset(here, month, 40 + place)
                mlflow.log_metric("test_rmse", 3.0 + 5 * place, model_id=_model_id(number), dataset=data)
            mlflow.log_metric("rmse", 0.1, model_id=_model_id(number))


@harmless
def another_model_beside_it(here: Workspace) -> None:
    """The learner registered the finalists under other names, and one model more under this."""
    register(finalists()[1], "my-own")
    version = register(finalists()[1])
    alias("candidate", str(version.version))


@harmless
def rounded_to_one_figure(here: Workspace) -> None:
    """The learner measured on some more trips and rounded, so that both have one figure there."""
    mlflow.set_experiment("unseen-month")
    with mlflow.start_run():
        for number in pair():
            mlflow.log_metric("test_rmse", 5.6, model_id=_model_id(number), dataset=dataset(here, 2, 70))


@harmless
def a_version_that_is_no_number(here: Workspace) -> None:
    """The learner wrote a night of their own into the experiment of the night shift, with a number without end."""
    mlflow.set_experiment("night-shift")
    with mlflow.start_run():
        mlflow.set_tag("version", "9" * 5000)
