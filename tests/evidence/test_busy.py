"""While MLflow logs to a store, looks at it are right every time, and hold nobody up."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.evidence.discover import gather
from flowcoach.workspace import Workspace
from tests.evidence.stores import fill
from tests.prove import stage

LOOKS = 200
EVERY = 50  # of the looks one is a process of its own, as a learner starts it

# Logs runs to each of the stores in turn until its standard input ends; then says how that went.
WRITER = """
import json, sys, threading, time
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

places = [(client, client.create_experiment("busy")) for client in map(MlflowClient, sys.argv[1:])]
waits = {address: [] for address in sys.argv[1:]}
ended = threading.Event()

def wait_for_the_end():
    sys.stdin.read()
    ended.set()

def timed(address, call, *values, **options):
    began = time.perf_counter()
    answer = call(*values, **options)
    waits[address].append(time.perf_counter() - began)
    return answer

threading.Thread(target=wait_for_the_end, daemon=True).start()
print("ready", flush=True)
while not ended.is_set():
    for address, (client, experiment) in zip(sys.argv[1:], places):
        run = timed(address, client.create_run, experiment).info.run_id
        metrics, params = [Metric("rmse", 5.0, 0, 0)], [Param("max_depth", "3")]
        timed(address, client.log_batch, run, metrics=metrics, params=params)
        timed(address, client.set_terminated, run)
print(json.dumps({address: [len(times) // 3, max(times)] for address, times in waits.items()}))
"""


@dataclass(frozen=True)
class Outcome:
    """What the writer says at the end: the runs it logged to a store, and the longest one call of its took there."""

    runs: int
    longest: float


@dataclass(frozen=True)
class Look:
    """What one look saw: the points of section 2.3, and the finished runs that are logged meanwhile."""

    points: float
    finished: int
    whole: int


@pytest.fixture(scope="module")
def outcomes(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[list[Look], Outcome]]:
    """For each way to keep a journal: what the looks saw, and what the writer met meanwhile."""
    folder = tmp_path_factory.mktemp("busy")
    places = {mode: _place(prepared, folder / mode, mode) for mode in ("DELETE", "WAL")}
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, *(here.own_store for here in places.values())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        looks = {mode: list(_looks(here)) for mode, here in places.items()}
        said, complaints = writer.communicate()
    assert writer.returncode == 0, complaints
    told = json.loads(said)
    return {mode: (looks[mode], Outcome(*told[here.own_store])) for mode, here in places.items()}


def _place(prepared: Workspace, folder: Path, mode: str) -> Workspace:
    here = stage.copy(prepared, folder)
    fill(here.folder / "mlflow.db", 30)
    with closing(sqlite3.connect(here.folder / "mlflow.db")) as store:
        store.execute(f"PRAGMA journal_mode = {mode}")
    return here


def _looks(here: Workspace) -> Iterator[Look]:
    for number in range(LOOKS):
        points = _asked_of_a_process(here) if number % EVERY == EVERY - 1 else _asked(here)
        with closing(gather(here.folder, here.own_store)) as evidence:
            finished = list(evidence.experiment("busy").runs.finished())
        whole = sum(run.params == {"max_depth": "3"} and run.metrics == {"rmse": 5.0} for run in finished)
        yield Look(points, len(finished), whole)


def _asked(here: Workspace) -> float:
    with closing(gather(here.folder, here.own_store)) as evidence:
        return course.examine(("2.3",), evidence).points


def _asked_of_a_process(here: Workspace) -> float:
    done = subprocess.run(
        [sys.executable, "-m", "flowcoach", "--workspace", str(here.folder), "check", "--json", "2.3"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr or done.stdout
    return json.loads(done.stdout)["points"]


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_every_look_is_right(outcomes: dict[str, tuple[list[Look], Outcome]], mode: str) -> None:
    looks, _ = outcomes[mode]
    full = sum(check.points for check in course.section("2.3").checks)
    assert [look.points for look in looks] == [full] * LOOKS
    assert [look.finished for look in looks] == sorted(look.finished for look in looks)
    assert [look.whole for look in looks] == [look.finished for look in looks]
    assert looks[0].finished < looks[-1].finished, "nothing was logged meanwhile"


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_the_writer_never_meets_a_lock(
    outcomes: dict[str, tuple[list[Look], Outcome]], mode: str, record_property: Callable[[str, object], None]
) -> None:
    _, outcome = outcomes[mode]  # a lock that it met would have ended the writer
    told = (
        f"{outcome.runs} runs logged during {LOOKS} looks; the writer waited at most {outcome.longest:.3f} s for a call"
    )
    record_property(f"journal {mode}", told)
    assert outcome.runs > 10
