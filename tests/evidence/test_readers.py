"""Three readers, one meaning: the same work gives equal objects from a file store, a SQLite file and a server."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from flowcoach.evidence import Has, Order, Run, RunQuery
from flowcoach.evidence import rest as rest_module
from flowcoach.evidence.files import FileStore
from flowcoach.evidence.rest import RestStore
from flowcoach.evidence.sqlite import SqliteStore
from flowcoach.evidence.stores import Store

ODD = "a\nb, 'c' \"d\" ü"
QUESTIONS = {
    "all": RunQuery(),
    "deleted": RunQuery(deleted=True),
    "lowest first": RunQuery(order=Order("rmse")),
    "two highest": RunQuery(order=Order("rmse", True), limit=2),
    "second lowest": RunQuery(order=Order("rmse"), skip=1, limit=1),
    "lowest of a metric that is NaN in one run": RunQuery(order=Order("broken"), limit=1),
    "three newest": RunQuery(order=Order(None, True), limit=3),
    "with a metric": RunQuery(filters=(Has("metric", "broken"),)),
    "with an endless metric": RunQuery(filters=(Has("metric", "endless"),)),
    "with a parameter": RunQuery(filters=(Has("param", "group/knob"), Has("param", "max_depth", "5"))),
    "with a value that needs escapes": RunQuery(filters=(Has("param", "group/knob", ODD),)),
    "with an empty tag": RunQuery(filters=(Has("tag", "empty"),)),
    "with this name": RunQuery(filters=(Has("tag", "mlflow.runName", "trial 1"),), statuses=("FINISHED",)),
    "with a dataset": RunQuery(filters=(Has("dataset", "training"),)),
    "in two states": RunQuery(statuses=("FAILED", "RUNNING")),
    "with a key nobody has": RunQuery(filters=(Has("metric", "no`such"),)),
}


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `mlruns` and `mlflow.db`, which hold the same work under the same ids."""
    folder = tmp_path_factory.mktemp("work")
    program = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("work.py")), str(folder)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return folder


@pytest.fixture(scope="module")
def server(work: Path) -> Iterator[str]:
    """MLflow's own server on the SQLite file, in a process group of its own, which is ended as one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{(work / 'mlflow.db').as_posix()}"]
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    process = subprocess.Popen(
        command,
        cwd=work,
        env={**os.environ, **settings},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_healthy(process, address)
        yield address
    finally:
        if os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def wait_until_healthy(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2):
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    raise AssertionError("MLflow's server did not start")


@pytest.fixture(scope="module")
def sqlite(work: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(work / "mlflow.db")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def files(work: Path) -> FileStore:
    return FileStore(work / "mlruns")


@pytest.fixture(scope="module")
def rest(server: str) -> RestStore:
    return RestStore(server)


@pytest.fixture(scope="module")
def large(server: str) -> RestStore:
    """The server again, taken for one whose experiments are too large to read at once."""
    opened = RestStore(server)
    opened._large.update(experiment.id for experiment in opened.experiments())
    return opened


@pytest.fixture(params=["files", "rest", "large"])
def other(request: pytest.FixtureRequest) -> Store:
    """A reader to hold against the one of SQLite."""
    return request.getfixturevalue(request.param)


def test_experiments_are_equal(other: Store, sqlite: SqliteStore) -> None:
    assert other.experiments() == sqlite.experiments()
    assert [one.active for one in other.experiments()].count(False) == 1


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_runs_are_equal_and_in_the_same_order(other: Store, sqlite: SqliteStore, question: RunQuery) -> None:
    assert other.runs(question) == sqlite.runs(question)


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_counts_are_equal(other: Store, sqlite: SqliteStore, question: RunQuery) -> None:
    assert other.count(question) == sqlite.count(question)
    whole = replace(question, skip=0, limit=None)  # where there is a limit, counting may end there
    assert other.distinct_params(whole, ("max_depth",)) == sqlite.distinct_params(whole, ("max_depth",))


def test_questions_are_answered_as_their_meaning_says(sqlite: SqliteStore) -> None:
    everything = [*sqlite.runs(RunQuery()), *sqlite.runs(RunQuery(deleted=True))]
    for question in QUESTIONS.values():
        assert sqlite.runs(question) == question.apply(everything)


def test_the_questions_tell_runs_apart(sqlite: SqliteStore) -> None:
    answers = {name: len(sqlite.runs(question)) for name, question in QUESTIONS.items()}
    assert answers == {
        "all": 5,
        "deleted": 1,
        "lowest first": 4,
        "two highest": 2,
        "second lowest": 1,
        "lowest of a metric that is NaN in one run": 1,
        "three newest": 3,
        "with a metric": 1,
        "with an endless metric": 1,
        "with a parameter": 2,
        "with a value that needs escapes": 4,
        "with an empty tag": 1,
        "with this name": 1,
        "with a dataset": 1,
        "in two states": 2,
        "with a key nobody has": 0,
    }


def test_a_run_is_found_by_its_id(other: Store, sqlite: SqliteStore) -> None:
    wanted = sqlite.runs(RunQuery(order=Order("rmse"), limit=1))[0]
    assert other.runs(RunQuery(ids=(wanted.id,))) == [wanted]


def test_runs_of_some_experiments_are_equal(other: Store, sqlite: SqliteStore) -> None:
    for experiment in sqlite.experiments():
        question = RunQuery(experiment_ids=(experiment.id,))
        assert other.runs(question) == sqlite.runs(question)


def test_runs_until_a_start_are_equal(other: Store, sqlite: SqliteStore) -> None:
    second = sqlite.runs(RunQuery())[1]
    question = RunQuery(started_until=(second.start_time or 0, second.id))
    assert other.runs(question) == sqlite.runs(question) != []


def test_all_ids_are_equal_those_of_deleted_runs_and_experiments_too(other: Store, sqlite: SqliteStore) -> None:
    known = sqlite.run_ids()
    some = set(sorted(known)[:2])
    assert len(known) == 7
    assert other.run_ids() == known
    assert other.run_ids({*some, "f" * 32}) == some
    assert other.run_ids(set()) == set()


@pytest.mark.parametrize(
    ("key", "logged"),
    [("steps", ((0, 1.0), (1, 9.0), (2, 3.0))), ("times", ((0, 3.0), (0, 9.0))), ("broken", ()), ("none", ())],
)
def test_all_that_was_logged_for_a_metric_is_equal(
    other: Store, sqlite: SqliteStore, key: str, logged: tuple[tuple[int, float], ...]
) -> None:
    run = sqlite.runs(RunQuery(filters=(Has("metric", "steps"),)))[0]
    assert other.history(run.id, key) == sqlite.history(run.id, key) == run.history(key) == logged


def test_datasets_and_logged_models_are_equal(other: Store, sqlite: SqliteStore) -> None:
    run = sqlite.runs(RunQuery(filters=(Has("dataset", "training"),)))[0]
    assert [one.context for one in other.runs(RunQuery(ids=(run.id,)))[0].datasets] == ["training", "validation"]
    for run in sqlite.runs(RunQuery()):
        assert other.datasets(run.id) == sqlite.datasets(run.id)
        assert other.logged_models(run.id) == sqlite.logged_models(run.id)
    assert {one.status for run in sqlite.runs(RunQuery()) for one in run.models} == {"READY", "FAILED"}


def test_the_models_of_an_experiment_are_equal_and_one_outside_any_run_is_among_them(
    other: Store, sqlite: SqliteStore
) -> None:
    for experiment in sqlite.experiments():
        assert other.models_in(experiment.id) == sqlite.models_in(experiment.id)
    found = [model for experiment in sqlite.experiments() for model in sqlite.models_in(experiment.id)]
    assert [(model.status, bool(model.source_run_id)) for model in found] == [
        ("READY", True),
        ("FAILED", True),
        ("READY", False),
    ]


def test_the_figures_of_a_logged_model_are_equal_the_last_of_each_run_and_dataset(
    other: Store, sqlite: SqliteStore
) -> None:
    (run,) = sqlite.runs(RunQuery(filters=(Has("tag", "mlflow.note.content"),)))
    figures = [
        (one.value, one.dataset_name, one.dataset_digest)
        for model in other.logged_models(run.id)
        for one in model.metrics
    ]
    assert sorted(figures) == [(6.0, "trips", "3f2a"), (7.0, "", "")]


def test_registered_models_are_equal_and_prompts_are_none(other: Store, sqlite: SqliteStore) -> None:
    models = other.registered_models()
    assert models == sqlite.registered_models()
    assert [model.name for model in models] == ["duration", "without versions"]
    assert [version.version for version in models[0].versions] == [1, 2, 4]
    assert models[0].versions[1].aliases == ("best", "champion")


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_pages_are_followed_to_the_end(
    server: str, sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch, question: RunQuery
) -> None:
    monkeypatch.setattr(rest_module, "_PAGE", 2)
    paged = RestStore(server)
    assert paged.runs(question) == sqlite.runs(question)
    assert paged.experiments() == sqlite.experiments()


def test_ids_and_models_are_read_to_the_last_page(
    server: str, sqlite: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rest_module, "_PAGE", 2)
    paged = RestStore(server)
    assert paged.registered_models() == sqlite.registered_models()
    assert paged.run_ids(sqlite.run_ids()) == sqlite.run_ids()
    assert RestStore(server).run_ids() == sqlite.run_ids()


def test_a_server_is_read_without_mlflow(server: str) -> None:
    program = (
        "import json, sys; from flowcoach.evidence.rest import RestStore; from flowcoach.evidence import RunQuery;"
        f"found = len(RestStore({server!r}).runs(RunQuery())); print(json.dumps([found, sorted(sys.modules)]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    found, modules = json.loads(done.stdout)
    assert found == 5
    assert not {"mlflow", "requests", "pandas", "numpy"} & set(modules)


def test_reading_a_file_store_leaves_no_trace(work: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in (work / "mlruns").rglob("*")}
    store = FileStore(work / "mlruns")
    for run in store.runs(RunQuery()):
        assert isinstance(run, Run)
        store.datasets(run.id)
    store.registered_models()
    assert {path: path.stat().st_mtime_ns for path in (work / "mlruns").rglob("*")} == before


class TestMalformedFileStores:
    """A broken piece is left out with a warning; the rest is read."""

    @pytest.fixture
    def root(self, tmp_path: Path) -> Path:
        experiment = tmp_path / "mlruns" / "7"
        (experiment / "a" / "metrics").mkdir(parents=True)
        (experiment / "meta.yaml").write_text("experiment_id: '7'\nname: tuning\nartifact_location: x\n")
        (experiment / "a" / "meta.yaml").write_text("run_uuid: a\nexperiment_id: 7\nname: ''\nstatus: 3\n")
        (experiment / "a" / "metrics" / "rmse").write_text("1700000000000 5.5 0\n")
        return tmp_path / "mlruns"

    def test_old_metadata_is_read_without_warning(self, root: Path) -> None:
        (root / "7" / "a" / "tags").mkdir()
        (root / "7" / "a" / "tags" / "mlflow.runName").write_text("first")
        (run,) = FileStore(root).runs(RunQuery())
        assert (run.id, run.name, run.status, run.active, run.metrics) == (
            "a",
            "first",
            "FINISHED",
            True,
            {"rmse": 5.5},
        )

    @pytest.mark.parametrize(
        "meta",
        [
            "",
            "- a list",
            "{broken",
            "run_id: other\nexperiment_id: '7'",
            "[" * 5000,
            "\x00",
            "run_id: a\nexperiment_id: 8",
        ],
    )
    def test_a_run_with_broken_metadata_is_left_out_with_a_warning(self, root: Path, meta: str) -> None:
        (root / "7" / "b").mkdir()
        (root / "7" / "b" / "meta.yaml").write_text(meta)
        store = FileStore(root)
        assert [run.id for run in store.runs(RunQuery())] == ["a"]
        assert [str(root / "7" / "b" / "meta.yaml") in warning for warning in store.warnings] == [True]

    @pytest.mark.parametrize("lines", ["", "no number", "1", "1 two 3", "1 2 three"])
    def test_a_metric_with_broken_lines_is_left_out_with_a_warning(self, root: Path, lines: str) -> None:
        (root / "7" / "a" / "metrics" / "mae").write_text(lines)
        store = FileStore(root)
        assert store.runs(RunQuery())[0].metrics == {"rmse": 5.5}
        assert len(store.warnings) == 1

    def test_a_value_measured_on_a_dataset_is_read_whatever_the_datasets_name(self, root: Path) -> None:
        lines = "1700000000000 5.5 1 green trips 0a1b\n1700000000001 5.0 0 green trips 0a1b\n"
        (root / "7" / "a" / "metrics" / "rmse").write_text(lines)
        assert FileStore(root).runs(RunQuery())[0].metrics == {"rmse": 5.5}

    def test_bytes_that_are_no_text_are_left_out_with_a_warning(self, root: Path) -> None:
        (root / "7" / "a" / "params").mkdir()
        (root / "7" / "a" / "params" / "depth").write_bytes(b"\xff\xfe")
        store = FileStore(root)
        assert store.runs(RunQuery())[0].params == {}
        assert len(store.warnings) == 1

    def test_folders_that_are_no_runs_are_passed_over_in_silence(self, root: Path) -> None:
        (root / "7" / "plots").mkdir()
        (root / "notes").mkdir()
        store = FileStore(root)
        assert len(store.runs(RunQuery())) == 1
        assert store.warnings == ()

    def test_links_are_not_followed(self, root: Path, tmp_path: Path) -> None:
        secret = tmp_path / "secret"
        secret.mkdir()
        (secret / "depth").write_text("5")
        try:
            (root / "7" / "a" / "params").symlink_to(secret)
            (root / "7" / "a" / "metrics" / "secret").symlink_to(secret / "depth")
        except OSError:
            pytest.skip("this system makes no links")
        (run,) = FileStore(root).runs(RunQuery())
        assert (run.params, run.metrics) == ({}, {"rmse": 5.5})

    def test_a_dataset_cannot_be_named_from_outside(self, root: Path) -> None:
        input = root / "7" / "a" / "inputs" / "i"
        input.mkdir(parents=True)
        (input / "meta.yaml").write_text("source_type: DATASET\nsource_id: ../../../..\ntags: {}\n")
        store = FileStore(root)
        assert store.datasets("a") == ()
        assert len(store.warnings) == 1

    def test_runs_with_a_value_that_is_not_a_number_compare_equal(self, root: Path) -> None:
        (root / "7" / "a" / "metrics" / "rmse").write_text("1700000000000 nan 0\n")
        assert FileStore(root).runs(RunQuery())[0].metrics == {"rmse": math.nan}


def test_equality_of_runs_looks_at_their_content(sqlite: SqliteStore) -> None:
    run = sqlite.runs(RunQuery())[0]
    assert replace(run, metrics={**run.metrics, "rmse": 1.0}) != run
