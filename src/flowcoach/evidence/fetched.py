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
from flowcoach.problem import Problem

_SCHEME = "mlflow-artifacts:"
_ENTRIES = 1000  # files and folders
_BYTES = 2**28


class Fetched:
    """What was fetched from one server so far, each location asked for once. `close` removes it."""

    def __init__(self, server: Server, *, seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        self._scratch: tempfile.TemporaryDirectory[str] | None = None
        self._known: dict[str, Path | Unavailable | None] = {}

    def folder(self, location: str) -> Path | None:
        """A folder with the files at `location`; None for one that is not behind a server's proxy, or not this one's.

        Raises Unavailable, with the reason, for files that are too much to fetch or that the server cannot give now:
        its runs can be read all the same.
        """
        if not location.startswith(_SCHEME):
            return None
        if location not in self._known:
            self._known[location] = self._fetched(location)
        found = self._known[location]
        if isinstance(found, Unavailable):
            raise found
        return found

    def close(self) -> None:
        """Remove what was fetched."""
        if self._scratch is not None:
            self._scratch.cleanup()

    def _fetched(self, location: str) -> Path | Unavailable | None:
        if self._scratch is None:
            self._scratch = tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True)
        target = Path(self._scratch.name, str(len(self._known)))
        target.mkdir()
        try:
            self._fetch(re.sub(r"^//[^/]*", "", location.removeprefix(_SCHEME)).strip("/"), target)
        except Refused:
            return None
        except Problem as problem:
            return Unavailable(f"the files at {location[:200]} could not be fetched. {problem.cause}")
        except Unavailable as reason:
            return reason
        except OSError as error:  # a full disk, a name that this system cannot keep
            return Unavailable(f"the files at {location[:200]} could not be kept here: {error.strerror}.")
        return target

    def _fetch(self, path: str, target: Path) -> None:
        end, entries, size = time.monotonic() + self._seconds, 0, 0
        folders = [PurePosixPath(path)]
        while folders:
            folder = folders.pop()
            for one in self._listed(folder):
                name = str(one.get("path", ""))
                if not name or PurePosixPath(name).name != name or name in (".", "..") or "\\" in name or "\0" in name:
                    continue  # no server of MLflow's gives such a name
                entries += 1
                if one.get("is_dir"):
                    folders.append(folder / name)
                else:
                    content = self._server.file(quote(f"{folder / name}"))
                    size += len(content)
                    place = target.joinpath(*folder.relative_to(path).parts, name)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content)
                if entries > _ENTRIES or size > _BYTES or time.monotonic() > end:
                    raise Unavailable(
                        f"the files at {path[:200]} are too many, too large or too slow to be fetched through"
                        f" {self._server.address}."
                    )

    def _listed(self, folder: PurePosixPath) -> list[dict[str, Any]]:
        answer = self._server.ask("artifacts", {"path": str(folder)}, method="GET", service="mlflow-artifacts")
        found = answer.get("files", [])
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
