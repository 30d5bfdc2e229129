"""One server of the lab: how it is started, and how one knows that it answers."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LEASH = Path(__file__).with_name("leash.py")
HOST = "127.0.0.1"
MARK = "FLOWCOACH_LAB"  # carries an id that everything the lab starts inherits


@dataclass(frozen=True)
class Service:
    """A server: the command (a full path first), where and as whom it runs, and whether it answers.

    `prepare` runs before each start; `answers` is asked until it says yes; `afterwards` runs once then; `tidy` runs
    when it has ended. `signal` is what ends it in good order, for which it has `seconds`.
    """

    name: str
    what: str
    port: int
    command: tuple[str, ...]
    folder: Path
    answers: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    prepare: Callable[[], None] = lambda: None
    afterwards: Callable[[], None] = lambda: None
    tidy: Callable[[], None] = lambda: None
    signal: str = "SIGTERM"
    seconds: float = 15
    user: tuple[int, int] | None = None


@dataclass
class Running:
    """A server that was started, on its leash."""

    service: Service
    leash: subprocess.Popen[bytes]
    pid: int

    @property
    def code(self) -> int | None:
        """The exit code, once it has ended."""
        return self.leash.poll()

    def kill(self) -> None:
        """End it as a power cut would."""
        with suppress(OSError):
            assert self.leash.stdin is not None
            self.leash.stdin.write(b"k")
            self.leash.stdin.flush()
        self.end()

    def let_go(self) -> None:
        """Begin to end it in good order."""
        with suppress(OSError):
            assert self.leash.stdin is not None
            self.leash.stdin.close()

    def end(self) -> None:
        """End it in good order, and wait for that."""
        self.let_go()
        try:
            self.leash.wait(self.service.seconds + 5)
        except subprocess.TimeoutExpired:
            self.leash.kill()
        self.service.tidy()


def start(service: Service, log: Path, mark: str) -> Running:
    """Start a server on a leash; what it prints is added to `log`."""
    service.prepare()
    given: dict[str, object] = {"command": service.command, "signal": service.signal, "seconds": service.seconds}
    if service.user is not None:
        given["user"], given["group"] = service.user
    with log.open("ab") as printed:
        leash = subprocess.Popen(
            [sys.executable, "-I", "-S", str(LEASH), json.dumps(given)],
            cwd=service.folder,
            env={**_usual(), **service.environment, MARK: mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=printed,
            start_new_session=os.name == "posix",
        )
    return Running(service, leash, _first_line(leash.stdout))


def _usual() -> dict[str, str]:
    """The environment without what would send a server elsewhere."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("MLFLOW_", "AWS_", "PG"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, "PATH": path, "PYTHONUTF8": "1", "MLFLOW_DISABLE_TELEMETRY": "true"}


def _first_line(told: IO[bytes] | None) -> int:
    assert told is not None
    line = told.readline()
    return int(line) if line.strip().isdigit() else 0


def listens(port: int) -> bool:
    """Whether somebody listens on this port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0
