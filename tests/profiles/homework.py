"""Stores as learners left them, written by hand in the tables of MLflow 1.26: no MLflow is needed to make one."""

from __future__ import annotations

import math
import sqlite3
import uuid
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

KNOBS = {"max_depth": "10", "n_estimators": "20", "min_samples_split": "2", "min_samples_leaf": "1"}
AUTOLOG = {
    "estimator_class": "sklearn.ensemble._forest.RandomForestRegressor",
    "estimator_name": "RandomForestRegressor",
}
TRAINING = {"training_rmse": 4.0, "training_mae": 2.0, "training_score": 0.9}

_TABLES = """
CREATE TABLE alembic_version (version_num TEXT);
CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT, artifact_location TEXT, lifecycle_stage TEXT);
CREATE TABLE experiment_tags ("key" TEXT, value TEXT, experiment_id INTEGER);
CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, experiment_id INTEGER, status TEXT, lifecycle_stage TEXT,
    start_time INTEGER, end_time INTEGER, artifact_uri TEXT);
CREATE TABLE params ("key" TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY ("key", run_uuid));
CREATE TABLE tags ("key" TEXT, value TEXT, run_uuid TEXT, PRIMARY KEY ("key", run_uuid));
CREATE TABLE latest_metrics ("key" TEXT, value REAL, is_nan INTEGER, run_uuid TEXT, PRIMARY KEY ("key", run_uuid));
CREATE TABLE registered_models (name TEXT PRIMARY KEY, description TEXT);
CREATE TABLE registered_model_tags ("key" TEXT, value TEXT, name TEXT);
CREATE TABLE model_versions (name TEXT, version INTEGER, current_stage TEXT, source TEXT, run_id TEXT, status TEXT,
    description TEXT);
CREATE TABLE model_version_tags ("key" TEXT, value TEXT, name TEXT, version INTEGER);
INSERT INTO alembic_version VALUES ('bd07f7e963c5');
INSERT INTO experiments VALUES (0, 'Default', './mlruns/0', 'active');
"""


class Homework:
    """One store at `path`, to be filled. What is written is there at once."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._ids = {"Default": 0}
        self._runs = 0
        with closing(sqlite3.connect(path)) as store:
            store.executescript(_TABLES)

    def experiment(self, name: str, *, deleted: bool = False) -> None:
        """An experiment, without runs."""
        self._ids[name] = len(self._ids)
        stage = "deleted" if deleted else "active"
        self._write("INSERT INTO experiments VALUES (?, ?, 's3://bucket', ?)", (self._ids[name], name, stage))

    def delete_experiment(self, name: str) -> None:
        """As MLflow up to 2 does it: the runs in it stay active."""
        self._write("UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = ?", (name,))

    def run(
        self,
        experiment: str,
        *,
        params: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
        status: str = "FINISHED",
        deleted: bool = False,
        id: str = "",
    ) -> str:
        """A run, each started after the one before; its id comes back."""
        if experiment not in self._ids:
            self.experiment(experiment)
        self._runs += 1
        id = id or uuid.uuid4().hex
        stage = "deleted" if deleted else "active"
        with closing(sqlite3.connect(self.path)) as store, store:
            row = (id, f"run-{self._runs}", self._ids[experiment], status, stage, 1000 * self._runs)
            store.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, NULL, 's3://bucket/run')", row)
            store.executemany("INSERT INTO params VALUES (?, ?, ?)", [(*pair, id) for pair in (params or {}).items()])
            store.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(*pair, id) for pair in (tags or {}).items()])
            store.executemany(
                "INSERT INTO latest_metrics VALUES (?, ?, ?, ?)",
                [
                    (key, 0 if math.isnan(value) else value, math.isnan(value), id)
                    for key, value in (metrics or {}).items()
                ],
            )
        return id

    def train(self, experiment: str = "nyc-taxi", *, status: str = "FINISHED", **more: float) -> str:
        """What train.py leaves with autolog on."""
        return self.run(experiment, params=KNOBS, metrics=TRAINING | more, tags=AUTOLOG, status=status)

    def tune(self, experiment: str = "random-forest-hyperopt", *, trials: int = 6, metric: str = "rmse") -> list[str]:
        """What hpo.py leaves, each trial with other hyper-parameters."""
        return [
            self.run(experiment, params={**KNOBS, "max_depth": str(depth)}, metrics={metric: 5.5 + depth / 100})
            for depth in range(1, trials + 1)
        ]

    def score(
        self, *figures: float, experiment: str = "random-forest-best-models", metric: str = "test_rmse"
    ) -> list[str]:
        """What register_model.py leaves, a finalist for each figure: autolog is on in it."""
        return [
            self.run(experiment, params=KNOBS, metrics={**TRAINING, "val_rmse": 5.5, metric: figure}, tags=AUTOLOG)
            for figure in figures
        ]

    def register(self, run: str | None, *, name: str = "forest", source: str = "") -> None:
        """The next version of a registered model."""
        self.name(name)
        self._write(
            "INSERT INTO model_versions SELECT ?, coalesce(max(version), 0) + 1, 'None', ?, ?, 'READY', NULL"
            " FROM model_versions WHERE name = ?",
            (name, source or f"s3://bucket/2/{run}/artifacts/model", run, name),
        )

    def name(self, name: str, **tags: str) -> None:
        """A registered model, without versions."""
        self._write("INSERT OR IGNORE INTO registered_models VALUES (?, NULL)", (name,))
        for key, value in tags.items():
            self._write("INSERT INTO registered_model_tags VALUES (?, ?, ?)", (key.replace("__", "."), value, name))

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with closing(sqlite3.connect(self.path)) as store, store:
            store.execute(statement, values)
