"""Real stores of ten learners: we read what MLflow's own client reads, and leave no trace."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flowcoach.evidence import Evidence, NotFound, RunQuery
from flowcoach.evidence.discover import gather, open_store
from flowcoach.evidence.stores import Store

WILD = Path(__file__).parents[3] / "shared" / "wild"
LEARNERS = json.loads((WILD / "expected.json").read_text()) if WILD.is_dir() else []
STORES = [f"{learner['id']}/{store}" for learner in LEARNERS for store in learner["stores"]]
KNOBS = ("max_depth", "n_estimators", "min_samples_split", "min_samples_leaf")
VALIDATION = ("rmse", "RMSE", "val_rmse", "valid_rmse", "Validation RMSE")

pytestmark = pytest.mark.skipif(not WILD.is_dir(), reason="the learners' stores (../shared/wild) are not here")


def address(path: Path) -> str:
    return path.as_uri() if path.is_dir() else f"sqlite:///{path.as_posix()}"


@pytest.fixture(scope="module")
def by_mlflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What MLflow's client reads from a copy of each store, which it upgrades."""
    folder = tmp_path_factory.mktemp("wild")
    copies = {}
    for name in STORES:
        copy = folder / name
        copy.parent.mkdir(exist_ok=True)
        if (WILD / name).is_dir():
            shutil.copytree(WILD / name, copy, copy_function=shutil.copyfile)
            for inner in (copy, *copy.rglob("*")):
                if inner.is_dir():
                    inner.chmod(0o755)
        else:
            shutil.copyfile(WILD / name, copy)
        copies[name] = address(copy)
    program = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("dump.py"))]
    done = subprocess.run(
        [*program, str(folder / "dump.json"), *copies.values()], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    dumped = json.loads((folder / "dump.json").read_text())
    return {name: dumped[copy] for name, copy in copies.items()}


@pytest.fixture(scope="module", autouse=True)
def untouched() -> Iterator[None]:
    """Reading leaves every byte, every time and the list of files as they were."""
    before = trace(WILD)
    yield
    assert trace(WILD) == before


def trace(folder: Path) -> dict[str, tuple[int, str]]:
    return {
        str(path): (path.stat().st_mtime_ns, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "")
        for path in (folder, *folder.rglob("*"))
    }


@pytest.fixture
def ours(store: str) -> Iterator[Store]:
    opened = open_store(address(WILD / store))
    yield opened
    opened.close()


@pytest.mark.parametrize("store", STORES)
def test_experiments_are_those_that_mlflow_reads(ours: Store, store: str, by_mlflow: dict[str, Any]) -> None:
    read = {one.id: [one.name, one.active, one.artifact_location, one.tags] for one in ours.experiments()}
    assert read == by_mlflow[store]["experiments"]


@pytest.mark.parametrize("store", STORES)
def test_runs_are_those_that_mlflow_reads(ours: Store, store: str, by_mlflow: dict[str, Any]) -> None:
    active = {one.id for one in ours.experiments() if one.active}
    expected = {id: run for id, run in by_mlflow[store]["runs"].items() if run["experiment"] in active}
    read = {
        run.id: {
            "name": run.name,
            "experiment": run.experiment_id,
            "status": run.status,
            "active": run.active,
            "times": [run.start_time, run.end_time],
            "artifacts": run.artifact_uri,
            "params": run.params,
            "metrics": run.metrics,
            "tags": run.tags,
            "datasets": sorted(
                [one.name, one.digest, one.context, one.source_type, one.source] for one in run.datasets
            ),
        }
        for run in (*ours.runs(RunQuery()), *ours.runs(RunQuery(deleted=True)))
    }
    assert comparable(read) == comparable(expected)


@pytest.mark.parametrize("store", STORES)
def test_all_run_ids_are_known_those_of_deleted_experiments_too(
    ours: Store, store: str, by_mlflow: dict[str, Any]
) -> None:
    assert ours.run_ids() == by_mlflow[store]["runs"].keys()


@pytest.mark.parametrize("store", STORES)
def test_models_versions_and_stages_are_those_that_mlflow_reads(
    ours: Store, store: str, by_mlflow: dict[str, Any]
) -> None:
    models = {
        model.name: [
            model.description,
            model.tags,
            {alias: version.version for version in model.versions for alias in version.aliases},
        ]
        for model in ours.registered_models()
    }
    versions = {
        f"{one.name}/{one.version}": [one.stage, one.source, one.run_id, one.status, one.description, one.tags]
        for model in ours.registered_models()
        for one in model.versions
    }
    assert models == by_mlflow[store]["models"]
    assert versions == by_mlflow[store]["versions"]


@pytest.fixture
def evidence(learner: dict[str, Any]) -> Iterator[Evidence]:
    folder = WILD / learner["id"]
    found = gather(folder, address(folder / learner["primary"]))
    yield found
    found.close()


def ids(learner: dict[str, Any]) -> str:
    return learner["id"]


@pytest.mark.parametrize("learner", LEARNERS, ids=ids)
def test_every_store_of_a_learner_is_found_and_none_twice(evidence: Evidence, learner: dict[str, Any]) -> None:
    found = [Path(store.address.removeprefix("sqlite:///")).name for store in evidence.stores]
    assert sorted(found) == sorted(learner["stores"])
    assert evidence.warnings == ()


@pytest.mark.parametrize("learner", LEARNERS, ids=ids)
def test_tuning_is_seen_over_all_stores_as_a_reader_of_the_homework_saw_it(
    evidence: Evidence, learner: dict[str, Any]
) -> None:
    tuned = any(
        sum(1 for run in experiment.runs.finished().with_params(*KNOBS) if any(map(run.has_metric, VALIDATION))) >= 5
        for experiment in evidence.experiments
    )
    assert tuned == (learner["all_stores"]["hpo"] == "yes")


@pytest.mark.parametrize("learner", LEARNERS, ids=ids)
def test_the_registry_is_seen_as_a_reader_of_the_homework_saw_it(evidence: Evidence, learner: dict[str, Any]) -> None:
    versions = [version for model in evidence.models for version in model.versions]
    registered = "yes" if versions else "empty model" if evidence.models else "no"
    assert registered == learner["all_stores"]["registered"]
    if versions:
        assert verdict(evidence) == learner["all_stores"]["registered_is_best"]


def verdict(evidence: Evidence) -> str:
    """Whether the latest version's run has the lowest test RMSE of the experiment that it is in."""
    try:
        run = evidence.run_of(evidence.models[0].latest)
    except NotFound:
        return "no"
    scored = evidence.runs.with_metric("test_rmse")
    lowest = scored.lowest("test_rmse").metric("test_rmse")
    if run.metrics.get("test_rmse") != lowest:
        return "no"
    return "yes" if sum(1 for one in scored if one.metric("test_rmse") == lowest) == 1 else "tie"


def comparable(value: Any) -> Any:
    """NaN equals nothing, not even itself; here it is to equal NaN."""
    if isinstance(value, dict):
        return {key: comparable(inner) for key, inner in value.items()}
    return "NaN" if isinstance(value, float) and math.isnan(value) else value
