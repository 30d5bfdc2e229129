"""Notice at once that something changed which a check may look at."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flowcoach.coach.progress import FILE as PROGRESS

_TICK = 0.1  # seconds between two looks at the store's own files, which costs a few microseconds
_NO_EVIDENCE = {"__pycache__", PROGRESS}
_BESIDE = ("", "-wal", "-journal")  # what MLflow's SQLite writes to


class Changes:
    """What happens in the folder `folder`, and to the SQLite file `store` wherever it lies (None: no such file).

    Walking through it gives, every tenth of a second, whether anything changed since the last time, until `stop` is
    set. The system tells of files in the folder; `blind` says that it cannot (too many folders, say), so that one has
    to look now and then instead. The folder and the store may go and come back.
    """

    def __init__(self, folder: Path, store: Path | None, stop: threading.Event) -> None:
        self.blind = False
        self._folder = folder
        self._files = [Path(f"{store}{end}") for end in _BESIDE] if store else []
        self._stop = stop

    def __iter__(self) -> Iterator[bool]:
        while not self._stop.is_set():
            yield from self._while_it_is_there()
            yield True
            while not (self._stop.wait(_TICK) or self._folder.is_dir()):
                yield False

    def _while_it_is_there(self) -> Iterator[bool]:
        place, seen = _stamp(self._folder), self._stamps()
        unheard = True  # what happened before the system began to tell
        for changed in self._told():
            before, seen = seen, self._stamps()
            yield changed or unheard or seen != before
            unheard = False
            if _stamp(self._folder)[:1] != place[:1]:
                return

    def _told(self) -> Iterator[bool]:
        """What the system tells of the folder, every tenth of a second."""
        from watchfiles import watch
        from watchfiles._rust_notify import WatchfilesRustInternalError

        milliseconds = round(_TICK * 1000)
        with suppress(OSError, WatchfilesRustInternalError):
            for found in watch(
                self._folder,
                watch_filter=lambda _, path: self._may_be_evidence(Path(path)),
                debounce=milliseconds,
                step=milliseconds // 4,
                rust_timeout=milliseconds,
                yield_on_timeout=True,
                stop_event=self._stop,
                ignore_permission_denied=True,
            ):
                self.blind = False
                yield bool(found)
            return
        self.blind = True
        while not self._stop.wait(_TICK):
            yield False

    def _may_be_evidence(self, path: Path) -> bool:
        parts = path.relative_to(self._folder).parts if path.is_relative_to(self._folder) else path.parts[-1:]
        return not any(part.startswith(".") or part in _NO_EVIDENCE for part in parts)

    def _stamps(self) -> list[tuple[int, ...]]:
        return [_stamp(path) for path in self._files]


def _stamp(path: Path) -> tuple[int, ...]:
    """What changes when a file is written, replaced or removed; nothing when it is not there."""
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_ino, found.st_size, found.st_mtime_ns
