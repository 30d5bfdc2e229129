"""Whatever folder is named, what is found in it is judged, nothing in it is changed, and nothing breaks a check."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner, Result

from flowcoach import profiles
from flowcoach.cli import main
from flowcoach.problem import Problem
from tests.profiles.homework import KNOBS, TRAINING, Homework

IDS = ["autolog", "hpo", "best_models", "registered", "registered_is_best"]


def look(folder: Path) -> dict[str, str | None]:
    return {check.id: check.status for check in profiles.look("zoomcamp-2024", folder).checks}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", "--profile", *arguments])


def write_whole(path: Path) -> None:
    homework = Homework(path)
    homework.train()
    homework.tune()
    homework.register(homework.score(5.6, 5.5)[1])


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    folder = tmp_path / "homework"
    write_whole(folder / "mlflow.db")
    return folder


def put_file_store(root: Path) -> None:
    """An mlruns folder with one run of train.py."""
    run = root / "0" / "a"
    for kind, values in (("metrics", {key: f"1 {value} 0" for key, value in TRAINING.items()}), ("params", KNOBS)):
        (run / kind).mkdir(parents=True)
        for key, text in values.items():
            (run / kind / key).write_text(text)
    (root / "0" / "meta.yaml").write_text("experiment_id: '0'\nname: Default\nartifact_location: C:\\mlruns\\0\n")
    (run / "meta.yaml").write_text("run_id: a\nexperiment_id: '0'\nstatus: 3\nstart_time: 1\n")


# Where stores lie


PLACES = [
    *(
        "mlflow.db",
        "backend.db",
        "02-tracking/homework/hw2.sqlite",
        "mlruns/mlflow.db",
        "cohorts/2024/02/hw/my store.db3",
    ),
    *(["sqlite:/mlflow.db"] if os.name == "posix" else []),
]


@pytest.mark.parametrize("place", PLACES)
def test_a_store_is_found_where_learners_leave_it(tmp_path: Path, place: str) -> None:
    write_whole(tmp_path / place)
    assert set(look(tmp_path).values()) == {"yes"}


def test_work_split_over_stores_is_taken_together(tmp_path: Path) -> None:
    put_file_store(tmp_path / "mlruns")
    Homework(tmp_path / "backend.db").tune()
    rest = Homework(tmp_path / "hw" / "mlflow.db")
    rest.register(rest.score(5.6, 5.5)[1])
    assert set(look(tmp_path).values()) == {"yes"}


def test_a_copy_of_a_store_adds_nothing(whole: Path) -> None:
    shutil.copyfile(whole / "mlflow.db", whole / "backup.db")
    assert set(look(whole).values()) == {"yes"}


def test_finalists_of_another_store_are_not_compared(whole: Path) -> None:
    Homework(whole / "older.db").score(5.1)
    assert look(whole)["registered_is_best"] == "yes"


def test_one_name_in_two_stores_may_stand_for_two_things(tmp_path: Path) -> None:
    Homework(tmp_path / "backend.db").tune("hw2-q3")
    Homework(tmp_path / "local.db").train("hw2-q3")
    assert look(tmp_path)["autolog"] == "yes"


@pytest.mark.parametrize("place", [".git/mlflow.db", ".hidden/mlflow.db", "venv/mlflow.db"])
def test_hidden_folders_and_environments_are_left_alone(tmp_path: Path, place: str) -> None:
    write_whole(tmp_path / place)
    (tmp_path / "venv").mkdir(exist_ok=True)
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    assert look(tmp_path)["autolog"] == "no"


def test_links_out_of_the_folder_are_not_followed(whole: Path, tmp_path: Path) -> None:
    repo = tmp_path / "repo"
    repo.mkdir()
    try:
        (repo / "mlflow.db").symlink_to(whole / "mlflow.db")
        (repo / "more").symlink_to(whole)
    except OSError:
        pytest.skip("this system makes no links")
    assert look(repo)["autolog"] == "no"


@pytest.mark.parametrize("files", [[], ["README.md", "homework/train.py"]], ids=["empty", "no-store"])
def test_without_a_store_there_is_nothing_and_that_is_said(tmp_path: Path, files: list[str]) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    result = profiles.look("zoomcamp-2022", tmp_path)
    assert [check.status for check in result.checks] == ["no", "no", "no", "no", "n/a"]
    assert "no store of MLflow" in (result.checks[0].message or "")
    assert ".gitignore" in (result.checks[0].advice or "")
    assert result.exit_code == 1


# Stores that are odd


def test_a_damaged_store_beside_a_good_one_is_a_warning(whole: Path) -> None:
    (whole / "broken.db").write_bytes((whole / "mlflow.db").read_bytes()[:3000])
    result = profiles.look("zoomcamp-2024", whole)
    assert [check.status for check in result.checks] == ["yes"] * 5
    assert "broken.db" in result.warnings[0]


def test_what_is_missing_beside_a_damaged_store_is_said_with_that(tmp_path: Path) -> None:
    Homework(tmp_path / "mlflow.db").tune()
    (tmp_path / "broken.db").write_bytes((tmp_path / "mlflow.db").read_bytes()[:3000])
    check = profiles.look("zoomcamp-2024", tmp_path).checks[0]
    assert "see the warnings" in (check.message or "")


@pytest.mark.parametrize("page", [1, 2], ids=["from-the-start", "further-on"])
def test_a_damaged_store_alone_cannot_be_judged(whole: Path, page: int) -> None:
    content = bytearray((whole / "mlflow.db").read_bytes())
    tables = range(100, 4096) if page == 1 else range(4096, len(content))
    for place in tables:
        content[place] = 7
    (whole / "mlflow.db").write_bytes(content)
    with pytest.raises(Problem, match="is damaged"):
        profiles.look("zoomcamp-2024", whole)


def test_a_store_that_is_being_written_is_read(whole: Path) -> None:
    with closing(sqlite3.connect(whole / "mlflow.db")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM runs")
        assert set(look(whole).values()) == {"yes"}


@pytest.mark.parametrize("cell", ["text", b"\xff\x00", None, 1e308])
def test_cells_of_any_kind_break_nothing(whole: Path, cell: Any) -> None:
    with closing(sqlite3.connect(whole / "mlflow.db")) as store, store:
        store.execute("UPDATE latest_metrics SET value = ?", (cell,))
        store.execute("UPDATE params SET value = ?", (cell,))
        store.execute("UPDATE runs SET start_time = ?, status = ?", (cell, cell))
        store.execute("UPDATE model_versions SET source = ?, run_id = ?", (cell, cell))
        store.execute("UPDATE experiments SET name = ?", (cell,))
    assert "error" not in look(whole).values()


def test_tables_that_are_gone_break_nothing(whole: Path) -> None:
    with closing(sqlite3.connect(whole / "mlflow.db")) as store, store:
        for table in ("tags", "params", "latest_metrics", "model_versions"):
            store.execute(f"DROP TABLE {table}")
    assert "error" not in look(whole).values()


def test_two_thousand_runs_are_judged_like_a_few(tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    write_whole(tmp_path / "mlflow.db")
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as store, store:
        many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
        store.execute(f"{many} INSERT INTO runs SELECT 'r' || i, '', 2, 'FINISHED', 'active', i, i, '' FROM n")
        store.execute(f"{many} INSERT INTO latest_metrics SELECT 'rmse', 6.0 + i, 0, 'r' || i FROM n")
        for knob in (*KNOBS, *(f"other_{number}" for number in range(14))):
            store.execute(f"{many} INSERT INTO params SELECT '{knob}', i, 'r' || i FROM n")
    began = time.perf_counter()
    assert set(look(tmp_path).values()) == {"yes"}
    record_property("a folder with two thousand runs, judged by a profile", f"{time.perf_counter() - began:.2f} s")


def test_nothing_in_the_folder_is_changed(whole: Path) -> None:
    put_file_store(whole / "mlruns")
    with closing(sqlite3.connect(whole / "log.db")) as store:
        store.execute("PRAGMA journal_mode = WAL")
    before = trace(whole)
    look(whole)
    assert trace(whole) == before


def trace(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in (folder, *folder.rglob("*"))
    }


def test_code_in_the_folder_is_never_run(whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("checks", "work", "flowcoach", "profiles", "conftest"):
        (whole / f"{name}.py").write_text("raise SystemExit('it ran')")
    (whole / "zoomcamp-2024.toml").write_text("not a profile")
    monkeypatch.chdir(whole)
    assert run("zoomcamp-2024", ".").exit_code == 0


# The command


def test_json_has_the_ids_and_each_its_status(whole: Path) -> None:
    done = run("zoomcamp-2024", str(whole), "--json")
    data = json.loads(done.stdout)
    schema = json.loads(files("flowcoach").joinpath("schema/result-v1.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(data)
    assert data["schema"] == "flowcoach/result/v1"
    assert [(check["id"], check["status"]) for check in data["checks"]] == [(id, "yes") for id in IDS]
    assert [(check["id"], check["status"]) for check in data["sections"][0]["checks"]] == [(id, "yes") for id in IDS]


def test_exit_codes_are_those_of_every_check(whole: Path, tmp_path: Path) -> None:
    Homework(tmp_path / "begun" / "mlflow.db").tune()
    assert run("zoomcamp-2024", str(whole)).exit_code == 0
    assert run("zoomcamp-2024", str(tmp_path / "begun")).exit_code == 1


def test_the_terminal_shows_what_was_seen_and_what_to_do(tmp_path: Path) -> None:
    Homework(tmp_path / "mlflow.db").tune()
    shown = " ".join(run("zoomcamp-2023", str(tmp_path)).stdout.split())
    assert "zoomcamp-2023 MLOps Zoomcamp 2023, homework 2: 2 of 10 points" in shown
    assert "6 finished trials of 6 runs in “random-forest-hyperopt” (mlflow.db)" in shown
    assert "status no" in shown
    assert "Next: begin with autolog" in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["zoomcamp-2042", "."], "zoomcamp-2022, zoomcamp-2023, zoomcamp-2024, zoomcamp-2025"),
        (["../../etc", "."], "zoomcamp-2022"),
        (["zoomcamp-2024", "no-such-folder"], "does not exist"),
        (["zoomcamp-2024", __file__], "is not a folder"),
        (["zoomcamp-2024", ".", "tests"], "one folder at a time"),
    ],
    ids=["unknown", "climbing", "missing", "file", "two"],
)
def test_what_cannot_be_judged_ends_with_two_and_a_next_step(arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "Next: " in done.stderr


def test_what_cannot_be_judged_is_json_too_when_asked(tmp_path: Path) -> None:
    done = run("zoomcamp-2024", str(tmp_path / "none"), "--json")
    assert done.exit_code == 2
    assert json.loads(done.stdout)["problem"]["next_step"]


@pytest.mark.parametrize("name", profiles.names())
def test_every_profile_asks_every_question(name: str) -> None:
    profile = profiles.load(name)
    assert list(profile.questions) == IDS
    assert len(profile.months) == 3
    assert profile.figures.keys() == {"validation", "test"}
