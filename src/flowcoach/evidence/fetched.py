"""The files of runs that only a tracking server can reach: listed through it, and fetched one by one when asked for.

The server's proxy of artifacts: `GET /api/2.0/mlflow-artifacts/artifacts?path=…` lists a folder, and the same with the
path at the end hands out a file (https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store/).
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from flowcoach.evidence.artifacts import Artifacts, inside
from flowcoach.evidence.records import Unavailable
from flowcoach.evidence.server import Refused, Server
from flowcoach.problem import Problem

_SCHEME = "mlflow-artifacts:"
_ENTRIES = 1000  # files and folders of one location
_BYTES = 2**28  # of all files


@dataclass(frozen=True)
class ServedArtifacts(Artifacts):
    """Files whose `names` are known; `bring` puts one into the folder, when it is asked for."""

    names: tuple[str, ...]
    bring: Callable[[str], None]

    def files(self) -> tuple[str, ...]:
        """The paths of all files, relative to the folder, with forward slashes, in order."""
        return self.names

    def file(self, path: str) -> Path:
        """The file at `path`. Raises NotFound when there is none, Unavailable when it cannot be had now."""
        if path in self.names and inside(self.folder, path) is None:
            self.bring(path)
        return super().file(path)

    def below(self, path: str) -> ServedArtifacts | None:
        """The files below a folder of these, as "model"; None when there is no such folder."""
        start = f"{path}/"
        names = tuple(name.removeprefix(start) for name in self.names if name.startswith(start))
        if not names:
            return None
        return ServedArtifacts(
            self.folder / path, f"{self.location.rstrip('/')}/{path}", names, lambda name: self.bring(start + name)
        )


class Fetched:
    """What was listed and fetched from one server so far, each location and file once. `close` removes it."""

    def __init__(self, server: Server, *, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._known: dict[str, ServedArtifacts | Unavailable | None] = {}
        self._size = 0

    def at(self, location: str) -> ServedArtifacts | None:
        """The files at `location`; None for one that is not behind a server's proxy, or not this one's.

        Raises Unavailable, with the reason, for files that are too many to list or that the server cannot list now:
        its runs can be read all the same.
        """
        if not location.startswith(_SCHEME):
            return None
        if location not in self._known:
            self._known[location] = self._found(location)
        found = self._known[location]
        if isinstance(found, Unavailable):
            raise found
        return found

    def close(self) -> None:
        """Remove what was fetched."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def _found(self, location: str) -> ServedArtifacts | Unavailable | None:
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True)
        home = PurePosixPath(re.sub(r"^//[^/]*", "", location.removeprefix(_SCHEME)).strip("/"))
        folder = Path(self._scratch.name, str(len(self._known)))
        try:
            names = tuple(sorted(self._names(home)))
        except Refused:
            return None
        except Problem as problem:
            return Unavailable(f"the files at {location[:200]} could not be listed. {problem.cause}")
        except Unavailable as reason:
            return reason
        return ServedArtifacts(folder, location, names, lambda name: self._bring(home / name, folder / name))

    def _names(self, home: PurePosixPath) -> Iterator[str]:
        """The paths of all files below a folder of the server, relative to it."""
        end, entries = time.monotonic() + self._seconds, 0
        folders = [home]
        while folders:
            folder = folders.pop()
            for one in self._listed(folder):
                name = str(one.get("path", ""))
                if not name or PurePosixPath(name).name != name or name in (".", "..") or "\\" in name or "\0" in name:
                    continue  # no server of MLflow's gives such a name
                entries += 1
                if entries > _ENTRIES or time.monotonic() > end:
                    raise Unavailable(f"the files at {str(home)[:200]} are too many, or too slow, to be listed.")
                if one.get("is_dir"):
                    folders.append(folder / name)
                else:
                    yield (folder / name).relative_to(home).as_posix()

    def _listed(self, folder: PurePosixPath) -> list[dict[str, Any]]:
        answer = self._server.ask("artifacts", {"path": str(folder)}, method="GET", service="mlflow-artifacts")
        found = answer.get("files", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    def _bring(self, path: PurePosixPath, target: Path) -> None:
        """Fetch one file. Raises Unavailable, with the reason, when it is too much, or cannot be had or kept now."""
        shown = str(path)[:200]
        try:
            content = self._server.file(quote(str(path)))
        except Problem as problem:
            raise Unavailable(f"the file {shown} could not be fetched. {problem.cause}") from problem
        self._size += len(content)
        if self._size > _BYTES:
            raise Unavailable(f"the file {shown} is too large to be fetched through {self._server.address}.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:  # a full disk, a name that this system cannot keep
            raise Unavailable(f"the file {shown} could not be kept here: {error.strerror}.") from error
