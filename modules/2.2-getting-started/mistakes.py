"""The wrong turns of section 2.2, built for real from a solved workspace, so that CI can prove each message."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run, RunTag

from flowcoach.checks import mistake
from flowcoach.workspace import Workspace

EXPERIMENT = "ridge-by-hand"
ELSEWHERE = "ridge-put-away"
PARAMS = {"train-data-path": "data/january.parquet", "valid-data-path": "data/february.parquet", "alpha": 3}
NOTEBOOK = {"developer": "a learner", "mlflow.source.name": "exercise.ipynb", "mlflow.source.type": "NOTEBOOK"}
SCRIPT = {"developer": "a learner", "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL"}
RMSE = {"rmse": 8.7}
EVERYTHING = 1000


def runs() -> list[Run]:
    """The runs of the experiment, oldest first."""
    found = MlflowClient().get_experiment_by_name(EXPERIMENT)
    if found is None:
        return []
    return MlflowClient().search_runs([found.experiment_id], order_by=["start_time ASC"], max_results=EVERYTHING)


def measured() -> list[Run]:
    """The runs with parameters and a figure."""
    return [run for run in runs() if "rmse" in run.data.metrics and set(PARAMS) <= set(run.data.params)]


def scripted(among: Iterable[Run]) -> list[Run]:
    """Those runs that the script made."""
    return [run for run in among if run.data.tags.get("mlflow.source.name", "").endswith("train.py")]


def remove(gone: Iterable[Run]) -> None:
    """Move runs to MLflow's trash."""
    for run in gone:
        MlflowClient().delete_run(run.info.run_id)


def place(name: str) -> str:
    """The id of an experiment, which is made when it is not there."""
    found = MlflowClient().get_experiment_by_name(name)
    return found.experiment_id if found else MlflowClient().create_experiment(name)


def log(
    params: Mapping[str, Any],
    metrics: Mapping[str, float],
    tags: Mapping[str, str] = NOTEBOOK,
    *,
    experiment: str = EXPERIMENT,
    status: str = "FINISHED",
) -> Run:
    """Log one run as a learner's code would."""
    client = MlflowClient()
    run = client.create_run(place(experiment), tags=dict(tags))
    client.log_batch(
        run.info.run_id,
        metrics=[Metric(key, value, timestamp=0, step=0) for key, value in metrics.items()],
        params=[Param(key, str(value)) for key, value in params.items()],
        tags=[RunTag("mlflow.note.content", "a wrong turn")],
    )
    if status != "RUNNING":
        client.set_terminated(run.info.run_id, status)
    return run


def put_experiment_away() -> None:
    """Rename the experiment, for a deleted one would block its name."""
    found = MlflowClient().get_experiment_by_name(EXPERIMENT)
    if found is None:
        return
    tries = [experiment.name for experiment in MlflowClient().search_experiments()]
    taken = sum(name.startswith(ELSEWHERE) for name in tries)
    MlflowClient().rename_experiment(found.experiment_id, f"{ELSEWHERE}-{taken}")


def first_described(params: Mapping[str, Any], tags: Mapping[str, str], status: str = "FINISHED") -> None:
    """Nothing but one try at describing a run."""
    remove(runs())
    log(params, {}, tags, status=status)


def first_measured(params: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
    """Nothing but one try at measuring a described run."""
    remove(runs())
    log(params, metrics)


@mistake("2.2/own-store", "store_in_current_directory")
def told_mlflow_nothing(here: Workspace) -> None:
    """Forgot set_tracking_uri, so the runs went into a mlflow.db beside the notebook."""
    place(EXPERIMENT)
    beside = here.folder / "exercises" / "2.2-getting-started"
    beside.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(here.own_store.removeprefix("sqlite:///")), beside / "mlflow.db")
    remove(runs())
    put_experiment_away()


def nothing_beside_the_notebook(here: Workspace) -> None:
    """Take the stray store away, whose runs would explain the trouble first."""
    (here.folder / "exercises" / "2.2-getting-started" / "mlflow.db").unlink(missing_ok=True)


@mistake("2.2/own-store", "in_another_experiment")
def named_no_experiment(here: Workspace) -> None:
    """Set the store but no experiment."""
    nothing_beside_the_notebook(here)
    put_experiment_away()
    log(PARAMS, RMSE, experiment="Default")


@mistake("2.2/own-store", "in_another_experiment")
def named_another_experiment(here: Workspace) -> None:
    """Called the experiment ridge, and logged there."""
    nothing_beside_the_notebook(here)
    put_experiment_away()
    log(PARAMS, RMSE, experiment="ridge")


@mistake("2.2/own-store", "nearly_the_name")
def misspelled_experiment(here: Workspace) -> None:
    """Called the experiment ridge_by_hand."""
    nothing_beside_the_notebook(here)
    remove(runs())
    put_experiment_away()
    place("ridge_by_hand")


@mistake("2.2/own-store", "nearly_the_name")
def misspelled_after_the_stray_store(here: Workspace) -> None:
    """Told MLflow nothing at first; then the right store, and an experiment called Ridge-by-hand."""
    told_mlflow_nothing.build(here)
    log(PARAMS, RMSE, experiment="Ridge-by-hand")


@mistake("2.2/own-store")
def named_nothing_alike(here: Workspace) -> None:
    """Called the experiment something else, and logged nothing there."""
    nothing_beside_the_notebook(here)
    remove(runs())
    put_experiment_away()
    place("my-first-experiment")


@mistake("2.2/described", "developer_as_parameter")
def named_oneself_with_log_param(here: Workspace) -> None:
    """Logged the developer as a parameter."""
    first_described({**PARAMS, "developer": "a learner"}, {})


@mistake("2.2/described", "alpha_as_tag")
def noted_alpha_with_set_tag(here: Workspace) -> None:
    """Set alpha as a tag."""
    params = {name: value for name, value in PARAMS.items() if name != "alpha"}
    first_described(params, {**NOTEBOOK, "alpha": "3"})


@mistake("2.2/described", "underscores_for_hyphens")
def logged_keyword_names(here: Workspace) -> None:
    """Logged dict(train_data_path=…), for hyphens are not allowed there."""
    first_described({name.replace("-", "_"): value for name, value in PARAMS.items()}, NOTEBOOK)


@mistake("2.2/described", "never_ended")
def opened_without_with(here: Workspace) -> None:
    """Called mlflow.start_run() and never ended the run."""
    first_described(PARAMS, NOTEBOOK, status="RUNNING")


@mistake("2.2/described", "stopped_by_an_error")
def used_a_removed_argument(here: Workspace) -> None:
    """Called mean_squared_error(…, squared=False), which raises today."""
    first_described(PARAMS, NOTEBOOK, status="FAILED")


@mistake("2.2/described", "described_elsewhere")
def restarted_the_kernel(here: Workspace) -> None:
    """Restarted the kernel and ran step 2 without step 1."""
    remove(runs())
    log(PARAMS, {}, experiment="Default")


@mistake("2.2/described")
def forgot_the_developer(here: Workspace) -> None:
    """Logged the parameters and no tag."""
    first_described(PARAMS, {})


@mistake("2.2/measured", "logged_as_parameter")
def rmse_as_parameter(here: Workspace) -> None:
    """Logged the RMSE with log_param."""
    first_measured({**PARAMS, **RMSE}, {})


@mistake("2.2/measured", "under_another_name")
def rmse_in_capitals(here: Workspace) -> None:
    """Logged the metric RMSE."""
    first_measured(PARAMS, {"RMSE": 8.7})


@mistake("2.2/measured", "on_the_training_month")
def measured_on_january(here: Workspace) -> None:
    """Learned from January and measured on January."""
    first_measured({**PARAMS, "valid-data-path": PARAMS["train-data-path"]}, {"rmse": 7.8})


@mistake("2.2/measured", "figure_of_the_training_month")
def copied_what_autolog_measured(here: Workspace) -> None:
    """Had autolog on, and logged its training figure as rmse."""
    first_measured(PARAMS, {"rmse": 7.8, "training_root_mean_squared_error": 7.8})


@mistake("2.2/measured", "root_left_out")
def squared_minutes(here: Workspace) -> None:
    """Logged mean_squared_error as rmse."""
    first_measured(PARAMS, {"rmse": 75.7})


@mistake("2.2/measured")
def described_only(here: Workspace) -> None:
    """Stopped after the description."""
    first_measured(PARAMS, {})


def one_alpha_left() -> Run:
    """Put away all measured runs whose alpha is not that of the newest run of the script; that run comes back."""
    made = [run for run in scripted(measured()) if "mlflow.source.git.commit" in run.data.tags]
    kept = made[-1] if made else log(PARAMS, RMSE)
    alpha = kept.data.params.get("alpha", str(PARAMS["alpha"]))
    remove(run for run in measured() if run.data.params["alpha"] != alpha)
    return MlflowClient().get_run(kept.info.run_id)


@mistake("2.2/second-alpha", "one_cell_twice")
def ran_the_cell_again(here: Workspace) -> None:
    """Ran one cell twice and took that for two alphas."""
    kept = one_alpha_left()
    log(kept.data.params, kept.data.metrics)


@mistake("2.2/second-alpha", "alpha_only_logged")
def ridge_never_heard_of_it(here: Workspace) -> None:
    """Logged another alpha, but trained Ridge() with the old one."""
    kept = one_alpha_left()
    remove(run for run in measured() if run.info.run_id != kept.info.run_id)
    log({**kept.data.params, "alpha": 12345}, kept.data.metrics)


@mistake("2.2/second-alpha")
def only_one_try(here: Workspace) -> None:
    """Stopped after the first alpha."""
    kept = one_alpha_left()
    remove(run for run in measured() if run.info.run_id != kept.info.run_id)


@mistake("2.2/from-script", "not_committed_before")
def committed_afterwards(here: Workspace) -> None:
    """Ran train.py first and committed it afterwards."""
    remove(scripted(runs()))
    log({**PARAMS, "alpha": 10}, RMSE, SCRIPT)


@mistake("2.2/from-script", "commit_of_another_repository")
def workspace_inside_a_clone(here: Workspace) -> None:
    """Made the workspace inside a clone of the course, and never called git init in it."""
    remove(scripted(runs()))
    git = ["git", "-C", str(here.folder.parent), "-c", "user.name=me", "-c", "user.email=me@example.org"]
    subprocess.run([*git, "init", "--quiet"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--allow-empty", "-m", "Not the learner's"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, encoding="ascii").stdout
    log({**PARAMS, "alpha": 10}, RMSE, {**SCRIPT, "mlflow.source.git.commit": commit.strip()})


@mistake("2.2/from-script", "script_stops_half_way")
def script_without_figure_after_another_fault(here: Workspace) -> None:
    """Ran the whole script before the commit, and after it one that logs no RMSE."""
    committed_afterwards.build(here)
    log({**PARAMS, "alpha": 10}, {}, {**SCRIPT, "mlflow.source.git.commit": "c0ffee" * 6 + "c0ff"})


@mistake("2.2/from-script", "script_stops_half_way")
def script_without_figure(here: Workspace) -> None:
    """Committed a script that logs no RMSE."""
    remove(scripted(runs()))
    log({**PARAMS, "alpha": 10}, {}, {**SCRIPT, "mlflow.source.git.commit": "c0ffee" * 6 + "c0ff"})


@mistake("2.2/from-script")
def never_ran_it(here: Workspace) -> None:
    """Wrote train.py and did not run it."""
    remove(scripted(runs()))


@mistake("2.2/by-itself", "name_taken_for_id")
def answered_with_the_name(here: Workspace) -> None:
    """Gave the run's name for its id."""
    here.answer("2.2", script_run=next((run.info.run_name for run in runs()), "from-script"))


@mistake("2.2/by-itself", "run_of_the_notebook")
def answered_with_the_newest(here: Workspace) -> None:
    """Gave a run that the notebook made."""
    here.answer("2.2", script_run=log(PARAMS, RMSE).info.run_id)


@mistake("2.2/by-itself", "run_from_before_the_commit")
def answered_with_the_first_try(here: Workspace) -> None:
    """Gave the run of train.py that was made before the commit."""
    here.answer("2.2", script_run=log(PARAMS, RMSE, {"mlflow.source.name": "train.py"}).info.run_id)


@mistake("2.2/by-itself", "developer_taken_for_author")
def answered_with_the_tag(here: Workspace) -> None:
    """Gave the developer for the author."""
    here.answer("2.2", author="a learner")


@mistake("2.2/by-itself", "author_in_other_capitals")
def answered_with_capitals(here: Workspace) -> None:
    """Typed the author's name with other capitals."""
    for run in scripted(measured())[-1:]:
        here.answer("2.2", author=run.data.tags.get("mlflow.user", "me").swapcase())


@mistake("2.2/by-itself")
def answered_with_another_commit(here: Workspace) -> None:
    """Gave the commit of another repository."""
    here.answer("2.2", commit="0" * 40)


@mistake("2.2/where-it-lies", "tag_taken_for_parameter")
def looked_into_params(here: Workspace) -> None:
    """Thinks that a tag is a parameter."""
    here.answer("2.2", tables={**RIGHT, "developer": "params"})


@mistake("2.2/where-it-lies", "empty_column")
def trusted_a_column_name(here: Workspace) -> None:
    """Saw runs.source_version and did not look into it."""
    here.answer("2.2", tables={**RIGHT, "commit": "runs"})


@mistake("2.2/where-it-lies", "everything_in_runs")
def thinks_of_one_wide_table(here: Workspace) -> None:
    """Thinks of a run as one wide row."""
    here.answer("2.2", tables={**RIGHT, "alpha": "runs", "rmse": "runs"})


@mistake("2.2/where-it-lies")
def left_one_out(here: Workspace) -> None:
    """Left one name open."""
    here.answer("2.2", tables={**RIGHT, "status": ""})


RIGHT = {
    "experiment": "experiments",
    "status": "runs",
    "alpha": "params",
    "rmse": "metrics",
    "developer": "tags",
    "commit": "tags",
}
