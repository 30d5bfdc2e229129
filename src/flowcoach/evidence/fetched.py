"""The files of runs that only a tracking server can reach, fetched through it into a temporary folder.

The server's proxy of artifacts: `GET /api/2.0/mlflow-artifacts/artifacts?path=…` lists a folder, and the same with the
path at the end hands out a file (https://mlflow.org/docs/latest/self-hosting/architecture/artifact-store/).
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from flowcoach.evidence.records import Unavailable
from flowcoach.evidence.server import Refused, Server

_SCHEME = "mlflow-artifacts:"
_FILES = 1000
_BYTES = 2**28
_DEEPEST = 12


class Fetched:
    """What was fetched from one server so far, each location once. `close` removes it."""

    def __init__(self, server: Server, *, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._known: dict[str, Path] = {}

    def folder(self, location: str) -> Path | None:
        """A folder with the files at `location`; None for one that is not behind a server's proxy, or not this one's.

        Raises Unavailable for what is too much to fetch, and Problem when the server does not answer.
        """
        if not location.startswith(_SCHEME):
            return None
        if location not in self._known:
            if self._scratch is None:
                self._scratch = tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True)
            target = Path(self._scratch.name, str(len(self._known)))
            target.mkdir()
            path = re.sub(r"^//[^/]*", "", location.removeprefix(_SCHEME)).strip("/")
            try:
                self._fetch(path, target)
            except Refused:
                return None
            self._known[location] = target
        return self._known[location]

    def close(self) -> None:
        """Remove what was fetched."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def _fetch(self, path: str, target: Path) -> None:
        end, files, size = time.monotonic() + self._seconds, 0, 0
        folders = [PurePosixPath(path)]
        while folders:
            folder = folders.pop()
            for one in self._listed(folder):
                name = str(one.get("path", ""))
                if not name or PurePosixPath(name).name != name or name in (".", "..") or "\\" in name:
                    continue  # no server of MLflow's gives such a name
                if one.get("is_dir"):
                    if len(folder.parts) < len(PurePosixPath(path).parts) + _DEEPEST:
                        folders.append(folder / name)
                    continue
                content = self._server.file(quote(f"{folder / name}"))
                files, size = files + 1, size + len(content)
                if files > _FILES or size > _BYTES or time.monotonic() > end:
                    raise Unavailable(
                        f"the files at {path} are too many, too large or too slow to be fetched through"
                        f" {self._server.address}."
                    )
                place = target.joinpath(*folder.relative_to(path).parts, name)
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)

    def _listed(self, folder: PurePosixPath) -> list[dict[str, Any]]:
        answer = self._server.ask("artifacts", {"path": str(folder)}, method="GET", service="mlflow-artifacts")
        found = answer.get("files", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
