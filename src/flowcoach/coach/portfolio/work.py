"""What there is to show: experiments with a figure in them, and registered models, as plain data."""

from __future__ import annotations

import getpass
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from flowcoach.evidence import (
    Evidence,
    Experiment,
    MLmodel,
    ModelMetric,
    ModelVersion,
    NotFound,
    RegisteredModel,
    Run,
    Unavailable,
)

_RUNS = 1000  # of an experiment, the newest
_VERSIONS = 10  # of a model, those with an alias and the newest
# The scripts that come with the course are shown to a learner; what they log is not the learner's own work.
_OF_THE_COURSE = re.compile(r"(^|[\\/])modules[\\/]\d+\.\d+-[^\\/]+[\\/]run\.py$")
_LOWER = re.compile(r"(^|_)(rmse|mse|mae|mape|loss|error|seconds)($|_)", re.IGNORECASE)
_HIGHER = re.compile(r"(^|_)(r2|accuracy|acc|auc|f1|score|precision|recall)($|_)", re.IGNORECASE)
_BESIDES = ("training_", "system/")  # figures that say little of a model


@dataclass(frozen=True)
class Measured:
    """A figure of a run with the data it was measured on, "" when it does not say."""

    run: Run
    value: float
    data: str


@dataclass(frozen=True)
class Study:
    """An experiment as it is shown: its finished runs with the figure `metric`, oldest first; `best` is the one with
    the best figure, None when nobody can tell whether low or high is good; `knobs` are what varied and are numbers.

    `apart` are the figures when they were measured on different data: then nobody can tell which is the best either.
    """

    name: str
    metric: str
    runs: tuple[Run, ...]
    best: Run | None
    knobs: tuple[str, ...]
    apart: tuple[Measured, ...] = ()

    @property
    def values(self) -> list[float]:
        """The figure of each run."""
        return [run.metric(self.metric) for run in self.runs]

    @property
    def lower_is_better(self) -> bool:
        """Whether the lowest figure is the best one."""
        return _LOWER.search(self.metric) is not None


@dataclass(frozen=True)
class Version:
    """A version of a registered model with what lies behind it, as far as it is here: the run that trained it, what the
    model says of itself, and the figures that were measured for this very model."""

    version: ModelVersion
    run: Run | None
    model: MLmodel | None
    figures: tuple[ModelMetric, ...] = ()

    @property
    def commit(self) -> str:
        """The commit of the code that trained it, as MLflow wrote it down; "" when it did not."""
        return self.run.tags.get("mlflow.source.git.commit", "") if self.run else ""


@dataclass(frozen=True)
class Card:
    """A registered model as it is shown: the champion first, then the versions with other aliases, then the others,
    each group from the newest."""

    model: RegisteredModel
    versions: tuple[Version, ...]

    @property
    def aliases(self) -> list[tuple[str, int]]:
        """The aliases, each with the version it points at."""
        return sorted((alias, one.version) for one in self.model.versions for alias in one.aliases)


def studies(evidence: Evidence) -> tuple[Study, ...]:
    """The experiments in which the learner has a figure, those with most runs first."""
    found = []
    experiments = _newest_runs(evidence)
    names = _names_of_the_learner(run for _, runs in experiments for run in runs)
    linked = _linked(experiment for experiment, _ in experiments)
    for experiment, runs in experiments:
        own = [run for run in reversed(runs) if run.finished and _is_own(run, names)]
        metric = _main_metric(own)
        if metric is not None:
            having = [run for run in own if run.has_metric(metric)]
            figures = [linked.get((run.id, metric), []) for run in having]
            if len({one.dataset_digest or one.dataset_name for of_run in figures for one in of_run}) > 1:
                found.append(Study(experiment.name, metric, tuple(having), None, (), _apart(metric, having, figures)))
            else:
                found.append(_study(experiment.name, metric, having))
    return tuple(sorted(found, key=lambda study: (-len(study.runs), study.name)))


def _linked(experiments: Iterable[Experiment]) -> dict[tuple[str, str], list[ModelMetric]]:
    """The figures that name their data, by the run that measured them, maybe not the model's, and key."""
    found: dict[tuple[str, str], list[ModelMetric]] = {}
    for figure in (figure for one in experiments for model in one.models for figure in model.metrics):
        if figure.dataset_name:
            found.setdefault((figure.run_id, figure.key), []).append(figure)
    return found


def _apart(metric: str, runs: Sequence[Run], figures: Sequence[Sequence[ModelMetric]]) -> tuple[Measured, ...]:
    return tuple(
        Measured(run, value, data)
        for run, of_run in zip(runs, figures, strict=True)
        for value, data in dict.fromkeys((one.value, one.dataset_name) for one in of_run) or [(run.metric(metric), "")]
    )


def _newest_runs(evidence: Evidence) -> list[tuple[Experiment, list[Run]]]:
    return [(one, one.runs.by_start(newest_first=True).take(_RUNS)) for one in evidence.experiments]


def _names_of_the_learner(runs: Iterable[Run]) -> set[str]:
    """The names under which the learner works: that of this login, and those under which the course's scripts ran."""
    names = {run.tags.get("mlflow.user", "") for run in runs if _is_of_the_course(run)}
    with suppress(OSError, KeyError, ImportError):  # a login without a name
        names.add(getpass.getuser())
    return names


def _is_own(run: Run, names: set[str]) -> bool:
    return not _is_of_the_course(run) and run.tags.get("mlflow.user", "") in {*names, ""}


def _is_of_the_course(run: Run) -> bool:
    return _OF_THE_COURSE.search(run.tags.get("mlflow.source.name", "")) is not None


def _main_metric(runs: Iterable[Run]) -> str | None:
    """The figure that most runs have; of several, one of which it is known what is good."""
    count = Counter(key for run in runs for key in run.metrics if run.has_metric(key) and not key.startswith(_BESIDES))
    known = {key: (times, bool(_LOWER.search(key) or _HIGHER.search(key))) for key, times in count.items()}
    return min(known, key=lambda key: (-known[key][0], not known[key][1], key), default=None)


def _study(name: str, metric: str, runs: Sequence[Run]) -> Study:
    best = None
    if _LOWER.search(metric):
        best = min(runs, key=lambda run: run.metric(metric))
    elif _HIGHER.search(metric):
        best = max(runs, key=lambda run: run.metric(metric))
    keys = Counter(key for run in runs for key in run.params)
    varying = [key for key, count in keys.most_common() if count >= 5 and len(_numbers(runs, key)) >= 3]
    return Study(name, metric, tuple(runs), best, tuple(varying))


def _numbers(runs: Iterable[Run], key: str) -> set[float]:
    """The different values of a parameter, when all of them are numbers."""
    values = [number(run.params[key]) for run in runs if key in run.params]
    return set() if None in values else {value for value in values if value is not None}


def number(text: str) -> float | None:
    """A parameter's text as a number; None when it is none."""
    with suppress(ValueError):
        value = float(text)
        return value if math.isfinite(value) else None
    return None


def cards(evidence: Evidence) -> tuple[Card, ...]:
    """The registered models that have a version of the learner's own, in order of name."""
    found = []
    names = _names_of_the_learner(run for _, runs in _newest_runs(evidence) for run in runs)
    for model in evidence.models:
        shown = sorted(model.versions, key=_place)[:_VERSIONS]
        versions = [_behind(version, evidence) for version in shown]
        if any(one.run is None or _is_own(one.run, names) for one in versions):
            found.append(Card(model, tuple(versions)))
    return tuple(found)


def _place(version: ModelVersion) -> tuple[bool, bool, int]:
    return "champion" not in version.aliases, not version.aliases, -version.version


def _behind(version: ModelVersion, evidence: Evidence) -> Version:
    run = mlmodel = None
    figures: tuple[ModelMetric, ...] = ()
    with suppress(NotFound):
        run = evidence.run_of(version)
    with suppress(NotFound, Unavailable):
        mlmodel = evidence.mlmodel(version)
    with suppress(NotFound):
        figures = evidence.model_of(version).metrics
    return Version(version, run, mlmodel, figures)
