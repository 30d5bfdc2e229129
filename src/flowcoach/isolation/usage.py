"""What an isolated command uses, all its processes together, and which limit it has reached."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from flowcoach.isolation.limits import Ended, Limits

if TYPE_CHECKING:
    import psutil

_DEEPEST = 60  # folders in folders; a path of the kernel's longest ends soon after
_OURS = 3  # processes of the sandbox itself
_FLOOR = 2**28  # bytes of memory and of disk that a machine needs to go on


def reached(process: psutil.Process, folder: Path, limits: Limits) -> Ended | None:
    """The limit that a process and everything below it have reached by now; None as long as there is none."""
    import psutil

    everyone = [process]
    with suppress(psutil.Error):
        everyone += process.children(recursive=True)
    if len(everyone) > limits.processes + _OURS:
        return Ended.PROCESSES
    hidden = _unlinked(everyone)
    if sum(_resident(one) for one in everyone) + hidden > limits.memory:
        return Ended.MEMORY
    if is_full(folder, limits, hidden):
        return Ended.DISK
    if psutil.virtual_memory().available < _FLOOR or shutil.disk_usage(folder).free < _FLOOR:
        return Ended.MACHINE
    return None


def is_full(folder: Path, limits: Limits, hidden: int = 0) -> bool:
    """Whether more lies in a folder than may, or so that it cannot be counted; somebody may write into it meanwhile."""
    size, count = hidden, 0
    left = [(str(folder), 0)]
    while left:
        place, depth = left.pop()
        if depth > _DEEPEST:
            return True
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    count += 1
                    if count > limits.files:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        left.append((entry.path, depth + 1))
                    else:
                        with suppress(FileNotFoundError):
                            size += _taken(entry.stat(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # too long a path, or a folder closed to us: made so that nobody looks inside
            return True
    return size > limits.disk


def _taken(found: os.stat_result) -> int:
    """The bytes that a file takes on the disk, which may be fewer than it says."""
    return getattr(found, "st_blocks", 0) * 512 or (0 if hasattr(found, "st_blocks") else found.st_size)


def _resident(process: psutil.Process) -> int:
    import psutil

    with suppress(psutil.Error):
        return process.memory_info().rss
    return 0


def _unlinked(processes: list[psutil.Process]) -> int:
    """The bytes in open files that have no name (any more), in memory or on disk, which no folder shows. On Linux."""
    sizes: dict[tuple[int, int], int] = {}
    for process in processes:
        with suppress(OSError), os.scandir(f"/proc/{process.pid}/fd") as entries:
            for entry in entries:
                with suppress(OSError):
                    found = entry.stat()
                    if found.st_nlink == 0 and stat.S_ISREG(found.st_mode):
                        sizes[found.st_dev, found.st_ino] = _taken(found)
    return sum(sizes.values())
