"""What a store holds, as plain frozen data: the same objects whichever reader brought them."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowcoach.evidence.stores import Store

MODEL_STATUS = {0: "UNSPECIFIED", 1: "PENDING", 2: "READY", 3: "FAILED"}  # the numbers of MLflow's LoggedModelStatus


class NotFound(Exception):
    """The learner has not left this evidence (yet): a failed check, never an error of ours."""

    def __init__(self, message: str, *, expected: str = "", found: str = "", where: str = "", advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.found = found
        self.where = where
        self.advice = advice


class Unavailable(Exception):
    """Evidence that exists but did not come along (a moved artifact, say): a skipped check, with this reason."""


@dataclass(frozen=True)
class ExperimentRecord:
    """One row of one store's experiments. `active` is False once it was deleted."""

    id: str
    name: str
    active: bool
    artifact_location: str
    tags: dict[str, str] = field(default_factory=dict)
    store: Store | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Dataset:
    """A dataset that a run took in. `context` is what it was used for ("training", "validation", or "")."""

    name: str
    digest: str
    context: str
    source_type: str
    source: str


@dataclass(frozen=True)
class ModelMetric:
    """A figure of a logged model: the latest that this run measured under this key on this dataset.

    `dataset_name` and `dataset_digest` are "" for a figure that names no dataset. MLflow's databases keep a NaN here as
    0: whoever needs to know looks at the run's own metric.
    """

    key: str
    value: float
    run_id: str
    dataset_name: str = ""
    dataset_digest: str = ""


@dataclass(frozen=True)
class LoggedModel:
    """A model as MLflow 3 keeps it. `status` is READY, FAILED or PENDING; `metrics` are those linked to it."""

    id: str
    name: str
    status: str
    artifact_location: str
    source_run_id: str
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: tuple[ModelMetric, ...] = ()


@dataclass(frozen=True)
class Run:
    """One run. Times are milliseconds since 1970 (UTC), None when not set.

    `metrics` holds the latest value of each key; NaN stands for a metric that was logged as NaN.
    `active` is False once the run was deleted; `store` is where it was read.
    """

    id: str
    name: str
    experiment_id: str
    experiment: str
    status: str
    active: bool
    start_time: int | None
    end_time: int | None
    artifact_uri: str
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    store: Store | None = field(default=None, compare=False, repr=False)

    @property
    def finished(self) -> bool:
        """Whether MLflow recorded an orderly end."""
        return self.status == "FINISHED"

    @property
    def label(self) -> str:
        """How a message names this run: its name and the first characters of its id, as the UI shows them."""
        return f"{self.name} ({self.id[:8]})" if self.name else self.id[:8]

    def has_metric(self, key: str) -> bool:
        """Whether a usable value (not NaN) was logged under exactly this key."""
        return key in self.metrics and not math.isnan(self.metrics[key])

    def metric(self, key: str) -> float:
        """The latest value of a metric. Raises NotFound when it was not logged, or only as NaN."""
        if not self.has_metric(key):
            raise NotFound(
                f"The run {self.label} has no metric `{key}`.",
                expected=f"a metric called `{key}`",
                found=_listing("metrics", self.metrics),
                where=f"run {self.label} in experiment “{self.experiment}”",
                advice=f'log it with mlflow.log_metric("{key}", …)',
            )
        return self.metrics[key]

    def param(self, key: str) -> str:
        """A parameter as MLflow keeps it, a string. Raises NotFound when it was not logged."""
        return self._text(self.params, key, "parameter", "mlflow.log_param")

    def tag(self, key: str) -> str:
        """A tag's text. Raises NotFound when it was not set."""
        return self._text(self.tags, key, "tag", "mlflow.set_tag")

    def _text(self, values: dict[str, str], key: str, kind: str, call: str) -> str:
        if key not in values:
            shown = {name: "" for name in values if not name.startswith("mlflow.")}
            raise NotFound(
                f"The run {self.label} has no {kind} `{key}`.",
                expected=f"a {kind} called `{key}`",
                found=_listing(f"{kind}s", shown),
                where=f"run {self.label} in experiment “{self.experiment}”",
                advice=f'set it with {call}("{key}", …)',
            )
        return values[key]

    def history(self, key: str) -> tuple[tuple[int, float], ...]:
        """Every value that was logged for a metric, as (step, value) in order, each once; NaN is left out."""
        return self.store.history(self.id, key) if self.store else ()

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets logged as inputs of this run, ordered by name, digest and context."""
        return self.store.datasets(self.id) if self.store else ()

    @property
    def models(self) -> tuple[LoggedModel, ...]:
        """The models this run logged, ordered by id."""
        return self.store.logged_models(self.id) if self.store else ()


@dataclass(frozen=True)
class ModelVersion:
    """One version of a registered model. `run_id` is "" for a version that names no run."""

    name: str
    version: int
    stage: str
    source: str
    run_id: str
    status: str
    description: str
    aliases: tuple[str, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)
    store: Store | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class RegisteredModel:
    """A registered model with its versions in ascending order; a model without versions exists."""

    name: str
    description: str
    tags: dict[str, str] = field(default_factory=dict)
    versions: tuple[ModelVersion, ...] = ()
    store: Store | None = field(default=None, compare=False, repr=False)

    @property
    def latest(self) -> ModelVersion:
        """The version with the highest number. Raises NotFound when there is none."""
        if not self.versions:
            raise NotFound(
                f"The registered model “{self.name}” has no versions.",
                expected="at least one version",
                found="none",
                where=f"registered model “{self.name}”",
                advice="register a run's model: mlflow.register_model(…)",
            )
        return self.versions[-1]


def as_stored(value: float) -> float:
    """A metric's value as MLflow's databases keep it, whatever the store: infinities as the largest numbers.

    NaN becomes the one object `math.nan`, so that records that hold it compare equal.
    """
    if math.isnan(value):
        return math.nan
    return max(-sys.float_info.max, min(sys.float_info.max, value))


def latest(logged: Iterable[tuple[int, int, ModelMetric]]) -> tuple[ModelMetric, ...]:
    """Of figures with their step and time, the last of each key, run and dataset, as MLflow counts: step, then time."""
    newest: dict[tuple[str, ...], tuple[int, int, float, ModelMetric]] = {}
    for step, time, metric in logged:
        place = (metric.key, metric.run_id, metric.dataset_name, metric.dataset_digest)
        value = -math.inf if math.isnan(metric.value) else metric.value
        if place not in newest or newest[place][:3] <= (step, time, value):
            newest[place] = (step, time, value, metric)
    return tuple(newest[place][3] for place in sorted(newest))


def is_prompt(tags: dict[str, str]) -> bool:
    """Whether a registered model with these tags is a prompt, which MLflow keeps in the same place."""
    return tags.get("mlflow.prompt.is_prompt", "").lower() == "true"


def _listing(kind: str, values: dict[str, object] | dict[str, float] | dict[str, str]) -> str:
    """Name at most six of the keys that are there, so that a slip of the pen shows at a glance."""
    names = sorted(values)
    shown = ", ".join(f"`{name}`" for name in names[:6])
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"{kind} {shown}{more}" if names else f"no {kind}"
