"""The words a check is written in: evidence, experiments, runs, models; lazy questions over all stores together."""

from __future__ import annotations

import difflib
import heapq
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from flowcoach.evidence.answers import Answers
from flowcoach.evidence.artifacts import Artifacts, Shelves, inside
from flowcoach.evidence.figures import Rescorer
from flowcoach.evidence.mlmodel import MLmodel
from flowcoach.evidence.mlmodel import read as read_mlmodel
from flowcoach.evidence.query import Has, Order, RunQuery
from flowcoach.evidence.records import (
    ExperimentRecord,
    LoggedModel,
    ModelVersion,
    NotFound,
    RegisteredModel,
    Run,
    Unavailable,
)
from flowcoach.evidence.stores import Store

FINISHED = ("FINISHED",)
_COPIES = 5  # copies of copies that are followed to where they came from
_SLIP = 0.88  # how like two names are of which one is misspelt: a letter or two in a dozen, none in four


@dataclass(frozen=True)
class Runs:
    """A lazy set of runs over one or more stores; nothing is read until it is counted, walked or reduced.

    `parts` are (store, question) pairs, no run in more than one of them; `place` is how messages name where the runs
    were looked for.
    """

    parts: tuple[tuple[Store, RunQuery], ...]
    place: str

    def finished(self) -> Runs:
        """Only runs that came to an orderly end."""
        return self._each(statuses=FINISHED)

    def with_metric(self, *keys: str) -> Runs:
        """Only runs with a usable value (not NaN) for each of these metrics."""
        return self._having(*(Has("metric", key) for key in keys))

    def with_param(self, key: str, value: str | None = None) -> Runs:
        """Only runs that logged this parameter (with exactly this value, when given)."""
        return self._having(Has("param", key, value))

    def with_params(self, *keys: str) -> Runs:
        """Only runs that logged each of these parameters."""
        return self._having(*(Has("param", key) for key in keys))

    def with_tag(self, key: str, value: str | None = None) -> Runs:
        """Only runs that carry this tag (with exactly this value, when given)."""
        return self._having(Has("tag", key, value))

    def with_dataset(self, context: str) -> Runs:
        """Only runs that took in a dataset for this use ("training", "validation", …)."""
        return self._having(Has("dataset", context))

    def deleted(self) -> Runs:
        """The deleted runs instead: no evidence, but a check may say that they were seen."""
        return self._each(deleted=True)

    def in_store(self, store: Store | None) -> Runs:
        """Only the runs that lie in this store (None: in no store, so no runs)."""
        return Runs(tuple(part for part in self.parts if part[0] is store), self.place)

    def by_start(self, *, newest_first: bool = False) -> Runs:
        """In the order they were started."""
        return self._each(order=Order(None, newest_first))

    def by_metric(self, key: str, *, highest_first: bool = False) -> Runs:
        """Ordered by a metric, lowest first; runs without it are left out."""
        return self._each(order=Order(key, highest_first))

    def first_started(self, n: int) -> Runs:
        """Only the `n` runs that were started first: what came later counts neither for nor against."""
        nth = self.by_start()._nth(n)
        return self if nth is None else self._each(started_until=(nth.start_time or 0, nth.id))

    def lowest(self, key: str) -> Run:
        """The run with the lowest value of a metric. Raises NotFound when no run has it."""
        return self._best(key, highest=False)

    def highest(self, key: str) -> Run:
        """The run with the highest value of a metric. Raises NotFound when no run has it."""
        return self._best(key, highest=True)

    def newest(self) -> Run:
        """The run started last. Raises NotFound when there is none."""
        return self.by_start(newest_first=True).first()

    def first(self) -> Run:
        """The first run in the order asked for. Raises NotFound when there is none."""
        for run in self.take(1):
            return run
        raise NotFound("There is no such run.", expected="a run", found="none", where=self.place)

    def take(self, n: int) -> list[Run]:
        """At most the first `n` runs, in the order asked for."""
        limited = self._each(limit=n)
        return list(islice(limited, n))

    def count(self) -> int:
        """How many runs there are."""
        return sum(store.count(query) for store, query in self.parts)

    def distinct(self, *keys: str, up_to: int | None = None) -> int:
        """How many different combinations of these parameters were logged.

        With `up_to`, counting may end there: enough to tell whether there are as many.
        """
        found = (store.distinct_params(replace(query, limit=up_to), keys) for store, query in self.parts)
        return len(frozenset[tuple[str, ...]]().union(*found))

    def with_id(self, run_id: str) -> Run | None:
        """The run with this id among these, or None."""
        return next(iter(self._each(ids=(run_id,))), None)

    def __iter__(self) -> Iterator[Run]:
        """Walk the runs in order."""
        answers = [store.runs(query) for store, query in self.parts]
        order = self.parts[0][1].order if self.parts else Order()
        yield from heapq.merge(*answers, key=order.key)

    def __bool__(self) -> bool:
        """Whether there is any such run."""
        return bool(self.take(1))

    def _nth(self, n: int) -> Run | None:
        """The `n`th run in the order asked for, counting from 1; None when there are fewer."""
        if len(self.parts) == 1:
            return next(iter(self._each(skip=n - 1, limit=1)), None)
        return next(islice(self._each(limit=n), n - 1, n), None)

    def _each(self, **changes: object) -> Runs:
        return Runs(tuple((store, replace(query, **changes)) for store, query in self.parts), self.place)

    def _having(self, *filters: Has) -> Runs:
        return Runs(
            tuple((store, replace(query, filters=(*query.filters, *filters))) for store, query in self.parts),
            self.place,
        )

    def _best(self, key: str, *, highest: bool) -> Run:
        for run in self.by_metric(key, highest_first=highest).take(1):
            return run
        newest = self.by_start(newest_first=True).take(1)
        logged = ", ".join(f"`{name}`" for name in sorted(newest[0].metrics)) if newest else ""
        raise NotFound(
            f"No run there has the metric `{key}`.",
            expected=f"runs with the metric `{key}`",
            found=f"runs that log {logged or 'no metrics'}" if newest else "no runs",
            where=self.place,
            advice=f'log it under exactly this name: mlflow.log_metric("{key}", …)',
        )


@dataclass(frozen=True)
class Experiment:
    """An experiment by name, merged over the stores that have one of that name."""

    name: str
    records: tuple[ExperimentRecord, ...]

    @property
    def runs(self) -> Runs:
        """Its runs that were not deleted."""
        parts = tuple(
            (record.store, RunQuery(experiment_ids=(record.id,))) for record in self.records if record.store is not None
        )
        return Runs(parts, f"experiment “{self.name}”")

    @property
    def models(self) -> tuple[LoggedModel, ...]:
        """The models logged in it that were not deleted, those outside any run too, each store's oldest first."""
        found = {
            model.id: model for one in reversed(self.records) if one.store for model in one.store.models_in(one.id)
        }
        return tuple(found.values())


@dataclass(frozen=True)
class Evidence:
    """Everything a check may look at: all stores of a workspace taken together, and the learner's answers.

    `configured` is the store the workspace names; the others were discovered in its folder, seen behind it
    (`flowcoach.evidence.union`). `unread` says which of those could not be opened, and why; `shelves` is where
    artifacts may lie; `rescorer` re-computes logged figures, where somebody asked for that.
    `about` says of some, by address, what they are.
    `learner` and `months` (training, validation, test, and one for the very end) are those of the workspace's settings.
    """

    stores: tuple[Store, ...]
    configured: Store | None = None
    answers: Answers = field(default_factory=Answers)
    unread: tuple[str, ...] = ()
    shelves: Shelves | None = None
    rescorer: Rescorer | None = None
    learner: str = ""
    months: tuple[str, ...] = ()
    about: Mapping[str, str] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd or could not be read, as far as anybody has looked."""
        return (*self.unread, *(warning for store in self.stores for warning in store.warnings))

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """The experiments that were not deleted, merged by name, in order of name."""
        return tuple(
            Experiment(name, tuple(record for record in self._records() if record.name == name and record.active))
            for name in sorted({record.name for record in self._records() if record.active})
        )

    def experiment(self, name: str) -> Experiment:
        """The experiment of this name.

        Raises NotFound when there is none, saying whether it was deleted or what else is there.
        """
        records = tuple(record for record in self._records() if record.name == name)
        active = tuple(record for record in records if record.active)
        if active:
            return Experiment(name, active)
        if records:
            raise NotFound(
                f"The experiment “{name}” was deleted.",
                expected=f"an experiment called “{name}”",
                found="it is in MLflow's trash",
                where=self._place,
                advice=f"bring it back: mlflow experiments restore --experiment-id {records[0].id}",
            )
        others = [experiment.name for experiment in self.experiments if experiment.name != "Default"]
        raise NotFound(
            f"There is no experiment called “{name}”.",
            expected=f"an experiment called “{name}”",
            found=f"experiments {', '.join(f'“{other}”' for other in others[:5])}" if others else "no experiment yet",
            where=self._place,
            advice=_near(name, others)
            or "not made yet? That comes next. Made already? Then your code used another store: compare the addresses",
        )

    @property
    def runs(self) -> Runs:
        """The runs of all experiments that were not deleted."""
        return Runs(tuple((store, RunQuery()) for store in self.stores), "all experiments")

    @property
    def models(self) -> tuple[RegisteredModel, ...]:
        """The registered models of all stores, in order of name."""
        found = [model for store in self.stores for model in store.registered_models()]
        return tuple(sorted(found, key=lambda model: model.name))

    def model(self, name: str) -> RegisteredModel:
        """The registered model of this name; of several stores, the configured one's. Raises NotFound."""
        named = [model for model in self.models if model.name == name]
        if not named:
            others = [model.name for model in self.models]
            listed = ", ".join(f"“{other}”" for other in others[:5])
            raise NotFound(
                f"There is no registered model called “{name}”.",
                expected=f"a registered model called “{name}”",
                found=f"registered models {listed}" if others else "no registered model yet",
                where=self._place,
                advice=_near(name, others) or f'register one: mlflow.register_model(…, "{name}")',
            )
        return next((model for model in named if model.store is self.configured), named[0])

    def run_of(self, version: ModelVersion) -> Run:
        """The run that a model version came from. Raises NotFound when it names none or it is not there."""
        run = self.runs.with_id(version.run_id) if version.run_id else None
        if run is None:
            raise NotFound(
                f"Version {version.version} of “{version.name}” points at no run that is here.",
                expected="a version registered from a run",
                found=f"run id {version.run_id}" if version.run_id else "no run id",
                where=f"registered model “{version.name}”, version {version.version}",
                advice="register it again from the run: mlflow.register_model(…)",
            )
        return run

    def artifacts(self, of: Run | LoggedModel | ModelVersion) -> Artifacts:
        """The files that a run, a logged model or the model behind a registered version left.

        Raises Unavailable when they did not come along, NotFound when there are none.
        """
        if isinstance(of, ModelVersion):
            return self._behind(of)
        return self._find(of.artifact_uri if isinstance(of, Run) else of.artifact_location)

    def mlmodel(self, of: LoggedModel | ModelVersion) -> MLmodel:
        """What a logged model, or the one behind a registered version, says of itself, without loading it.

        Raises Unavailable when its files did not come along, NotFound when there are none or they are not valid.
        """
        return read_mlmodel(self.artifacts(of))

    def model_of(self, version: ModelVersion) -> LoggedModel:
        """The logged model behind a registered version.

        Raises NotFound when there is none where it points, or when the run that logged it is not here.
        """
        original = self._original(version)
        scheme, _, rest = original.source.partition(":/")
        name, _, path = rest.strip("/").partition("/")
        run = self.run_of(replace(original, run_id=name) if scheme == "runs" else original)
        for model in reversed(run.models):
            if (model.name == path and model.status == "READY") if scheme == "runs" else model.id == name:
                return model
        raise _ghost(version)

    def file(self, path: str) -> Path:
        """A file of the workspace, as "spreadsheet.csv". Raises NotFound when it is not there."""
        if self.shelves is None:
            raise Unavailable(f"nobody looked for the file {path}.")
        found = inside(self.shelves.folder, path)
        if found is None or not found.is_file():
            raise NotFound(
                f"There is no file {path} in your workspace.",
                expected=f"a file {path}",
                found="no such file",
                where=str(self.shelves.folder),
                advice="save it in the workspace's own folder, beside flowcoach.toml",
            )
        return found

    def close(self) -> None:
        """Give back what the readers hold."""
        for store in self.stores:
            store.close()

    @property
    def _place(self) -> str:
        """The stores that were looked at, as messages name them: the configured one, and how many more."""
        if not self.stores:
            return "no store"
        more = len(self.stores) - 1
        return (self.configured or self.stores[0]).address + (f" and {more} more" if more else "")

    def _records(self) -> list[ExperimentRecord]:
        return [record for store in self.stores for record in store.experiments()]

    def _find(self, location: str) -> Artifacts:
        if self.shelves is None:
            raise Unavailable(f"nobody looked for the files at {location}.")
        try:
            return self.shelves.find(location)
        except Unavailable:
            served = [files for store in self.stores if (files := store.served(location)) is not None]
            if not served:
                raise
            return next((one for one in served if one.files()), served[0])

    def _behind(self, version: ModelVersion) -> Artifacts:
        """What the source of a version leads to: a logged model, another version, a run's folder, or a location."""
        version = self._original(version)
        scheme, _, rest = version.source.partition(":/")
        name, _, tail = rest.strip("/").partition("/")
        if scheme == "runs":
            return self._logged_in(name, tail, version)
        return self._logged_model(name, version) if scheme == "models" else self._find(version.source)

    def _original(self, version: ModelVersion) -> ModelVersion:
        """The version that a copy was made from, as `models:/name/1`; any other as it is."""
        asked, copies = version, 0
        while (number := _copied_from(version)) is not None:
            numbered = (one for model in self.models if model.name == number[0] for one in model.versions)
            original = next((one for one in numbered if str(one.version) == number[1]), None)
            copies += 1
            if original is None or copies > _COPIES:  # in a circle, perhaps
                raise _ghost(asked)
            version = original
        return version

    def _logged_model(self, id: str, version: ModelVersion) -> Artifacts:
        run = self.runs.with_id(version.run_id) if version.run_id else None
        location = next((model.artifact_location for model in run.models if model.id == id), "") if run else ""
        try:
            return self._find(location)
        except Unavailable:  # the id is enough, wherever the files came to lie
            found = self.shelves.model(id) if self.shelves else None
            if found is None:
                raise
            return found

    def _logged_in(self, run_id: str, path: str, version: ModelVersion) -> Artifacts:
        run = self.runs.with_id(run_id)
        if run is None:
            raise Unavailable(
                f"the run {run_id} that version {version.version} of “{version.name}” came from is not here."
            )
        for model in reversed(run.models):
            if model.name == path and model.status == "READY":
                return self._find(model.artifact_location)
        found = self._find(run.artifact_uri).below(path)
        if found is None:
            raise _ghost(version)
        return found


def _copied_from(version: ModelVersion) -> tuple[str, str] | None:
    """Name and number of the version that this one is a copy of; None when it is none."""
    scheme, _, rest = version.source.partition(":/")
    name, _, number = rest.strip("/").partition("/")
    return (name, number) if scheme == "models" and number else None


def _near(name: str, others: list[str]) -> str:
    """What to try when a name that is there is a slip of the pen for the one that was looked for; "" when none is.

    Case, blanks, - and _ count for nothing.
    """
    plain = {_plain(other): other for other in reversed(others)}
    for near in difflib.get_close_matches(_plain(name), plain, n=1, cutoff=_SLIP):
        return f"“{plain[near]}” is nearly it: to MLflow it is another name. Write it exactly as “{name}”"
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).casefold()


def _ghost(version: ModelVersion) -> NotFound:
    return NotFound(
        f"No model was logged where version {version.version} of “{version.name}” points.",
        expected="a logged model",
        found=f"nothing at {version.source}",
        where=f"registered model “{version.name}”, version {version.version}",
        advice="log the model in the run (log_model), then register what that gives back",
    )
