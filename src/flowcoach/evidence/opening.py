"""A SQLite file, read without leaving a trace: nothing appears beside it, no byte and no time of it changes.

How it is opened follows from the state in which its last writer left it (https://www.sqlite.org/fileformat2.html,
https://www.sqlite.org/wal.html):

| the file                                                       | is read                                        |
|----------------------------------------------------------------|------------------------------------------------|
| keeps a rollback journal                                       | in place, `mode=ro`                            |
| … which is hot: a writer died in the middle of a transaction   | as a temporary copy, which rolls back          |
| keeps a write-ahead log, `-wal` and `-shm` are there           | in place, `mode=ro` and `readonly_shm=1`       |
| … only `-wal` is there                                         | as a temporary copy, which takes the log in    |
| … neither is there                                             | in place, `immutable=1`                        |

Plain `mode=ro` does not do for a write-ahead log: it makes the `-wal` and `-shm` that are missing, and writes into a
`-shm` that is there. A copy is taken again when the files change meanwhile, and a question to an immutable file is
asked again when the file changed before the answer was there.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from flowcoach.problem import Problem

_ADDRESS = re.compile(r"sqlite(\+pysqlite)?:///(?P<path>[^?]+)")
_MAGIC = b"SQLite format 3\0"
_WAL = 2  # what bytes 18 and 19 of the header say when the file keeps a write-ahead log
_BESIDE = ("-journal", "-wal")
_TRIES = 5
_LONGEST_ROW = 2**25  # bytes; the longest that MLflow writes is a dataset's profile, of half as many
_LARGEST_COPY = 2**30  # bytes; a hundred thousand runs take about a tenth of that

# Trust nothing that the file says of itself, keep what was read (in kilobytes), and sort beside no file.
_SETTINGS = ("trusted_schema = OFF", "cell_size_check = ON", "cache_size = -64000", "temp_store = MEMORY")

_LOOK_AT_THE_ADDRESS = "check the store's address, in flowcoach.toml or MLFLOW_TRACKING_URI"

# What SQLite says when it could only read on after writing: rolling back, or making the index of the log.
_NEEDS_A_COPY = {
    sqlite3.SQLITE_READONLY_ROLLBACK,
    sqlite3.SQLITE_READONLY_RECOVERY,
    sqlite3.SQLITE_READONLY_CANTINIT,
    sqlite3.SQLITE_READONLY_CANTLOCK,
    sqlite3.SQLITE_CANTOPEN,
}


class NotMlflow(Problem):
    """The file is there and can be read, but MLflow did not make it."""


@dataclass(frozen=True)
class Patience:
    """How many seconds to wait for another program's `lock`, and for the answer to one `question`."""

    lock: float = 5
    question: float = 60


PATIENCE = Patience()


def path_of(address: str) -> Path:
    """The file that a SQLite address names; a relative one counts from the current folder, as for MLflow.

    The forms are SQLAlchemy's: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite:///C:/absolute.db`, with
    percent escapes, with `sqlite+pysqlite:` too; options after a `?` are left aside. Raises Problem for any other form.
    """
    match = _ADDRESS.fullmatch(address.partition("?")[0])
    path = unquote(match["path"]) if match else ""
    if path == ":memory:" or address in ("sqlite://", "sqlite:///"):
        raise Problem(
            f"{address} is a store in memory: it ends with the program that made it.",
            "keep runs in a file: sqlite:///mlflow.db",
        )
    if not match or path.startswith("file:") or "\0" in path:
        name = path.removeprefix("file:") or re.sub(r"^sqlite(\+pysqlite)?:/*", "", address, flags=re.IGNORECASE)
        raise Problem(
            f"{address} does not name a SQLite file: after `sqlite:` come three slashes, then the path.",
            f"write sqlite:///{name} (four slashes when the path begins with one)",
        )
    return Path(path)


class Database:
    """A SQLite file that questions can be put to. `path` is the file itself, also when a copy of it is read."""

    def __init__(self, path: Path, patience: Patience = PATIENCE) -> None:
        self.path = path
        self._file = Path(os.path.realpath(path))  # SQLite looks for the journal beside the file that a link leads to
        self._patience = patience
        self._connection: sqlite3.Connection | None = None
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._seen: object = None  # of an immutable file: its state when it was opened
        self._deadline = 0.0

    def ask(self, statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """All rows that answer one SELECT or PRAGMA. It holds no lock between questions.

        Raises Problem when the file is missing, is no SQLite database (NotMlflow), may not be read, is damaged, stays
        locked, keeps changing, or when the answer takes too long.
        """
        for attempt in range(_TRIES):
            try:
                # Once more by the rules, for a writer may just have left; then as a copy.
                connection = self._connection or self._open(copy=attempt > 1)
                self._deadline = time.monotonic() + self._patience.question
                rows = connection.execute(statement, values).fetchall()
            except sqlite3.DatabaseError as error:
                again = self._moved_on() or (self._copy is None and _code(error) in _NEEDS_A_COPY)
                self.close()
                if _code(error) is None:  # not SQLite's word but Python's, over a mistake of ours
                    raise
                if not again:
                    raise self._problem(error) from error
            except UnicodeDecodeError as error:  # from Python, over a message of SQLite's that quotes noise
                self.close()
                raise self._damaged("the description of its tables is not text") from error
            except OSError as error:
                self.close()
                raise self._unreadable(error) from error
            else:
                if not self._moved_on():
                    return rows
                self.close()
        raise self._restless()

    def copy_to(self, target: Path) -> None:
        """Copy the whole database, as of one moment, into a new file, however busily others write to it.

        Raises Problem as `ask` does.
        """
        for attempt in range(_TRIES):
            target.unlink(missing_ok=True)
            try:
                connection = self._connection or self._open(copy=attempt > 1)
                with closing(sqlite3.connect(target)) as copy:
                    connection.backup(copy)
            except sqlite3.DatabaseError as error:
                again = self._moved_on() or (self._copy is None and _code(error) in _NEEDS_A_COPY)
                self.close()
                if not again:
                    raise self._problem(error) from error
            except OSError as error:
                self.close()
                raise self._unreadable(error) from error
            else:
                if not self._moved_on():
                    return
                self.close()
        raise self._restless()

    def close(self) -> None:
        """Close the file and remove the temporary copy, if one was made. A later question opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None
        self._seen = None

    def _open(self, *, copy: bool) -> sqlite3.Connection:
        header = self._header()
        for suffix in (*_BESIDE, "-shm"):
            if _is_special(self._beside(suffix)):  # SQLite would wait for a pipe
                raise Problem(f"{self._beside(suffix)} is not a file.", "remove it: SQLite makes it when it needs it")
        if copy:
            return self._connect(self._copied(), "mode=rw")
        if _WAL not in header[18:20]:
            return self._connect(self._file, "mode=ro")
        if self._beside("-wal").exists() and self._beside("-shm").exists():
            return self._connect(self._file, "mode=ro&readonly_shm=1")
        if _size(self._beside("-wal")):
            return self._connect(self._copied(), "mode=rw")
        self._seen = self._state()
        return self._connect(self._file, "immutable=1")

    def _header(self) -> bytes:
        """The first bytes of the file. Raises Problem when they are not those of a SQLite database."""
        if not self._file.exists():
            raise Problem(
                f"There is no store at {self.path}.",
                "put it back if it was moved; else flowcoach doctor says how to make a new one",
            )
        if self._file.is_dir():
            raise Problem(f"{self.path} is a folder, not a SQLite file.", _LOOK_AT_THE_ADDRESS)
        if not self._file.is_file():  # a pipe would be waited for without end
            raise Problem(f"{self.path} is not a file.", _LOOK_AT_THE_ADDRESS)
        # In a process that itself writes to this file, closing it here gives up that writer's locks (POSIX).
        with self._file.open("rb") as file:
            header = file.read(100)
        if not header:
            raise Problem(f"{self.path} is empty.", "log a first run to it, and MLflow makes the store")
        if not header.startswith(_MAGIC):
            raise NotMlflow(f"{self.path} is not a SQLite database.", _LOOK_AT_THE_ADDRESS)
        if len(header) < 100:
            raise self._damaged("it ends within its first 100 bytes")
        return header

    def _connect(self, path: Path, how: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            f"{path.as_uri()}?{how}", uri=True, timeout=self._patience.lock, isolation_level=None
        )
        self._connection = connection
        connection.row_factory = sqlite3.Row
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_ROW)
        # A byte that is not UTF-8 is no reason to read nothing.
        connection.text_factory = partial(str, encoding="utf-8", errors="replace")
        self._deadline = time.monotonic() + self._patience.question
        connection.set_progress_handler(lambda: time.monotonic() > self._deadline, 10_000)
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        return connection

    def _copied(self) -> Path:
        """A copy of the file and its journal or log, all of one moment, in the system's folder for such things."""
        size = sum(_size(path) for path in (self._file, *map(self._beside, _BESIDE)))
        if size > _LARGEST_COPY:
            raise Problem(
                f"{self.path} was left in the middle of writing and is too large to be copied ({size:,} bytes).",
                "open it once with MLflow, which brings the writing to an end; then ask again",
            )
        self._copy = tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True)
        copy = Path(self._copy.name) / "store.db"
        for _ in range(_TRIES):
            before = self._state()
            shutil.copyfile(self._file, copy)
            for suffix in _BESIDE:
                beside = copy.with_name(copy.name + suffix)
                beside.unlink(missing_ok=True)
                with suppress(FileNotFoundError):
                    shutil.copyfile(self._beside(suffix), beside)
            if self._state() == before:
                return copy
        self.close()
        raise self._restless()

    def _moved_on(self) -> bool:
        """Whether somebody wrote to a file that was opened as if nobody would."""
        return self._seen is not None and self._state() != self._seen

    def _state(self) -> object:
        states = []
        for path in (self._file, *(self._beside(suffix) for suffix in _BESIDE)):
            try:
                found = path.stat()
            except OSError:
                states.append(None)
            else:
                states.append((found.st_size, found.st_mtime_ns, found.st_ino))
        return tuple(states)

    def _beside(self, suffix: str) -> Path:
        return self._file.with_name(self._file.name + suffix)

    def _problem(self, error: sqlite3.DatabaseError) -> Problem:
        code = _code(error)
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return Problem(
                f"{self.path} is locked by another program, for more than {self._patience.lock:g} s.",
                "wait until that program is done, or end it; then ask again",
            )
        if code == sqlite3.SQLITE_INTERRUPT:
            return Problem(
                f"A question to {self.path} took more than {self._patience.question:g} s.",
                "ask again when the machine is less busy, or begin a new store for new work",
            )
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH, sqlite3.SQLITE_IOERR):
            return self._unreadable(error)
        if code == sqlite3.SQLITE_NOTADB:
            return NotMlflow(f"{self.path} is not a SQLite database.", _LOOK_AT_THE_ADDRESS)
        return self._damaged(str(error))

    def _unreadable(self, error: Exception) -> Problem:
        reason = (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
        advice = "check the disk, and the permissions of the file and its folder"
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            advice = f"make room in {tempfile.gettempdir()}: the file must be copied to be read"
        return Problem(f"{self.path} cannot be read: {reason}.", advice)

    def _damaged(self, reason: str) -> Problem:
        return Problem(
            f"{self.path} is damaged: {reason}.",
            "bring it back from a backup, or save what is left: sqlite3 DAMAGED.db .recover | sqlite3 SAVED.db",
        )

    def _restless(self) -> Problem:
        return Problem(
            f"{self.path} changes faster than it can be read.", "wait until the program that writes to it is done"
        )


def _code(error: sqlite3.Error) -> int | None:
    """SQLite's result code; the extended one only where it says that a copy is needed."""
    code = getattr(error, "sqlite_errorcode", None)
    return code if code is None or code in _NEEDS_A_COPY else code & 0xFF


def _is_special(path: Path) -> bool:
    """Whether something is there that is no file. Asked once, for a writer may take a journal away at any moment."""
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except OSError:
        return False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
