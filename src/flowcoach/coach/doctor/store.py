"""Troubles of the store: its schema, its locks, and what runs and models in it tell about how they were made."""

from __future__ import annotations

import importlib.util
import os
import re
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import Any

from flowcoach.coach.doctor.patient import Patient
from flowcoach.coach.doctor.trouble import Finding, trouble
from flowcoach.evidence import Evidence, NotFound, Run, RunQuery, Runs, Store, Unavailable
from flowcoach.evidence.artifacts import local_path
from flowcoach.evidence.stores import shown

_LOOK_AT = 300  # runs, the newest
_FEW = 5  # runs without parameters: fewer are no search
_SEARCH = re.compile(r"search|tun(e|ing)|trial|sweep|grid|hpo|hyper|optuna", re.IGNORECASE)
_LOCK = 1.0  # seconds; MLflow's own transactions are shorter
# Where SQLite's writers lock the file (https://www.sqlite.org/src/file/src/os.h): pending, reserved, shared.
_PENDING, _BYTES = 0x40000000, 2


@trouble("schema")
def schema(patient: Patient) -> Iterator[Finding]:
    """The store was made by another version of MLflow than the one installed here, and MLflow calls it out of date
    whichever of the two is older."""
    known, head = _migrations()
    revision = patient.revision
    if patient.database is None or revision is None or not known or revision == head:
        return
    where = patient.shown(patient.database)
    if revision in known:
        yield Finding(
            f"the store is older than the installed MLflow (schema {revision}, not {head}); copy it first",
            where,
            f'mlflow db upgrade "{patient.store}"',
        )
    else:
        yield Finding(
            f"the store is newer than the installed MLflow, which does not know its schema {revision}",
            where,
            "python -m pip install --upgrade mlflow",
        )


def _migrations() -> tuple[set[str], str]:
    """The states of the schema that the installed MLflow knows, and the last of them; read without importing it."""
    spec = importlib.util.find_spec("mlflow")
    known, before = set[str](), set[str]()
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for path in Path(place, "store", "db_migrations", "versions").glob("*.py"):
            text = path.read_text(encoding="utf-8", errors="replace")
            known.update(re.findall(r"^revision\b.*=\s*[\"'](\w+)", text, re.MULTILINE))
            before.update(re.findall(r"^down_revision\b.*=\s*[\"'](\w+)", text, re.MULTILINE))
    heads = known - before
    return (known, heads.pop()) if len(heads) == 1 else (set(), "")


@trouble("locked")
def locked(patient: Patient) -> Iterator[Finding]:
    """One program keeps the store to itself, and every other that wants to write gives up after 20 seconds with
    “database is locked”."""
    if patient.database is not None and (holder := _writer(patient.database)):
        yield Finding(
            f"process {holder} has held the store for longer than {_LOCK:g} s",
            patient.shown(patient.database),
            f"taskkill /PID {holder}" if os.name == "nt" else f"kill {holder}",
        )
    for error in patient.said("database is locked"):
        yield Finding(
            "the saved error “database is locked”", error.where, "run that cell again, while nothing else writes"
        )


def _writer(path: Path) -> int | None:
    """The process that keeps others from writing to a SQLite file, again and again for a while; None when nobody does.

    It asks the system who holds SQLite's lock and takes none itself. Where that cannot be asked, nobody does.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        return None
    until = time.monotonic() + _LOCK
    with path.open("rb") as file:
        while holder := _holds(file.fileno(), fcntl):
            if time.monotonic() > until:
                return holder
            time.sleep(0.05)
    return None


def _holds(file: int, fcntl: Any) -> int | None:
    """The process that has SQLite's lock for writers at this moment; the form of the question is fcntl(2)'s flock."""
    bsd = sys.platform == "darwin"
    lock = (_PENDING, _BYTES, 0, fcntl.F_WRLCK, 0) if bsd else (fcntl.F_WRLCK, 0, _PENDING, _BYTES, 0)
    form = "qqihh" if bsd else "hhqqi"
    found = struct.unpack(form, fcntl.fcntl(file, fcntl.F_GETLK, struct.pack(form, *lock)))
    holder, kind = (found[2], found[3]) if bsd else (found[4], found[0])
    return holder if kind == fcntl.F_WRLCK else None


@trouble("deleted-experiment")
def deleted_experiment(patient: Patient) -> Iterator[Finding]:
    """A deleted experiment keeps its name: nothing new can be logged under it until it is restored."""
    if patient.own is None:
        return
    texts = patient.names_in_the_course.union(*(source.strings() for source in patient.sources))
    for record in patient.own.experiments():
        if not record.active and record.name in texts:
            yield Finding(
                f"“{record.name}” is in MLflow's trash, and your code uses that name",
                shown(patient.store),
                "python -c \"import mlflow; mlflow.MlflowClient('"
                f"{patient.store}').restore_experiment('{record.id}')\"",
            )


@trouble("moved-artifacts")
def moved_artifacts(patient: Patient) -> Iterator[Finding]:
    """The store remembers a folder for its files that is not there: a workspace was moved, or a path depends on where
    one stands."""
    if patient.own is None or patient.database is None:
        return
    told = set[tuple[str, str]]()
    for record in patient.own.experiments():
        location = record.artifact_location
        if not record.active or not _is_lost(location, patient) or not _runs(patient.own, record.id).take(1):
            continue
        old, new = _without_common_end(location, _place_here(patient, location))
        if (old, new) not in told:
            told.add((old, new))
            yield Finding(
                f"the files of experiment “{record.name}” should lie in {location}",
                patient.shown(patient.database),
                _replace(patient.database, old, new),
            )


def _is_lost(location: str, patient: Patient) -> bool:
    if re.match(r"(file:/*)?[A-Za-z]:[/\\]", location) and os.name != "nt":
        return True  # of a Windows machine
    path = local_path(location)
    if path is None:
        return False
    return not path.is_absolute() or not (path.is_relative_to(patient.here.folder) or path.exists())


def _place_here(patient: Patient, location: str) -> str:
    """Where in this workspace the files of an experiment lie, or would lie."""
    shelves = patient.evidence.shelves if isinstance(patient.evidence, Evidence) else None
    with suppress(NotFound, Unavailable):
        if shelves is not None:
            return shelves.find(location).folder.as_uri()
    name = location.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return f"{patient.here.artifacts}/{name}"


def _without_common_end(old: str, new: str) -> tuple[str, str]:
    """Two locations without the folders that both end in."""
    left, right = old.split("/"), new.split("/")
    while len(left) > 1 and len(right) > 1 and left[-1] == right[-1]:
        left.pop()
        right.pop()
    return "/".join(left), "/".join(right)


def _replace(database: Path, old: str, new: str) -> str:
    columns = "('experiments', 'artifact_location'), ('runs', 'artifact_uri'), ('logged_models', 'artifact_location')"
    return (
        f"python -c \"import sqlite3; store = sqlite3.connect(r'{database}'); "
        f"[store.execute(f'UPDATE {{table}} SET {{column}} = replace({{column}}, ?, ?)', (r'{old}', r'{new}')) "
        f'for table, column in ({columns})]; store.commit()"'
    )


@trouble("untrusted-types")
def untrusted_types(patient: Patient) -> Iterator[Finding]:
    """`log_model` writes scikit-learn models with skops, which refuses trees and forests unless it is told to trust
    their type; the model is then left FAILED."""
    cure = 'mlflow.sklearn.log_model(model, name="model", skops_trusted_types=["sklearn.tree._tree.Tree"])'
    for error in patient.said("references untrusted types"):
        yield Finding("the saved error “references untrusted types”", error.where, cure)
    failed: dict[tuple[str, str], Run] = {}
    ready = set[tuple[str, str]]()
    for run in _newest(patient):
        for model in run.models:
            if model.status == "READY":
                ready.add((run.experiment, model.name))
            elif model.status == "FAILED":
                failed.setdefault((run.experiment, model.name), run)
    for (experiment, name), run in failed.items():
        if (experiment, name) not in ready:
            yield Finding(
                f"the model “{name}” is FAILED, and none of this name came out well",
                f"run {run.label} in experiment “{experiment}”",
                cure,
            )


@trouble("killed-under-autolog")
def killed_under_autolog(patient: Patient) -> Iterator[Finding]:
    """Autolog makes a sparse matrix dense, which can take gigabytes; the system then kills the process, and its run
    stays RUNNING for ever."""
    for run in _newest(patient):
        autologged = "estimator_class" in run.tags or "mlflow.autologging" in run.tags
        if run.status == "RUNNING" and autologged and not run.metrics and _is_left_alone(patient, run):
            yield Finding(
                "a run under autolog that is still RUNNING, though no program works on it any more",
                f"run {run.label} in experiment “{run.experiment}”",
                f"python -c \"import mlflow; mlflow.MlflowClient('{patient.store}').set_terminated('{run.id}', "
                "'KILLED')\", and before the next try: mlflow.sklearn.autolog(disable=True)",
            )


def _is_left_alone(patient: Patient, run: Run) -> bool:
    """Whether no Python that was there when the run began can still be at work on it; False when one cannot tell."""
    try:
        import psutil
    except ImportError:
        return False
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.create_time() * 1000 > (run.start_time or 0) + 1000:
                continue
            if "python" not in process.name().lower():
                continue
            inside = Path(process.cwd()).is_relative_to(patient.here.folder)
            if inside or any(Path(file.path) == patient.database for file in process.open_files()):
                return False
    return True


@trouble("no-parameters")
def no_parameters(patient: Patient) -> Iterator[Finding]:
    """The trials of a search log a figure but not their parameters, so nobody can train the best one again: what reads
    them fails with a KeyError such as 'max_depth'."""
    if patient.own is None:
        return
    for record in patient.own.experiments():
        if not record.active:
            continue
        newest = _runs(patient.own, record.id).finished().by_start(newest_first=True).take(_LOOK_AT)
        bare = [run for run in takewhile(lambda run: not run.params, newest) if run.metrics]
        if len(bare) >= _FEW and any(_SEARCH.search(name) for name in (record.name, *(run.name for run in bare))):
            yield Finding(
                f"the newest {len(bare)} runs have metrics and no parameters",
                f"experiment “{record.name}”",
                "mlflow.log_params(params)",
            )


def _runs(store: Store, experiment_id: str) -> Runs:
    return Runs(((store, RunQuery(experiment_ids=(experiment_id,))),), "")


def _newest(patient: Patient) -> list[Run]:
    """The newest runs of a store on this machine."""
    if patient.own is None or patient.database is None:
        return []
    return Runs(((patient.own, RunQuery()),), "").by_start(newest_first=True).take(_LOOK_AT)
