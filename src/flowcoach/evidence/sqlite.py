"""A SQLite store of MLflow, read directly and read-only, without importing mlflow.

Schemas from MLflow 1.26 on are read by the tables and columns they have; the layout is MLflow's own
(`mlflow/store/tracking/dbmodels/models.py` and `mlflow/store/model_registry/dbmodels/models.py`, version 3.17).
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from flowcoach.evidence.query import Has, RunQuery
from flowcoach.evidence.records import (
    MODEL_STATUS,
    Dataset,
    ExperimentRecord,
    LoggedModel,
    ModelVersion,
    RegisteredModel,
    Run,
    is_prompt,
)
from flowcoach.problem import Problem

_TABLES = {"metric": "latest_metrics", "param": "params", "tag": "tags"}
_BATCH = 500  # below SQLite's oldest limit of 999 placeholders a statement


class SqliteStore:
    """A read-only look at one SQLite file. Answers are remembered for as long as the object lives."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.address = f"sqlite:///{path.as_posix()}"
        self.warnings: tuple[str, ...] = ()
        self._remembered: dict[RunQuery, list[Run]] = {}
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        self._connection.row_factory = sqlite3.Row
        if "alembic_version" not in self._columns:
            raise Problem(f"{path} is not a store of MLflow.", "check the address in flowcoach.toml")

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        """All experiments, deleted ones too, ordered by id."""
        return self._experiments

    def runs(self, query: RunQuery) -> list[Run]:
        """The runs that answer `query`, in its order."""
        if query not in self._remembered:
            where, values = self._where(query)
            metric = query.order.metric
            join, order = "", f"coalesce(r.start_time, 0) {'DESC' if query.order.descending else 'ASC'}, r.run_uuid"
            if metric is not None:
                join = 'JOIN latest_metrics o ON o.run_uuid = r.run_uuid AND o."key" = ? AND o.is_nan = 0'
                values = [metric, *values]
                order = f"o.value {'DESC' if query.order.descending else 'ASC'}, coalesce(r.start_time, 0), r.run_uuid"
            limit = "" if query.limit is None else f" LIMIT {int(query.limit)}"
            rows = self._all(f"SELECT r.* FROM runs r {join} WHERE {where} ORDER BY {order}{limit}", values)
            self._remembered[query] = self._runs_of(rows)
        return self._remembered[query]

    def count(self, query: RunQuery) -> int:
        """How many runs answer `query`, its limit aside."""
        where, values = self._where(_ordered_as_filter(query))
        return self._all(f"SELECT count(*) FROM runs r WHERE {where}", values)[0][0]

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> int:
        """How many different combinations of these parameters the runs of `query` log (all keys present)."""
        where, values = self._where(_ordered_as_filter(query))
        joins = " ".join(f'JOIN params p{n} ON p{n}.run_uuid = r.run_uuid AND p{n}."key" = ?' for n in range(len(keys)))
        wanted = ", ".join(f"p{n}.value" for n in range(len(keys)))
        statement = f"SELECT count(*) FROM (SELECT DISTINCT {wanted} FROM runs r {joins} WHERE {where})"
        return self._all(statement, [*keys, *values])[0][0]

    def run_ids(self, among: Set[str] | None = None) -> Set[str]:
        """The ids of all runs, deleted ones too; with `among`, of those only."""
        found = {row[0] for row in self._all("SELECT run_uuid FROM runs", [])}
        return found if among is None else found & among

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        """All registered models with their versions, ordered by name."""
        return self._registered_models

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """The datasets that a run took in."""
        if "inputs" not in self._columns:
            return ()
        rows = self._all(
            "SELECT d.name, d.digest, d.dataset_source_type, d.dataset_source, t.value AS context FROM inputs i"
            " JOIN datasets d ON d.dataset_uuid = i.source_id"
            " LEFT JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = 'mlflow.data.context'"
            " WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = ?",
            [run_id],
        )
        found = [
            Dataset(row["name"], row["digest"], row["context"] or "", row["dataset_source_type"], row["dataset_source"])
            for row in rows
        ]
        return tuple(sorted(found, key=lambda dataset: (dataset.name, dataset.digest, dataset.context)))

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        """The models that a run logged (MLflow 3)."""
        if "logged_models" not in self._columns:
            return ()
        rows = self._all(
            "SELECT * FROM logged_models WHERE source_run_id = ? AND lifecycle_stage = 'active' ORDER BY model_id",
            [run_id],
        )
        return tuple(
            LoggedModel(
                id=row["model_id"],
                name=row["name"],
                status=MODEL_STATUS.get(row["status"], str(row["status"])),
                artifact_location=row["artifact_location"],
                source_run_id=run_id,
                params=self._pairs("logged_model_params", "param_key", "param_value", "model_id", row["model_id"]),
                tags=self._pairs("logged_model_tags", "tag_key", "tag_value", "model_id", row["model_id"]),
            )
            for row in rows
        )

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @cached_property
    def _columns(self) -> dict[str, set[str]]:
        tables = [row[0] for row in self._all("SELECT name FROM sqlite_master WHERE type = 'table'", [])]
        return {table: {row[1] for row in self._all(f'PRAGMA table_info("{table}")', [])} for table in tables}

    @cached_property
    def _experiments(self) -> tuple[ExperimentRecord, ...]:
        tags: dict[int, dict[str, str]] = {}
        if "experiment_tags" in self._columns:
            for row in self._all('SELECT experiment_id, "key", value FROM experiment_tags', []):
                tags.setdefault(row[0], {})[row[1]] = row[2] or ""
        return tuple(
            ExperimentRecord(
                id=str(row["experiment_id"]),
                name=row["name"],
                active=row["lifecycle_stage"] == "active",
                artifact_location=row["artifact_location"] or "",
                tags=tags.get(row["experiment_id"], {}),
                store=self,
            )
            for row in self._all("SELECT * FROM experiments ORDER BY experiment_id", [])
        )

    @cached_property
    def _registered_models(self) -> tuple[RegisteredModel, ...]:
        if "registered_models" not in self._columns:
            return ()
        found = (
            RegisteredModel(
                name=row["name"],
                description=row["description"] or "",
                tags=self._pairs("registered_model_tags", '"key"', "value", "name", row["name"]),
                versions=tuple(self._versions(row["name"])),
                store=self,
            )
            for row in self._all("SELECT * FROM registered_models ORDER BY name", [])
        )
        return tuple(model for model in found if not is_prompt(model.tags))

    def _versions(self, name: str) -> Iterator[ModelVersion]:
        aliases: dict[int, list[str]] = {}
        if "registered_model_aliases" in self._columns:
            for row in self._all("SELECT alias, version FROM registered_model_aliases WHERE name = ?", [name]):
                aliases.setdefault(int(row["version"]), []).append(row["alias"])
        tags: dict[int, dict[str, str]] = {}
        if "model_version_tags" in self._columns:
            for row in self._all('SELECT "key", value, version FROM model_version_tags WHERE name = ?', [name]):
                tags.setdefault(int(row["version"]), {})[row["key"]] = row["value"] or ""
        deleted = "Deleted_Internal"  # how MLflow marks a version that was deleted
        for row in self._all("SELECT * FROM model_versions WHERE name = ? ORDER BY version", [name]):
            if row["current_stage"] != deleted:
                yield ModelVersion(
                    name=name,
                    version=int(row["version"]),
                    stage=row["current_stage"] or "None",
                    source=row["source"] or "",
                    run_id=row["run_id"] or "",
                    status=row["status"] or "",
                    description=row["description"] or "",
                    aliases=tuple(sorted(aliases.get(int(row["version"]), []))),
                    tags=tags.get(int(row["version"]), {}),
                    store=self,
                )

    def _where(self, query: RunQuery) -> tuple[str, list[Any]]:
        """The condition and its values; runs of deleted experiments are never in."""
        known = {record.id for record in self._experiments if record.active}
        chosen = known if query.experiment_ids is None else known & set(query.experiment_ids)
        marks = ", ".join(str(int(id)) for id in sorted(chosen))
        parts = [f"r.experiment_id IN ({marks})", f"r.lifecycle_stage = '{'deleted' if query.deleted else 'active'}'"]
        values: list[Any] = []
        if query.ids is not None:
            parts.append(f"r.run_uuid IN ({', '.join('?' * len(query.ids))})")
            values += query.ids
        if query.statuses:
            parts.append(f"r.status IN ({', '.join('?' * len(query.statuses))})")
            values += query.statuses
        for has in query.filters:
            part, more = self._has(has)
            parts.append(part)
            values += more
        return " AND ".join(parts), values

    def _has(self, has: Has) -> tuple[str, list[Any]]:
        if has.kind == "dataset":
            if "inputs" not in self._columns:
                return "0", []
            return (
                "EXISTS (SELECT 1 FROM inputs i JOIN input_tags t ON t.input_uuid = i.input_uuid"
                " WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = r.run_uuid"
                " AND t.name = 'mlflow.data.context' AND t.value = ?)",
                [has.key],
            )
        condition, values = 'x."key" = ?', [has.key]
        if has.kind == "metric":
            condition += " AND x.is_nan = 0"
        elif has.value is not None:
            condition, values = f"{condition} AND x.value = ?", [has.key, has.value]
        table = _TABLES[has.kind]
        return f"EXISTS (SELECT 1 FROM {table} x WHERE x.run_uuid = r.run_uuid AND {condition})", values

    def _runs_of(self, rows: Sequence[sqlite3.Row]) -> list[Run]:
        ids = [row["run_uuid"] for row in rows]
        params = self._grouped("params", ids)
        tags = self._grouped("tags", ids)
        metrics = self._grouped("latest_metrics", ids)
        experiments = {record.id: record.name for record in self._experiments}
        return [
            Run(
                id=row["run_uuid"],
                name=row["name"] or tags[row["run_uuid"]].get("mlflow.runName", ""),
                experiment_id=str(row["experiment_id"]),
                experiment=experiments.get(str(row["experiment_id"]), ""),
                status=row["status"] or "",
                active=row["lifecycle_stage"] == "active",
                start_time=row["start_time"],
                end_time=row["end_time"],
                artifact_uri=row["artifact_uri"] or "",
                params=params[row["run_uuid"]],
                metrics=metrics[row["run_uuid"]],
                tags=tags[row["run_uuid"]],
                store=self,
            )
            for row in rows
        ]

    def _grouped(self, table: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {id: {} for id in ids}
        remaining = iter(found)
        value = "CASE WHEN is_nan THEN NULL ELSE value END" if table == "latest_metrics" else "value"
        while batch := list(islice(remaining, _BATCH)):
            marks = ", ".join("?" * len(batch))
            for row in self._all(f'SELECT run_uuid, "key", {value} FROM {table} WHERE run_uuid IN ({marks})', batch):
                missing = math.nan if table == "latest_metrics" else ""
                found[row[0]][row[1]] = missing if row[2] is None else row[2]
        return found

    def _pairs(self, table: str, key: str, value: str, owner: str, id: str) -> dict[str, str]:
        if table not in self._columns:
            return {}
        rows = self._all(f"SELECT {key}, {value} FROM {table} WHERE {owner} = ?", [id])
        return {row[0]: row[1] or "" for row in rows}

    def _all(self, statement: str, values: Sequence[Any]) -> list[sqlite3.Row]:
        return self._connection.execute(statement, values).fetchall()


def _ordered_as_filter(query: RunQuery) -> RunQuery:
    """Ordering by a metric leaves out the runs without it; say so where nothing is ordered."""
    metric = query.order.metric
    return query if metric is None else replace(query, filters=(*query.filters, Has("metric", metric)))
