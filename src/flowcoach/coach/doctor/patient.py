"""What the doctor may look at: one workspace, and the terminal that was asked in. Everything is only read."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flowcoach import course, workspace
from flowcoach.coach.doctor import sources
from flowcoach.coach.doctor.sources import Said, Source
from flowcoach.evidence import Evidence, Store
from flowcoach.evidence.discover import Found, gather, look
from flowcoach.evidence.opening import Database, path_of
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace

LOCAL = ("127.0.0.1", "localhost", "::1")
_PATIENCE = 2.0  # seconds for a server to answer
_NOT_IN = {"__pycache__", "mlruns", "mlartifacts", "data", "node_modules", "site-packages"}
_DEEPEST = 6
_MOST = 500  # scripts and notebooks


@dataclass(frozen=True)
class Answer:
    """What a server said: the HTTP status, and the beginning of its text."""

    status: int
    text: str


@dataclass(frozen=True)
class Patient:
    """A workspace, the folder its owner stands in, the address that their terminal names (None: none), the port where
    MLflow's UI is expected, and the folders in which Jupyter looks for kernels."""

    here: Workspace
    stands_in: Path
    variable: str | None = None
    port: int = 5000
    kernels: tuple[Path, ...] = ()

    @classmethod
    def of(cls, here: Workspace) -> Patient:
        """The workspace as it is now, seen from this terminal. Nothing is looked at yet."""
        return cls(here, Path.cwd(), workspace.INHERITED, kernels=kernel_folders())

    @property
    def store(self) -> str:
        """The tracking address in use: that of the terminal, else that of the settings."""
        return self.variable or self.here.own_store

    @cached_property
    def _file(self) -> Path | None:
        """Where the file of the store should be; None when the store is no SQLite file, or its address is none."""
        try:
            return path_of(self.store) if self.store.startswith("sqlite") else None
        except Problem:
            return None

    @property
    def database(self) -> Path | None:
        """The file of the store, when it is a SQLite file that is there."""
        return self._file if self._file is not None and self._file.is_file() else None

    @property
    def missing(self) -> Path | None:
        """Where the file of the store should be, and nothing is."""
        return self._file if self._file is not None and not self._file.exists() else None

    @cached_property
    def server(self) -> Answer | Exception | None:
        """What the store says when it is a server: an answer, or why there is none. None when it is no server."""
        if not re.match(r"https?://[^/]", self.store):
            return None
        return ask(self.store, "/api/2.0/mlflow/experiments/search?max_results=1")  # /health takes any host name

    @cached_property
    def evidence(self) -> Evidence | Problem:
        """Everything that the stores hold, or why the workspace's own cannot be read."""
        if isinstance(self.server, Exception) or (self.server is not None and self.server.status >= 400):
            return Problem("The tracking server gives no answer.", "look at what is said about it above")
        try:
            return gather(self.here.folder, self.store)
        except Problem as problem:
            return problem

    @property
    def own(self) -> Store | None:
        """The configured store; None when it cannot be read."""
        return self.evidence.configured if isinstance(self.evidence, Evidence) else None

    @cached_property
    def found(self) -> Found:
        """The stores that lie in the workspace."""
        return look(self.here.folder)

    @cached_property
    def revision(self) -> str | None:
        """The state of the schema that the store is in: the last migration that MLflow ran on it."""
        if self.database is None:
            return None
        file = Database(self.database)
        try:
            rows = file.ask("SELECT version_num FROM alembic_version")
        except Problem:
            return None
        finally:
            file.close()
        return str(rows[0][0]) if rows else None

    @cached_property
    def sources(self) -> tuple[Source, ...]:
        """The learner's scripts and notebooks."""
        return sources.read(list(_scripts(self.here.folder)), self.here.folder)

    def runs_code_in(self, folder: Path) -> bool:
        """Whether code may have run with this as the current folder: somebody stands there, or code lies in or below
        it. A store that was put into a folder of its own is there on purpose."""
        return folder == self.stands_in or any(source.path.is_relative_to(folder) for source in self.sources)

    @cached_property
    def names_in_the_course(self) -> set[str]:
        """Every text in the course's own scripts, names of experiments among them."""
        found = sources.read([section.folder / "run.py" for section in course.sections()], course.root())
        return set().union(*(source.strings() for source in found))

    def said(self, *patterns: str) -> Iterator[Said]:
        """The errors saved in notebooks whose text has one of these in it."""
        for source in self.sources:
            for error in source.errors:
                if any(re.search(pattern, error.text) for pattern in patterns):
                    yield error

    def typed(self, path: Path) -> str:
        """A path as it can be typed where one stands, in quotes."""
        return f'"{path.relative_to(self.stands_in) if path.is_relative_to(self.stands_in) else path}"'

    def shown(self, path: Path) -> str:
        """A path as messages show it: relative to the workspace when it lies there."""
        return path.relative_to(self.here.folder).as_posix() if path.is_relative_to(self.here.folder) else str(path)

    def close(self) -> None:
        """Give back what the readers hold."""
        if isinstance(self.__dict__.get("evidence"), Evidence):
            self.__dict__["evidence"].close()


def ask(address: str, path: str) -> Answer | Exception:
    """GET a path of a server: what it answers, whatever the status, or the error that says why it does not."""
    local = urllib.parse.urlsplit(address).hostname in LOCAL
    opener = urllib.request.build_opener(*([urllib.request.ProxyHandler({})] if local else []))
    try:
        with opener.open(address.rstrip("/") + path, timeout=_PATIENCE) as answer:
            return Answer(answer.status, answer.read(100_000).decode("utf-8", errors="replace"))
    except urllib.error.HTTPError as error:
        with error, contextlib.suppress(OSError):
            return Answer(error.code, error.read(10_000).decode("utf-8", errors="replace"))
        return Answer(error.code, "")
    except (OSError, ValueError, http.client.HTTPException) as error:  # refused, too slow, no HTTP, no valid address
        return error


def _scripts(folder: Path) -> Iterator[Path]:
    left = _MOST
    for parent, folders, names in os.walk(folder):
        depth = len(Path(parent).relative_to(folder).parts)
        if depth and {"pyvenv.cfg", "flowcoach.toml"} & set(names):
            folders[:] = []
            continue
        folders[:] = sorted(
            name for name in folders if depth < _DEEPEST and not name.startswith(".") and name not in _NOT_IN
        )
        for name in sorted(names):
            if name.endswith((".py", ".ipynb")) and not name.startswith("."):
                yield Path(parent, name)
                left -= 1
                if not left:
                    return


def kernel_folders() -> tuple[Path, ...]:
    """Where Jupyter looks for kernels, in its order; nowhere when it is not installed."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return ()
    own = Path(sys.prefix) / "share" / "jupyter" / "kernels"
    return tuple(dict.fromkeys([*(Path(folder) for folder in jupyter_path("kernels")), own]))
