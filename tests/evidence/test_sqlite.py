"""The SQLite reader: its answers are those that the words of a question mean, on any schema and on damaged files."""

from __future__ import annotations

import itertools
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from click.testing import CliRunner

from flowcoach import course
from flowcoach.cli import main
from flowcoach.evidence import sqlite as reader
from flowcoach.evidence.discover import gather
from flowcoach.evidence.opening import NotMlflow
from flowcoach.evidence.query import Has, Order, RunQuery
from flowcoach.evidence.records import Run
from flowcoach.evidence.sqlite import SqliteStore
from flowcoach.problem import Problem
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.evidence.stores import KNOBS, clone, fill
from tests.prove import stage

WILD = Path(__file__).parents[2].parent / "shared" / "wild"


@pytest.fixture(scope="module")
def varied(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with what real ones hold: gaps, NaN, ties, deleted and failed runs, a deleted experiment."""
    path = clone(prepared, tmp_path_factory.mktemp("varied") / "store")
    fill(path, 40)
    random = Random(3)
    with closing(sqlite3.connect(path)) as store, store:
        ids = [row[0] for row in store.execute("SELECT run_uuid FROM runs ORDER BY start_time")]

        def some(n: int) -> list[tuple[str]]:
            return [(id,) for id in random.sample(ids[1:-2], n)]

        store.executemany("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", some(4))
        store.executemany("UPDATE runs SET status = 'FAILED', end_time = NULL WHERE run_uuid = ?", some(5))
        store.executemany("UPDATE runs SET start_time = NULL WHERE run_uuid = ?", some(3))
        store.executemany("UPDATE runs SET start_time = 1700000005000 WHERE run_uuid = ?", some(6))
        store.executemany("UPDATE runs SET name = NULL WHERE run_uuid = ?", some(5))
        store.executemany("DELETE FROM params WHERE \"key\" = 'max_depth' AND run_uuid = ?", some(6))
        store.executemany("DELETE FROM latest_metrics WHERE \"key\" = 'rmse' AND run_uuid = ?", some(4))
        nan = "UPDATE latest_metrics SET value = 0, is_nan = 1 WHERE \"key\" = 'rmse' AND run_uuid = ?"
        store.executemany(nan, some(4))
        store.executemany("UPDATE latest_metrics SET value = 5.6 WHERE \"key\" = 'rmse' AND run_uuid = ?", some(8))
        store.execute("INSERT INTO experiments (experiment_id, name, lifecycle_stage) VALUES (9, 'trash', 'deleted')")
        store.executemany("UPDATE runs SET experiment_id = 9 WHERE run_uuid = ?", some(2))
    return path


FILTERS = (
    (),
    (Has("metric", "rmse"),),
    (Has("param", "max_depth"), Has("param", "n_estimators"), Has("metric", "rmse")),
    (Has("param", "random_state", "42"),),
    (Has("param", "random_state", "43"),),
    (Has("tag", "best_of"), Has("param", "max_depth")),
    (Has("dataset", "training"),),
    (Has("metric", "never logged"),),
)
ORDERS = (Order(), Order(None, True), Order("rmse"), Order("rmse", True), Order("never logged"))
SCOPES = (
    RunQuery(),
    RunQuery(deleted=True),
    RunQuery(experiment_ids=("1",), statuses=("FINISHED",)),
    RunQuery(experiment_ids=("9", "77")),
    RunQuery(started_until=(1_700_000_005_000, "8")),
    RunQuery(without=frozenset(f"{number:032x}" for number in range(3))),
)


def everything(store: SqliteStore) -> list[Run]:
    """All runs, as a walk finds them; the experiments that were deleted aside."""
    return [*store.runs(RunQuery()), *store.runs(RunQuery(deleted=True))]


@pytest.mark.parametrize("few", [1000, 0], ids=["few runs", "many runs"])
@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_an_answer_in_sql_is_what_the_question_means(
    varied: Path, order: Order, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_FEW", few)  # at 0, few runs are found as they are among very many
    with closing(SqliteStore(varied)) as store:
        runs = everything(store)
        assert len(runs) == 41
        for filters, scope in itertools.product(FILTERS, SCOPES):
            query = replace(scope, filters=filters, order=order)
            meant = query.apply(runs)
            assert store.runs(query) == meant
            assert store.count(query) == len(meant)
            for skip, limit in ((0, 1), (0, 3), (2, 2), (30, 20)):
                cut = replace(query, skip=skip, limit=limit)
                assert store.runs(cut) == meant[skip : skip + limit]
                assert store.count(cut) == len(meant)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_combinations_are_found_as_the_question_means(varied: Path, filters: tuple[Has, ...]) -> None:
    query = RunQuery(filters=filters)
    with closing(SqliteStore(varied)) as store:
        found = [run.params for run in store.runs(query) if run.params.keys() >= {"max_depth", "min_samples_leaf"}]
        meant = {(params["max_depth"], params["min_samples_leaf"]) for params in found}
        assert store.distinct_params(query, ("max_depth", "min_samples_leaf")) == meant
        few = store.distinct_params(replace(query, limit=5), ("max_depth", "min_samples_leaf"))
        assert few <= meant
        assert len(few) == min(5, len(meant))


def test_runs_are_found_by_id_whatever_their_number(varied: Path) -> None:
    with closing(SqliteStore(varied)) as store:
        runs = store.runs(RunQuery())
        absent = tuple(f"{number:032x}" for number in range(10**6, 10**6 + 40_000))
        assert store.runs(RunQuery(ids=(*absent, *(run.id for run in runs)))) == runs
        assert store.runs(RunQuery(ids=())) == []


def test_the_first_started_are_told_from_those_that_came_later(prepared: Workspace, tmp_path: Path) -> None:
    path = clone(prepared, tmp_path / "store")
    fill(path, 50, best_of=20)
    evidence = gather(tmp_path, f"sqlite:///{path}")
    with closing(evidence):
        trials = evidence.experiment("forest-search").runs.with_params(*KNOBS)
        [tagged] = trials.with_tag("best_of")
        assert trials.first_started(20).lowest("rmse") == tagged
        assert trials.first_started(20).count() == 20
        assert trials.first_started(51).count() == 50


# Schemas


def test_a_newer_schema_is_read(varied: Path, tmp_path: Path) -> None:
    path = changed(
        varied,
        tmp_path,
        "UPDATE alembic_version SET version_num = 'ffffffffffff'",
        "ALTER TABLE runs ADD COLUMN mood TEXT",
        "CREATE TABLE moods (id TEXT)",
    )
    with closing(SqliteStore(varied)) as old, closing(SqliteStore(path)) as new:
        assert everything(new) == everything(old)
        assert new.warnings == ()


@pytest.mark.parametrize(
    ("change", "lost"),
    [
        ("DROP TABLE experiment_tags", "experiment_tags"),
        ("DROP TABLE params", "params"),
        ("ALTER TABLE runs RENAME COLUMN end_time TO stopped", "runs.end_time"),
        ("ALTER TABLE inputs RENAME COLUMN input_uuid TO id", "inputs.input_uuid"),
    ],
)
def test_only_a_schema_without_what_is_needed_is_warned_of(
    varied: Path, tmp_path: Path, change: str, lost: str
) -> None:
    with closing(SqliteStore(changed(varied, tmp_path, change))) as store:
        assert len(everything(store)) == 41
        assert store.count(RunQuery(filters=(Has("tag", "best_of"), Has("dataset", "training")))) == 0
        [warning] = store.warnings
        assert f"has no {lost}," in warning


@pytest.mark.skipif(not WILD.is_dir(), reason="the real stores are not beside this repository")
@pytest.mark.parametrize("path", sorted(WILD.glob("*/*.db")), ids=lambda path: "/".join(path.parts[-2:]))
def test_the_schemas_of_real_stores_lack_nothing(path: Path) -> None:
    with closing(SqliteStore(path)) as store:
        assert store.warnings == ()
        assert len(everything(store)) <= len(store.run_ids())


# Files that are no store, or no longer one


def test_a_database_of_another_program_is_told_from_a_store(tmp_path: Path) -> None:
    path = tmp_path / "gradebook.db"
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE alembic_version (version_num TEXT)")
        other.execute("CREATE TABLE grades (points REAL)")
    with pytest.raises(NotMlflow) as raised:
        SqliteStore(path)
    assert "not a store of MLflow" in raised.value.cause
    assert raised.value.next_step


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_store_is_a_problem(varied: Path, tmp_path: Path, share: float) -> None:
    path = changed(varied, tmp_path)
    os.truncate(path, int(path.stat().st_size * share))
    with pytest.raises(Problem, match="is damaged"):
        SqliteStore(path)


@pytest.mark.parametrize("seed", range(20))
def test_noise_never_looks_like_a_fault_of_ours(varied: Path, tmp_path: Path, seed: int) -> None:
    path, random = changed(varied, tmp_path), Random(seed)
    content = bytearray(path.read_bytes())
    for _ in range(20):
        place = random.randrange(100, len(content) - 64)
        content[place : place + 64] = random.randbytes(64)
    path.write_bytes(content)
    try:
        with closing(gather(tmp_path, f"sqlite:///{path}")) as evidence:
            checks = course.examine(("2.2", "2.3"), evidence).checks
    except Problem:
        return  # said as it should be
    assert [check for check in checks if check.state is State.ERROR] == []


UNTYPED = [  # a table that was made anew has neither types nor keys
    f"ALTER TABLE {table} RENAME TO {table}_before"
    if step == 0
    else f"CREATE TABLE {table} AS SELECT * FROM {table}_before"
    for table in ("experiments", "experiment_tags", "runs", "params", "tags", "latest_metrics")
    for step in (0, 1)
]
EVERYWHERE = ("runs", "params", "tags", "latest_metrics")
CRAFTED = {
    "ids that are blobs": [f"UPDATE {table} SET run_uuid = CAST(run_uuid AS BLOB)" for table in EVERYWHERE],
    "ids that are missing": [f"UPDATE {table} SET run_uuid = NULL WHERE rowid % 3 = 0" for table in EVERYWHERE],
    "ids with a zero in them": [
        *(f"INSERT INTO {table} SELECT * FROM {table}_before WHERE rowid = 1" for table in EVERYWHERE),
        "UPDATE runs SET run_uuid = run_uuid || char(0) || 'x' WHERE rowid % 2 = 0",
    ],
    "ids twice": ["INSERT INTO runs SELECT * FROM runs"],
    "keys that are blobs": [f"UPDATE {table} SET \"key\" = x'ff00' WHERE rowid % 3 = 0" for table in EVERYWHERE[1:]],
    "keys that are missing": [f'UPDATE {table} SET "key" = NULL WHERE rowid % 3 = 0' for table in EVERYWHERE[1:]],
    "values of other types": [
        "UPDATE params SET value = x'ff'",
        "UPDATE tags SET value = 12",
        "UPDATE latest_metrics SET value = 'high', is_nan = 'perhaps'",
    ],
    "times without end": ["UPDATE runs SET start_time = 9223372036854775807, end_time = 'soon'"],
    "names of other types": ["UPDATE experiments SET name = x'1b'", "UPDATE runs SET name = x'ff', status = 5"],
}


@pytest.mark.parametrize("what", CRAFTED)
def test_a_crafted_store_never_looks_like_a_fault_of_ours(varied: Path, tmp_path: Path, what: str) -> None:
    path = changed(varied, tmp_path, *UNTYPED, *CRAFTED[what])
    with closing(gather(tmp_path, f"sqlite:///{path}")) as evidence:
        checks = course.examine(("2.2", "2.3"), evidence).checks
        found = list(evidence.runs)
        assert evidence.runs.count() == len(found)
    assert [check for check in checks if check.state is State.ERROR] == []
    assert all(isinstance(key, str) for run in found for key in (run.id, *run.params, *run.tags, *run.metrics))


def test_a_virtual_table_is_no_table_of_mlflows(varied: Path, tmp_path: Path) -> None:
    path = changed(varied, tmp_path, "DROP TABLE tags", 'CREATE VIRTUAL TABLE tags USING fts4("key", value, run_uuid)')
    with closing(SqliteStore(path)) as store:
        assert any("no tags" in warning for warning in store.warnings)


def changed(source: Path, folder: Path, *statements: str) -> Path:
    """A copy of a store after these statements."""
    path = folder / "changed.db"
    path.write_bytes(source.read_bytes())
    with closing(sqlite3.connect(path)) as store, store:
        for statement in statements:
            store.execute(statement)
    return path


# Cost


@pytest.mark.parametrize(
    "question",
    [
        lambda store: store.runs(RunQuery(filters=(Has("tag", "best_of"),))),
        lambda store: store.runs(RunQuery(order=Order("rmse"), limit=1)),
        lambda store: store.runs(RunQuery(order=Order(None, True), limit=5)),
        lambda store: store.runs(RunQuery(ids=("0" * 31 + "1",))),
    ],
    ids=["by a rare tag", "the lowest", "the newest", "by id"],
)
def test_few_runs_out_of_many_are_loaded_alone(
    prepared: Workspace, tmp_path: Path, question: Callable[[SqliteStore], list[Run]], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clone(prepared, tmp_path / "store")
    fill(path, 3000)
    loaded: list[str] = []
    whole = SqliteStore._logged
    monkeypatch.setattr(SqliteStore, "_logged", lambda self, table, ids: loaded.extend(ids) or whole(self, table, ids))
    with closing(SqliteStore(path)) as store:
        found = question(store)
        assert set(loaded) == {run.id for run in found}
        assert len(found) <= 5


def test_a_check_looks_for_the_best_trials_once_however_many_runs_name_one(
    prepared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clone(prepared, tmp_path / "course")
    fill(path, 400)
    with closing(sqlite3.connect(path)) as store, store:
        store.execute(
            """INSERT INTO runs (run_uuid, name, experiment_id, status, start_time, lifecycle_stage)
            SELECT 'x' || substr(run_uuid, 2), name, 2, status, start_time, lifecycle_stage FROM runs"""
        )
        tagged = "INSERT OR IGNORE INTO tags (\"key\", value, run_uuid) SELECT ?, '400', run_uuid FROM runs"
        store.execute(f"{tagged} WHERE run_uuid LIKE 'x%'", ["chosen_from"])
        store.execute(f"{tagged} WHERE experiment_id = 1", ["best_of"])
    checks = course.section("2.3").load("checks")
    looks, look = [], checks.best_in
    monkeypatch.setattr(checks, "best_in", lambda evidence: looks.append(evidence) or look(evidence))
    with closing(gather(tmp_path, f"sqlite:///{path}")) as evidence:
        states = {check.id: check.state for check in course.examine(("2.3",), evidence).checks}
    assert states["2.3/retrained"] is State.PASSED
    assert len(looks) == 1


def test_answers_are_remembered(varied: Path) -> None:
    query = RunQuery(filters=(Has("metric", "rmse"),))
    with closing(SqliteStore(varied)) as store:
        assert store.runs(query) is store.runs(query)


# What the command says


@pytest.mark.parametrize(
    ("build", "cause"),
    [
        (Path.unlink, "There is no store at"),
        (lambda path: (path.unlink(), path.mkdir()), "is a folder"),
        (lambda path: os.truncate(path, 0), "is empty"),
        (lambda path: path.write_text("<html></html>"), "is not a SQLite database"),
        (lambda path: os.truncate(path, path.stat().st_size // 2), "is damaged"),
        (lambda path: path.write_bytes(path.read_bytes()[:100] + Random(1).randbytes(50_000)), "is damaged"),
    ],
    ids=["missing", "a folder", "empty", "text", "truncated", "noise"],
)
def test_a_bad_store_ends_the_command_with_one_line_and_a_next_step(
    prepared: Workspace, tmp_path: Path, build: Callable[[Path], object], cause: str
) -> None:
    here = stage.copy(prepared, tmp_path / "course")
    build(here.folder / "mlflow.db")
    done = CliRunner().invoke(main, ["--workspace", str(here.folder), "check", "2.3"])
    said, step = done.stderr.splitlines()
    assert done.exit_code == 2
    assert cause in said
    assert step.startswith("Next: ")
    assert done.stdout == ""
