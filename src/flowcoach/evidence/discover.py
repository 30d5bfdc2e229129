"""Find the stores of a workspace and take them together."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from flowcoach import workspace
from flowcoach.evidence import answers, served
from flowcoach.evidence.artifacts import ROOTS, Shelves, local_path
from flowcoach.evidence.files import FileStore, is_file_store
from flowcoach.evidence.opening import NotMlflow, path_of
from flowcoach.evidence.served import Served
from flowcoach.evidence.sqlite import SqliteStore
from flowcoach.evidence.stores import Store, shown
from flowcoach.evidence.union import union
from flowcoach.evidence.view import Evidence
from flowcoach.problem import Problem

_SQLITE = b"SQLite format 3\0"
_DATABASES = ("", ".db", ".db3", ".sqlite", ".sqlite3")  # suffixes of files that are worth a look
_DEPTH = 6
_ENTRIES = 50_000

# What holds no stores, and may hold very many files. A folder with one of these files is somebody else's.
_NEVER_IN = {"__pycache__", "artifacts", "node_modules", "site-packages"}
_ANOTHERS = {"pyvenv.cfg", "flowcoach.toml", "PG_VERSION"}


@dataclass
class Found:
    """What a walk through a folder met: SQLite files, file stores, and folders that hold artifacts."""

    databases: list[Path] = field(default_factory=list)
    file_stores: list[Path] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def gather(folder: Path, store: str, *, lab: bool = False) -> Evidence:
    """The evidence of the workspace in `folder`, whose configured store is at the tracking address `store`.

    With `lab`, what its lab serves now counts too. That is for one's own workspace only: what says so is a file in it,
    and a stranger's may name any address.

    Raises Problem when that store cannot be read; other stores in the folder that cannot be read become warnings.
    """
    configured = open_store(store)
    return _gather(folder, configured, served.read(folder) if lab else None)


def gather_found(folder: Path) -> Evidence:
    """The evidence of a folder that names no store: all that are found in it, none before the others.

    A store that cannot be read becomes a warning.
    """
    return _gather(folder, None, None)


def _gather(folder: Path, configured: Store | None, lab: Served | None) -> Evidence:
    own = None if configured is None else _path(configured)
    found = look(folder)
    unread, discovered = list(found.warnings), []
    for path in (*found.databases, *found.file_stores):
        if own is not None and _same(path, own):
            continue
        try:
            discovered.append(FileStore(path) if path.is_dir() else SqliteStore(path))
        except NotMlflow:
            continue
        except Problem as problem:
            unread.append(f"{problem.cause} Its runs are left out; {problem.next_step}.")
    about: dict[str, str] = {}
    if lab is not None:
        try:
            one = next((store for store in discovered if store.address == lab.address), None)
            if one is None:
                one = open_store(lab.address, seconds=served.SECONDS)
                if configured is None or one.address != configured.address:
                    discovered.append(one)
            about[one.address] = lab.about
        except Problem as problem:
            unread.append(served.unread(problem))
    known = discovered if configured is None else [configured, *discovered]
    places = [path.parent for one in known if (path := _path(one)) is not None]
    learner, months = _settings(folder)
    return Evidence(
        stores=union(configured, tuple(discovered)),
        configured=configured,
        answers=answers.read(folder),
        unread=tuple(unread),
        shelves=Shelves(folder.resolve(), tuple(dict.fromkeys(places)), tuple(found.roots)),
        learner=learner,
        months=months,
        about=about,
    )


def _settings(folder: Path) -> tuple[str, tuple[str, ...]]:
    """The learner and the months of the workspace in `folder`; nothing of a folder that is none."""
    try:
        here = workspace.load(folder)
    except Problem:
        return "", ()
    return here.learner, (*here.month_names, *filter(None, [here.final_name]))


def open_store(address: str, *, seconds: float = 15) -> Store:
    """The store at a tracking address: `sqlite:///…`, `http://…`, `https://…`, or the folder of a file store.

    A server has so many `seconds` for each answer.

    Raises Problem for any other address, and when the store cannot be read.
    """
    scheme = match[1].lower() if (match := re.match(r"([A-Za-z][\w+-]+):", address)) else ""
    if scheme.startswith("sqlite"):
        return SqliteStore(path_of(address))
    if scheme in ("http", "https"):
        from flowcoach.evidence.rest import RestStore

        return RestStore(address, seconds=seconds)
    path = local_path(address)
    if path is None or address == "databricks":
        raise Problem(
            f"The store at {shown(address)} cannot be read directly; a SQLite file, a folder and a server can.",
            "put a tracking server before it (mlflow server --backend-store-uri …) and use its http:// address",
        )
    try:
        if path.is_file() or path.suffix in _DATABASES[1:]:
            raise Problem(
                f"{address} names a file, but a store in a SQLite file is named with its kind.",
                f"write sqlite:///{path.as_posix()}",
            )
        return FileStore(path)
    except OSError as error:
        raise Problem(
            f"{address} cannot be read: {error.strerror}.",
            "check the tracking address, in flowcoach.toml or MLFLOW_TRACKING_URI",
        ) from error


def look(folder: Path) -> Found:
    """Walk through a folder, level by level, for everything MLflow may have left.

    Not into hidden folders, environments, other workspaces, folders of artifacts, nor through links. The walk ends
    with a warning after 50,000 entries.
    """
    found = Found()
    left = _ENTRIES
    waiting = deque([(folder, 0)])
    while waiting and left > 0:
        here, depth = waiting.popleft()
        entries = _entries(here, left)
        left -= len(entries)
        names = {entry.name for entry in entries}
        if depth and names & _ANOTHERS:
            continue
        found.databases += [Path(entry) for entry in entries if _is_database(entry)]
        is_store = is_file_store(here)
        if is_store:
            found.file_stores.append(here)
        if is_store or here.name in ROOTS:
            found.roots.append(here)
        elif depth < _DEPTH:
            waiting += [(Path(entry), depth + 1) for entry in entries if _may_hold_stores(entry)]
    if left <= 0:
        found.warnings.append(
            f"{folder} holds more than {_ENTRIES:,} files; not all of it was searched for stores. "
            "Move large data out of the workspace."
        )
    return found


def _entries(folder: Path, most: int) -> Sequence[os.DirEntry[str]]:
    with suppress(OSError), os.scandir(folder) as entries:
        return sorted(islice(entries, most), key=lambda entry: entry.name)
    return ()


def _may_hold_stores(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".") and entry.name not in _NEVER_IN and entry.is_dir(follow_symlinks=False)


def _is_database(entry: os.DirEntry[str]) -> bool:
    name = entry.name
    if name.startswith(".") or os.path.splitext(name)[1].lower() not in _DATABASES:  # noqa: PTH122
        return False
    with suppress(OSError):
        if entry.is_file(follow_symlinks=False):
            with Path(entry).open("rb") as file:
                return file.read(len(_SQLITE)) == _SQLITE
    return False


def _path(store: Store) -> Path | None:
    """Where a store lies on this machine, if it does."""
    if isinstance(store, SqliteStore):
        return store.path.resolve()
    return store.root.resolve() if isinstance(store, FileStore) else None


def _same(one: Path, other: Path) -> bool:
    with suppress(OSError):
        return one.samefile(other)
    return False
