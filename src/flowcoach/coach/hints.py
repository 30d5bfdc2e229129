"""One more push each time it is asked for, and a memory of how many were given."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flowcoach import course
from flowcoach.coach import progress
from flowcoach.coach.status import place
from flowcoach.problem import Problem
from flowcoach.result import CheckResult, State
from flowcoach.workspace import Workspace


@dataclass(frozen=True)
class Push:
    """A step and the hints of it that were seen by now; `again` when there was no new one to give."""

    check: CheckResult
    seen: tuple[str, ...]
    again: bool

    @property
    def label(self) -> str:
        """What learners know a hint by: “hint 2 of 3”."""
        return f"hint {len(self.seen)} of {len(self.check.hints)}"

    @property
    def last(self) -> bool:
        """Whether there is no further one."""
        return len(self.seen) == len(self.check.hints)


def step(name: str, here: Workspace) -> CheckResult:
    """The step that a hint is asked for: the named one, or the first open one of the named section.

    What it builds on comes first, when that is open; a step that holds comes back as it is. Raises Problem for an
    unknown name and for a store that cannot be read.
    """
    course.select((name,))
    section = course.look((name.partition("/")[0],), here.folder, here.store).sections[0]
    by_id = {check.id: check for check in section.checks}
    if name in by_id:
        wanted = by_id[name]
    else:
        now = place((section,))
        open_bonuses = (check for check in section.checks if check.state is not State.PASSED)
        wanted = now.check if now else next(open_bonuses, section.checks[-1])
    while wanted.state is State.SKIPPED and wanted.where in by_id:
        wanted = by_id[wanted.where]
    return wanted


def push(check: CheckResult, folder: Path) -> Push:
    """The next hint of a step, remembered in the workspace `folder`; after the last one, all of them again."""
    before = progress.read(folder).hints.get(check.id, 0)
    seen = min(before + 1, len(check.hints))
    with suppress(Problem):  # a folder that cannot be written to is no reason to keep a hint back
        progress.remember(folder, lambda known: known.with_hints(check.id, seen))
    return Push(check, check.hints[:seen], again=before >= len(check.hints))
