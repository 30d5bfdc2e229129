"""A section's script run by the command: whoever ends the command ends the script."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from flowcoach.workspace import Workspace
from tests.toy import COMMAND, COURSE

_ENDLESS = """
import os, time
from pathlib import Path

Path(os.environ["FLOWCOACH_WORKSPACE"], "begun.txt").touch()
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there, a process is ended without being asked")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_the_command_ends_the_script(number: signal.Signals, toy: Workspace, tmp_path: Path) -> None:
    shutil.copytree(COURSE, tmp_path / "course")
    (tmp_path / "course" / "modules" / "9.1-toy" / "run.py").write_text(_ENDLESS, encoding="utf-8")
    command = COMMAND.replace(repr(str(COURSE)), repr(str(tmp_path / "course")))
    with subprocess.Popen([sys.executable, "-c", command, "run", "9.1"], cwd=toy.folder) as asked:
        deadline = time.monotonic() + 60
        while not (toy.folder / "begun.txt").exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        family = psutil.Process(asked.pid).children(recursive=True)
        asked.send_signal(number)
        assert asked.wait(timeout=60) == 128 + number
    assert family
    assert [child for child in family if child.is_running()] == []
