"""MLflow's own UI on the right store, with settings light enough for a laptop."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flowcoach.coach.scripts import end, environment, require
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace

HOST = "127.0.0.1"


def free_port(preferred: int = 5000) -> int:
    """`preferred` when nothing listens there, else any free port."""
    for port in (preferred, 0):
        with socket.socket() as probe, suppress(OSError):
            if os.name == "posix":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return probe.getsockname()[1]
    raise Problem("No free port was found.", "close a server that you no longer need")


@contextmanager
def serve(workspace: Workspace, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """Run the UI of the workspace's store on `port` of this machine only; everything it started ends with it.

    One worker and no job runner: 2 processes instead of 15. What the server says goes to `.flowcoach/ui.log`.
    """
    require("mlflow")
    scratch = workspace.folder / ".flowcoach"
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", workspace.store, "--default-artifact-root", workspace.artifacts]
    settings = {**environment(workspace), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    del settings["MLFLOW_TRACKING_URI"]  # the server is the store; it must not look for itself
    with log_of(workspace).open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=workspace.folder,
            env=settings,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
        )
        try:
            yield server
        finally:
            end(server)


def log_of(workspace: Workspace) -> Path:
    """Where the server's own words go."""
    return workspace.folder / ".flowcoach" / "ui.log"


def wait_until_ready(server: subprocess.Popen[bytes], port: int, workspace: Workspace, *, seconds: float = 90) -> None:
    """Return once the server answers. Raises Problem when it ended or did not answer in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        with (
            suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=2),
        ):
            return
        time.sleep(0.2)
    raise Problem("MLflow's UI did not start.", f"read what it said: {log_of(workspace)}")
