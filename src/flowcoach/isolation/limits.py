"""What an isolated command may use, whom it belongs to, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Trust(StrEnum):
    """Whose work is run: one's own in a limited subprocess, somebody else's in a sandbox."""

    OWN = "own"
    FOREIGN = "foreign"


class Ended(StrEnum):
    """What brought a command to its end: itself, or the limit that it reached."""

    BY_ITSELF = "by itself"
    TIME = "time"
    MEMORY = "memory"
    DISK = "disk"
    PROCESSES = "processes"
    MACHINE = "machine"


@dataclass(frozen=True)
class Limits:
    """What a command and all that it starts may use together.

    `seconds` is time on the clock; `memory` and `disk` (what lies in the folder, at most as `files` files) are bytes;
    `processes` counts threads too, as the kernel does; `output` is how many bytes of what it prints are kept.
    """

    seconds: float = 60
    memory: int = 3 * 2**30
    disk: int = 2**29
    files: int = 10_000
    processes: int = 256
    output: int = 2**16


USUAL = Limits()


@dataclass(frozen=True)
class Finished:
    """How a command ended. `code` is its exit code (negative: the signal), `output` what it printed, both streams."""

    code: int
    output: str
    ended: Ended = Ended.BY_ITSELF

    @property
    def ok(self) -> bool:
        """Whether it came to a good end by itself."""
        return self.code == 0 and self.ended is Ended.BY_ITSELF

    def why(self, limits: Limits) -> str:
        """In words, what kept it from a good end: "it took more than 60 s"."""
        if self.ended is Ended.TIME:
            return f"it took more than {limits.seconds:g} s"
        if self.ended is Ended.MEMORY:
            return f"it took more than {limits.memory / 2**20:,.0f} MB of memory"
        if self.ended is Ended.DISK:
            most = f"{limits.disk / 2**20:,.0f} MB or {limits.files:,} files"
            return f"it wrote more than {most}, or folders too deep to look into"
        if self.ended is Ended.PROCESSES:
            return f"it started more than {limits.processes:,} processes"
        if self.ended is Ended.MACHINE:
            return "this machine was about to run out of memory or disk meanwhile"
        last = self.output.strip().splitlines()[-1:] or ["it said nothing"]
        return f"it ended with exit code {self.code}: {last[0][:300]}"


class NotIsolated(Exception):
    """This machine cannot run the command as safely as was asked; the text says why and what would help."""
