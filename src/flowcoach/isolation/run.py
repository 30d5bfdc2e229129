"""Start an isolated command, watch over what it uses, and end everything that it started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from flowcoach.isolation import sandbox
from flowcoach.isolation.limits import USUAL, Ended, Finished, Limits, Trust

_MARK = "FLOWCOACH_ISOLATED"  # carries an id that everything which a command starts inherits
_LOOK_EVERY = 0.05  # seconds
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
    folder = folder.resolve()
    mark = uuid.uuid4().hex
    inherited = {**_environment(folder, trust), **(environment or {}), _MARK: mark}
    words = _words(command, folder, trust, limits, readable, inherited)
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=inherited,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=os.name == "posix",
    )
    assert process.stdout is not None
    listener = _Listener(process.stdout, limits.output)
    listener.start()
    ended = Ended.BY_ITSELF
    try:
        ended = _watch(process, folder, limits)
    finally:
        _end(process, mark, trust)
        listener.join(timeout=5)  # a process that got away may still hold the other end
    return Finished(process.returncode, listener.text, ended)


def _words(
    command: Sequence[str],
    folder: Path,
    trust: Trust,
    limits: Limits,
    readable: Sequence[Path],
    environment: Mapping[str, str],
) -> list[str]:
    """The whole command line: sandbox, limits, command."""
    if os.name != "posix":
        return sandbox.wrapped(folder, readable, environment) if trust is Trust.FOREIGN else list(command)
    given: dict[str, int | str] = {"folder": str(folder), "RLIMIT_CORE": 0, "RLIMIT_FSIZE": limits.disk}
    given["RLIMIT_AS"] = 4 * limits.memory  # addresses, of which libraries take many and use few
    if trust is Trust.OWN:
        return [sys.executable, "-I", "-S", str(_PREAMBLE), json.dumps(given), *command]
    before = sandbox.wrapped(folder, readable, environment)
    if (uid := sandbox.nobody()) is not None:
        _give(folder, uid)
        given["uid"] = uid
    given["RLIMIT_NPROC"] = limits.processes + (0 if uid is not None else _threads_of_mine())
    return [*before, sys.executable, "-I", "-S", str(_PREAMBLE), json.dumps(given), *command]


def _environment(folder: Path, trust: Trust) -> dict[str, str]:
    """The little that every program needs: no token, no address, nobody's name."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PATH": path,
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
    with suppress(psutil.Error):
        above = psutil.Process(process.pid)
        while process.poll() is None:
            if time.monotonic() > deadline:
                return Ended.TIME
            if _memory(above) > limits.memory:
                return Ended.MEMORY
            if _is_full(folder, limits):
                return Ended.DISK
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK_EVERY)
    with suppress(subprocess.TimeoutExpired):
        process.wait(max(0.0, deadline - time.monotonic()))
    return Ended.DISK if _is_full(folder, limits) else Ended.BY_ITSELF


def _memory(above: object) -> int:
    """The bytes that a process and everything below it hold together."""
    import psutil

    assert isinstance(above, psutil.Process)
    total = 0
    for process in (above, *above.children(recursive=True)):
        with suppress(psutil.Error):
            total += process.memory_info().rss
    return total


def _is_full(folder: Path, limits: Limits) -> bool:
    """Whether more lies in the folder than may; it is looked at while somebody writes into it."""
    size = count = 0
    for place, folders, names in os.walk(folder):
        count += len(folders) + len(names)
        if count > limits.files:
            return True
        for name in names:
            with suppress(OSError):
                found = os.lstat(os.path.join(place, name))  # noqa: PTH118
                size += getattr(found, "st_blocks", 0) * 512 or found.st_size
    return size > limits.disk


def _end(process: subprocess.Popen[bytes], mark: str, trust: Trust) -> None:
    """End the command and all that it started. In a sandbox, its first process takes all others along."""
    import psutil

    below: list[psutil.Process] = []
    with suppress(psutil.Error):
        below = psutil.Process(process.pid).children(recursive=True)
    if os.name == "posix":
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        process.kill()
    process.wait()
    if trust is Trust.OWN:
        below += [one for one in psutil.process_iter() if _carries(one, mark)]
    for one in below:
        with suppress(psutil.Error):
            one.kill()
    deadline = time.monotonic() + 5
    while any(_lives(one) for one in below) and time.monotonic() < deadline:
        time.sleep(0.01)


def _lives(process: object) -> bool:
    """Whether a process still runs; one that has ended may wait long for somebody to take note."""
    import psutil

    assert isinstance(process, psutil.Process)
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def _carries(process: object, mark: str) -> bool:
    """Whether a process that left its parents was started by the command all the same."""
    import psutil

    assert isinstance(process, psutil.Process)
    try:
        return process.environ().get(_MARK) == mark
    except (psutil.Error, OSError):
        return False


def _threads_of_mine() -> int:
    """How many threads this user has now: older kernels count them against a sandbox's limit too."""
    import psutil

    mine, count = os.getuid(), 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.uids().real == mine:
                count += process.num_threads()
    return count


class _Listener(threading.Thread):
    """Reads what a command prints, however much, and keeps the beginning and the end of it."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        super().__init__(daemon=True)
        self.stream = stream
        self.most = most
        self.first = bytearray()
        self.last = bytearray()
        self.left_out = 0

    def run(self) -> None:
        """Read to the end."""
        half = self.most // 2
        with suppress(OSError, ValueError):
            while piece := os.read(self.stream.fileno(), 2**16):
                room = half - len(self.first)
                self.first += piece[: max(0, room)]
                self.last += piece[max(0, room) :]
                if (over := len(self.last) - half) > 0:
                    del self.last[:over]
                    self.left_out += over

    @property
    def text(self) -> str:
        """What was kept, and how much was not."""
        between = f"\n… {self.left_out:,} bytes left out …\n".encode() if self.left_out else b""
        return (bytes(self.first) + between + bytes(self.last)).decode("utf-8", errors="replace")
