"""A workspace as `flowcoach start` makes it: ready for a first run from anywhere, and different for each learner."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from flowcoach import __version__, course, taxi, workspace
from flowcoach.coach import scripts
from flowcoach.coach.start import register_kernel, start, write_months
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace

FIRST_CELL = """
import os, sys
import mlflow
from flowcoach import workspace
for number, folder in enumerate(sys.argv[1:]):
    os.chdir(folder)
    here = workspace.find()
    mlflow.set_tracking_uri(here.store)
    mlflow.create_experiment(f"from-{number}", artifact_location=f"{here.artifacts}/from-{number}")
    mlflow.set_experiment(f"from-{number}")
    with mlflow.start_run():
        mlflow.log_text("here", "note.txt")
"""


def test_it_holds_what_a_learner_needs(prepared: Workspace) -> None:
    assert all(path.is_file() for path in prepared.months)
    assert (prepared.folder / "mlflow.db").is_file()
    assert sorted(path.name for path in (prepared.folder / "exercises").iterdir()) == [
        section.name for section in course.sections() if not section.is_homework
    ]
    assert (prepared.folder / "homework" / "answers.toml").is_file()


def test_its_repository_is_judged_at_each_push_by_this_version(prepared: Workspace) -> None:
    workflow = prepared.folder / ".github" / "workflows" / "flowcoach.yml"
    text = workflow.read_text(encoding="utf-8")
    assert f"flowcoach=={__version__}" in text
    assert "FLOWCOACH_VERSION" not in text
    program = Path(sys.executable).with_name("check-jsonschema")
    words = [str(program), "--builtin-schema", "vendor.github-workflows", str(workflow)]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_its_repository_leaves_out_what_can_be_made_again(prepared: Workspace, tmp_path: Path) -> None:
    shutil.copy(prepared.folder / ".gitignore", tmp_path)
    made = ("mlflow.db", "tree-model/MLmodel", "new-month.json", "server/mlflow.db", "team/x", "backup/x", "lab/x")
    for name in (*made, "train.py", "exercises/server/mine.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    told = ["git", "ls-files", "--others", "--exclude-standard"]
    left = subprocess.run(told, cwd=tmp_path, capture_output=True, text=True, check=True).stdout.split()
    assert left == [".gitignore", "exercises/server/mine.py", "train.py"]


def test_its_notebooks_name_the_kernel_that_was_registered(prepared: Workspace) -> None:
    for path in (prepared.folder / "exercises").glob("*/*.ipynb"):
        assert json.loads(path.read_text(encoding="utf-8"))["metadata"]["kernelspec"]["name"] == "flowcoach"


def test_the_kernel_is_found_by_jupyter() -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    assert register_kernel()
    assert KernelSpecManager().get_kernel_spec("flowcoach").display_name == "Python (flowcoach)"


def test_the_default_experiment_keeps_its_files_in_the_workspace(prepared: Workspace) -> None:
    with closing(sqlite3.connect(prepared.folder / "mlflow.db")) as store:
        rows = store.execute("SELECT artifact_location FROM experiments").fetchall()
    assert rows == [(f"{prepared.artifacts}/0",)]


def test_files_land_in_the_workspace_from_whichever_folder_the_first_cell_runs(
    prepared: Workspace, tmp_path: Path
) -> None:
    here = workspace.load(shutil.copytree(prepared.folder, tmp_path / "course"))
    folders = [here.folder, here.folder / "exercises", here.folder / "exercises" / "2.3-experiment-tracking"]
    before = set(here.folder.rglob("*"))
    subprocess.run([sys.executable, "-c", FIRST_CELL, *map(str, folders)], env=_bare(here), check=True)
    new = [path for path in set(here.folder.rglob("*")) - before if path.is_file()]
    assert len(new) == 3
    assert all(path.is_relative_to(here.folder / "mlartifacts") for path in new)


def _bare(here: Workspace) -> dict[str, str]:
    """The environment of somebody who only opened a notebook: no address of a store in it."""
    inherited = scripts.environment(here)
    return {
        name: text for name, text in inherited.items() if name not in ("FLOWCOACH_WORKSPACE", "MLFLOW_TRACKING_URI")
    }


def test_two_learners_get_different_trips_and_one_always_the_same(prepared: Workspace) -> None:
    one, same, other = (
        taxi.month(2023, 1, trips=100, seed=replace(prepared, learner=name).seed) for name in ("ada", "ada", "bob")
    )
    assert one.equals(same)
    assert not one.equals(other)


def test_a_folder_of_real_months_is_never_filled_up(prepared: Workspace, tmp_path: Path) -> None:
    real = tmp_path / "taxi"
    real.mkdir()
    settings = f'learner = "ada"\n[data]\nfolder = "{real.as_posix()}"\n'
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "flowcoach.toml").write_text(settings, encoding="utf-8")
    with pytest.raises(Problem, match="is missing"):
        write_months(workspace.load(tmp_path / "course"))
    assert list(real.iterdir()) == []


def test_with_real_months_to_fetch_no_synthetic_ones_are_drawn(prepared: Workspace, tmp_path: Path) -> None:
    def fetch(here: Workspace) -> None:
        for month in here.months:
            month.parent.mkdir(exist_ok=True)
            month.write_bytes(b"as published")

    made = start(tmp_path / "course", learner="ada", fetch=fetch, store=prepared.folder / "mlflow.db")
    assert made.is_real
    assert {month.read_bytes() for month in made.months} == {b"as published"}


def test_a_file_is_no_place_for_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Problem, match="is a file"):
        start(tmp_path / "file")
