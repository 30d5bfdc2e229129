"""MLflow's own UI on the learner's store: it answers, it shows their runs, and it leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from flowcoach import workspace
from flowcoach.coach import ui
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace


@pytest.fixture
def here(prepared: Workspace, tmp_path: Path) -> Workspace:
    shutil.copytree(prepared.folder, tmp_path / "course")
    return workspace.load(tmp_path / "course")


def test_it_serves_the_store_and_everything_it_started_ends_with_it(here: Workspace) -> None:
    port = ui.free_port(0)
    with ui.serve(here, port) as server:
        ui.wait_until_ready(server, port, here)
        address = f"http://{ui.HOST}:{port}/ajax-api/2.0/mlflow/experiments/get?experiment_id=0"
        with urllib.request.urlopen(address, timeout=30) as answer:
            experiment = json.load(answer)["experiment"]
        family = [server.pid, *(child.pid for child in psutil.Process(server.pid).children(recursive=True))]
    assert experiment["name"] == "Default"
    assert [pid for pid in family if psutil.pid_exists(pid)] == []


@pytest.mark.skipif(sys.platform == "win32", reason="there, a process is ended without being asked")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_the_command_ends_what_it_started(number: signal.Signals, here: Workspace) -> None:
    command = [sys.executable, "-m", "flowcoach", "ui", "--no-browser"]
    with subprocess.Popen(command, cwd=here.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as asked:
        process = psutil.Process(asked.pid)
        deadline = time.monotonic() + 60
        while not (family := process.children(recursive=True)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        asked.send_signal(number)
        assert asked.wait(timeout=60) == 128 + number
    assert [child for child in family if child.is_running()] == []


def test_a_server_that_ends_at_once_is_told_with_where_to_read_why(here: Workspace) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended, pytest.raises(Problem) as problem:
        ui.wait_until_ready(ended, ui.free_port(0), here)
    assert str(ui.log_of(here)) in problem.value.next_step


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.socket() as other:
        other.bind((ui.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        assert ui.free_port(taken) != taken
