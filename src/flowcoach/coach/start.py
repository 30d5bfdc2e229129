"""Make a workspace: settings, a store that is ready, this learner's months, exercises to work in, a kernel."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from flowcoach import __version__, course, taxi, workspace
from flowcoach.atomic import replacing, write_text
from flowcoach.coach import progress, scripts
from flowcoach.coach.scripts import require
from flowcoach.evidence.opening import path_of
from flowcoach.problem import Problem
from flowcoach.workspace import SETTINGS, Workspace

KERNEL = "flowcoach"
_WORKFLOW = Path(__file__).with_name("workflow.yml")
IGNORED = (
    ".venv/\ndata/\nmlartifacts/\n*.db\n*.db-journal\n*.db-wal\n*.db-shm\n"
    ".flowcoach/\n.ipynb_checkpoints/\n__pycache__/\n"
    "# made by the sections' scripts and exercises\n"
    "/tree-model/\n/new-month.json\n/new-predictions.json\n/server/\n/team/\n/backup/\n/lab/\n"
)

_PREPARE = """
import sys
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
store = SqlAlchemyStore(sys.argv[1], sys.argv[2])
store._dispose_engine()
"""

Say = Callable[[str], None]


def start(
    folder: Path,
    *,
    learner: str | None = None,
    data: Path | None = None,
    months: Sequence[str] = workspace.MONTHS,
    trips: int = 6000,
    fetch: Callable[[Workspace], object] | None = None,
    store: Path | None = None,
    say: Say = lambda _: None,
) -> Workspace:
    """Make `folder` a workspace, or complete the one that is there: what exists is never written over.

    `learner` seeds which synthetic trips are theirs (a random id when not given). With `data`, a folder of real
    months, no synthetic ones are made; with `fetch`, that is called to put real ones into the data folder. With
    `store`, one that was prepared before, that one is copied, which is quicker than making it. `say` is told each
    step. Raises Problem for a folder that holds other things, for a missing library, and when the store cannot be
    prepared.
    """
    require("mlflow", "pandas", "pyarrow", "sklearn")
    folder = folder.resolve()
    if data is not None:
        _require_months(workspace.month_file(data, name) for name in months)
    _claim(folder)
    if not (folder / SETTINGS).exists():
        write_text(folder / SETTINGS, _settings(learner or uuid.uuid4().hex[:8], data, months, trips))
    if not (folder / ".gitignore").exists():
        write_text(folder / ".gitignore", IGNORED)
    workflow = folder / ".github" / "workflows" / "flowcoach.yml"
    if not workflow.exists():
        workflow.parent.mkdir(parents=True, exist_ok=True)
        write_text(workflow, _WORKFLOW.read_text(encoding="utf-8").replace("FLOWCOACH_VERSION", __version__))
    made = workspace.load(folder)
    copy_exercises(made)
    say("trips")
    if fetch is not None and not made.is_real:
        fetch(made)
        made = workspace.note_real(made)
    write_months(made)
    say("store")
    if made.own_store.startswith("sqlite:"):
        prepare_store(made, store)
    return made


def write_months(made: Workspace) -> list[Path]:
    """Write the synthetic months that are missing in the workspace's data folder; the new files come back.

    A data folder elsewhere holds real months: nothing is made there. Raises Problem when one is missing in it.
    """
    if made.is_real:
        _require_months(made.months)
        return []
    require("numpy", "pandas", "pyarrow")
    made.data.mkdir(parents=True, exist_ok=True)
    written = []
    for name in (*made.month_names, *filter(None, [made.final_name])):
        path = workspace.month_file(made.data, name)
        if not path.exists():
            year, month = (int(part) for part in name.split("-"))
            taxi.write(taxi.month(year, month, trips=made.trips, seed=made.seed), path)
            written.append(path)
    return written


def _require_months(paths: Iterable[Path]) -> None:
    for path in paths:
        if not path.is_file():
            raise Problem(
                f"{path} is missing.", "put it there, or name months that are: --months 2023-01 2023-02 2023-03"
            )


def copy_exercises(made: Workspace) -> None:
    """Copy each section's exercise that the workspace does not have yet, bound to the named kernel."""
    for section in course.sections():
        target = made.folder / section.place
        if target.exists():
            continue
        for name, content in fresh_exercise(section).items():
            target.mkdir(parents=True, exist_ok=True)
            with replacing(target / name) as unfinished:
                unfinished.write_bytes(content)


def begin_at(section: course.Section, made: Workspace) -> None:
    """Let the learner begin with this section: its script prepares what it starts from, and the coach counts from here.

    Raises Problem when the script fails.
    """
    scripts.run(section.folder / "run.py", made, quiet=True)
    progress.remember(made.folder, lambda known: known.beginning_at(section.id).having_run(section.id))


def fresh_exercise(section: course.Section) -> dict[str, bytes]:
    """The files of a section's exercise as a workspace gets them, by name: its notebook bound to the named kernel."""
    source = course.root() / section.place
    files = {path.name: path.read_bytes() for path in sorted(source.glob("*")) if path.is_file()}
    for name in files:
        if name.endswith(".ipynb"):
            notebook = json.loads(files[name])
            notebook["metadata"]["kernelspec"] = _kernelspec()
            files[name] = (json.dumps(notebook, indent=1, ensure_ascii=False) + "\n").encode()
    return files


def prepare_store(made: Workspace, template: Path | None = None) -> None:
    """Let the installed MLflow make the workspace's SQLite store, so that a learner's first run is instant.

    The store is built beside its place, or copied from `template`, an empty one made so before, and moved there when
    complete. The Default experiment's artifacts get a path that does not depend on the current folder. Raises Problem
    when MLflow cannot make it.
    """
    path = path_of(made.own_store)
    if path.exists():
        return
    scratch = made.folder / ".flowcoach"
    scratch.mkdir(exist_ok=True)
    half = scratch / f"prepared-{os.getpid()}.db"
    if template is not None:
        shutil.copyfile(template, half)
        with closing(sqlite3.connect(half)) as store, store:
            store.execute("UPDATE experiments SET artifact_location = ?", (f"{made.artifacts}/0",))
        half.replace(path)
        return
    done = subprocess.run(
        [sys.executable, "-c", _PREPARE, workspace.absolute(f"sqlite:///{half.name}", scratch), made.artifacts],
        cwd=scratch,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        half.unlink(missing_ok=True)
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise Problem(f"MLflow could not prepare {path}: {last[0]}", "check free disk space, then run the same again")
    shutil.copyfile(half, scratch / f"empty-{version('mlflow')}.db")  # for a replay of the homework
    half.replace(path)


def register_kernel() -> bool:
    """Register the named Jupyter kernel inside this Python's own environment; False when Jupyter is not installed."""
    in_environment = sys.prefix != sys.base_prefix
    done = subprocess.run(
        [
            *(sys.executable, "-m", "ipykernel", "install"),
            *(("--sys-prefix",) if in_environment else ("--user",)),
            *("--name", KERNEL, "--display-name", _kernelspec()["display_name"]),
        ],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def _kernelspec() -> dict[str, str]:
    return {"display_name": "Python (flowcoach)", "language": "python", "name": KERNEL}


def _claim(folder: Path) -> None:
    if folder.is_file():
        raise Problem(f"{folder} is a file.", "name a new folder: flowcoach start my-course")
    if folder.is_dir() and not (folder / SETTINGS).exists():
        kept = [path.name for path in folder.iterdir() if path.name not in (".git", ".flowcoach")]
        if kept:
            raise Problem(
                f"{folder} already holds other things ({', '.join(sorted(kept)[:3])}).",
                "name a new folder: flowcoach start my-course",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"{folder} cannot be made: {error.strerror}.", "name a folder that you may write to") from error


def _final(data: Path | None, months: Sequence[str]) -> list[str]:
    """The month after the last, for the homework's honest figure; of real months, when its file is there."""
    name = workspace.next_month(max(months))
    return [name] if data is None or workspace.month_file(data, name).is_file() else []


def _settings(learner: str, data: Path | None, months: Sequence[str], trips: int) -> str:
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment("Your flowcoach workspace. Plain text: edit it as you like."))
    document["learner"] = learner
    document["store"] = "sqlite:///mlflow.db"
    table = tomlkit.table()
    table["folder"] = str(data.resolve()) if data else "data"
    table["months"] = [*months, *_final(data, months)]
    table["trips"] = trips
    if data is not None:
        table["real"] = True
    table["months"].comment("training, validation, test; a fourth for the very end")  # pyright: ignore[reportAttributeAccessIssue]
    document["data"] = table
    return tomlkit.dumps(document)
