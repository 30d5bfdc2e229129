"""The wrong turns of section 2.4, built for real from a solved workspace, so that CI can prove each message."""

import csv
import json
import pickle
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow
import mlflow.sklearn
import pandas as pd
from mlflow import MlflowClient
from mlflow.data.pandas_dataset import from_pandas
from mlflow.entities import LoggedModel, Run
from mlflow.exceptions import MlflowException
from mlflow.utils.file_utils import local_file_uri_to_path
from sklearn.tree import DecisionTreeRegressor

from flowcoach import taxi
from flowcoach.checks import harmless, mistake
from flowcoach.workspace import Workspace

EVERYTHING = 1000
TREES = "sklearn.tree._tree.Tree"
TRIPS = pd.DataFrame({"PULocationID": ["74", "75"], "DOLocationID": ["75", "41"], "trip_distance": [1.5, 2.5]})
DURATION = [8.0, 12.0]
EXACT = [f"scikit-learn=={version('scikit-learn')}"]

Row = dict[str, str]


def place() -> str:
    """The id of the exercise's experiment."""
    return mlflow.set_experiment("forest-models").experiment_id


def runs(holds: Callable[[Run], bool]) -> list[Run]:
    """The runs of the exercise for which this holds, oldest first."""
    found = MlflowClient().search_runs([place()], order_by=["start_time ASC"], max_results=EVERYTHING)
    return [run for run in found if holds(run)]


def remove(some: Iterable[Run]) -> None:
    """Move runs to MLflow's trash."""
    for run in some:
        MlflowClient().delete_run(run.info.run_id)


def models(name: str) -> list[LoggedModel]:
    """The models of the exercise with this name, newest first."""
    return list(MlflowClient().search_logged_models([place()], filter_string=f"name = '{name}'"))


def forget(name: str) -> None:
    """Delete the models of this name."""
    for model in models(name):
        MlflowClient().delete_logged_model(model.model_id)


def local(address: str) -> Path:
    """The folder that the address of a model's files names."""
    return Path(local_file_uri_to_path(address))


def a_pipeline() -> Any:
    """A small tree, trained on two trips."""
    return taxi.pipeline(DecisionTreeRegressor()).fit(TRIPS, DURATION)


def log_model(name: str, model: Any = None, **settings: Any) -> None:
    """Log a model in a run of its own, as the solution does but for `settings`; one that is None is left out."""
    usual = {"input_example": TRIPS, "pip_requirements": EXACT, "skops_trusted_types": [TREES]}
    given = {key: value for key, value in {**usual, **settings}.items() if value is not None}
    place()
    with mlflow.start_run(run_name=name):
        mlflow.sklearn.log_model(model or a_pipeline(), name=name, **given)


# Step 1


def bare_files() -> list[Run]:
    """The runs that say how many columns a regressor wants."""
    return runs(lambda run: "columns" in run.data.params)


def keep_bytes(content: bytes) -> None:
    """Keep these bytes as the file of the bare regressor, and throw the true one away."""
    remove(bare_files())
    place()
    with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "forest_final.pkl"
        file.write_bytes(content)
        mlflow.log_artifact(str(file))
        mlflow.log_param("columns", 300)


def keep_file(columns: int, experiment: str = "forest-models") -> None:
    """Keep some file and say how many columns it wants."""
    mlflow.set_experiment(experiment)
    with mlflow.start_run():
        mlflow.log_text("a regressor", "forest.pkl")
        mlflow.log_param("columns", columns)


@mistake("2.4/bare-file")
def no_file(here: Workspace) -> None:
    """The learner skipped the file."""
    remove(bare_files())


@mistake("2.4/bare-file")
def file_not_logged(here: Workspace) -> None:
    """The learner wrote the file and forgot to log it."""
    remove(bare_files())
    place()
    with mlflow.start_run():
        mlflow.log_param("columns", 300)


@mistake("2.4/bare-file")
def some_file(here: Workspace) -> None:
    """The learner logged a file with nothing in it."""
    keep_bytes(b"")


@mistake("2.4/bare-file", "pipeline_in_the_file")
def pickled_the_pipeline(here: Workspace) -> None:
    """The learner pickled forest, not forest["regressor"]."""
    keep_bytes(pickle.dumps(a_pipeline()))


@mistake("2.4/bare-file", "columns_of_the_pipeline")
def three_columns(here: Workspace) -> None:
    """The learner asked the pipeline for its columns."""
    remove(bare_files())
    keep_file(3)


@mistake("2.4/bare-file", "columns_of_another_kind")
def columns_as_a_metric(here: Workspace) -> None:
    """The learner logged the number of columns as a metric, after a try with the wrong number."""
    remove(bare_files())
    keep_file(3)
    place()
    with mlflow.start_run():
        mlflow.log_text("a regressor", "forest.pkl")
        mlflow.log_metric("columns", 300)


@mistake("2.4/bare-file", "logged_as_a_model")
def bare_model(here: Workspace) -> None:
    """The learner used log_model for the bare regressor."""
    remove(bare_files())
    log_model("bare", a_pipeline()["regressor"], input_example=None)
    for run in runs(lambda run: run.info.run_name == "bare")[-1:]:
        MlflowClient().log_param(run.info.run_id, "columns", 300)


@mistake("2.4/bare-file", "file_in_another_experiment")
def file_in_default(here: Workspace) -> None:
    """The learner restarted the kernel and logged the file before setting the experiment."""
    remove(bare_files())
    keep_file(300, experiment="Default")


# Step 2


@mistake("2.4/whole-pipeline")
def no_model(here: Workspace) -> None:
    """The learner logged no model."""
    forget("forest")


@mistake("2.4/whole-pipeline", "called_otherwise")
def misspelt_model(here: Workspace) -> None:
    """The learner called the model by another name."""
    forget("forest")
    log_model("Forest")


@mistake("2.4/whole-pipeline", "called_otherwise")
def misspelt_after_a_bad_one(here: Workspace) -> None:
    """The learner gave no example first, and called the good model by another name then."""
    forget("forest")
    log_model("forest", input_example=None)
    log_model("tree")


@mistake("2.4/whole-pipeline", "example_not_answered")
def regressor_with_raw_trips(here: Workspace) -> None:
    """The learner logged the regressor alone, with raw trips as its example."""
    forget("forest")
    log_model("forest", a_pipeline()["regressor"])


@mistake("2.4/whole-pipeline")
def no_example(here: Workspace) -> None:
    """The learner gave a signature by hand and no example."""
    from mlflow.models import infer_signature

    forget("forest")
    log_model("forest", input_example=None, signature=infer_signature(TRIPS, DURATION))


@mistake("2.4/whole-pipeline")
def zones_as_numbers(here: Workspace) -> None:
    """The learner trained and logged a forest on raw trips, in which zones are numbers."""
    forget("forest")
    raw = TRIPS.astype({"PULocationID": int, "DOLocationID": int})
    log_model("forest", taxi.pipeline(DecisionTreeRegressor()).fit(raw, DURATION), input_example=raw)


@mistake("2.4/whole-pipeline", "skops_refused")
def refused(here: Workspace) -> None:
    """The learner did not name the type, and gave up after the error."""
    forget("forest")
    try:
        log_model("forest", skops_trusted_types=None)
    except MlflowException:
        return
    raise AssertionError("MLflow takes trees now: section 2.4 has to be told")


@mistake("2.4/whole-pipeline", "without_signature")
def no_signature(here: Workspace) -> None:
    """The learner gave no example, so there is no signature."""
    forget("forest")
    log_model("forest", input_example=None)


@mistake("2.4/whole-pipeline", "preprocessor_left_behind")
def regressor_alone(here: Workspace) -> None:
    """The learner logged the regressor, with the encoded columns as its example."""
    forget("forest")
    encoded = pd.DataFrame({f"zones__PULocationID_{zone}": [0.0, 1.0] for zone in range(300)})
    log_model("forest", DecisionTreeRegressor().fit(encoded, DURATION), input_example=encoded)


@mistake("2.4/whole-pipeline", "preprocessor_left_behind")
def regressor_on_a_matrix(here: Workspace) -> None:
    """The learner logged the regressor, with a matrix as its example."""
    forget("forest")
    matrix = pd.DataFrame({f"{zone}": [0.0, 1.0] for zone in range(9)}).to_numpy()
    log_model("forest", DecisionTreeRegressor().fit(matrix, DURATION), input_example=matrix)


@mistake("2.4/whole-pipeline", "answer_among_the_inputs")
def whole_table_as_example(here: Workspace) -> None:
    """The learner took train.head() as the example."""
    forget("forest")
    log_model("forest", input_example=TRIPS.assign(duration=DURATION, total_amount=[9.0, 14.0]))


@mistake("2.4/whole-pipeline", "pickled_to_get_past")
def cloudpickle_instead(here: Workspace) -> None:
    """The learner found serialization_format="cloudpickle" on the web."""
    forget("forest")
    log_model("forest", serialization_format="cloudpickle", skops_trusted_types=None)


@mistake("2.4/whole-pipeline", "trusting_more_than_trees")
def trusting_everything(here: Workspace) -> None:
    """The learner copied a long list of types to trust."""
    forget("forest")
    log_model("forest", skops_trusted_types=[TREES, "builtins.eval", "numpy.dtype"])


@mistake("2.4/whole-pipeline", "trusting_more_than_trees")
def columns_without_end(here: Workspace) -> None:
    """Somebody wrote one column fifty times, and types to trust that unfold without end, into the model's file."""
    for model in models("forest"):
        file = local(model.artifact_location) / "MLmodel"
        columns = json.dumps([{"name": "PULocationID", "type": "string"}] * 50)
        lists = "".join(f"    - &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 24))
        file.write_text(
            "flavors:\n  sklearn:\n    serialization_format: skops\n    skops_trusted_types:\n"
            f"    - &a0 [x]\n{lists}signature:\n  inputs: '{columns}'\n",
            encoding="utf-8",
        )


# Step 3


def untag() -> None:
    """Take the tag off every model."""
    for model in (*models("forest"), *models("forest-pickled")):
        if "safe_to_open" in model.tags:
            MlflowClient().delete_logged_model_tag(model.model_id, "safe_to_open")


def pickle_again(**settings: Any) -> None:
    """Log the pickled model again with other settings, and delete the true one."""
    forget("forest-pickled")
    log_model("forest-pickled", **{"serialization_format": "cloudpickle", "skops_trusted_types": None, **settings})


@mistake("2.4/opened-safely")
def not_pickled_at_all(here: Workspace) -> None:
    """The learner skipped the pickled model."""
    forget("forest-pickled")


@mistake("2.4/opened-safely")
def nothing_tagged(here: Workspace) -> None:
    """The learner tagged neither of the two."""
    untag()


@mistake("2.4/opened-safely")
def tagged_no(here: Workspace) -> None:
    """The learner tagged the right model with no."""
    untag()
    for model in models("forest"):
        MlflowClient().set_logged_model_tags(model.model_id, {"safe_to_open": "no"})


@mistake("2.4/opened-safely")
def without_scikit_learn(here: Workspace) -> None:
    """The learner named pandas and forgot scikit-learn."""
    pickle_again(pip_requirements=["pandas==2.3.0"])


@mistake("2.4/opened-safely", "versions_left_open")
def any_version(here: Workspace) -> None:
    """The learner named packages without versions."""
    pickle_again(pip_requirements=["scikit-learn", "pandas>=2"])


@mistake("2.4/opened-safely", "not_pickled")
def skops_again(here: Workspace) -> None:
    """The learner changed the name and not the format."""
    pickle_again(serialization_format=None, skops_trusted_types=[TREES])


@mistake("2.4/opened-safely", "pickle_called_safe")
def tagged_the_pickle(here: Workspace) -> None:
    """The learner tagged the pickled model."""
    untag()
    for model in models("forest-pickled")[:1]:
        MlflowClient().set_logged_model_tags(model.model_id, {"safe_to_open": "yes"})


@mistake("2.4/opened-safely", "pickle_called_safe")
def tagged_both(here: Workspace) -> None:
    """The learner tagged both."""
    for model in models("forest-pickled")[:1]:
        MlflowClient().set_logged_model_tags(model.model_id, {"safe_to_open": "yes"})


@mistake("2.4/opened-safely", "tag_on_the_run")
def tagged_the_run(here: Workspace) -> None:
    """The learner set the tag on the run instead of the model."""
    untag()
    for model in models("forest")[:1]:
        MlflowClient().set_tag(str(model.source_run_id), "safe_to_open", "yes")


# Step 4


def scored() -> list[Run]:
    """The runs that measured a model on a month."""
    return runs(lambda run: "test_rmse" in run.data.metrics)


def kept(run: Run, name: str) -> str:
    """The text of a file that a run kept; "" when it kept none of this name."""
    if name not in [file.path for file in MlflowClient().list_artifacts(run.info.run_id)]:
        return ""
    return mlflow.artifacts.load_text(f"{run.info.artifact_uri}/{name}")


def predictions(run: Run) -> list[Row]:
    """The predictions that a run kept, with what the trips really took."""
    rows = csv.DictReader(kept(run, "predictions.csv").splitlines())
    return [{name: text for name, text in row.items() if name} for row in rows if "duration" in row]


def rmse_of(rows: Sequence[Row]) -> float:
    """The RMSE of the predictions."""
    return (sum((float(row["duration"]) - float(row["prediction"])) ** 2 for row in rows) / len(rows)) ** 0.5


def score_again(
    change: Callable[[list[Row]], list[Row]] = lambda rows: rows,
    *,
    rmse: float | None = None,
    link: bool = True,
    data: bool = True,
    refit: bool = False,
) -> None:
    """Log the scoring again with changed predictions or another figure, and throw the true one away."""
    true = scored()
    for run in [run for run in true if predictions(run)][-1:]:
        rows = change(predictions(run))
        place()
        with mlflow.start_run(), tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "predictions.csv"
            pd.DataFrame(rows).to_csv(path, index=False)
            mlflow.log_artifact(str(path))
            model = models("forest")[0].model_id if models("forest") else None
            if refit:
                info = mlflow.sklearn.log_model(
                    a_pipeline(),
                    name="forest",
                    input_example=TRIPS,
                    pip_requirements=EXACT,
                    skops_trusted_types=[TREES],
                )
                model = info.model_id
            mlflow.log_metric(
                "test_rmse",
                rmse_of(rows) if rmse is None else rmse,
                model_id=model if link else None,
                dataset=from_pandas(TRIPS, name="new") if data else None,
            )
    remove(true)


@mistake("2.4/new-month-scored")
def not_scored(here: Workspace) -> None:
    """The learner scored nothing."""
    remove(scored())


@mistake("2.4/new-month-scored")
def figure_without_file(here: Workspace) -> None:
    """The learner logged the figure and kept no predictions."""
    remove(scored())
    place()
    with mlflow.start_run():
        mlflow.log_metric("test_rmse", 5.5)


@mistake("2.4/new-month-scored", "figure_of_another_kind")
def figure_as_a_parameter(here: Workspace) -> None:
    """The learner logged the figure as a parameter."""
    remove(scored())
    place()
    with mlflow.start_run():
        mlflow.log_param("test_rmse", 5.5)


@mistake("2.4/new-month-scored")
def only_predictions(here: Workspace) -> None:
    """The learner's file holds the predictions without the truth."""
    score_again(lambda rows: [{"prediction": row["prediction"]} for row in rows], rmse=5.5)


@mistake("2.4/new-month-scored")
def a_sample(here: Workspace) -> None:
    """The learner scored the first hundred trips."""
    score_again(lambda rows: rows[:100])


@mistake("2.4/new-month-scored")
def figure_from_elsewhere(here: Workspace) -> None:
    """The learner logged the validation figure of another evening."""
    score_again(rmse=4.321)


@mistake("2.4/new-month-scored")
def one_figure_for_all(here: Workspace) -> None:
    """The learner predicted one figure for all trips."""
    score_again(lambda rows: [{**row, "prediction": "12.0"} for row in rows])


@mistake("2.4/new-month-scored")
def the_truth_itself(here: Workspace) -> None:
    """The learner took what the trips really took for the predictions."""
    score_again(lambda rows: [{**row, "prediction": row["duration"]} for row in rows])


@mistake("2.4/new-month-scored")
def beyond_all_numbers(here: Workspace) -> None:
    """One prediction is so large that its square is no number."""
    score_again(lambda rows: [{**rows[0], "prediction": "1e200"}, *rows[1:]], rmse=5.0)


@mistake("2.4/new-month-scored")
def no_dataset(here: Workspace) -> None:
    """The learner linked the figure to the model and not to the data."""
    score_again(data=False)


@mistake("2.4/new-month-scored", "figure_of_nothing")
def not_linked(here: Workspace) -> None:
    """The learner logged the figure as in 2.3, with no link."""
    score_again(link=False, data=False)


@mistake("2.4/new-month-scored", "root_left_out")
def squared(here: Workspace) -> None:
    """The learner took mean_squared_error."""
    for run in [run for run in scored() if predictions(run)][-1:]:
        score_again(rmse=rmse_of(predictions(run)) ** 2)


@mistake("2.4/new-month-scored", "row_numbers_kept")
def with_row_numbers(here: Workspace) -> None:
    """The learner left out index=False."""
    score_again(lambda rows: [{"": str(number), **row} for number, row in enumerate(rows)])


@mistake("2.4/new-month-scored", "every_trip_scored")
def every_trip(here: Workspace) -> None:
    """The learner computed durations without the rule of 1 to 60 minutes."""
    score_again(lambda rows: [*rows, {**rows[0], "duration": "0.2"}, {**rows[1], "duration": "1380.5"}])


@mistake("2.4/new-month-scored", "another_month_scored")
def training_month(here: Workspace) -> None:
    """The learner scored the month that the forest had learned from."""
    train = taxi.prepare(taxi.read(here.months[0]))
    table = train[[*taxi.ZONES, taxi.TARGET]].assign(prediction=train[taxi.TARGET].mean())
    rows = [{str(key): str(value) for key, value in row.items()} for row in table.to_dict("records")]
    score_again(lambda _: rows)


@mistake("2.4/new-month-scored", "trained_on_the_new_month")
def refitted(here: Workspace) -> None:
    """The learner trained the forest anew in the run that scores."""
    score_again(refit=True)


# Step 5


def asked() -> list[Run]:
    """The runs that say how long an answer took."""
    return runs(lambda run: "seconds" in run.data.metrics)


def bodies(run: Run) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """The request and the response that a run kept, when they are what they should be."""
    request, response = (json.loads(kept(run, name) or "{}") for name in ("request.json", "response.json"))
    return (request, response) if "dataframe_split" in request and "predictions" in response else None


def ask_again(
    request: Callable[[dict[str, Any]], Any] = lambda body: body,
    response: Callable[[dict[str, Any]], Any] = lambda body: body,
) -> None:
    """Log the served answer again with another request or response, and throw the true one away."""
    true = asked()
    for sent, got in [both for run in true if (both := bodies(run))][-1:]:
        keep_answer({"request.json": request(sent), "response.json": response(got)})
    remove(true)


def keep_answer(files: Mapping[str, Any]) -> None:
    """Keep bodies as files, in a run that says how long it took."""
    place()
    with mlflow.start_run():
        for name, body in files.items():
            mlflow.log_text(json.dumps(body), name)
        mlflow.log_metric("seconds", 0.1)


@mistake("2.4/served")
def not_served(here: Workspace) -> None:
    """The learner did not serve the model."""
    remove(asked())


@mistake("2.4/served", "seconds_of_another_kind")
def seconds_as_a_parameter(here: Workspace) -> None:
    """The learner logged how long it took as a parameter."""
    remove(asked())
    place()
    with mlflow.start_run():
        mlflow.log_param("seconds", 0.1)


@mistake("2.4/served")
def request_not_kept(here: Workspace) -> None:
    """The learner kept the answer without the question."""
    true = asked()
    if true:
        keep_answer({"response.json": {"predictions": [1.0] * 5}})
    remove(true)


@mistake("2.4/served")
def one_trip(here: Workspace) -> None:
    """The learner asked for one trip."""
    ask_again(
        lambda body: {"dataframe_split": {**body["dataframe_split"], "data": body["dataframe_split"]["data"][:1]}},
        lambda body: {"predictions": body["predictions"][:1]},
    )


@mistake("2.4/served")
def another_model(here: Workspace) -> None:
    """The learner served the tree of run.py."""
    ask_again(response=lambda body: {"predictions": [minutes + 0.5 for minutes in body["predictions"]]})


@mistake("2.4/served")
def only_the_list(here: Workspace) -> None:
    """The learner kept just the list out of the answer."""
    ask_again(response=lambda body: body["predictions"])


@mistake("2.4/served", "error_kept")
def error_body(here: Workspace) -> None:
    """The learner kept the server's error without looking at it."""
    message = "Failed to predict data. Error: Model is missing inputs ['trip_distance']."
    ask_again(response=lambda _: {"error_code": "INVALID_PARAMETER_VALUE", "message": message})


@mistake("2.4/served", "instances_sent")
def rows_without_names(here: Workspace) -> None:
    """The learner sent instances, as another server wants it, and kept the error."""
    ask_again(
        lambda body: {"instances": body["dataframe_split"]["data"]},
        lambda _: {"error_code": "INVALID_PARAMETER_VALUE", "message": "Error: Model is missing inputs [...]."},
    )


@mistake("2.4/served")
def answers_without_end(here: Workspace) -> None:
    """The kept answer holds numbers that no machine can take."""
    ask_again(response=lambda body: {"predictions": [10**400 for _ in body["predictions"]]})


@mistake("2.4/served", "other_trips_asked")
def named_rows_of_invented_trips(here: Workspace) -> None:
    """The learner sent instances with their names, which the server takes, and made up the trips."""
    ask_again(
        lambda body: {
            "instances": [
                dict(zip(body["dataframe_split"]["columns"], ("1", "2", 77.25 + mile), strict=True))
                for mile in range(5)
            ]
        }
    )


@mistake("2.4/served", "other_trips_asked")
def invented_trips(here: Workspace) -> None:
    """The learner made up five trips."""
    ask_again(
        lambda body: {
            "dataframe_split": {**body["dataframe_split"], "data": [["1", "2", 77.25 + mile] for mile in range(5)]}
        }
    )


# What comes later and costs nothing


@harmless
def refused_once_more(here: Workspace) -> None:
    """The learner ran the old cell of step 2 again, and MLflow refused the forest again."""
    try:
        log_model("forest", skops_trusted_types=None)
    except MlflowException:
        return
    raise AssertionError("MLflow takes trees now: section 2.4 has to be told")


@harmless
def a_worse_model_later(here: Workspace) -> None:
    """The learner went on playing: a model without signature, a pickle without versions, under the same names."""
    log_model("forest", input_example=None)
    log_model(
        "forest-pickled", serialization_format="cloudpickle", skops_trusted_types=None, pip_requirements=["pandas"]
    )


@harmless
def scored_and_asked_in_vain(here: Workspace) -> None:
    """The learner scored another month in a newer run, and asked a server that answered with an error."""
    place()
    with mlflow.start_run():
        mlflow.log_metric("test_rmse", 0.1)
    keep_answer({"request.json": {"instances": [[1]]}, "response.json": {"error_code": "BAD_REQUEST"}})


@harmless
def error_in_reopened_runs(here: Workspace) -> None:
    """The learner opened every run again to add something, and met an error inside: MLflow calls them failed."""
    for run in runs(lambda _: True):
        MlflowClient().set_terminated(run.info.run_id, "FAILED")


@harmless
def served_by_records(here: Workspace) -> None:
    """The learner sent the trips row by row, with their names, and zones as numbers, which the server takes as well."""
    ask_again(
        lambda body: {
            "dataframe_records": [
                {"PULocationID": int(row[0]), "DOLocationID": int(row[1]), "trip_distance": row[2]}
                for row in body["dataframe_split"]["data"]
            ]
        }
    )


@harmless
def rounded_in_the_file(here: Workspace) -> None:
    """The learner scored once more, and rounded the predictions in the file to two digits."""
    score_again(lambda rows: [{**row, "prediction": f"{float(row['prediction']):.2f}"} for row in rows])


@harmless
def an_older_try_elsewhere(here: Workspace) -> None:
    """The files of the first scoring lie on another machine; the learner scored and asked again."""
    first = scored()[:1]
    score_again()
    with closing(sqlite3.connect(here.folder / "mlflow.db")) as store, store:
        for run in first:
            MlflowClient().restore_run(run.info.run_id)
            store.execute("UPDATE runs SET artifact_uri = 's3://bucket/x' WHERE run_uuid = ?", (run.info.run_id,))


@harmless
def names_with_underscores(here: Workspace) -> None:
    """The learner logged the pickled model again and wrote scikit_learn, which pip takes for the same."""
    pickle_again(pip_requirements=[EXACT[0].replace("-", "_")])
