"""What must hold after the exercise of section 2.4: a forest kept as a model, opened safely, scored and served."""

import csv
import json
import math
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from flowcoach.checks import Failed, check, expect, expect_some
from flowcoach.evidence import Evidence, LoggedModel, MLmodel, NotFound, Run, Runs, Unavailable

PLACE = "forest-models"
MODEL = "forest"
PICKLED = "forest-pickled"
SMALLEST = 1000  # bytes; one tree of a few leaves has more
TREES = "sklearn.tree._tree.Tree"
RAW = {"PULocationID": ("string",), "DOLocationID": ("string",), "trip_distance": ("double", "float")}
PREDICTIONS = "predictions.csv"
MOST = 2_000_000  # trips; no month of green taxis has as many, and most have a small part
EXACT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[^]]*\])?\s*==\s*[0-9][^\s*]*(\s*[;#].*)?")
LONGEST = 2**20  # bytes that are looked at of a file that somebody else may have written


def models_in(evidence: Evidence, name: str) -> list[LoggedModel]:
    """The logged models of this name, also those that were refused, oldest first; those of deleted runs are none."""
    named = [model for model in evidence.experiment(PLACE).models if model.name == name]
    return [model for model in named if not model.source_run_id or evidence.runs.with_id(model.source_run_id)]


def ready(evidence: Evidence, name: str) -> list[LoggedModel]:
    """The logged models of this name that can be loaded."""
    return [model for model in models_in(evidence, name) if model.status == "READY"]


def newest(evidence: Evidence, name: str) -> tuple[str, MLmodel]:
    """The newest model of this name, as the learner may find it, and what it says of itself.

    Raises NotFound when there is none.
    """
    found = ready(evidence, name)
    if not found:
        raise NotFound(f"No model “{name}” is ready.")
    return f"“{name}” ({found[-1].id})", evidence.mlmodel(found[-1])


def trusted(model: MLmodel) -> list[str]:
    """The types that whoever loads the model is asked to trust."""
    types = model.flavors.get("sklearn", {}).get("skops_trusted_types")
    return [type if isinstance(type, str) else "no name" for type in types] if isinstance(types, list) else []


def _expect_a_model(evidence: Evidence, name: str) -> None:
    others = [model.name for other in (MODEL, PICKLED) for model in models_in(evidence, other)]
    expect(
        [model.name for model in ready(evidence, name)],
        f"logged models called “{name}” that can be loaded",
        where=f"experiment “{PLACE}”" + (f", which has {', '.join(sorted({*others}))}" if others else ""),
        advice=f'inside a run of “{PLACE}”: mlflow.sklearn.log_model(…, name="{name}", …)',
    ).is_there()


def _of_another_kind(evidence: Evidence, key: str, right: Runs) -> dict[str, Any] | None:
    """The run that logged `key` last, when it did so as something else than the runs that are `right`."""
    runs = evidence.experiment(PLACE).runs
    kinds = {"parameter": runs.with_param(key), "metric": runs.with_metric(key), "tag": runs.with_tag(key)}
    last = right.by_start(newest_first=True).take(1)
    for kind, found in kinds.items():
        for run in found.by_start(newest_first=True).take(1):
            if run.id not in {one.id for one in last} and all(
                (run.start_time or 0) > (one.start_time or 0) for one in last
            ):
                return {"run": run.label, "kind": kind}
    return None


def files_in(evidence: Evidence) -> Runs:
    """The runs that say how many columns a regressor wants."""
    return evidence.experiment(PLACE).runs.with_param("columns").by_start()


@check(
    "2.4/bare-file",
    points=1,
    hints=[
        'A pipeline is opened like a dictionary: forest["regressor"] is the part that predicts. Pickle just that.',
        "pickle.dumps gives the bytes, file.write_bytes keeps them, mlflow.log_artifact puts the file into the run.",
        'In the same run: mlflow.log_param("columns", forest["regressor"].n_features_in_).',
    ],
    why="Many a model that “worked on my machine” is such a file: the part that predicts, without the rest.\n"
    "Whoever finds it must guess which columns, in which order, and from which version of which library.",
)
def bare_file(evidence: Evidence) -> None:
    """The bare regressor lies in a run of “forest-models” as a file, and the run says how many columns it wants"""
    runs = files_in(evidence)
    expect(
        runs.count(),
        "runs with the parameter `columns`",
        where=f"experiment “{PLACE}”",
        advice='mlflow.log_param("columns", forest["regressor"].n_features_in_)',
    ).is_there()
    expect_some(runs, lambda run: _keeps_a_bare_file(run, evidence))


def _keeps_a_bare_file(run: Run, evidence: Evidence) -> None:
    expect(
        run.param("columns"),
        "the number of columns that the bare regressor wants",
        where=f"run {run.label}",
        advice="a parameter cannot be changed: log it again in a new run",
    ).is_at_least(len(RAW) + 1)
    files = evidence.artifacts(run).files()
    where = f"run {run.label}"
    expect(files, "files of the run", where=where, advice="mlflow.log_artifact(str(file)) inside the run").is_there()
    bare = [name for name in files[:20] if not _is_a_pipeline(_begin(run, evidence, name))]
    expect(files, "the files of the run", where=where, advice='pickle.dumps(forest["regressor"])').satisfies(
        bool(bare), "one with the bare regressor, not the whole pipeline"
    )
    advice = 'file.write_bytes(pickle.dumps(forest["regressor"])), then log the file'
    expect(files, "the files of the run", where=where, advice=advice).satisfies(
        any(len(_begin(run, evidence, name)) >= SMALLEST for name in bare), "one as large as a forest"
    )


def _begin(run: Run, evidence: Evidence, name: str) -> bytes:
    """How a file of a run begins."""
    with evidence.artifacts(run).file(name).open("rb") as file:
        return file.read(LONGEST)


def _is_a_pipeline(begin: bytes) -> bool:
    """Whether a file is a pickled pipeline: a pickle begins with its byte and names the outermost class first."""
    return begin[:1] == b"\x80" and b"sklearn.pipeline" in begin[:100]


@bare_file.misconception
def columns_of_another_kind(evidence: Evidence) -> dict[str, Any] | None:
    """{run} keeps `columns` as a {kind}. It was not measured, it describes what the regressor wants, and that is a
    parameter: mlflow.log_param("columns", forest["regressor"].n_features_in_), in the run that has the file."""
    return _of_another_kind(evidence, "columns", files_in(evidence))


@bare_file.misconception
def columns_of_the_pipeline(evidence: Evidence) -> dict[str, Any] | None:
    """In {run}, `columns` is {found}, and that is what the whole *pipeline* takes: the columns of a trip. Its first
    part makes a column of each zone, and the bare regressor sees only those. Ask that one, in a new run:
    forest["regressor"].n_features_in_."""
    for run in files_in(evidence).by_start(newest_first=True).take(1):
        return (
            {"run": run.label, "found": run.param("columns")} if run.param("columns").strip() == str(len(RAW)) else None
        )
    return None


@bare_file.misconception
def pipeline_in_the_file(evidence: Evidence) -> dict[str, Any] | None:
    """The file {file} of {run} is a pickle of the whole *pipeline*. That is what step 2 is about; here you try what
    happens when somebody keeps just the part that predicts: pickle forest["regressor"]."""
    for run in files_in(evidence).by_start(newest_first=True).take(1):
        for name in evidence.artifacts(run).files()[:20]:
            if _is_a_pipeline(_begin(run, evidence, name)):
                return {"run": run.label, "file": name}
    return None


@bare_file.misconception
def logged_as_a_model(evidence: Evidence) -> dict[str, Any] | None:
    """{run} holds a logged model and no file: log_model did more than was asked. This step is about what a plain file
    lacks, so write one with pickle and use mlflow.log_artifact."""
    for run in files_in(evidence).by_start(newest_first=True).take(1):
        return {"run": run.label} if run.models else None
    return None


@bare_file.misconception
def file_in_another_experiment(evidence: Evidence) -> dict[str, Any] | None:
    """The run {run} lies in the experiment “{experiment}”. The experiment is chosen before the run starts: run the
    first cell of the exercise again, then this one."""
    for run in evidence.runs.with_param("columns").by_start(newest_first=True).take(1):
        return {"run": run.label, "experiment": run.experiment} if run.experiment != PLACE else None
    return None


@check(
    "2.4/whole-pipeline",
    points=2,
    hints=[
        "log_model wants the pipeline as a whole; an example of three trips, just the columns of taxi.ZONES, is enough "
        "for a signature.",
        "The refusal names a type. Whoever loads your model must trust that one type, so say its name, and no other.",
        'mlflow.sklearn.log_model(forest, name="forest", input_example=train[taxi.ZONES].head(3), '
        'skops_trusted_types=["sklearn.tree._tree.Tree"]) inside a run.',
    ],
    why="A model that takes raw trips can be replaced by a better one without anybody changing a line elsewhere.\n"
    "The signature turns silent nonsense, zones as numbers or a missing column, into an error on the first call.",
)
def whole_pipeline(evidence: Evidence) -> None:
    """The model “forest” takes the three columns of a raw trip, brings an example, and asks to trust trees alone"""
    _expect_a_model(evidence, MODEL)
    expect_some(ready(evidence, MODEL), lambda model: _is_whole(model, evidence))


def _is_whole(model: LoggedModel, evidence: Evidence) -> None:
    told, where = evidence.mlmodel(model), f"model {model.name} ({model.id})"
    expect(
        [column.name for column in told.inputs or ()],
        "the columns in the model's signature",
        where=where,
        advice="log the whole pipeline with input_example=train[taxi.ZONES].head(3)",
    ).satisfies({column.name for column in told.inputs or ()} == {*RAW}, ", ".join(f"“{name}”" for name in RAW))
    for column in told.inputs or ():
        expect(
            column.type,
            f"the type of {column.name} in the signature",
            where=where,
            advice="take the example from train, where taxi.prepare has made the zones text",
        ).is_one_of(RAW[column.name])
    expect(
        told.serialization_format,
        "the format the model is kept in",
        where=where,
        advice="leave serialization_format out: skops is what MLflow takes by itself",
    ).equals("skops")
    expect(
        sorted({*trusted(told)} - {TREES}),
        "types to trust beside trees",
        where=where,
        advice=f'skops_trusted_types=["{TREES}"]',
    ).satisfies({*trusted(told)} <= {TREES}, "nothing")
    expect(
        told.input_example,
        "an input example beside the model",
        where=where,
        advice="input_example=train[taxi.ZONES].head(3)",
    ).is_there()


@whole_pipeline.misconception
def called_otherwise(evidence: Evidence) -> dict[str, Any] | None:
    """The model that you logged last ({id}) is called “{name}”, and this step looks for “forest”, letter by letter: to
    MLflow these are two models. Log it once more, with name="forest". The other one may stay."""
    runs, models = evidence.runs, evidence.experiment(PLACE).models
    there = [model for model in models if not model.source_run_id or runs.with_id(model.source_run_id)]
    for model in there[-1:]:
        run = runs.with_id(model.source_run_id) if model.source_run_id else None
        of_another_step = "pickle" in model.name.lower() or (run is not None and "columns" in run.params)
        if model.name != MODEL and not of_another_step:
            return {"id": model.id, "name": model.name}
    return None


@whole_pipeline.misconception
def skops_refused(evidence: Evidence) -> dict[str, Any] | None:
    """MLflow refused the forest, and what is left is a model that is FAILED: {id}. It keeps a model as skops, which
    builds no type that you did not allow, and the nodes of a tree are such a type. The error names it: write that name
    into skops_trusted_types=[…]. The failed model may stay."""
    models = models_in(evidence, MODEL)
    if models and not ready(evidence, MODEL):
        return {"id": models[-1].id}
    return None


@whole_pipeline.misconception
def example_not_answered(evidence: Evidence) -> dict[str, Any] | None:
    """You gave {model} an example, and it has no signature all the same: MLflow asked it for the example's trips, and
    it could not answer. So it is when you log the regressor alone, which knows only columns that the preprocessor made.
    Log the pipeline: `forest`, not forest["regressor"]."""
    model, told = newest(evidence, MODEL)
    return {"model": model} if told.inputs is None and told.input_example else None


@whole_pipeline.misconception
def without_signature(evidence: Evidence) -> dict[str, Any] | None:
    """{model} has no signature: nobody can see what it takes, and it takes whatever it is given. Give it an example,
    input_example=train[taxi.ZONES].head(3): MLflow reads the columns and their types from that."""
    model, told = newest(evidence, MODEL)
    return {"model": model} if told.inputs is None else None


@whole_pipeline.misconception
def preprocessor_left_behind(evidence: Evidence) -> dict[str, Any] | None:
    """{model} takes {found} columns, such as {example}: the preprocessor stayed behind. A trip has three columns, and
    nobody who asks the model will have the others. Log the whole pipeline, forest, not forest["regressor"]."""
    model, told = newest(evidence, MODEL)
    inputs = told.inputs or ()
    made = [column.name for column in inputs if column.name not in RAW]
    if made and (len(inputs) > 40 or not any(column.name for column in inputs)):
        count = len(inputs) if len(inputs) > 1 else "nameless"
        return {"model": model, "found": count, "example": made[0] or "a matrix without names"}
    return None


@whole_pipeline.misconception
def answer_among_the_inputs(evidence: Evidence) -> dict[str, Any] | None:
    """The signature of {model} asks for {extra}: the example was the whole table. How long the trip will take is what
    somebody wants to know, so no request could ever be answered. Take the example from train[taxi.ZONES]."""
    model, told = newest(evidence, MODEL)
    extra = [column.name for column in told.inputs or () if column.name not in RAW]
    if "duration" not in extra:
        return None
    return {"model": model, "extra": "`duration` and others" if len(extra) > 1 else "`duration`"}


@whole_pipeline.misconception
def pickled_to_get_past(evidence: Evidence) -> dict[str, Any] | None:
    """{model} is kept as {format}. That does get past the refusal, and now whoever opens the model runs whatever code
    is in the file. Keep skops, and allow the one type: skops_trusted_types=["sklearn.tree._tree.Tree"]."""
    model, told = newest(evidence, MODEL)
    found = told.serialization_format
    return {"model": model, "format": found} if found in ("cloudpickle", "pickle") else None


@whole_pipeline.misconception
def trusting_more_than_trees(evidence: Evidence) -> dict[str, Any] | None:
    """{model} asks whoever loads it to trust {types} as well. A type on that list may do anything when it is built:
    name what is in the model, the trees, and nothing else."""
    model, told = newest(evidence, MODEL)
    beside = sorted({*trusted(told)} - {TREES})
    return {"model": model, "types": ", ".join(f"`{type}`" for type in beside[:3])} if beside else None


@check(
    "2.4/opened-safely",
    points=2,
    needs=[whole_pipeline],
    hints=[
        'The same call once more, with another name, serialization_format="cloudpickle" and pip_requirements=[…].',
        'A requirement is exact when it says ==. version("scikit-learn") is the version that you have.',
        'mlflow.set_logged_model_tags(model_id, {"safe_to_open": "yes"}): which of the two runs no code of its own?',
    ],
    why="A pickle from a stranger is a program from a stranger: opening it is running it, before any prediction.\n"
    "And a model without exact versions is one upgrade away from other predictions, or from not opening at all.",
)
def opened_safely(evidence: Evidence) -> None:
    """“forest-pickled” is the forest as a pickle with exact versions; of the two, only the safe one is tagged so"""
    _expect_a_model(evidence, PICKLED)
    expect_some(ready(evidence, PICKLED), lambda model: _is_pickled(model, evidence))
    expect(
        [model.name for model in models_in(evidence, MODEL) if _called_safe(model)],
        "models “forest” with the tag `safe_to_open`",
        where=f"experiment “{PLACE}”",
        advice='mlflow.set_logged_model_tags(the model\'s id, {"safe_to_open": "yes"})',
    ).is_there()


def _is_pickled(model: LoggedModel, evidence: Evidence) -> None:
    told, where = evidence.mlmodel(model), f"model {model.name} ({model.id})"
    expect(
        told.serialization_format,
        "the format the model is kept in",
        where=where,
        advice='serialization_format="cloudpickle"',
    ).is_one_of(["cloudpickle", "pickle"])
    expect(
        _inexact(told),
        "requirements without an exact version",
        where=f"requirements.txt of {where}",
        advice="pip_requirements=[f\"scikit-learn=={version('scikit-learn')}\", …]",
    ).satisfies(not _inexact(told), "none")
    expect(
        [line for line in told.requirements if line.lower().replace("_", "-").startswith("scikit-learn")],
        "a line for scikit-learn",
        where=f"requirements.txt of {where}",
        advice="without it the file cannot be opened: name it in pip_requirements",
    ).is_there()
    expect(
        model.tags.get("safe_to_open"),
        "the tag `safe_to_open`",
        where=where,
        advice="take it off in the UI, or log the model again",
    ).satisfies(not _called_safe(model), "none")


def _called_safe(model: LoggedModel) -> bool:
    return model.tags.get("safe_to_open", "").strip().lower() not in ("", "no", "false")


def _inexact(model: MLmodel) -> list[str]:
    return [line for line in model.requirements if line[0] not in "-#" and not EXACT.fullmatch(line)]


@opened_safely.misconception
def versions_left_open(evidence: Evidence) -> dict[str, Any] | None:
    """The requirements say {found}: any version may come. A pickle opens reliably only with the version that wrote it.
    Write it with two equal signs, as in f"scikit-learn=={{version('scikit-learn')}}", or leave pip_requirements out
    and wait while MLflow guesses."""
    found = _inexact(newest(evidence, PICKLED)[1])
    return {"found": ", ".join(f"`{line}`" for line in found[:3])} if found else None


@opened_safely.misconception
def not_pickled(evidence: Evidence) -> dict[str, Any] | None:
    """{model} is kept as {found}, like its sister: a name does not change the format. Add
    serialization_format="cloudpickle"; the warning that comes then is right, and the point of this step."""
    model, told = newest(evidence, PICKLED)
    found = told.serialization_format
    return {"model": model, "found": found} if found == "skops" else None


@opened_safely.misconception
def pickle_called_safe(evidence: Evidence) -> dict[str, Any] | None:
    """You call the pickled model safe to open. It is the other way round: unpickling runs what the file says, skops
    builds nothing but the types you allowed. Tag “forest”, and take the tag off “forest-pickled”:
    mlflow.delete_logged_model_tag("{id}", "safe_to_open")."""
    found = ready(evidence, PICKLED)
    return {"id": found[-1].id} if found and _called_safe(found[-1]) else None


@opened_safely.misconception
def tag_on_the_run(evidence: Evidence) -> dict[str, Any] | None:
    """The tag `safe_to_open` is on the run {run}. A run may log several models, so each has tags of its own:
    mlflow.set_logged_model_tags(info.model_id, {{"safe_to_open": "yes"}})."""
    for run in evidence.experiment(PLACE).runs.with_tag("safe_to_open").by_start(newest_first=True).take(1):
        return {"run": run.label}
    return None


@dataclass(frozen=True)
class Table:
    """The predictions of a run: for each trip its two zones and distance, what it took and what was predicted."""

    trips: list[tuple[str, str, float]]
    actual: list[float]
    predicted: list[float]

    @property
    def mse(self) -> float:
        """The mean squared error, in squared minutes."""
        return sum((a - p) * (a - p) for a, p in zip(self.actual, self.predicted, strict=True)) / len(self.actual)

    @property
    def mse_of_the_mean(self) -> float:
        """What the mean squared error would be, had their mean been predicted for all trips."""
        mean = sum(self.actual) / len(self.actual)
        return sum((a - mean) * (a - mean) for a in self.actual) / len(self.actual)


def scored_in(evidence: Evidence) -> Runs:
    """The runs that measured a model on a month, however they ended."""
    return evidence.experiment(PLACE).runs.with_metric("test_rmse").by_start()


def predictions_of(run: Run, evidence: Evidence) -> Table:
    """The predictions that a run kept. Raises NotFound without the file, Failed when it is no table of predictions."""
    wanted = (*RAW, "duration", "prediction")
    most = min(MOST, 2 * max((month.trips for month in months_in(evidence)), default=MOST))
    where = f"{PREDICTIONS} of run {run.label}"
    with evidence.artifacts(run).file(PREDICTIONS).open(encoding="utf-8-sig", errors="replace", newline="") as file:
        rows = csv.reader(file)
        with suppress(csv.Error):
            header = [name.strip() for name in next(rows, [])]
            expect(
                header,
                f"the columns of {PREDICTIONS}",
                where=where,
                advice="taxi.ZONES, duration and prediction; to_csv(…, index=False)",
            ).satisfies({*wanted} <= {*header}, ", ".join(wanted))
            expect(
                header.count(""),
                f"columns without a name in {PREDICTIONS}",
                where=where,
                advice="write it with to_csv(…, index=False), in a new run",
            ).equals(0)
            pickup, dropoff, distance, actual, predicted = (header.index(name) for name in wanted)
            with suppress(ValueError, IndexError):
                lines = [
                    ((row[pickup], row[dropoff], float(row[distance])), float(row[actual]), float(row[predicted]))
                    for row in islice(rows, most)
                    if row
                ]
                if lines and all(math.isfinite(a) and math.isfinite(p) for _, a, p in lines):
                    return Table(*(list(column) for column in zip(*lines, strict=True)))
    raise Failed(
        f"{PREDICTIONS} of {run.label} cannot be read as numbers.",
        expected="a row for each trip, with numbers for distance, duration and prediction",
        found="something else, or no row",
        where=where,
        advice="write it with DataFrame.to_csv(…, index=False), and no empty cells",
    )


@dataclass(frozen=True)
class Month:
    """What the first cell of the exercise noted of a month: its use, how many trips, how many minutes in all."""

    use: str
    trips: int
    minutes: float

    def is_in(self, table: Table) -> bool:
        """Whether the table is about just this month's trips."""
        return len(table.actual) == self.trips and math.isclose(sum(table.actual), self.minutes, rel_tol=1e-4)


def months_in(evidence: Evidence) -> Iterator[Month]:
    """The months, as the first cell of the exercise noted them, the newest notes first."""
    for run in evidence.experiment(PLACE).runs.with_param("new_trips").by_start(newest_first=True):
        for use in ("new", "training", "validation"):
            with suppress(NotFound, ValueError):
                yield Month(use, int(run.param(f"{use}_trips")), float(run.param(f"{use}_minutes")))


@check(
    "2.4/new-month-scored",
    points=3,
    needs=[whole_pipeline],
    hints=[
        "The model's address is “models:/” and its id; mlflow.search_logged_models finds the id by the name.",
        "Keep the answers beside the truth: new[[*taxi.ZONES, taxi.TARGET]].assign(prediction=…), then to_csv.",
        'mlflow.log_metric("test_rmse", …, model_id=model.model_id, dataset=new_data), in a new run.',
    ],
    why="“It is off by 5.6 minutes” is a claim; with the model, the data and the predictions it is a fact.\n"
    "Most models at work run like this: once a night, over a file, in a process that knows nothing but the store.",
)
def new_month_scored(evidence: Evidence) -> None:
    """A run holds the predictions for the new month and their RMSE, linked to the model and to the data"""
    runs = scored_in(evidence)
    expect(
        runs.count(),
        "runs with the metric `test_rmse`",
        where=f"experiment “{PLACE}”",
        advice='mlflow.log_metric("test_rmse", …, model_id=…, dataset=…) inside a run',
    ).is_there()
    expect_some(runs, lambda run: _is_scored(run, evidence))


def _is_scored(run: Run, evidence: Evidence) -> None:
    good_predictions(run, evidence)


def good_predictions(run: Run, evidence: Evidence) -> Table:
    """The predictions of a run that scored the new month as asked. Raises Failed or NotFound for any other run."""
    table = predictions_of(run, evidence)
    months = [month for month in months_in(evidence) if month.use == "new"]
    if not months:
        raise NotFound(
            "The exercise's note on the months is not there.",
            expected="the run “months”",
            found="no such run",
            where=f"experiment “{PLACE}”",
            advice="run the first cell of the exercise again",
        )
    where = f"{PREDICTIONS} of run {run.label}"
    expect(
        len(table.actual),
        "the number of trips",
        where=where,
        advice="score every trip of `new`, the third month, as taxi.prepare gives it",
    ).is_one_of(sorted({month.trips for month in months}))
    expect(
        sum(table.actual) / len(table.actual),
        "the mean duration of the trips, in minutes",
        where=where,
        advice="score the third month: taxi.prepare(taxi.read(new_path))",
    ).satisfies(any(month.is_in(table) for month in months), "that of the new month")
    rmse = table.mse**0.5
    expect(
        run.metric("test_rmse"),
        "the metric `test_rmse`",
        where=f"run {run.label}",
        advice="compute it from the very predictions in the file",
    ).is_close_to(rmse, tolerance=0.005 * rmse)
    expect(
        rmse,
        "the RMSE of the predictions",
        where=where,
        advice="predict with the model that you loaded: predict(new[taxi.ZONES])",
    ).satisfies(1e-3 < rmse < 0.97 * table.mse_of_the_mean**0.5, _MODELS)
    _is_linked(run, evidence)
    return table


_MODELS = "what a model gives: better than one figure for all trips, and not the truth itself"


def _is_linked(run: Run, evidence: Evidence) -> None:
    linked = [
        (model, metric)
        for model in (*ready(evidence, MODEL), *ready(evidence, PICKLED))
        for metric in model.metrics
        if metric.run_id == run.id and metric.key == "test_rmse"
    ]
    expect(
        [model.name for model, _ in linked],
        "models that this `test_rmse` is linked to",
        where=f"run {run.label}",
        advice="log_metric(…, model_id=model.model_id, dataset=new_data), with the id of your “forest”",
    ).is_there()
    expect(
        [model.name for model, _ in linked if model.source_run_id != run.id],
        "models that were there before this run",
        where=f"run {run.label}",
        advice="load the “forest” that you logged before, and score in a run of its own",
    ).is_there()
    expect(
        [metric.dataset_digest for _, metric in linked if metric.dataset_digest],
        "datasets that this `test_rmse` is linked to",
        where=f"run {run.label}",
        advice="log_metric(…, dataset=new_data)",
    ).is_there()


@new_month_scored.misconception
def figure_of_another_kind(evidence: Evidence) -> dict[str, Any] | None:
    """{run} keeps `test_rmse` as a {kind}, which is text: it cannot be sorted, and no model's page shows it. What was
    measured is a metric: mlflow.log_metric("test_rmse", …, model_id=model.model_id, dataset=new_data), in a new run."""
    return _of_another_kind(evidence, "test_rmse", scored_in(evidence))


@new_month_scored.misconception
def row_numbers_kept(evidence: Evidence) -> dict[str, Any] | None:
    """The first column of predictions.csv in {run} has no name: these are the row numbers that pandas counts with. Who
    reads the file takes them for data. Write it once more with to_csv(…, index=False), in a new run."""
    run = scored_in(evidence).newest()
    first = _begin(run, evidence, PREDICTIONS).decode("utf-8-sig", errors="replace").lstrip()[:1]
    return {"run": run.label} if first == "," else None


@new_month_scored.misconception
def every_trip_scored(evidence: Evidence) -> dict[str, Any] | None:
    """{count} of the trips in {run} took less than 1 minute or more than 60, the longest {longest} minutes. The model
    never saw such trips, and its RMSE says nothing when they count: taxi.prepare leaves them out."""
    run, table = _newest_table(evidence)
    odd = [minutes for minutes in table.actual if not 1 <= minutes <= 60]
    return {"count": len(odd), "run": run.label, "longest": f"{max(table.actual):.0f}"} if odd else None


@new_month_scored.misconception
def another_month_scored(evidence: Evidence) -> dict[str, Any] | None:
    """{run} scored the {use} month, which the forest had to do with already. What it will be worth shows only on trips
    it never met: score `new`, the third month."""
    run, table = _newest_table(evidence)
    for month in months_in(evidence):
        if month.use != "new" and month.is_in(table):
            return {"run": run.label, "use": month.use}
    return None


@new_month_scored.misconception
def root_left_out(evidence: Evidence) -> dict[str, Any] | None:
    """`test_rmse` of {run} is {found}: that is the mean *squared* error of your predictions, and its root is {root}
    minutes. Use root_mean_squared_error."""
    run, table = _newest_table(evidence)
    found = run.metric("test_rmse")
    if math.isclose(found, table.mse, rel_tol=0.005) and not math.isclose(found, table.mse**0.5, rel_tol=0.005):
        return {"run": run.label, "found": f"{found:.2f}", "root": f"{table.mse**0.5:.2f}"}
    return None


@new_month_scored.misconception
def trained_on_the_new_month(evidence: Evidence) -> dict[str, Any] | None:
    """The model that {run} measured was logged by that very run: it was trained when the new month lay on the table
    already. A figure is worth something when the model was there first. Load the one you logged before, and only
    predict."""
    run, _ = _newest_table(evidence)
    own = [metric for model in run.models for metric in model.metrics if metric.run_id == run.id]
    return {"run": run.label} if any(metric.key == "test_rmse" for metric in own) else None


@new_month_scored.misconception
def figure_of_nothing(evidence: Evidence) -> dict[str, Any] | None:
    """The figure in {run} is linked to no model: in a month, nobody can say which model was off by {found} minutes. Add
    model_id=model.model_id and dataset=new_data to mlflow.log_metric, in a new run."""
    run, _ = _newest_table(evidence)
    models = (*ready(evidence, MODEL), *ready(evidence, PICKLED))
    if not any(metric.run_id == run.id for model in (*models, *run.models) for metric in model.metrics):
        return {"run": run.label, "found": f"{run.metric('test_rmse'):.2f}"}
    return None


def _newest_table(evidence: Evidence) -> tuple[Run, Table]:
    run = scored_in(evidence).newest()
    return run, predictions_of(run, evidence)


@check(
    "2.4/served",
    points=2,
    needs=[new_month_scored],
    hints=[
        'A request says of what form it is: {"dataframe_split": …}, a table as columns and rows, zones as text.',
        'The table is {"columns": taxi.ZONES, "data": trips.to_numpy().tolist()}; '
        'requests.post(f"{address}/invocations", json=request) asks.',
        'In a new run: log_dict(request, "request.json"), log_dict(answer.json(), "response.json"), and '
        'log_metric("seconds", answer.elapsed.total_seconds()).',
    ],
    why="A served model that disagrees with its batch twin is the classic surprise of the first week in production.\n"
    "Keep one request with its answer, and every later deployment can be tried against it in a second.",
)
def served(evidence: Evidence) -> None:
    """The served forest was asked for five trips of the new month, and answered as the batch did"""
    runs = served_in(evidence)
    expect(
        runs.count(),
        "runs with the metric `seconds`",
        where=f"experiment “{PLACE}”",
        advice='mlflow.log_metric("seconds", answer.elapsed.total_seconds()) beside the two files',
    ).is_there()
    batch = batch_of(evidence)
    expect_some(runs, lambda run: _answers_like(run, evidence, batch))


def served_in(evidence: Evidence) -> Runs:
    """The runs that say how long an answer took."""
    return evidence.experiment(PLACE).runs.with_metric("seconds").by_start()


def batch_of(evidence: Evidence) -> dict[tuple[str, str, float], list[float]]:
    """What the batch predicted for each trip; more than one figure when several runs scored the month."""
    found: dict[tuple[str, str, float], list[float]] = {}
    for run in scored_in(evidence):
        with suppress(Failed, NotFound, Unavailable):
            table = good_predictions(run, evidence)
            for trip, minutes in zip(table.trips, table.predicted, strict=True):
                known = found.setdefault(trip, [])
                if minutes not in known:
                    known.append(minutes)
    return found


def _answers_like(run: Run, evidence: Evidence, batch: dict[tuple[str, str, float], list[float]]) -> None:
    asked, answers = trips_asked(run, evidence), answers_got(run, evidence)
    expect(
        len(asked),
        "trips asked for",
        where=f"request.json of run {run.label}",
        advice='{"dataframe_split": {"columns": taxi.ZONES, "data": …}}, with five trips or more',
    ).is_at_least(5)
    expect(
        len(answers),
        "predictions in the answer",
        where=f"response.json of run {run.label}",
        advice='keep the answer as it came: mlflow.log_dict(answer.json(), "response.json")',
    ).equals(len(asked))
    for trip, minutes in zip(asked, answers, strict=True):
        place = f"the trip from zone {trip[0]} to {trip[1]} over {trip[2]:g} miles"
        expect(
            list(trip),
            place,
            where=f"request.json of run {run.label}",
            advice="ask for trips of the new month, so that they can be compared",
        ).satisfies(trip in batch, f"one of the trips in {PREDICTIONS}")
        expect(
            minutes,
            f"the served answer for {place}",
            where=f"response.json of run {run.label}",
            advice="serve the very model that scored the month: the same id",
        ).satisfies(
            any(math.isclose(minutes, one, rel_tol=1e-6, abs_tol=0.0051) for one in batch[trip]),  # two digits do
            f"{batch[trip][0]:.6g}, as in {PREDICTIONS}",
        )


def trips_asked(run: Run, evidence: Evidence) -> list[tuple[str, str, float]]:
    """The trips of a run's request. Raises NotFound without the file; what is no request of trips holds none."""
    request = _json(run, evidence, "request.json")
    table = request.get("dataframe_split")
    records = request.get("dataframe_records", request.get("instances"))
    with suppress(TypeError, ValueError, KeyError, AttributeError, OverflowError):
        if isinstance(table, dict):
            records = [dict(zip(table["columns"], row, strict=True)) for row in table["data"]]
        if isinstance(records, list):
            return [
                (str(one["PULocationID"]), str(one["DOLocationID"]), float(one["trip_distance"])) for one in records
            ]
    return []


def answers_got(run: Run, evidence: Evidence) -> list[float]:
    """The predictions of a run's response. Raises NotFound without the file; what is no response holds none."""
    with suppress(TypeError, ValueError, OverflowError):
        return [float(one) for one in _json(run, evidence, "response.json").get("predictions", ())]
    return []


def _json(run: Run, evidence: Evidence, name: str) -> dict[str, Any]:
    """A file of a run, when it is a JSON object, else an empty one."""
    with suppress(ValueError, RecursionError):
        found = json.loads(_begin(run, evidence, name))
        if isinstance(found, dict):
            return found
    return {}


@served.misconception
def seconds_of_another_kind(evidence: Evidence) -> dict[str, Any] | None:
    """{run} keeps `seconds` as a {kind}, which is text: nobody can draw or compare it. What was measured is a metric:
    mlflow.log_metric("seconds", answer.elapsed.total_seconds()), beside the two files."""
    return _of_another_kind(evidence, "seconds", served_in(evidence))


@served.misconception
def instances_sent(evidence: Evidence) -> dict[str, Any] | None:
    """The request of {run} begins with `{key}`: rows without names, so a model that knows its columns by name finds
    none of them. Send {{"dataframe_split": …}}, which brings the names along."""
    run = served_in(evidence).newest()
    request = _json(run, evidence, "request.json")
    for key in ("instances", "inputs"):
        rows = request.get(key)
        if isinstance(rows, list) and not any(isinstance(row, dict) for row in rows):
            return {"run": run.label, "key": key}
    return None


@served.misconception
def error_kept(evidence: Evidence) -> dict[str, Any] | None:
    """What {run} kept is no answer but an error: “{error}” An error comes as JSON too, so look at answer.status_code,
    or let answer.raise_for_status() speak before you keep anything."""
    run = served_in(evidence).newest()
    response = _json(run, evidence, "response.json")
    for key in ("error_code", "detail", "error"):
        if key in response:
            text = str(response.get("message") or response[key])
            return {"run": run.label, "error": text.rsplit("Error: ", 1)[-1].strip()[:200]}
    return None


@served.misconception
def other_trips_asked(evidence: Evidence) -> dict[str, Any] | None:
    """None of the trips that {run} asked for is in your predictions.csv, so there is nothing to compare the answer
    with. Ask for trips of the new month: new[taxi.ZONES].head(5), say."""
    run = served_in(evidence).newest()
    asked = trips_asked(run, evidence)
    return {"run": run.label} if asked and not {*asked} & {*batch_of(evidence)} else None
