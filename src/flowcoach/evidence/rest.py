"""A tracking server of MLflow, read through its REST API 2.0, without importing mlflow (which costs seconds)."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from flowcoach.evidence.artifacts import Artifacts
from flowcoach.evidence.fetched import Fetched
from flowcoach.evidence.query import Has, RunQuery
from flowcoach.evidence.records import (
    Dataset,
    ExperimentRecord,
    LoggedModel,
    ModelMetric,
    ModelVersion,
    RegisteredModel,
    Run,
    as_stored,
    is_prompt,
    latest,
)
from flowcoach.evidence.server import Refused, Server
from flowcoach.problem import Problem

_PAGE = 1000
_SECONDS = 15
_QUESTION = 20  # times as long for all pages of a question together
_KEY = re.compile(r"[\w./ -]+")  # what needs no escape inside the back-ticks of MLflow's filters
_VALUE = re.compile(r"[\w./ :@+-]{1,200}")
_ID = re.compile(r"[0-9a-f]{32}")
_MANY = 500


class RestStore:
    """A read-only look at one server. What was read is remembered for as long as the object lives.

    Experiments that have at most a thousand runs together are read once, and every question is answered here. Of larger
    ones the server is asked, as far as MLflow's filters go, until a question has more answers than that. Raises
    Problem, now or later, when the server does not answer as it should.
    """

    warnings: tuple[str, ...] = ()

    def __init__(self, address: str, *, seconds: float = _SECONDS) -> None:
        self._server = Server(address, seconds=seconds)
        self._seconds = seconds
        self.address = self._server.address
        self._files = Fetched(self._server, seconds=_QUESTION * seconds)
        self._held: dict[str, list[Run]] = {}
        self._large: set[str] = set()
        self._remembered: dict[RunQuery, list[Run]] = {}
        self._datasets: dict[str, tuple[Dataset, ...]] = {}
        self._models: dict[str, tuple[LoggedModel, ...]] = {}
        self._experiments = self._read_experiments()

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        """All experiments, deleted ones too, ordered by id."""
        return self._experiments

    def runs(self, query: RunQuery) -> list[Run]:
        """The runs that answer `query`, in its order."""
        if query not in self._remembered:
            ids = [record.id for record in self._experiments if record.active]
            if query.experiment_ids is not None:
                ids = [id for id in ids if id in query.experiment_ids]
            if self._hold(ids):
                self._remembered[query] = query.apply(run for id in ids for run in self._held[id])
            else:
                self._remembered[query] = self._asked(ids, query)
        return self._remembered[query]

    def count(self, query: RunQuery) -> int:
        """How many runs answer `query`, its limit aside."""
        return len(self.runs(replace(query, skip=0, limit=None)))

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> Set[tuple[str, ...]]:
        """The different combinations of values that the runs of `query` log for these parameters (all keys present)."""
        found = [run.params for run in self.runs(replace(query, skip=0, limit=None))]
        return {tuple(params[key] for key in keys) for params in found if params.keys() >= set(keys)}

    def run_ids(self, among: Set[str] | None = None) -> Set[str]:
        """The ids of all runs, deleted ones too; with `among`, of those only."""
        ids = [record.id for record in self._experiments]
        if among is not None and not among:
            return frozenset()
        if not self._hold(ids):
            if among is not None and len(among) <= _MANY:
                answer = self._server.ask("runs/search", _search(ids, "ALL", _filters(RunQuery(ids=tuple(among)))))
                if not answer.get("next_page_token"):
                    return {run.id for run in self._read_runs(answer)} & among
            self._hold_large(ids)
        found = {run.id for id in ids for run in self._held[id]}
        return found if among is None else found & among

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        """All registered models with their versions, ordered by name."""
        return self._registered_models

    def history(self, run_id: str, key: str) -> tuple[tuple[int, float], ...]:
        """Every value that a run logged for a metric, as (step, value) in order, each once; NaN is left out."""
        question = {"run_id": run_id, "metric_key": key, "max_results": _PAGE}
        with self._understanding():
            logged = self._all("metrics/get-history", question, "metrics", method="GET")
            found = {(int(one.get("step", 0)), as_stored(float(one.get("value", 0)))) for one in logged}
        return tuple(sorted(pair for pair in found if not math.isnan(pair[1])))

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """The datasets that a run took in."""
        return self._datasets.get(run_id, ())

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        """The models that a run logged (MLflow 3)."""
        ids = [record.id for record in self._experiments]
        question = {"experiment_ids": ids, "filter": f"source_run_id = '{run_id}'", "max_results": 50}
        return tuple(sorted(self._search_models(run_id, question), key=lambda model: model.id))

    def models_in(self, experiment_id: str) -> tuple[LoggedModel, ...]:
        """The models of an experiment, those logged outside any run too, oldest first."""
        order = [{"field_name": "creation_time", "ascending": True}]
        question = {"experiment_ids": [experiment_id], "order_by": order, "max_results": 50}
        return self._search_models(f"experiment {experiment_id}", question)

    def _search_models(self, name: str, question: dict[str, Any]) -> tuple[LoggedModel, ...]:
        """The answer to a question about logged models, remembered under `name`."""
        if name not in self._models:
            try:
                with self._understanding():
                    found = [_logged_model(one) for one in self._all("logged-models/search", question, "models")]
            except Refused:  # a server of MLflow 2 has no logged models
                found = []
            self._models[name] = tuple(found)
        return self._models[name]

    def served(self, location: str) -> Artifacts | None:
        """The files at a location that only this store reaches; None when it is none of its own."""
        return self._files.at(location)

    def close(self) -> None:
        """Remove what was fetched."""
        self._files.close()

    def _read_experiments(self) -> tuple[ExperimentRecord, ...]:
        with self._understanding():
            found = [
                ExperimentRecord(
                    id=str(one["experiment_id"]),
                    name=_text(one, "name"),
                    active=one.get("lifecycle_stage", "active") == "active",
                    artifact_location=_text(one, "artifact_location"),
                    tags=_pairs(one.get("tags")),
                    store=self,
                )
                for one in self._all("experiments/search", {"view_type": "ALL", "max_results": _PAGE}, "experiments")
            ]
        return tuple(sorted(found, key=lambda record: (len(record.id), record.id)))  # as numbers are ordered

    @cached_property
    def _registered_models(self) -> tuple[RegisteredModel, ...]:
        models = self._all("registered-models/search", {"max_results": _PAGE}, "registered_models", method="GET")
        versions = self._all("model-versions/search", {"max_results": _PAGE}, "model_versions", method="GET")
        with self._understanding():
            by_name: dict[str, list[dict[str, Any]]] = {}
            for one in versions:
                by_name.setdefault(_text(one, "name"), []).append(one)
            found = [self._model(one, by_name.get(_text(one, "name"), [])) for one in models]
        return tuple(sorted((one for one in found if not is_prompt(one.tags)), key=lambda model: model.name))

    def _model(self, one: dict[str, Any], versions: list[dict[str, Any]]) -> RegisteredModel:
        aliases: dict[int, list[str]] = {}
        for alias in one.get("aliases", ()):
            aliases.setdefault(int(alias["version"]), []).append(_text(alias, "alias"))
        return RegisteredModel(
            name=_text(one, "name"),
            description=_text(one, "description"),
            tags=_pairs(one.get("tags")),
            versions=tuple(
                self._version(version, aliases.get(int(version["version"]), []))
                for version in sorted(versions, key=lambda version: int(version["version"]))
            ),
            store=self,
        )

    def _version(self, one: dict[str, Any], aliases: list[str]) -> ModelVersion:
        return ModelVersion(
            name=_text(one, "name"),
            version=int(one["version"]),
            stage=_text(one, "current_stage") or "None",
            source=_text(one, "source"),
            run_id=_text(one, "run_id"),
            status=_text(one, "status"),
            description=_text(one, "description"),
            aliases=tuple(sorted(aliases)),
            tags=_pairs(one.get("tags")),
            store=self,
        )

    def _hold(self, ids: Sequence[str]) -> bool:
        """Whether all runs of these experiments are at hand; reads them when they fit on one page."""
        unknown = [id for id in ids if id not in self._held and id not in self._large]
        if unknown:
            answer = self._server.ask("runs/search", _search(unknown, "ALL"))
            if answer.get("next_page_token"):
                self._large.update(unknown)
            else:
                self._keep(unknown, self._read_runs(answer))
        return self._large.isdisjoint(ids)

    def _hold_large(self, ids: Sequence[str]) -> None:
        """Read all runs of these experiments, page by page."""
        missing = [id for id in ids if id not in self._held]
        self._keep(missing, (run for answer in self._pages(_search(missing, "ALL")) for run in self._read_runs(answer)))
        self._large.difference_update(missing)

    def _keep(self, ids: Sequence[str], runs: Iterable[Run]) -> None:
        kept: dict[str, dict[str, Run]] = {id: {} for id in ids}
        for run in runs:  # one that begins meanwhile moves the pages, so that another comes twice
            if run.experiment_id in kept:
                kept[run.experiment_id][run.id] = run
        self._held.update({id: list(by_id.values()) for id, by_id in kept.items()})

    def _asked(self, ids: Sequence[str], query: RunQuery) -> list[Run]:
        """Ask the server when one page can answer; else read all runs, once, and answer here.

        Ordering by start costs the server little. Ordering by a metric costs it more than handing over all runs
        (measured: 9 s for 10,000), so that is never asked.
        """
        question = _search(ids, "DELETED_ONLY" if query.deleted else "ACTIVE_ONLY", _filters(query))
        enough = None if query.limit is None or query.order.metric is not None else query.skip + query.limit
        if enough is not None:
            start = f"attributes.start_time {'DESC' if query.order.descending else 'ASC'}"
            question |= {"order_by": [start, "attributes.run_id ASC"], "max_results": max(1, min(enough, _PAGE))}
        with suppress(Refused):  # by an older server, whose filters know less
            answer = self._server.ask("runs/search", question)
            found = [run for run in self._read_runs(answer) if query.includes(run)]
            if not answer.get("next_page_token") or (enough is not None and len(found) >= enough):
                return query.apply(found)
        self._hold_large(ids)
        return query.apply(run for id in ids for run in self._held[id])

    def _pages(
        self, question: dict[str, Any], endpoint: str = "runs/search", *, method: str = "POST"
    ) -> Iterator[dict[str, Any]]:
        end = time.monotonic() + _QUESTION * self._seconds
        while time.monotonic() < end:
            answer = self._server.ask(endpoint, question, method=method)
            yield answer
            token = answer.get("next_page_token", "")
            if not token:
                return
            if token == question.get("page_token"):
                break
            question = {**question, "page_token": token}
        raise Problem(
            f"{self.address} hands out one page after another and comes to no end.",
            "look at what the server printed; if it only is slow, ask again when it is less busy",
        )

    def _all(
        self, endpoint: str, question: dict[str, Any], name: str, *, method: str = "POST"
    ) -> Iterator[dict[str, Any]]:
        for answer in self._pages(question, endpoint, method=method):
            yield from answer.get(name, ())

    def _read_runs(self, answer: dict[str, Any]) -> list[Run]:
        names = {record.id: record.name for record in self._experiments}
        with self._understanding():
            return [self._run(one, names[str(one["info"]["experiment_id"])]) for one in answer.get("runs", ())]

    def _run(self, one: dict[str, Any], experiment: str) -> Run:
        info, data = one["info"], one.get("data", {})
        tags = _pairs(data.get("tags"))
        self._datasets[info["run_id"]] = _datasets(one.get("inputs", {}).get("dataset_inputs", ()))
        return Run(
            id=_text(info, "run_id"),
            name=_text(info, "run_name") or tags.get("mlflow.runName", ""),
            experiment_id=str(info["experiment_id"]),
            experiment=experiment,
            status=_text(info, "status"),
            active=info.get("lifecycle_stage", "active") == "active",
            start_time=_whole(info.get("start_time")),
            end_time=_whole(info.get("end_time")),
            artifact_uri=_text(info, "artifact_uri"),
            params=_pairs(data.get("params")),
            metrics={
                _text(metric, "key"): as_stored(float(metric.get("value", 0))) for metric in data.get("metrics", ())
            },
            tags=tags,
            store=self,
        )

    @contextmanager
    def _understanding(self) -> Iterator[None]:
        """What is JSON but not MLflow's is in the way, and no fault of ours."""
        try:
            yield
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise Problem(
                f"{self.address} answers in words that are not MLflow's ({type(error).__name__}: {error}).",
                "check that this is the address of an MLflow tracking server, version 2 or newer",
            ) from error


def _search(ids: Sequence[str], view: str, filters: str = "") -> dict[str, Any]:
    question = {"experiment_ids": list(ids), "run_view_type": view, "max_results": _PAGE}
    return {**question, "filter": filters} if filters else question


def _filters(query: RunQuery) -> str:
    """As much of the question as MLflow's filter language can say without an escape."""
    metric = query.order.metric
    parts = [_filter(has) for has in (*query.filters, *((Has("metric", metric),) if metric else ()))]
    if len(query.statuses) == 1:
        parts.append(f"attributes.status = '{query.statuses[0]}'")
    if query.ids is not None and 0 < len(query.ids) <= _MANY and all(map(_ID.fullmatch, query.ids)):
        parts.append("attributes.run_id IN ({})".format(", ".join(f"'{id}'" for id in query.ids)))
    return " AND ".join(part for part in parts if part)


def _filter(has: Has) -> str:
    if has.kind == "dataset" or not _KEY.fullmatch(has.key):
        return ""
    key = f"{has.kind}s.`{has.key}`"
    if has.kind == "metric":
        return f"{key} >= -1.7976931348623157e308"  # MLflow has no word for "is there"; this is the lowest it stores
    if has.value is None:
        return f"{key} LIKE '%'"
    return f"{key} = '{has.value}'" if _VALUE.fullmatch(has.value) else f"{key} LIKE '%'"


def _logged_model(one: dict[str, Any]) -> LoggedModel:
    info, data = one["info"], one.get("data", {})
    return LoggedModel(
        id=_text(info, "model_id"),
        name=_text(info, "name"),
        status=_text(info, "status").removeprefix("LOGGED_MODEL_").removeprefix("UPLOAD_"),
        artifact_location=_text(info, "artifact_uri"),
        source_run_id=_text(info, "source_run_id"),
        params=_pairs(data.get("params")),
        tags=_pairs(info.get("tags")),
        metrics=latest(
            (
                _whole(metric.get("step")) or 0,
                _whole(metric.get("timestamp")) or 0,
                ModelMetric(
                    key=_text(metric, "key"),
                    value=as_stored(float(metric.get("value", 0))),
                    run_id=_text(metric, "run_id"),
                    dataset_name=_text(metric, "dataset_name"),
                    dataset_digest=_text(metric, "dataset_digest"),
                ),
            )
            for metric in data.get("metrics", ())
        ),
    )


def _datasets(inputs: Iterable[dict[str, Any]]) -> tuple[Dataset, ...]:
    found = [
        Dataset(
            name=_text(one["dataset"], "name"),
            digest=_text(one["dataset"], "digest"),
            context=_pairs(one.get("tags")).get("mlflow.data.context", ""),
            source_type=_text(one["dataset"], "source_type"),
            source=_text(one["dataset"], "source"),
        )
        for one in inputs
    ]
    return tuple(sorted(found, key=lambda dataset: (dataset.name, dataset.digest, dataset.context)))


def _pairs(values: Iterable[dict[str, Any]] | None) -> dict[str, str]:
    return {_text(one, "key"): _text(one, "value") for one in values or ()}


def _text(one: dict[str, Any], key: str) -> str:
    """A text of an answer, "" when it is not there. Raises TypeError for anything else in its place."""
    value = one.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"{key} is no text")
    return value or ""


def _whole(value: object) -> int | None:
    """A whole number that a database can hold. Raises ValueError for any other."""
    number = None if value is None else int(str(value))
    if number is not None and abs(number) >= 2**63:
        raise ValueError("a number is too large")
    return number
