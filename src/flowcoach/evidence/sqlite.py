"""A SQLite store of MLflow, read directly and read-only, without importing mlflow."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from sqlite3 import Row
from typing import Any, TypeVar

from flowcoach.evidence import schema
from flowcoach.evidence.opening import PATIENCE, Database, NotMlflow, Patience
from flowcoach.evidence.query import Has, Order, RunQuery
from flowcoach.evidence.records import (
    MODEL_STATUS,
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
from flowcoach.evidence.sql import KEYED, Compiler, Statement

Answer = TypeVar("Answer")

_DELETED = "Deleted_Internal"  # the stage that MLflow gives to a version that was deleted
_FEW = 1000  # so many runs are looked through in milliseconds


class SqliteStore:
    """A read-only look at one SQLite file. Answers are remembered for as long as the object lives.

    Raises Problem, at once or at any later question, when the file cannot be read; NotMlflow when it is not a store.
    """

    def __init__(self, path: Path, patience: Patience = PATIENCE) -> None:
        self.path = path
        self.address = f"sqlite:///{path.as_posix()}"
        self._file = Database(path, patience)
        self._answers: dict[Any, Any] = {}
        present = self._present()
        if not present.keys() >= schema.MARKS:
            self._file.close()
            raise NotMlflow(
                f"{path} is a SQLite database, but not a store of MLflow.",
                "check the store's address, in flowcoach.toml or MLFLOW_TRACKING_URI",
            )
        self._tables = schema.sources(present)
        self.warnings: tuple[str, ...] = tuple(
            f"{path} has no {lost}, which every MLflow had so far: what it would say is taken as missing."
            for lost in schema.gone(present)
        )

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        """All experiments, deleted ones too, ordered by id."""
        return self._experiments

    def runs(self, query: RunQuery) -> list[Run]:
        """The runs that answer `query`, in its order."""
        return self._once(("runs", query), lambda: self._runs_of(self._rows(query)))

    def count(self, query: RunQuery) -> int:
        """How many runs answer `query`, its limit aside."""
        query = replace(_unordered(query), limit=None)
        return self._once(("count", query), lambda: self._number(self._compiler(query).count()))

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> Set[tuple[str, ...]]:
        """The different combinations of values that the runs of `query` log for these parameters (all keys present).

        No more than the query's limit are looked for.
        """
        query = _unordered(query)
        statement = self._compiler(query).distinct(keys)
        return self._once(("distinct", query, keys), lambda: {tuple(map(_text, row)) for row in self._ask(statement)})

    def run_ids(self, among: Set[str] | None = None) -> Set[str]:
        """The ids of all runs, deleted ones too; with `among`, of those only."""
        everything = f"SELECT run_uuid FROM {self._tables['runs']} WHERE typeof(run_uuid) = 'text'"
        if among is None:
            return {row[0] for row in self._file.ask(everything)}
        some = f"{everything} AND run_uuid IN (SELECT value FROM json_each(?))"
        return {row[0] for row in self._file.ask(some, [json.dumps(sorted(among))])}

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        """All registered models with their versions, ordered by name."""
        return self._registered_models

    def history(self, run_id: str, key: str) -> tuple[tuple[int, float], ...]:
        """Every value that a run logged for a metric, as (step, value) in order, each once; NaN is left out."""
        rows = self._file.ask(
            f"SELECT DISTINCT step, value FROM {self._tables['metrics']}"
            ' WHERE run_uuid = ? AND "key" = ? AND is_nan = 0'
            " AND typeof(step) = 'integer' AND typeof(value) IN ('real', 'integer') ORDER BY step, value",
            [run_id, key],
        )
        return tuple((int(step), float(value)) for step, value in rows)

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """The datasets that a run took in."""
        rows = self._file.ask(
            "SELECT d.name, d.digest, t.value AS context, d.dataset_source_type, d.dataset_source"
            f" FROM {self._tables['inputs']} i JOIN {self._tables['datasets']} d ON d.dataset_uuid = i.source_id"
            f" LEFT JOIN {self._tables['input_tags']} t ON t.input_uuid = i.input_uuid"
            " AND t.name = 'mlflow.data.context'"
            " WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = ?",
            [run_id],
        )
        found = [Dataset(*map(_text, row)) for row in rows]
        return tuple(sorted(found, key=lambda dataset: (dataset.name, dataset.digest, dataset.context)))

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        """The models that a run logged (MLflow 3)."""
        return self._models("source_run_id = ?", run_id, "model_id")

    def models_in(self, experiment_id: str) -> tuple[LoggedModel, ...]:
        """The models of an experiment, those logged outside any run too, oldest first."""
        return self._models("CAST(experiment_id AS TEXT) = ?", experiment_id, "creation_timestamp_ms, model_id")

    def _models(self, condition: str, value: str, order: str) -> tuple[LoggedModel, ...]:
        return self._once(("models", condition, value), lambda: self._read_models(condition, value, order))

    def _read_models(self, condition: str, value: str, order: str) -> tuple[LoggedModel, ...]:
        rows = self._file.ask(
            f"SELECT * FROM {self._tables['logged_models']} WHERE {condition} AND lifecycle_stage = 'active'"
            f" ORDER BY {order}",
            [value],
        )
        ids = [row["model_id"] for row in rows]
        params = self._pairs_of("logged_model_params", "param_key", "param_value", ids)
        tags = self._pairs_of("logged_model_tags", "tag_key", "tag_value", ids)
        metrics = self._model_metrics(ids)
        return tuple(
            LoggedModel(
                id=_text(row["model_id"]),
                name=_text(row["name"]),
                status=MODEL_STATUS.get(row["status"], _text(row["status"])),
                artifact_location=_text(row["artifact_location"]),
                source_run_id=_text(row["source_run_id"]),
                params=params.get(row["model_id"], {}),
                tags=tags.get(row["model_id"], {}),
                metrics=latest(metrics.get(row["model_id"], ())),
            )
            for row in rows
        )

    def served(self, location: str) -> None:
        """None: whatever this store names lies on a disk, where it is looked for."""

    def close(self) -> None:
        """Close the file, and remove the temporary copy if one had to be made."""
        self._file.close()

    def _present(self) -> dict[str, Set[str]]:
        """The columns of each table that is there."""
        rows = self._file.ask(
            "SELECT t.name, c.name FROM sqlite_master t, pragma_table_info(t.name) c"
            " WHERE t.type = 'table' AND t.rootpage > 0"  # a virtual table has no page: its rows come from a program
        )
        present: dict[str, set[str]] = {}
        for table, column in rows:
            present.setdefault(table, set()).add(column)
        return dict(present)

    @cached_property
    def _experiments(self) -> tuple[ExperimentRecord, ...]:
        tags: dict[int, dict[str, str]] = {}
        for row in self._file.ask(f'SELECT experiment_id, "key", value FROM {self._tables["experiment_tags"]}'):
            tags.setdefault(row[0], {})[_text(row[1])] = _text(row[2])
        return tuple(
            ExperimentRecord(
                id=str(row["experiment_id"]),
                name=_text(row["name"]),
                active=row["lifecycle_stage"] == "active",
                artifact_location=_text(row["artifact_location"]),
                tags=tags.get(row["experiment_id"], {}),
                store=self,
            )
            for row in self._file.ask(f"SELECT * FROM {self._tables['experiments']} ORDER BY experiment_id")
            if isinstance(row["experiment_id"], int)
        )

    @cached_property
    def _active(self) -> frozenset[int]:
        return frozenset(int(record.id) for record in self._experiments if record.active)

    @cached_property
    def _registered_models(self) -> tuple[RegisteredModel, ...]:
        found = (
            RegisteredModel(
                name=_text(row["name"]),
                description=_text(row["description"]),
                tags=self._pairs("registered_model_tags", '"key"', "value", "name", row["name"]),
                versions=tuple(self._versions(row["name"])),
                store=self,
            )
            for row in self._file.ask(f"SELECT * FROM {self._tables['registered_models']} ORDER BY name")
        )
        return tuple(model for model in found if not is_prompt(model.tags))

    def _versions(self, name: str) -> Iterator[ModelVersion]:
        aliases: dict[int, list[str]] = {}
        for row in self._of_model("registered_model_aliases", name):
            aliases.setdefault(row["version"], []).append(_text(row["alias"]))
        tags: dict[int, dict[str, str]] = {}
        for row in self._of_model("model_version_tags", name):
            tags.setdefault(row["version"], {})[_text(row["key"])] = _text(row["value"])
        for row in self._of_model("model_versions", name):
            if row["current_stage"] != _DELETED and isinstance(row["version"], int):
                yield ModelVersion(
                    name=_text(name),
                    version=row["version"],
                    stage=_text(row["current_stage"]) or "None",
                    source=_text(row["source"]),
                    run_id=_text(row["run_id"]),
                    status=_text(row["status"]),
                    description=_text(row["description"]),
                    aliases=tuple(sorted(aliases.get(row["version"], []))),
                    tags=tags.get(row["version"], {}),
                    store=self,
                )

    def _of_model(self, table: str, name: str) -> list[Row]:
        return self._file.ask(f"SELECT * FROM {self._tables[table]} WHERE name = ? ORDER BY version", [name])

    def _rows(self, query: RunQuery) -> list[Row]:
        """The rows of `runs` that answer `query`.

        Few runs out of many are first looked for among those that come first in the order, whatever they logged.
        """
        n = _FEW + 2 * (query.skip + (query.limit or 0))
        if query.limit is not None and query.ids is None and n < self._start(query)[1]:
            ahead = self._ask(self._compiler(query).ahead(n))
            rows = self._ask(self._compiler(replace(query, ids=tuple(row["run_uuid"] for row in ahead))).runs())
            # What ties with the last one may have been left out.
            if len(ahead) < n or (len(rows) == query.limit and rows[-1]["sorted_by"] != ahead[-1]["sorted_by"]):
                return rows
        return self._ask(self._compiler(query).runs())

    def _compiler(self, query: RunQuery) -> Compiler:
        clean = frozenset(has.key for has in query.filters if has.kind == "metric" and self._clean(has.key))
        return Compiler(query, self._tables, self._active, clean, self._start(query)[0])

    def _start(self, query: RunQuery) -> tuple[Has | None, int]:
        """Where to begin: at what few runs have, or (None) at the runs themselves; and how many there are at most."""
        if query.ids is not None:
            return None, len(query.ids)
        metric = query.order.metric
        wanted = query.filters if metric is None else (*query.filters, Has("metric", metric))
        rarest = min((has for has in wanted if has.kind in KEYED), key=self._having, default=None)
        of_the_run = replace(query, filters=(), order=Order(), skip=0, limit=None)
        runs = self._once(
            ("size", of_the_run),
            lambda: self._number(Compiler(of_the_run, self._tables, self._active).count()),
        )
        # To look a run up costs about four times as much as to walk by it.
        if rarest is None or 4 * runs < self._having(rarest):
            return None, runs
        return rarest, min(runs, self._having(rarest))

    def _having(self, has: Has) -> int:
        """How many runs have something under this key, whatever it is."""
        table = self._tables[KEYED[has.kind]]
        return self._once(
            ("having", has.kind, has.key),
            lambda: self._file.ask(f'SELECT count(*) FROM {table} WHERE "key" = ?', [has.key])[0][0],
        )

    def _clean(self, metric: str) -> bool:
        """Whether no run has this metric as NaN."""
        table = self._tables["latest_metrics"]
        statement = f'SELECT 1 FROM {table} WHERE +"key" = ? AND is_nan IS NOT 0 LIMIT 1'
        return self._once(("clean", metric), lambda: not self._file.ask(statement, [metric]))

    def _runs_of(self, rows: Sequence[Row]) -> list[Run]:
        ids = [row["run_uuid"] for row in rows]
        params = self._logged("params", ids)
        tags = self._logged("tags", ids)
        metrics = self._logged("latest_metrics", ids)
        experiments = {record.id: record.name for record in self._experiments}
        return [
            Run(
                id=row["run_uuid"],
                name=_text(row["name"]) or tags[row["run_uuid"]].get("mlflow.runName", ""),
                experiment_id=str(row["experiment_id"]),
                experiment=experiments.get(str(row["experiment_id"]), ""),
                status=_text(row["status"]),
                active=row["lifecycle_stage"] == "active",
                start_time=_time(row["start_time"]),
                end_time=_time(row["end_time"]),
                artifact_uri=_text(row["artifact_uri"]),
                params=params[row["run_uuid"]],
                metrics=metrics[row["run_uuid"]],
                tags=tags[row["run_uuid"]],
                store=self,
            )
            for row in rows
        ]

    def _logged(self, table: str, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """What each of these runs logged, by run and key; a metric that is NaN is NaN."""
        found: dict[str, dict[str, Any]] = {id: {} for id in ids}
        value, kind = ("value", _text)
        if table == "latest_metrics":
            value, kind = ("CASE WHEN is_nan THEN NULL ELSE value END", _figure)
        statement = (
            f'SELECT run_uuid, "key", {value} FROM {self._tables[table]}'
            " WHERE run_uuid IN (SELECT value FROM json_each(?))"
        )
        for run, key, logged in self._file.ask(statement, [json.dumps(ids)]):
            if run in found:
                found[run][_text(key)] = kind(logged)
        return found

    def _pairs(self, table: str, key: str, value: str, owner: str, id: str) -> dict[str, str]:
        rows = self._file.ask(f"SELECT {key}, {value} FROM {self._tables[table]} WHERE {owner} = ?", [id])
        return {_text(row[0]): _text(row[1]) for row in rows}

    def _pairs_of(self, table: str, key: str, value: str, models: Sequence[Any]) -> dict[Any, dict[str, str]]:
        """The pairs of each of these models, by its id."""
        found: dict[Any, dict[str, str]] = {}
        for id, name, text in self._of_models(table, f"{key}, {value}", models):
            found.setdefault(id, {})[_text(name)] = _text(text)
        return found

    def _model_metrics(self, models: Sequence[Any]) -> dict[Any, list[tuple[int, int, ModelMetric]]]:
        """What was measured for each of these models, by its id, with step and time."""
        found: dict[Any, list[tuple[int, int, ModelMetric]]] = {}
        columns = "metric_step, metric_timestamp_ms, metric_name, metric_value, run_id, dataset_name, dataset_digest"
        for id, step, at, key, value, run, name, digest in self._of_models("logged_model_metrics", columns, models):
            metric = ModelMetric(_text(key), as_stored(_figure(value)), _text(run), _text(name), _text(digest))
            found.setdefault(id, []).append((_time(step) or 0, _time(at) or 0, metric))
        return found

    def _of_models(self, table: str, columns: str, models: Sequence[Any]) -> list[Row]:
        statement = f"SELECT model_id, {columns} FROM {self._tables[table]}"
        texts = [id for id in models if isinstance(id, str)]
        return self._file.ask(f"{statement} WHERE model_id IN (SELECT value FROM json_each(?))", [json.dumps(texts)])

    def _ask(self, statement: Statement) -> list[Row]:
        return self._file.ask(statement.text, statement.values)

    def _number(self, statement: Statement) -> int:
        return self._ask(statement)[0][0]

    def _once(self, question: Any, answer: Callable[[], Answer]) -> Answer:
        if question not in self._answers:
            self._answers[question] = answer()
        return self._answers[question]


def _unordered(query: RunQuery) -> RunQuery:
    """The same runs in no order: ordering by a metric leaves out those without it, so that becomes a filter."""
    metric = query.order.metric
    filters = query.filters if metric is None else (*query.filters, Has("metric", metric))
    return replace(query, filters=filters, order=Order(), skip=0)


# SQLite lets any cell hold any type: what a damaged or foreign row says must not break a check.


def _text(cell: Any) -> str:
    return cell if isinstance(cell, str) else "" if cell is None else str(cell)


def _time(cell: Any) -> int | None:
    return cell if isinstance(cell, int) else None


def _figure(cell: Any) -> float:
    return float(cell) if isinstance(cell, int | float) else math.nan
