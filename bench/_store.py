"""Workspaces to measure on, with as many trials of section 2.3 as are wanted."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowcoach import workspace
from flowcoach.coach.start import start
from flowcoach.workspace import Workspace
from tests.evidence.stores import fill


@contextmanager
def workspaces(*trials: int) -> Iterator[tuple[Workspace, ...]]:
    """A workspace for each number of trials, in a temporary folder. MLflow makes the empty store, once."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        empty = start(Path(folder) / "empty", learner="bench", trips=100)
        found = []
        for number in trials:
            shutil.copytree(empty.folder, Path(folder) / str(number))
            found.append(workspace.load(Path(folder) / str(number)))
            fill(found[-1].folder / "mlflow.db", number)
        yield tuple(found)


def environment(here: Workspace) -> dict[str, str]:
    """The environment in which flowcoach and MLflow look at this workspace."""
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "FLOWCOACH_WORKSPACE": str(here.folder)}
    return {**os.environ, **quiet, "MLFLOW_TRACKING_URI": here.own_store}
