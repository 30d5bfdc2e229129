"""The files that runs and models left: found again although their stored location is often another machine's.

A stored location is a path or a URI of whatever machine logged it: absolute or relative, of Windows, `file:`,
`mlflow-artifacts:`, `s3:` and more. What came along keeps its place below a folder called `mlruns` or `mlartifacts`,
so that tail of the location is looked for below such folders of the workspace. Locations come from strangers' stores:
none leads out of the workspace, neither by `..` nor by a link.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from flowcoach.evidence.records import NotFound, Unavailable

ROOTS = ("mlruns", "mlartifacts")
_TAIL = re.compile(rf"(?:^|/)(?=({'|'.join(ROOTS)})/(.*)$)", re.DOTALL)
_SCHEME = re.compile(r"(?P<scheme>[A-Za-z][\w+.-]+):(?P<rest>.*)", re.DOTALL)  # two letters at least: C: is a drive
_LONGEST = 4096  # characters; no path that MLflow could have written to is longer
_MODEL_ID = re.compile(r"m-[0-9a-f]{32}")


@dataclass(frozen=True)
class Artifacts:
    """The files of one run or model. `folder` is where they lie here, `location` where they were logged to."""

    folder: Path
    location: str

    def files(self) -> tuple[str, ...]:
        """The paths of all files, relative to the folder, with forward slashes, in order; links are left out."""
        found = []
        for parent, _, names in os.walk(self.folder):
            paths = (Path(parent, name) for name in names)
            found += [path.relative_to(self.folder).as_posix() for path in paths if not path.is_symlink()]
        return tuple(sorted(found))

    def file(self, path: str) -> Path:
        """The file at `path`, as "model/MLmodel". Raises NotFound when it is not there."""
        found = inside(self.folder, path)
        if found is None or not found.is_file():
            others = self.files()
            more = f" and {len(others) - 5} more" if len(others) > 5 else ""
            raise NotFound(
                f"There is no file `{path}`.",
                expected=f"a file `{path}`",
                found=f"{', '.join(others[:5])}{more}" if others else "no files",
                where=self.location,
                advice="log it with mlflow.log_artifact(…)",
            )
        return found

    def below(self, path: str) -> Artifacts | None:
        """The files below a folder of these, as "model"; None when there is no such folder."""
        found = inside(self.folder, path)
        return Artifacts(found, f"{self.location.rstrip('/')}/{path}") if found and found.is_dir() else None


@dataclass(frozen=True)
class Shelves:
    """Where artifacts may lie: the workspace's `folder`, the folders of its `stores`, and `roots`, the folders that are
    called as MLflow calls the place of its artifacts, or that are file stores."""

    folder: Path
    stores: tuple[Path, ...] = ()
    roots: tuple[Path, ...] = ()

    def find(self, location: str) -> Artifacts:
        """The files that were logged to `location`.

        Raises Unavailable when they did not come along, and NotFound when they would have to be here: the location is
        one of this very workspace.
        """
        for folder, tail in self._places(location):
            found = inside(folder, tail)
            if found is not None and found.is_dir() and found.is_relative_to(self.folder.resolve()):
                return Artifacts(found, location)
        if (path := local_path(location)) is not None and path.is_relative_to(self.folder):
            raise NotFound(
                "No file was logged there.",
                expected="a logged file",
                found="no files",
                where=location,
                advice="log one with mlflow.log_artifact(…), or a model with log_model(…)",
            )
        raise Unavailable(
            f"the files at {location[:200] or 'an empty location'} did not come along with this workspace."
        )

    def model(self, id: str) -> Artifacts | None:
        """The files of a logged model by its id, wherever they lie; None when they are not here."""
        if _MODEL_ID.fullmatch(id):
            for root in self.roots:
                for experiment in _names(root):
                    found = inside(root, f"{experiment}/models/{id}/artifacts")
                    if found is not None and found.is_dir():
                        return Artifacts(found, f"models:/{id}")
        return None

    def _places(self, location: str) -> Iterator[tuple[Path, str]]:
        """Folders, and where below them the files may lie; the most exact first."""
        if len(location) > _LONGEST:
            return
        scheme, text = _plain(location)
        path = local_path(location)
        if path is not None and path.is_relative_to(self.folder):
            yield self.folder, path.relative_to(self.folder).as_posix()
        if scheme == "mlflow-artifacts":
            below = re.sub(r"^//[^/]*", "", text).lstrip("/")  # a host may come first
            yield from ((root, below) for root in self.roots)
        for match in _TAIL.finditer(text):
            name, tail = match.groups()
            yield from ((root, tail) for root in self.roots if root.name == name or name == "mlruns")
            yield from ((folder / name, tail) for folder in (*self.stores, self.folder))
        if path is not None and not path.is_absolute():
            yield from ((folder, text) for folder in (*self.stores, self.folder))


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))  # noqa: PTH208
    except OSError:
        return []


def local_path(location: str) -> Path | None:
    """The path on this machine that a stored location names; None for one of another scheme or system."""
    scheme, text = _plain(location)
    if scheme not in ("", "file"):
        return None
    if scheme == "file":
        text = re.sub(r"^//(localhost)?(?=/)", "", text)
        text = re.sub(r"^/(?=[A-Za-z]:)", "", text)  # file:///C:/x
    if os.name != "nt" and re.match(r"[A-Za-z]:", text):
        return None
    return Path(text)


def _plain(location: str) -> tuple[str, str]:
    """The scheme of a location ("" for a path) and the rest, with forward slashes and without escapes."""
    match = _SCHEME.fullmatch(location)
    if match is None:
        return "", location.replace("\\", "/")
    return match["scheme"].lower(), unquote(match["rest"]).replace("\\", "/")


def inside(folder: Path, tail: str) -> Path | None:
    """The place `tail` below `folder`, with links resolved; None when it is not there, or not below."""
    parts = PurePosixPath(tail.replace("\\", "/")).parts
    if not parts or ".." in parts or "\0" in tail or tail.startswith("/"):
        return None
    try:
        home = folder.resolve()
        found = home.joinpath(*parts).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return None
    return found if found.is_relative_to(home) else None
