"""Run a script or a module in a learner's workspace, with the addresses it needs in its environment."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowcoach.problem import Problem
from flowcoach.workspace import Workspace


def environment(workspace: Workspace) -> dict[str, str]:
    """The environment for a process that works in `workspace`: its store, its folder, telemetry off, UTF-8.

    This Python's own programs come first on PATH, for MLflow starts some (uvicorn) by name.
    """
    return {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "FLOWCOACH_WORKSPACE": str(workspace.folder),
        "MLFLOW_TRACKING_URI": workspace.store,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONUTF8": "1",
    }


def require(*modules: str) -> None:
    """Make sure that these modules are installed, without importing them. Raises Problem with the install command."""
    missing = [name for name in modules if importlib.util.find_spec(name) is None]
    if missing:
        raise Problem(
            f"This needs {', '.join(missing)}, which is not installed here.",
            f'{Path(sys.executable).name} -m pip install "flowcoach[course,notebooks]"',
        )


def run(script: Path, workspace: Workspace, arguments: Sequence[str] = (), *, quiet: bool = False) -> int:
    """Run a Python script with the workspace as current folder; its exit code comes back.

    With `quiet`, what it prints is kept back and shown only when it fails, in the Problem that is raised then.
    """
    command = [sys.executable, str(script), *arguments]
    if not quiet:
        return subprocess.run(command, cwd=workspace.folder, env=environment(workspace), check=False).returncode
    done = subprocess.run(
        command,
        cwd=workspace.folder,
        env={**environment(workspace), "GIT_CONFIG_GLOBAL": os.devnull},  # nobody is there to sign a commit
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise failed(script, done.stdout)
    return 0


def failed(script: Path, output: str) -> Problem:
    """What to say of a script that ended with an error: its last words."""
    last = "\n".join(output.strip().splitlines()[-15:])
    return Problem(f"{script.name} of {script.parent.name} ended with an error:\n{last}", "read its last line above")


def begin(script: Path, workspace: Workspace) -> subprocess.Popen[str]:
    """Begin to run a Python script with the workspace as current folder; what it says can be read line by line."""
    return subprocess.Popen(
        [sys.executable, "-u", str(script)],
        cwd=workspace.folder,
        env=environment(workspace),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=os.name == "posix",
    )


def end(process: subprocess.Popen[Any], *, seconds: float = 10) -> None:
    """End a process that was begun in a session of its own, and everything that it started."""
    if os.name == "posix":
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    else:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        if os.name == "posix":
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
