"""A file store that somebody crafted, or that broke: its pieces are left out, and nothing looks like our fault."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from flowcoach.evidence.files import FileStore, is_file_store
from flowcoach.evidence.query import RunQuery

ID = "a" * 32
EXPERIMENT = {"artifact_location": "x", "experiment_id": "'7'", "lifecycle_stage": "active", "name": "search"}
RUN = {"run_id": ID, "experiment_id": "'7'", "status": "3", "start_time": "1", "end_time": "2", "run_name": "trial"}
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{this}: &{this} [{', '.join([f'*{before}'] * 9)}]\n"
    for before, this in zip("abcdefghi", "bcdefghij", strict=True)
)
ENDLESS = "0x" + "9" * 9000


def yaml(values: dict[str, str], before: str = "", **changes: str) -> str:
    return before + "".join(f"{key}: {value}\n" for key, value in {**values, **changes}.items())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A file store with one run."""
    run = tmp_path / "mlruns" / "7" / ID
    for kind in ("params", "metrics", "tags"):
        (run / kind).mkdir(parents=True)
    (run.parent / "meta.yaml").write_text(yaml(EXPERIMENT), encoding="utf-8")
    (run / "meta.yaml").write_text(yaml(RUN), encoding="utf-8")
    (run / "params" / "depth").write_text("3", encoding="utf-8")
    return tmp_path / "mlruns"


@pytest.mark.parametrize(
    ("text", "name", "status"),
    [
        (yaml(RUN), "trial", "FINISHED"),
        (yaml(RUN, status="[1]"), "trial", ""),
        (yaml(RUN, status="9"), "trial", "9"),
        (yaml(RUN, BOMB, run_name="*j"), "", "FINISHED"),
        (yaml(RUN, run_name=ENDLESS), "", "FINISHED"),
        (yaml(RUN, start_time=ENDLESS, end_time="2001-01-01"), "trial", "FINISHED"),
    ],
    ids=["as MLflow writes it", "a list", "an unknown number", "a bomb", "an endless number", "an endless time"],
)
def test_what_mlflow_writes_nowhere_is_taken_as_missing(root: Path, text: str, name: str, status: str) -> None:
    (root / "7" / ID / "meta.yaml").write_text(text, encoding="utf-8")
    [run] = FileStore(root).runs(RunQuery())
    assert (run.name, run.status) == (name, status)


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "? [a]\n: 1",
        "x: !!int ''",
        "x: !!timestamp soon",
        "x: !!bool perhaps",
        "x: !!python/object/apply:os.abort []",
        "a: " + "[" * 100_000,
    ],
)
def test_a_run_that_cannot_be_read_is_left_out_with_one_warning(root: Path, text: str) -> None:
    (root / "7" / ID / "meta.yaml").write_text(yaml(RUN) + text, encoding="utf-8")
    store = FileStore(root)
    assert store.runs(RunQuery()) == []
    assert len(store.warnings) == 1


def test_an_experiment_of_a_bomb_is_left_out(root: Path) -> None:
    (root / "7" / "meta.yaml").write_text(yaml(EXPERIMENT, BOMB, experiment_id="*j"), encoding="utf-8")
    assert FileStore(root).experiments() == ()


def test_an_input_of_lists_names_no_dataset(root: Path) -> None:
    (root / "7" / ID / "inputs" / "x").mkdir(parents=True)
    text = "source_type: DATASET\nsource_id: [1]\ntags: [2]\n"
    (root / "7" / ID / "inputs" / "x" / "meta.yaml").write_text(text, encoding="utf-8")
    assert FileStore(root).datasets(ID) == ()


def test_many_empty_files_are_not_each_waited_for(root: Path) -> None:
    for number in range(300):
        folder = root / "7" / f"{number:032}"
        folder.mkdir()
        (folder / "meta.yaml").touch()
    store = FileStore(root)
    assert [run.id for run in store.runs(RunQuery())] == [ID]
    assert len(store.warnings) == 300


@pytest.mark.skipif(sys.platform == "win32", reason="there, no path is that long")
def test_folders_without_end_are_not_followed_to_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "7" / ID / "params")
    for _ in range(1100):  # more than Python calls within calls
        os.mkdir("x")  # noqa: PTH102
        os.chdir("x")
    [run] = FileStore(root).runs(RunQuery())
    for _ in range(1100):
        os.chdir("..")
        os.rmdir("x")  # noqa: PTH106
    assert run.params == {"depth": "3"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "7" / ID / "params" / "a")
    (root / "6").mkdir()  # looked at first
    os.mkfifo(root / "6" / "meta.yaml")
    assert is_file_store(root)
    assert FileStore(root).runs(RunQuery())[0].params == {"depth": "3"}
