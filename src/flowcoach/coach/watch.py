"""Look again whenever something changed, and say what is new: the engine of `flowcoach watch`, whatever its face."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from flowcoach import course
from flowcoach.coach import progress
from flowcoach.coach.changes import Changes
from flowcoach.coach.status import Place, place
from flowcoach.evidence.opening import path_of
from flowcoach.problem import Problem, refused
from flowcoach.result import CheckResult, Obstacle, Result, SectionResult, State
from flowcoach.workspace import Workspace

_BREATH = (
    2  # after a look, wait this many times the processor's time it took: a storm of changes is no reason to storm back
)
_REST = 100  # where nobody tells of changes, look once in so many times: that takes 1 % of a processor
_SOONEST = 2.0  # seconds between such looks, at least
_QUIET = 1.0  # seconds without a change, after which work counts as done for now


@dataclass(frozen=True)
class Glance:
    """What one look at the watched section found.

    `passed` are the steps that hold now and did not at the glance before, `lost` those that no longer do. `now` is the
    first open step, None when all hold. `obstacle` says why nothing could be seen; then the rest is as it was before.
    """

    section: SectionResult | None
    passed: tuple[CheckResult, ...] = ()
    lost: tuple[CheckResult, ...] = ()
    obstacle: Obstacle | None = None

    @property
    def now(self) -> Place | None:
        """The first open step of the section."""
        return place((self.section,)) if self.section else None

    @property
    def finished(self) -> bool:
        """Whether every step holds, bonuses aside."""
        return self.section is not None and self.now is None

    def is_news_after(self, before: Glance) -> bool:
        """Whether there is more to it than another word on what is still missing."""
        id, known = (glance.section and glance.section.id for glance in (self, before))
        return bool(self.passed or self.lost) or self.obstacle != before.obstacle or id != known


class Watch:
    """A watch over one section of a workspace: the one named, else the one that the learner is at.

    Raises Problem for an unknown name, and for an address that no store can have.
    """

    def __init__(self, here: Workspace, name: str | None) -> None:
        self.here = here
        self.moves_on = name is None
        self._file = path_of(here.store) if here.store.startswith("sqlite") else None
        self._id = course.section(name).id if name else None
        self._last = Glance(None)
        self._turn = False

    def glance(self) -> Glance:
        """Look once. What passed is remembered as done; a store that cannot be read is an obstacle and no end."""
        if self._turn:
            self._id, self._last, self._turn = None, Glance(None), False
        try:
            section = self._look()
        except Problem as problem:
            return self._hindered(problem)
        except OSError as error:  # a folder that goes while it is read, a full disk, …
            return self._hindered(refused(error, "mend that; I go on looking"))
        before = self._last.section
        known = {check.id: check.state is State.PASSED for check in before.checks} if before else {}
        self._last = Glance(
            section,
            passed=tuple(check for check in section.checks if _holds(check) and known.get(check.id) is False),
            lost=tuple(check for check in section.checks if not _holds(check) and known.get(check.id)),
        )
        if before is None or self._last.passed:
            with suppress(Problem):  # a folder that cannot be written to is no reason to look away
                progress.remember(self.here.folder, lambda known: known.with_done(section.checks))
        return self._last

    def _hindered(self, problem: Problem) -> Glance:
        self._last = replace(self._last, passed=(), lost=(), obstacle=Obstacle(problem.cause, problem.next_step))
        return self._last

    def go_on(self) -> None:
        """With the next glance, turn to the section where the first open step is; the last when everything is done."""
        self._turn = True

    def glances(self, stop: threading.Event) -> Iterator[Glance]:
        """The first glance, then each that differs from the one before, until `stop` is set.

        What holds is told at once. What is still missing is told when it has been quiet for a second: work that is
        half done is no mistake.
        """
        shown = seen = self.glance()
        yield shown
        changes = Changes(self.here.folder, self._file, stop)
        changed, earliest, latest, stirred = True, 0.0, 0.0, time.monotonic()
        for news in changes:
            now = time.monotonic()
            if news:
                changed, stirred = True, now
            untold = changes.blind or shown.obstacle or self._file is None
            if now >= earliest and (changed or self._turn or (untold and now >= latest)):
                changed = False
                begun = time.process_time()
                seen = self.glance()
                took, now = time.process_time() - begun, time.monotonic()
                earliest, latest = now + _BREATH * took, now + max(_SOONEST, _REST * took)
            if seen != shown and (seen.is_news_after(shown) or now - stirred >= _QUIET):
                yield seen
                shown = seen = replace(seen, passed=(), lost=())

    def _look(self) -> SectionResult:
        here = self.here
        if self._id is None:
            self._id = where(course.look((), here.folder, here.store), progress.read(here.folder).at)
        return course.look((self._id,), here.folder, here.store).sections[0]


def where(result: Result, at: str | None) -> str:
    """The section to work on: that of the first open step, counting from section `at`; when all hold, the last."""
    now = place(result.sections, at=at)
    return now.section.id if now else result.sections[-1].id


def _holds(check: CheckResult) -> bool:
    return check.state is State.PASSED
