"""A store as it goes into a bundle: of one moment, without private names, and the same bytes each time."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from flowcoach.evidence.opening import Database
from flowcoach.handin.names import Rewriter

_CHANGES, _VALID_FOR, _COUNT = 24, 92, 4  # places in the header (https://www.sqlite.org/fileformat2.html)
_USERS = {("tags", "value"), ("runs", "user_id"), ("trace_tags", "value")}


def snapshot(source: Path, target: Path, rewriter: Rewriter) -> None:
    """Write a copy of the SQLite file `source` to `target`, consistent even while others write to it.

    Private texts are replaced in every text column, and the file is written anew from its rows, so that nothing of
    what was replaced or deleted is left in it. Raises Problem when the store cannot be read.
    """
    half = target.with_name(f"{target.name}.half")
    database = Database(source)
    try:
        database.copy_to(half)
    finally:
        database.close()
    try:
        with closing(sqlite3.connect(half, isolation_level=None)) as store:
            store.execute("PRAGMA journal_mode = DELETE")
            _rewrite(store, rewriter)
            target.unlink(missing_ok=True)
            store.execute("VACUUM INTO ?", (str(target),))
    finally:
        half.unlink(missing_ok=True)
    _settle(target)


def _rewrite(store: sqlite3.Connection, rewriter: Rewriter) -> None:
    store.create_function("rewritten", 1, rewriter.record, deterministic=True)
    store.create_function("renamed", 1, rewriter.name, deterministic=True)
    store.execute("PRAGMA foreign_keys = OFF")
    tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    store.execute("BEGIN")
    for table in tables:
        for _, column, kind, *_ in store.execute(f"PRAGMA table_info({_quoted(table)})").fetchall():
            if not any(word in kind.upper() for word in ("CHAR", "TEXT", "CLOB", "JSON")):
                continue
            word = "renamed" if (table, column) in _USERS else "rewritten"
            place = _quoted(column)
            store.execute(
                f"UPDATE OR IGNORE {_quoted(table)} SET {place} = {word}({place})"
                f" WHERE typeof({place}) = 'text' AND {word}({place}) <> {place}"
            )
    store.execute("COMMIT")


def _settle(path: Path) -> None:
    """Set the counters of the header, which tell how often the file was opened for writing, to one."""
    with path.open("r+b") as file:
        for place in (_CHANGES, _VALID_FOR):
            file.seek(place)
            file.write((1).to_bytes(_COUNT, "big"))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
