"""Start an isolated command, watch over what it uses, and end everything that it started."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

from flowcoach.isolation import sandbox
from flowcoach.isolation.limits import USUAL, Ended, Finished, Limits, Trust
from flowcoach.isolation.printed import Listener
from flowcoach.isolation.usage import is_full, reached

if TYPE_CHECKING:
    import psutil

_MARK = "FLOWCOACH_ISOLATED"  # carries an id that everything which a command starts inherits
_LOOK_EVERY = 0.05  # seconds
_END_WITHIN = 5  # seconds
_KEPT = ("SYSTEMROOT", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP")  # without these, Windows starts no program
_PREAMBLE = Path(__file__).with_name("preamble.py")


def run(
    command: Sequence[str],
    *,
    folder: Path,
    trust: Trust,
    limits: Limits = USUAL,
    readable: Sequence[Path] = (),
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Run `command` (a full path first) in `folder`, a scratch folder of copies and the only place it may write to.

    `readable` are further files and folders that it needs to see; `environment` is added to the little that every
    program needs. It has no input. When it ends, by itself or by a limit, everything it started is gone. Raises
    NotIsolated where this machine cannot do it.
    """
    folder = folder.absolute()
    mark = uuid.uuid4().hex
    with tempfile.TemporaryFile() as told:  # where the sandbox says which process is its first
        process = subprocess.Popen(
            _words(command, folder, trust, limits, readable, told.fileno()),
            cwd=folder,
            env={**_environment(folder, trust), **(environment or {}), _MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=os.name == "posix",
            pass_fds=(told.fileno(),) if trust is Trust.FOREIGN else (),
        )
        assert process.stdout is not None
        listener = Listener(process.stdout, limits.output)
        listener.start()
        try:
            ended = _watch(process, folder, limits)
        finally:
            _end(process, mark, trust, _first(told))
            listener.join(_END_WITHIN)  # a process that got away may still hold the other end
            if not listener.is_alive():
                process.stdout.close()
    if is_full(folder, limits):
        ended = Ended.DISK
        _empty(folder)
    return Finished(process.returncode, listener.text, ended)


def _words(
    command: Sequence[str], folder: Path, trust: Trust, limits: Limits, readable: Sequence[Path], told: int
) -> list[str]:
    """The whole command line: sandbox, limits, command."""
    before = sandbox.wrapped(folder, readable, told) if trust is Trust.FOREIGN else []
    if os.name != "posix":
        return list(command)
    given: dict[str, int | str] = {"folder": str(folder), "RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.disk}
    given["RLIMIT_NOFILE"] = 1024
    # A second end, should nobody be left to watch: all cores at work for all the time.
    given["RLIMIT_CPU"] = math.ceil(limits.seconds) * (os.cpu_count() or 1) + 1
    if sys.platform.startswith("linux"):
        given["RLIMIT_AS"] = 4 * limits.memory  # addresses, of which libraries take many and use few
    uid = sandbox.nobody() if trust is Trust.FOREIGN else None
    if uid is not None:
        _give(folder, uid)
        given["uid"] = uid
    if trust is Trust.FOREIGN:
        given["RLIMIT_NPROC"] = limits.processes + (0 if uid or sandbox.counts_alone() else _threads_of_mine())
    return [*before, sys.executable, "-I", "-S", str(_PREAMBLE), json.dumps(given), *command]


def _environment(folder: Path, trust: Trust) -> dict[str, str]:
    """The little that every program needs: no token, no address, nobody's name."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath]),
        "HOME": sandbox.HOME if trust is Trust.FOREIGN else str(folder),
        "USER": "learner",
        "LOGNAME": "learner",
        "LANG": "C.UTF-8",
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }


def _give(folder: Path, uid: int) -> None:
    """Let a user that nobody is write into the scratch folder; its contents are copies, so nobody's rights change."""
    os.chown(folder, uid, uid)
    for place, names, files in os.walk(folder):
        for name in (*names, *files):
            os.chown(Path(place, name), uid, uid, follow_symlinks=False)


def _watch(process: subprocess.Popen[bytes], folder: Path, limits: Limits) -> Ended:
    """Wait until the command ends or reaches a limit; which of them comes back."""
    import psutil

    deadline = time.monotonic() + limits.seconds
    above = psutil.Process(process.pid)
    while True:
        with suppress(subprocess.TimeoutExpired):
            process.wait(min(_LOOK_EVERY, max(0.0, deadline - time.monotonic())))
            return Ended.BY_ITSELF
        if time.monotonic() >= deadline:
            return Ended.TIME
        if limit := reached(above, folder, limits):
            return limit


def _first(told: IO[bytes]) -> list[psutil.Process]:
    """The first process of a sandbox, unless it is gone: it goes when all others in there are gone."""
    import psutil

    told.seek(0)
    with suppress(ValueError, KeyError, TypeError, psutil.Error):
        return [psutil.Process(json.loads(told.read(4096))["child-pid"])]
    return []


def _end(process: subprocess.Popen[bytes], mark: str, trust: Trust, first: list[psutil.Process]) -> None:
    """End the command and all that it started. In a sandbox, its first process takes all others along."""
    import psutil

    below = first
    with suppress(psutil.Error):
        below = first + psutil.Process(process.pid).children(recursive=True)
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.wait()
    deadline = time.monotonic() + _END_WITHIN
    while time.monotonic() < deadline:
        if trust is Trust.OWN:
            below += [one for one in psutil.process_iter() if one not in below and _carries(one, mark)]
        below = [one for one in below if _lives(one)]
        if not below:
            return
        for one in below:
            with suppress(psutil.Error):
                one.kill()
        time.sleep(0.01)


def _lives(process: psutil.Process) -> bool:
    """Whether a process still runs; one that has ended may wait long for somebody to take note."""
    import psutil

    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _carries(process: psutil.Process, mark: str) -> bool:
    """Whether a process that left its parents was started by the command all the same."""
    import psutil

    try:
        return process.environ().get(_MARK) == mark
    except (psutil.Error, OSError):
        return False


def _threads_of_mine() -> int:
    """How many threads this user has now."""
    import psutil

    mine, count = os.getuid(), 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == mine:
                count += process.num_threads()
    return count


def _empty(folder: Path) -> None:
    """Take away what was too much. These two go down to any depth and into what was closed, where Python gives up."""
    if os.name == "posix":
        subprocess.run(["chmod", "-R", "u+rwX", "--", str(folder)], check=False, capture_output=True)
        subprocess.run(["rm", "-rf", "--", *map(str, folder.iterdir())], check=False, capture_output=True)
