"""A course of two small sections, so that the coach is tested without the real one."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowcoach import course, workspace
from flowcoach.coach.start import copy_exercises
from flowcoach.workspace import Workspace

COURSE = Path(__file__).parent / "course"

# What `python -c` needs to be the command on the toy course, in a process of its own.
COMMAND = f"""
import sys
from pathlib import Path
from flowcoach import cli, course
course.root = lambda: Path({str(COURSE)!r})
cli.main(prog_name="flowcoach")
"""


@pytest.fixture
def toy(prepared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """A new workspace of the toy course, in which the learner stands; its sections are 9.1 and 9.2."""
    monkeypatch.setattr(course, "root", lambda: COURSE)
    folder = tmp_path / "my course"
    folder.mkdir()
    shutil.copy(prepared.folder / workspace.SETTINGS, folder)
    shutil.copy(prepared.folder / "mlflow.db", folder)
    here = workspace.load(folder)
    copy_exercises(here)
    monkeypatch.chdir(folder)
    yield here
    for name in [name for name in sys.modules if name.startswith("flowcoach_course.s9_")]:
        del sys.modules[name]


def log_run(here: Workspace, name: str, **tags: str) -> None:
    """Write a finished run into the workspace's store, as MLflow does, without its seconds of import."""
    with closing(sqlite3.connect(here.folder / "mlflow.db")) as store, store:
        store.execute(
            "INSERT INTO runs (run_uuid, name, status, start_time, end_time, lifecycle_stage, experiment_id)"
            " VALUES (?, ?, 'FINISHED', 1, 2, 'active', 0)",
            (name, name),
        )
        store.executemany("INSERT INTO tags VALUES (?, ?, ?)", [(key, value, name) for key, value in tags.items()])
