"""Stores to test and to measure with: an empty one that MLflow made, and many runs written into it at once."""

from __future__ import annotations

import shutil
import sqlite3
import uuid
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from random import Random

from flowcoach.workspace import Workspace

KNOBS = ("max_depth", "n_estimators", "min_samples_leaf", "min_samples_split")
_START = 1_700_000_000_000  # milliseconds since 1970


def clone(empty: Workspace, folder: Path) -> Path:
    """A copy of the workspace's prepared store, as `mlflow.db` in the new folder `folder`; its path comes back."""
    folder.mkdir(parents=True)
    return Path(shutil.copyfile(empty.folder / "mlflow.db", folder / "mlflow.db"))


def fill(path: Path, trials: int, *, best_of: int | None = None) -> None:
    """Write what the solution of section 2.3 leaves, with `trials` trials, into the empty store at `path`.

    Each trial has five parameters and three metrics, as MLflow's own tables hold them. The best trial is tagged as the
    best of `best_of` trials, all of them when not given.
    """
    random = Random(7)
    ids = [uuid.UUID(int=random.getrandbits(128)).hex for _ in range(trials)]
    rmse = [5.5 + abs(random.gauss(0, 0.4)) for _ in range(trials)]
    best = min(range(best_of or trials), key=rmse.__getitem__)
    knobs = [[random.randint(1, 20), random.randint(10, 50), random.randint(1, 4), random.randint(2, 10)] for _ in ids]
    with closing(sqlite3.connect(path)) as store, store:
        search, final = 1, 2
        store.executemany(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage)"
            " VALUES (?, ?, 'file:///elsewhere', 'active')",
            [(search, "forest-search"), (final, "forest-final")],
        )
        _runs(store, search, ((id, f"trial-{number}", _START + 1000 * number) for number, id in enumerate(ids)))
        for position, knob in enumerate(KNOBS):
            _values(store, "params", ((knob, str(set[position]), id) for id, set in zip(ids, knobs, strict=True)))
        _values(store, "params", (("random_state", "42", id) for id in ids))
        _metrics(store, (("rmse", value, id) for id, value in zip(ids, rmse, strict=True)))
        _metrics(store, (("mae", value * 0.7, id) for id, value in zip(ids, rmse, strict=True)))
        _metrics(store, (("seconds", value * 0.1, id) for id, value in zip(ids, rmse, strict=True)))
        for tag, text in (("mlflow.user", "learner"), ("mlflow.source.name", "exercise.ipynb")):
            _values(store, "tags", ((tag, text, id) for id in ids))
        _values(store, "tags", (("mlflow.runName", f"trial-{number}", id) for number, id in enumerate(ids)))
        _values(store, "tags", [("best_of", str(best_of or trials), ids[best])])
        _the_rest(store, search, final, ids[best], rmse[best], dict(zip(KNOBS, map(str, knobs[best]), strict=True)))


def _the_rest(
    store: sqlite3.Connection, search: int, final: int, best: str, rmse: float, knobs: dict[str, str]
) -> None:
    baseline, by_hand, autologged = (uuid.UUID(int=number).hex for number in (1, 2, 3))
    late = _START + 10**9
    _runs(store, search, [(baseline, "mean", _START - 1)])
    _runs(store, final, [(by_hand, "by hand", late), (autologged, "autologged", late + 1)])
    _values(store, "params", [("model", "mean", baseline)])
    _values(store, "params", [(knob, text, run) for knob, text in knobs.items() for run in (by_hand, autologged)])
    _metrics(store, [("rmse", 9.5, baseline), ("rmse", rmse, by_hand), ("rmse", rmse, autologged)])
    _metrics(store, [("training_root_mean_squared_error", rmse * 0.8, autologged)])
    _values(store, "tags", [("chosen_from", best, by_hand), ("estimator_name", "RandomForestRegressor", autologged)])
    for context in ("training", "validation"):
        source = (f"{context}-uuid", final, "trips", context, "local", "{}", "{}", "{}")
        store.execute(f"INSERT INTO datasets VALUES ({', '.join('?' * len(source))})", source)
        store.execute(
            "INSERT INTO inputs (input_uuid, source_type, source_id, destination_type, destination_id)"
            " VALUES (?, 'DATASET', ?, 'RUN', ?)",
            (f"{context}-input", f"{context}-uuid", by_hand),
        )
        store.execute("INSERT INTO input_tags VALUES (?, 'mlflow.data.context', ?)", (f"{context}-input", context))


def _runs(store: sqlite3.Connection, experiment: int, rows: Iterable[tuple[str, str, int]]) -> None:
    store.executemany(
        "INSERT INTO runs (run_uuid, name, start_time, end_time, artifact_uri, status, lifecycle_stage, experiment_id,"
        " user_id, source_type, source_name, entry_point_name, source_version)"
        " VALUES (?, ?, ?, ? + 900, 'file:///elsewhere/' || ?, 'FINISHED', 'active',"
        f" {experiment}, 'learner', 'UNKNOWN', '', '', '')",
        [(id, name, start, start, id) for id, name, start in rows],
    )


def _values(store: sqlite3.Connection, table: str, rows: Iterable[tuple[str, str, str]]) -> None:
    store.executemany(f'INSERT INTO {table} ("key", value, run_uuid) VALUES (?, ?, ?)', rows)


def _metrics(store: sqlite3.Connection, rows: Iterable[tuple[str, float, str]]) -> None:
    rows = list(rows)
    columns = '("key", value, run_uuid, timestamp, step, is_nan)'
    store.executemany(f"INSERT INTO latest_metrics {columns} VALUES (?, ?, ?, {_START}, 0, 0)", rows)
    store.executemany(f"INSERT INTO metrics {columns} VALUES (?, ?, ?, {_START}, 0, 0)", rows)
