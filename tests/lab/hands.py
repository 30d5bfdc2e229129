"""What tests do with a lab: run scripts through it, ask its server, look at its processes."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowcoach.lab.control import Lab
from flowcoach.lab.service import MARK

LONG = 60  # seconds that nothing here should take


def python(lab: Lab, account: str, text: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the workspace, logged in to the lab as `account`, without waiting long for a server."""
    variables = {**lab.environment(account), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", **more}
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        cwd=lab.places.workspace.folder,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def ask(
    lab: Lab, path: str, account: str | None = None, password: str | None = None, **headers: str
) -> tuple[int, str]:
    """The status and the words with which the server answers."""
    if account is not None:
        pair = f"{account}:{lab.secrets.passwords[account] if password is None else password}"
        headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(lab.state.address + path, headers=headers), timeout=30
        ) as it:
            return it.status, it.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")


def listeners() -> list[tuple[str, int, int | None]]:
    """Host, port and process of everything that listens on this machine."""
    found = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return [(one.laddr[0], one.laddr[1], one.pid) for one in found if one.laddr]


def until(holds: Callable[[], Any], what: str, *, seconds: float = LONG) -> Any:
    """What `holds` returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    pytest.fail(f"not within {seconds:g} s: {what}")


def started_by(lab: Lab) -> list[psutil.Process]:
    """Every process that the lab started and that still runs."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == lab.state.mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def lines_of(path: Path) -> list[str]:
    """What a script has written so far."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
