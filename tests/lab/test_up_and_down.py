"""The end of a lab, in good order and otherwise: what is kept, and that nothing is left. (This file is the last.)"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from flowcoach.lab import bucket, control, notes, postgres
from flowcoach.lab.control import Lab
from flowcoach.lab.notes import LEARNER
from flowcoach.lab.plan import Order
from flowcoach.workspace import Workspace
from tests.lab.hands import ask, listeners, python, started_by, until
from tests.prove import stage


@pytest.fixture
def another(prepared: Workspace, tmp_path: Path) -> Workspace:
    """A workspace whose lab was never up."""
    return stage.copy(prepared, tmp_path / "another")


def test_an_own_database_and_an_own_bucket_are_taken_by_address(
    team: Lab, another: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    ports = {one.name: one.port for one in team.state.services}
    with closing(psycopg.connect(postgres.uri(team.secrets, ports[postgres.NAME], "postgres"), autocommit=True)) as own:
        own.execute("CREATE DATABASE theirs")
    keys = bucket.variables(team.secrets, ports[bucket.NAME])
    bucket.client(keys["MLFLOW_S3_ENDPOINT_URL"], team.secrets).create_bucket(Bucket="theirs")
    for name, text in keys.items():
        monkeypatch.setenv(name, text)
    theirs = postgres.uri(team.secrets, ports[postgres.NAME], "theirs")
    lab, keeper = control.up(another, Order("team", database=theirs, bucket="s3://theirs"))
    try:
        assert [one.name for one in lab.state.services] == ["mlflow"]
        note = "import mlflow; mlflow.set_experiment('own'); mlflow.log_text('hello', 'hello.txt')"
        done = python(lab, LEARNER, note)
        assert done.returncode == 0, done.stderr
        kept = bucket.client(keys["MLFLOW_S3_ENDPOINT_URL"], team.secrets).list_objects_v2(Bucket="theirs")["Contents"]
        assert [one["Key"] for one in kept if one["Key"].endswith("hello.txt")] != []
    finally:
        control.end(keeper)


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
def test_ctrl_c_at_the_terminal_ends_it_all_and_public_lets_others_in_under_that_name_only(another: Workspace) -> None:
    from tests.terminal import terminal

    words = ["lab", "up", "local", "--public", "office.example.org"]
    with terminal([sys.executable, "-m", "flowcoach", *words], another.folder) as screen:
        screen.sees("Ctrl-C here ends the lab")
        lab = control.find(another)
        assert lab is not None
        ids, path = {one.pid for one in started_by(lab)}, "/api/2.0/mlflow/experiments/get?experiment_id=0"
        assert {host for host, _, pid in listeners() if pid in ids} == {"0.0.0.0"}
        assert ask(lab, path, Host="office.example.org")[0] == 200
        assert ask(lab, path, Host="elsewhere.example.org")[0] == 403
        screen.press("\x03")  # Ctrl-C
        assert screen.ends() == 0
    assert (started_by(lab), control.find(another)) == ([], None)


def test_what_was_kept_is_there_after_the_next_up_and_nothing_is_left_after_a_down(team: Lab, logged: str) -> None:
    here, before = team.places.workspace, team
    assert control.down(here)
    left = [
        *started_by(before),
        *([psutil.Process(before.state.keeper)] if psutil.pid_exists(before.state.keeper) else []),
    ]
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []
    ports = notes.read_ports(before.places).values()
    assert [port for _, port, _ in listeners() if port in ports] == []
    assert [path.name for path in before.places.own.iterdir() if path.suffix in (".lock", ".pid", ".sock")] == []
    assert notes.read_state(before.places) is None
    again, keeper = control.up(here, Order("team"))
    try:
        assert again.state.address == before.state.address
        assert ask(again, f"/api/2.0/mlflow/runs/get?run_id={logged}", LEARNER)[0] == 200
        psutil.Process(keeper.pid).kill()  # a crash of ours
        until(lambda: not started_by(again), "everything ends when the keeper is killed", seconds=30)
    finally:
        control.end(keeper)
    assert control.find(here) is None
