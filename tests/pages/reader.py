"""A reader who types what a page says: a terminal, the servers it leaves running, and one session of Python."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from flowcoach.coach.ui import HOST, free_port
from flowcoach.course import Section
from flowcoach.workspace import SETTINGS
from tests.pages.page import Block, agrees

COMMAND_SECONDS = 150
START_SECONDS = 120

_CHECKS = re.compile(r"flowcoach (check|submit|verify|replay)\b")  # 1 says that steps are open: an answer, too
_PORT = re.compile(r"\s(?:--port|-p)[ =](\d+)")


@dataclass(frozen=True)
class _Kind:
    """How a program that runs on is started: where it listens when told nothing, and what keeps a browser closed."""

    command: re.Pattern[str]
    port: int | None
    quietly: str = ""


_SERVERS = (
    _Kind(re.compile(r"mlflow (ui|server|models serve)\b"), 5000),
    _Kind(re.compile(r"flowcoach ui\b"), 5000, " --no-browser"),
    _Kind(re.compile(r"flowcoach watch\b"), None),
    _Kind(re.compile(r"jupyter (lab|notebook)\b"), 8888, " --no-browser"),
)

_PYTHON = """
import json, sys
namespace = {"__name__": "__main__"}
for line in sys.stdin:
    block = json.loads(line)
    if block["folder"]:
        __import__("os").chdir(block["folder"])
    exec(compile(block["code"], block["name"], "exec"), namespace)
    print(block["end"], flush=True)
"""
_END = "\x04 end of the block"


@dataclass
class Server:
    """A program that runs on, with what it said so far."""

    command: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def said(self) -> str:
        """Everything it printed until now."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def end(self) -> None:
        """End it as Ctrl-C does, and everything that it started; not gently when it takes too long."""
        if os.name != "posix":
            words = ["taskkill", "/T", "/F", "/PID", str(self.process.pid)]
            subprocess.run(words, capture_output=True, check=False)
            return
        for how in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, how)
            # All of them: while one still ends a server of its own in good order, the next signal would cut it short.
            if wait_for(self._is_gone, 10):
                return

    def _is_gone(self) -> bool:
        self.process.poll()  # or the one that was started here stays as a name without a process
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False


@dataclass
class Reader:
    """Somebody at a terminal who stands in `folder`; `scratch` is an empty folder for what the page does not see.

    The session of Python begins with the section's run.py, in the first workspace that the reader stands in.
    """

    section: Section
    folder: Path
    scratch: Path
    ports: dict[int, int] = field(default_factory=dict)
    servers: list[Server] = field(default_factory=list)
    session: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Sit down."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Get up: end what still runs, last things first."""
        if self.session is not None:
            self.session.kill()
            self.session.communicate()
        for server in reversed(self.servers):
            server.end()

    def read(self, block: Block) -> None:
        """Type a block, and look whether it does and says what the page says. Raises AssertionError."""
        if self.session is None and (self.folder / SETTINGS).is_file():
            self._begin()
        if block.language == "python" and not block.is_fragment:
            printed = self.python(block.text)
            assert block.output is None or agrees(block.output, printed), _differs(block, printed)
        elif block.language == "console":
            self._console(block)

    def python(self, code: str, name: str = "page.py") -> str:
        """Run code where the session stands; what it printed comes back. Raises AssertionError when it fails."""
        assert self.session is not None, "the page runs Python before there is a workspace"
        assert self.session.stdin is not None
        assert self.session.stdout is not None
        for there, here in self.ports.items():
            code = _elsewhere(code, there, here)
        folder = "" if name == "run.py" else str(self.folder)
        message = {"code": code, "name": name, "folder": folder, "end": _END}
        self.session.stdin.write(json.dumps(message) + "\n")
        self.session.stdin.flush()
        said: list[str] = []
        for line in self.session.stdout:
            if line.rstrip("\n") == _END:
                return "".join(said)
            said.append(line)
        errors = (self.scratch / "session.log").read_text(encoding="utf-8", errors="replace")
        raise AssertionError(f"{name} failed:\n{code}\n{errors}")

    def _begin(self) -> None:
        with (self.scratch / "session.log").open("wb") as log:
            self.session = subprocess.Popen(
                [sys.executable, "-c", _PYTHON],
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                encoding="utf-8",
            )
        self.python((self.section.folder / "run.py").read_text(encoding="utf-8"), "run.py")

    def _console(self, block: Block) -> None:
        printed, everything = "", ""
        for line in block.lines:
            kind = next((kind for kind in _SERVERS if kind.command.match(line)), None)
            if line.startswith("cd "):
                self.folder = (self.folder / line.removeprefix("cd ").strip("'\"")).resolve()
                assert self.folder.is_dir(), f"{line}: there is no such folder"
            elif kind:
                server = self._start(line, kind)
                if block.output is not None:
                    wait_for(lambda server=server: agrees(block.output or "", server.said), 30)
                    printed += server.said
            else:
                said, beside = self._run(line)
                printed, everything = printed + said, everything + said + beside
        if block.output is not None:
            assert agrees(block.output, printed) or agrees(block.output, everything), _differs(block, everything)

    def _run(self, line: str) -> tuple[str, str]:
        for there, here in self.ports.items():
            line = _elsewhere(line, there, here)
        done = subprocess.run(
            line,
            shell=True,
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
        )
        allowed = (0, 1) if _CHECKS.match(line) else (0,)
        assert done.returncode in allowed, f"{line} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        return done.stdout, done.stderr

    def _start(self, line: str, kind: _Kind) -> Server:
        for there, here in self.ports.items():
            line = _elsewhere(line, there, here)
        port = None
        if kind.port:
            port = free_port(0)
            written = _PORT.search(line)
            line = _PORT.sub(f" --port {port}", line) if written else f"{line} --port {port}"
            self.ports[int(written[1]) if written else kind.port] = port
        log = self.scratch / f"server-{len(self.servers)}.log"
        with log.open("wb") as said:
            process = subprocess.Popen(
                line + kind.quietly,
                shell=True,
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        server = Server(line, process, log)
        self.servers.append(server)
        ready = wait_for(lambda: process.poll() is not None or _is_up(port, server), START_SECONDS)
        assert ready, f"{line} did not answer in {START_SECONDS} s:\n{server.said}"
        assert process.poll() is None, f"{line} ended:\n{server.said}"
        return server

    @property
    def _environment(self) -> Mapping[str, str]:
        """That of a terminal just opened in the course's environment, for somebody whom git knows."""
        settings = {name: text for name, text in os.environ.items() if not name.startswith(("FLOWCOACH_", "MLFLOW_"))}
        programs = str(Path(sys.executable).parent)
        for kind in ("runtime", "config"):
            (self.scratch / kind).mkdir(exist_ok=True)
        quiet = {"ServerApp": {"allow_root": True, "open_browser": False}}
        (self.scratch / "config" / "jupyter_server_config.json").write_text(json.dumps(quiet), encoding="utf-8")
        return {
            **settings,
            "PATH": os.pathsep.join([programs, settings.get("PATH", "")]),
            "PYTHONUTF8": "1",
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # one process instead of 15 beside it
            "MLFLOW_WORKERS": "1",
            "JUPYTER_RUNTIME_DIR": str(self.scratch / "runtime"),
            "JUPYTER_CONFIG_DIR": str(self.scratch / "config"),
            "IPYTHONDIR": str(self.scratch / "runtime"),
            **{f"GIT_{who}_NAME": "a reader" for who in ("AUTHOR", "COMMITTER")},
            **{f"GIT_{who}_EMAIL": "reader@example.org" for who in ("AUTHOR", "COMMITTER")},
        }


def _elsewhere(text: str, there: int, here: int) -> str:
    """The text with the port of a server on this machine changed from what the page says to what was free."""
    return re.sub(rf"(127\.0\.0\.1|localhost):{there}\b", rf"\g<1>:{here}", text)


def _is_up(port: int | None, server: Server) -> bool:
    """Whether a server answers; one without a port, whether it said a first word."""
    return answers(port) if port else bool(server.said)


def answers(port: int) -> bool:
    """Whether something on this machine answers at a port, whatever it answers."""
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/", timeout=2):
            return True
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False


def wait_for(happened: Callable[[], bool], seconds: float) -> bool:
    """Whether something happened within these seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if happened():
            return True
        time.sleep(0.05)
    return False


def _differs(block: Block, printed: str) -> str:
    return f"The page shows for\n{block.text}\n{block.output}\nand this was printed:\n{printed}"
