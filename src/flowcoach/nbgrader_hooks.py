"""What stock nbgrader is told to do differently: run each submission in an empty workspace of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from nbgrader.preprocessors import Execute

from flowcoach.coach import scripts
from flowcoach.coach.start import prepare_store, start
from flowcoach.workspace import MONTHS, Workspace, remove

FOLDER = "workspace"
STORE = "prepared.db"
TRIPS = 1500  # a month; enough for every step, quick to learn from


class ExecuteInWorkspace(Execute):
    """nbgrader's Execute, with the kernel inside a fresh workspace beside the autograded notebook.

    What a submission brings along never counts: not a store, not settings, not a module of a name that it imports.
    The workspace stays for a closer look: `flowcoach --workspace autograded/<learner>/<section>/workspace check`.
    """

    @contextmanager
    def setup_kernel(self, **kwargs: Any) -> Iterator[None]:
        """Start the kernel in a new workspace. Raises Problem when the workspace cannot be made."""
        made = fresh(Path(self.resources["metadata"]["path"]) / FOLDER, learner=self.resources["nbgrader"]["student"])
        environment = {**scripts.environment(made), "MLFLOW_TRACKING_URI": made.own_store}
        with super().setup_kernel(cwd=str(made.folder), env=environment, **kwargs):
            yield


def fresh(folder: Path, *, learner: str) -> Workspace:
    """A new workspace in `folder` with `learner`'s own short months; what was there before goes."""
    if folder.is_dir() and not folder.is_symlink():
        remove(folder)
    else:
        folder.unlink(missing_ok=True)
    return start(folder, learner=learner, trips=TRIPS, store=Path(_prepared().name) / STORE)


@cache
def _prepared() -> tempfile.TemporaryDirectory[str]:
    """A folder with an empty store, made once a process: it takes seconds, its copy does not."""
    folder = tempfile.TemporaryDirectory(prefix="flowcoach-")
    place = Path(folder.name)
    prepare_store(Workspace(place, "nobody", f"sqlite:///{STORE}", data=place, month_names=MONTHS, trips=0))
    return folder
