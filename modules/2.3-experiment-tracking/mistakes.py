"""The wrong turns of section 2.3, built for real from a solved workspace, so that CI can prove each message.

And the harmless ones, which must cost nothing.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import DatasetInput, InputTag, Metric, Param, Run, RunTag

from flowcoach.checks import harmless, mistake
from flowcoach.workspace import Workspace

KNOBS = ("max_depth", "n_estimators", "min_samples_leaf", "min_samples_split")
EVERYTHING = 1000


def runs_of(name: str) -> list[Run]:
    """The runs of an experiment, oldest first."""
    client = MlflowClient()
    experiment = client.get_experiment_by_name(name)
    if experiment is None:
        return []
    return client.search_runs([experiment.experiment_id], order_by=["start_time ASC"], max_results=EVERYTHING)


def trials() -> list[Run]:
    """The trials: runs with all four knobs and a figure, oldest first."""
    return [
        run for run in runs_of("forest-search") if set(KNOBS) <= set(run.data.params) and "rmse" in run.data.metrics
    ]


def remove(runs: Iterable[Run]) -> None:
    """Move runs to MLflow's trash."""
    for run in runs:
        MlflowClient().delete_run(run.info.run_id)


def log(
    experiment: str,
    *,
    params: Mapping[str, Any] = MappingProxyType({}),
    metrics: Mapping[str, float] = MappingProxyType({}),
    tags: Mapping[str, str] = MappingProxyType({}),
    start: int | None = None,
) -> str:
    """Log one finished run, started at this time (in milliseconds, else now); its id comes back."""
    client = MlflowClient()
    found = client.get_experiment_by_name(experiment)
    place = found.experiment_id if found else client.create_experiment(experiment)
    run_id = client.create_run(place, start_time=start).info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric(key, value, timestamp=0, step=0) for key, value in metrics.items()],
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag(key, value) for key, value in tags.items()],
    )
    client.set_terminated(run_id)
    return run_id


def baselines() -> list[Run]:
    """The runs that call themselves the mean."""
    return [run for run in runs_of("forest-search") if run.data.params.get("model") == "mean"]


@mistake("2.3/baseline")
def no_baseline(here: Workspace) -> None:
    """The learner skipped the baseline."""
    remove(baselines())


@mistake("2.3/baseline", "logged_as_parameter")
def rmse_as_parameter(here: Workspace) -> None:
    """The learner wrote the RMSE down as a parameter."""
    remove(baselines())
    log("forest-search", params={"model": "mean", "rmse": 9.1})


@mistake("2.3/baseline", "baseline_under_another_name")
def baseline_in_capitals(here: Workspace) -> None:
    """The learner called the metric RMSE."""
    remove(baselines())
    log("forest-search", params={"model": "mean"}, metrics={"RMSE": 9.1})


@mistake("2.3/baseline", "in_seconds")
def baseline_in_seconds(here: Workspace) -> None:
    """The learner took the duration in seconds."""
    remove(baselines())
    log("forest-search", params={"model": "mean"}, metrics={"rmse": 546.0})


def noted(month: str, what: str) -> float:
    """What the exercise's first cell noted of the durations of a month."""
    experiment = MlflowClient().get_experiment_by_name("forest-search")
    assert experiment
    return float(experiment.tags[f"{month}_{what}"])


def off_on(month: str, guess: float) -> float:
    """The RMSE of one guess for all trips of a month."""
    return (noted(month, "mean_of_squares") - 2 * guess * noted(month, "mean") + guess**2) ** 0.5


def another_baseline(rmse: float, model: str = "mean") -> None:
    """Log a baseline of this figure, and throw the true one away."""
    remove(baselines())
    log("forest-search", params={"model": model}, metrics={"rmse": rmse})


@mistake("2.3/baseline", "measured_on_the_training_month")
def baseline_of_the_training_month(here: Workspace) -> None:
    """The learner compared the mean with the month it was taken from."""
    another_baseline(off_on("train", noted("train", "mean")))


@mistake("2.3/baseline", "measured_on_the_training_month")
def scatter_of_the_training_month(here: Workspace) -> None:
    """The learner took train.duration.std(), which pandas divides by one trip less."""
    trips = noted("train", "trips")
    another_baseline(off_on("train", noted("train", "mean")) * (trips / (trips - 1)) ** 0.5)


@mistake("2.3/baseline", "guessed_from_the_validation_month")
def mean_of_the_validation_month(here: Workspace) -> None:
    """The learner took the mean of the month that was to be forecast."""
    another_baseline(off_on("valid", noted("valid", "mean")))


@mistake("2.3/baseline", "baseline_without_its_root")
def baseline_squared(here: Workspace) -> None:
    """The learner took mean_squared_error."""
    another_baseline(off_on("valid", noted("train", "mean")) ** 2)


@mistake("2.3/baseline", "the_mean_itself")
def the_guess_for_its_error(here: Workspace) -> None:
    """The learner logged the mean as the RMSE."""
    another_baseline(noted("train", "mean"))


@mistake("2.3/baseline")
def some_plausible_figure(here: Workspace) -> None:
    """The learner compared something else, and the figure looks well."""
    another_baseline(1.2 * off_on("valid", noted("train", "mean")))


def search_again(
    change: Callable[[int, Run], tuple[dict[str, Any], dict[str, float]]], experiment: str = "forest-search"
) -> None:
    """Log every trial again with changed parameters and metrics, and throw the true ones away."""
    true = trials()
    for number, run in enumerate(true):
        params, metrics = change(number, run)
        log(experiment, params=params, metrics=metrics)
    remove(true)


@mistake("2.3/trials")
def too_few_trials(here: Workspace) -> None:
    """The learner's objective raised an error after a few trials."""
    for run in trials()[5:]:
        MlflowClient().set_terminated(run.info.run_id, "FAILED")


@mistake("2.3/trials", "trials_in_the_trash")
def tidied_up(here: Workspace) -> None:
    """The learner deleted all trials but the best three."""
    remove(by_rmse()[3:])


@mistake("2.3/trials", "knobs_only_logged")
def forgot_to_use_the_knobs(here: Workspace) -> None:
    """The learner's objective logs the knobs and trains RandomForestRegressor() all the same."""
    search_again(lambda _, run: (run.data.params, {"rmse": 5.5}))


@mistake("2.3/trials", "root_left_out")
def squared_minutes(here: Workspace) -> None:
    """The learner took mean_squared_error, for squared=False is gone."""
    search_again(lambda _, run: (run.data.params, {"rmse": run.data.metrics["rmse"] ** 2}))


@mistake("2.3/trials")
def in_seconds(here: Workspace) -> None:
    """The learner's trials count in seconds."""
    search_again(lambda _, run: (run.data.params, {"rmse": run.data.metrics["rmse"] * 60}))


@mistake("2.3/trials", "only_the_seed_changed")
def only_the_seed(here: Workspace) -> None:
    """The learner changed random_state fifteen times and called it tuning."""
    knobs = dict.fromkeys(KNOBS, 8)
    search_again(lambda number, run: ({**knobs, "random_state": number}, {"rmse": run.data.metrics["rmse"]}))


@mistake("2.3/trials", "trials_without_knobs")
def no_parameters(here: Workspace) -> None:
    """The learner's objective logs the figure and forgets the knobs."""
    search_again(lambda _, run: ({}, {"rmse": run.data.metrics["rmse"]}))


@mistake("2.3/trials", "trials_under_another_name")
def another_metric_name(here: Workspace) -> None:
    """The learner's trials log val_rmse."""
    search_again(lambda _, run: (run.data.params, {"val_rmse": run.data.metrics["rmse"]}))


@mistake("2.3/trials")
def stopped_after_the_right_name(here: Workspace) -> None:
    """The learner's trials logged val_rmse; the search with the right name ended after two trials."""
    true = trials()
    for run in true:
        log("forest-search", params=run.data.params, metrics={"val_rmse": run.data.metrics["rmse"]})
        MlflowClient().set_terminated(run.info.run_id, "FAILED")
    for run in true[:2]:
        log("forest-search", params=run.data.params, metrics=run.data.metrics)


@mistake("2.3/trials", "in_another_experiment")
def forgot_the_experiment(here: Workspace) -> None:
    """The learner searched before setting the experiment, so the trials lie in Default."""
    search_again(lambda _, run: (run.data.params, {"rmse": run.data.metrics["rmse"]}), experiment="Default")


def untag() -> None:
    """Take the tag best_of off every trial."""
    for run in trials():
        if "best_of" in run.data.tags:
            MlflowClient().delete_tag(run.info.run_id, "best_of")


def by_rmse() -> list[Run]:
    """The trials, lowest RMSE first."""
    return sorted(trials(), key=lambda run: run.data.metrics["rmse"])


@mistake("2.3/best-tagged")
def nothing_tagged(here: Workspace) -> None:
    """The learner looked at the table and tagged nothing."""
    untag()


@mistake("2.3/best-tagged")
def tagged_with_a_word(here: Workspace) -> None:
    """The learner tagged the right trial with the word yes."""
    untag()
    for run in by_rmse()[:1]:
        MlflowClient().set_tag(run.info.run_id, "best_of", "yes")


@mistake("2.3/best-tagged", "tagged_the_baseline")
def tagged_the_mean(here: Workspace) -> None:
    """The learner sorted by something else and tagged the baseline."""
    untag()
    for run in baselines():
        MlflowClient().set_tag(run.info.run_id, "best_of", "15")


@mistake("2.3/best-tagged", "tagged_run_in_the_trash")
def deleted_the_best(here: Workspace) -> None:
    """The learner tagged the best trial and deleted it by mistake."""
    for run in by_rmse()[-1:]:  # one more trial, so that enough are left
        log("forest-search", params=run.data.params, metrics=run.data.metrics)
    remove(run for run in trials() if "best_of" in run.data.tags)


@mistake("2.3/best-tagged", "tagged_the_highest")
def maximised(here: Workspace) -> None:
    """The learner sorted the wrong way round."""
    untag()
    for run in by_rmse()[-1:]:
        MlflowClient().set_tag(run.info.run_id, "best_of", str(len(trials())))


@mistake("2.3/best-tagged", "tagged_the_newest")
def ordered_by_nothing(here: Workspace) -> None:
    """The learner ordered by a metric that nobody logged, and got the newest run."""
    untag()
    if trials():
        middling = by_rmse()[len(trials()) // 2]
        newest = log("forest-search", params=middling.data.params, metrics={"rmse": middling.data.metrics["rmse"]})
        MlflowClient().set_tag(newest, "best_of", str(len(trials())))


@mistake("2.3/best-tagged")
def miscounted_and_the_newest_is_the_best(here: Workspace) -> None:
    """The learner's last trial was the best, and they wrote another number of trials on it."""
    untag()
    for run in by_rmse()[:1]:
        newest = log("forest-search", params=run.data.params, metrics={"rmse": run.data.metrics["rmse"] - 0.001})
        MlflowClient().set_tag(newest, "best_of", "5")


def by_hand() -> list[Run]:
    """The final runs that name a trial."""
    return [run for run in runs_of("forest-final") if "chosen_from" in run.data.tags]


def train_again(**changes: Any) -> None:
    """Log the final model again, with another tag or other knobs, and throw the true one away."""
    for run in by_hand()[-1:]:
        tags = {"chosen_from": changes.pop("chosen_from", run.data.tags["chosen_from"])}
        remove(by_hand())
        log(
            "forest-final", params={**run.data.params, **changes}, metrics={"rmse": run.data.metrics["rmse"]}, tags=tags
        )


@mistake("2.3/retrained")
def not_trained_again(here: Workspace) -> None:
    """The learner stopped after choosing."""
    remove(by_hand())


@mistake("2.3/retrained")
def other_knobs(here: Workspace) -> None:
    """The learner trained with another depth than the trial's."""
    train_again(max_depth=99)


@mistake("2.3/retrained", "name_taken_for_id")
def name_for_id(here: Workspace) -> None:
    """The learner copied the trial's name instead of its id."""
    tagged = [run for run in trials() if "best_of" in run.data.tags]
    if tagged and by_hand():
        train_again(chosen_from=tagged[-1].info.run_name)


@mistake("2.3/retrained", "beginning_of_the_id")
def short_id(here: Workspace) -> None:
    """The learner copied the first characters of the id from a table."""
    tagged = [run for run in trials() if "best_of" in run.data.tags]
    if tagged and by_hand():
        train_again(chosen_from=tagged[-1].info.run_id[:8])


@mistake("2.3/retrained")
def other_month(here: Workspace) -> None:
    """The learner measured the forest on the training month this time."""
    for run in by_hand()[-1:]:
        params, tags = run.data.params, {"chosen_from": run.data.tags["chosen_from"]}
        remove(by_hand())
        log("forest-final", params=params, metrics={"rmse": 0.8 * run.data.metrics["rmse"]}, tags=tags)


@mistake("2.3/retrained", "measured_on_other_trips")
def trials_of_the_training_month(here: Workspace) -> None:
    """The learner measured the trials on the training month, and the forest that was trained again rightly."""
    for run in by_hand()[-1:]:
        params, tags = run.data.params, {"chosen_from": run.data.tags["chosen_from"]}
        remove(by_hand())
        log("forest-final", params=params, metrics={"rmse": 1.07 * run.data.metrics["rmse"]}, tags=tags)


@mistake("2.3/retrained", "chosen_from_another_trial")
def chosen_the_newest(here: Workspace) -> None:
    """The learner's query came back with another trial than the tagged one."""
    others = [run for run in trials() if "best_of" not in run.data.tags]
    if others and by_hand():
        train_again(chosen_from=others[-1].info.run_id, **others[-1].data.params)


def autologged() -> list[Run]:
    """The runs in which autolog wrote down an estimator."""
    return [run for run in runs_of("forest-final") if "estimator_name" in run.data.tags]


def without_autolog() -> None:
    """Throw the autologged runs away and keep what they said of the data in a run of its own."""
    keep_datasets_in_a_run_of_their_own(contexts=("training", "validation"))
    remove(autologged())


@mistake("2.3/autolog")
def no_autolog(here: Workspace) -> None:
    """The learner skipped autolog."""
    without_autolog()


@mistake("2.3/autolog")
def autologged_a_tree(here: Workspace) -> None:
    """The learner fitted the tree of run.py under autolog."""
    true = autologged()
    without_autolog()
    for run in true[-1:]:
        params = {key: value for key, value in run.data.params.items() if not key.endswith("n_estimators")}
        tags = {"estimator_name": "Pipeline", "estimator_class": "sklearn.pipeline.Pipeline"}
        log("forest-final", params=params, metrics=run.data.metrics, tags=tags)


@mistake("2.3/autolog", "autolog_after_the_fit")
def autolog_too_late(here: Workspace) -> None:
    """The learner switched autolog on after the fit."""
    without_autolog()
    log("forest-final")


@mistake("2.3/autolog", "autologged_elsewhere")
def autologged_in_default(here: Workspace) -> None:
    """The learner restarted the kernel and fitted before setting the experiment."""
    true = autologged()
    without_autolog()
    for run in true[-1:]:
        tags = {"estimator_name": "Pipeline", "estimator_class": "sklearn.pipeline.Pipeline"}
        log("Default", params=run.data.params, metrics=run.data.metrics, tags=tags)


@mistake("2.3/compared")
def no_figure(here: Workspace) -> None:
    """The learner's two runs trained different forests, and the figures do not agree."""
    for run in autologged():
        MlflowClient().log_metric(run.info.run_id, "rmse", 7.77)


@mistake("2.3/compared", "figure_in_a_run_of_its_own")
def figure_in_a_new_run(here: Workspace) -> None:
    """The learner logged the figure in a new run instead of the autologged one."""
    true = autologged()
    without_autolog()
    for run in true[-1:]:
        metrics = {key: value for key, value in run.data.metrics.items() if key != "rmse"}
        log("forest-final", params=run.data.params, metrics=metrics, tags={"estimator_name": "Pipeline"})
        log("forest-final", metrics={"rmse": 5.5})


@mistake("2.3/compared", "training_taken_for_validation")
def training_figure(here: Workspace) -> None:
    """The learner copied the training figure to rmse."""
    for run in autologged():
        training = run.data.metrics["training_root_mean_squared_error"]
        MlflowClient().log_metric(run.info.run_id, "rmse", training)


def keep_datasets_in_a_run_of_their_own(contexts: Iterable[str | None], *, same: bool = False) -> None:
    """Log small datasets, one for each context, in a new run; `same` makes them of the same trips."""
    inputs = []
    for number, context in enumerate(contexts):
        frame = pd.DataFrame({"trip_distance": [1.0, 2.0 if same else 2.0 + number]})
        dataset = from_pandas(frame, name=f"month-{number}")
        tags = [InputTag("mlflow.data.context", context)] if context else []
        inputs.append(DatasetInput(dataset._to_mlflow_entity(), tags))
    run_id = log("forest-final", params={"data": "named"})
    MlflowClient().log_inputs(run_id, inputs)


def without_datasets() -> None:
    """Log the autologged runs again without their data, and throw the true ones away."""
    for run in autologged():
        own = {key: value for key, value in run.data.tags.items() if not key.startswith("mlflow.")}
        log("forest-final", params=run.data.params, metrics=run.data.metrics, tags=own)
        remove([run])
    remove(run for run in runs_of("forest-final") if run.inputs and run.inputs.dataset_inputs)


@mistake("2.3/datasets")
def no_datasets(here: Workspace) -> None:
    """The learner named no data."""
    without_datasets()


@mistake("2.3/datasets")
def training_data_only(here: Workspace) -> None:
    """The learner named the training data and forgot the validation data."""
    without_datasets()
    keep_datasets_in_a_run_of_their_own(["training"])


@mistake("2.3/datasets", "data_in_two_runs")
def a_run_for_each(here: Workspace) -> None:
    """The learner opened a run for each of the two datasets."""
    without_datasets()
    keep_datasets_in_a_run_of_their_own(["training"])
    keep_datasets_in_a_run_of_their_own(["validation"])


@mistake("2.3/datasets", "same_month_twice")
def one_month_twice(here: Workspace) -> None:
    """The learner made both datasets of the same frame."""
    without_datasets()
    keep_datasets_in_a_run_of_their_own(["training", "validation"], same=True)


@mistake("2.3/datasets", "data_without_context")
def no_context(here: Workspace) -> None:
    """The learner logged both datasets and did not say what they were for."""
    without_datasets()
    keep_datasets_in_a_run_of_their_own([None, None])


@mistake("2.3/datasets", "context_in_another_word")
def train_and_valid(here: Workspace) -> None:
    """The learner wrote the contexts as the variables are called."""
    without_datasets()
    keep_datasets_in_a_run_of_their_own(["train", "valid"])


def more_trials(count: int, *, rmse: float) -> list[Run]:
    """Log more trials, with the knobs of the worst one; they come back."""
    knobs = by_rmse()[-1].data.params
    ids = [log("forest-search", params=knobs, metrics={"rmse": rmse}) for _ in range(count)]
    return [MlflowClient().get_run(run_id) for run_id in ids]


@harmless
def tidied_up_late_trials(here: Workspace) -> None:
    """Searched five trials more, tagged the best of all, then deleted the last five and searched on, with more luck."""
    best, count = by_rmse()[0], len(trials())
    extra = more_trials(5, rmse=20.0)
    MlflowClient().set_tag(best.info.run_id, "best_of", f"{count + len(extra)}.0")
    remove(extra)
    more_trials(5, rmse=1.0)


@harmless
def tidied_up_early_trials(here: Workspace) -> None:
    """Searched on with more luck than in the trials that were compared, then deleted three bad ones of those."""
    worst = by_rmse()[-3:]
    more_trials(5, rmse=1.0)
    remove(worst)


@harmless
def failed_in_reopened_runs(here: Workspace) -> None:
    """Opened every final run again to add something, and met an error inside: MLflow then calls the run failed."""
    for run in runs_of("forest-final"):
        with suppress(NameError), mlflow.start_run(run_id=run.info.run_id):
            raise NameError("name 'validation' is not defined")
        assert MlflowClient().get_run(run.info.run_id).info.status == "FAILED"


@harmless
def searched_in_vain_once_more(here: Workspace) -> None:
    """Searched in vain, repaired it by the search that is there, and ran the old cell again: all figures are one."""
    true, now = trials(), int(time.time() * 1000)
    worst = by_rmse()[-1].data.metrics
    for run in true:
        for start in (1, now):
            log("forest-search", params=run.data.params, metrics={"rmse": worst["rmse"]}, start=start)


@harmless
def measured_again_after_the_training_month(here: Workspace) -> None:
    """Measured the first trials on the training month, noticed when training again, and threw those trials away."""
    true, best = trials(), by_rmse()[0]
    for run in true:
        tags = {"best_of": "15"} if run.info.run_id == best.info.run_id else {}
        rmse = 0.93 * run.data.metrics["rmse"]
        run_id = log("forest-search", params=run.data.params, metrics={"rmse": rmse}, tags=tags, start=1)
        if tags:
            figure = {"rmse": best.data.metrics["rmse"]}
            log("forest-final", params=run.data.params, metrics=figure, tags={"chosen_from": run_id})
        remove([MlflowClient().get_run(run_id)])


@harmless
def wrote_mean_in_capitals(here: Workspace) -> None:
    """Called the baseline's model “ Mean ”."""
    another_baseline(baselines()[-1].data.metrics["rmse"], model=" Mean ")


@harmless
def worked_in_an_older_notebook(here: Workspace) -> None:
    """Began with a notebook whose first cell noted nothing about the months."""
    experiment = MlflowClient().get_experiment_by_name("forest-search")
    assert experiment
    for name in experiment.tags:
        MlflowClient().set_experiment_tag(experiment.experiment_id, name, "")
