"""What the coach remembers of a learner, in `progress.toml`: where they began, hints they saw, what they finished when.

    at = "2.5"                    # where `flowcoach start --at` began

    [ran]                         # sections whose script ran to its end
    "2.5" = 2026-11-24

    [hints]                       # how many of a step's hints were seen
    "2.5/best-registered" = 2

    [done]                        # when a step was first seen to hold
    "2.5/best-registered" = 2026-11-24

It is a memory and never evidence: points come from checks alone, and a lost file is written anew from them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from flowcoach.atomic import write_text
from flowcoach.evidence import toml
from flowcoach.problem import Problem
from flowcoach.result import CheckResult, State

FILE = "progress.toml"
_LOCK = Path(".flowcoach", "progress.lock")
_PATIENCE = 5  # seconds to wait for another terminal, whose turn takes milliseconds
_HEAD = "# What flowcoach remembers of your way. Points never come from here: they come from your work."


@dataclass(frozen=True)
class Progress:
    """`at` is the section that the learner began with, `ran` and `done` are dates by section and check id, `hints`
    how many were seen by check id."""

    at: str | None = None
    ran: Mapping[str, date] = field(default_factory=dict)
    hints: Mapping[str, int] = field(default_factory=dict)
    done: Mapping[str, date] = field(default_factory=dict)

    def beginning_at(self, section: str) -> Progress:
        """The learner begins with this section."""
        return replace(self, at=section)

    def having_run(self, section: str) -> Progress:
        """The script of this section ran to its end."""
        return replace(self, ran={section: _today(), **self.ran})

    def with_hints(self, check: str, seen: int) -> Progress:
        """At least so many hints of this check were seen."""
        return replace(self, hints={**self.hints, check: max(seen, self.hints.get(check, 0))})

    def with_done(self, checks: Iterable[CheckResult]) -> Progress:
        """Those of `checks` that passed are done, since today or since it was first seen."""
        passed = {check.id: _today() for check in checks if check.state is State.PASSED}
        return replace(self, done={**passed, **self.done})


def read(folder: Path) -> Progress:
    """What is remembered in the workspace `folder`; nothing when the file is missing or broken."""
    with suppress(OSError, ValueError):
        return _parse(toml.read(folder / FILE))
    return Progress()


def remember(folder: Path, change: Callable[[Progress], Progress]) -> tuple[Progress, Path | None]:
    """Change what is remembered in the workspace `folder`; the new memory comes back.

    It is read again right before it is replaced, and one terminal waits for the other, so nothing gets lost between
    two. A file that cannot be read is kept aside, and the path comes back where it then lies. Raises Problem when the
    folder cannot be written to.
    """
    path = folder / FILE
    try:
        with _turn(folder):
            aside = None
            try:
                before = _parse(toml.read(path))
            except FileNotFoundError:
                before = Progress()
            except ValueError:
                before, aside = Progress(), _aside(path)
            after = change(before)
            if after != before:
                write_text(path, _text(after))
    except OSError as error:
        raise Problem(
            f"{path} cannot be written: {error.strerror or error}.", "make the folder of your workspace writable"
        ) from error
    return after, aside


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait until no other process is here, or for a few seconds: what then gets lost is a memory and no work.

    SQLite's lock is the same on every system, and ends with the process that holds it.
    """
    lock = folder / _LOCK
    lock.parent.mkdir(exist_ok=True)
    with ExitStack() as held:
        with suppress(sqlite3.Error):
            gate = held.enter_context(closing(sqlite3.connect(lock, timeout=_PATIENCE, isolation_level=None)))
            gate.execute("BEGIN EXCLUSIVE")
        yield


def _aside(path: Path) -> Path:
    """Move a broken file out of the way, over nothing that lies there."""
    now = datetime.now().strftime("%Y-%m-%d-%H%M%S-%f")
    place = path.parent / ".flowcoach" / "backups" / f"{now}-{path.name}"
    place.parent.mkdir(parents=True, exist_ok=True)
    return path.replace(place)


def _parse(tables: Mapping[str, object]) -> Progress:
    """Raises ValueError when a table is not of the shape above."""
    at = tables.get("at")
    if not (at is None or isinstance(at, str)):
        raise ValueError("`at` is not a section")
    hints = {id: seen for id, seen in _table(tables, "hints") if isinstance(seen, int)}
    dates = {name: {id: day for id, day in _table(tables, name) if type(day) is date} for name in ("ran", "done")}
    return Progress(at, dates["ran"], hints, dates["done"])


def _table(tables: Mapping[str, object], name: str) -> list[tuple[str, object]]:
    table = tables.get(name, {})
    if not isinstance(table, dict):
        raise ValueError(f"`{name}` is not a table")
    return list(table.items())


def _text(progress: Progress) -> str:
    import tomlkit

    document = tomlkit.document()
    document.add(tomlkit.comment(_HEAD.removeprefix("# ")))
    if progress.at is not None:
        document["at"] = progress.at
    for name, table in (("ran", progress.ran), ("hints", progress.hints), ("done", progress.done)):
        if table:
            document[name] = dict(sorted(table.items()))
    return tomlkit.dumps(document)


def _today() -> date:
    return datetime.now().date()
