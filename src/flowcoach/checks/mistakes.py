"""`@mistake`: builds a wrong state for real, so that CI can prove which check falls and which message answers it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass

from flowcoach.workspace import Workspace

Build = Callable[[Workspace], None]


@dataclass(frozen=True)
class Mistake:
    """A wrong turn from a solved workspace.

    `build` makes it; then just the check `check_id` fails (and what needs it is skipped), answered by
    `misconception_id`, or by the check's own words when that is None. `story` says what the learner did.
    """

    check_id: str
    misconception_id: str | None
    story: str
    build: Build


def mistake(check_id: str, misconception: str | None = None) -> Callable[[Build], Mistake]:
    """Make a mistake of a function that turns a solved workspace into a wrong one.

    `misconception` is the name of the function that recognises it. Raises ValueError without a docstring.
    """

    def decorate(build: Build) -> Mistake:
        story = inspect.getdoc(build)
        if not story:
            raise ValueError(f"{build.__name__} needs a docstring: what did the learner do?")
        name = misconception.replace("_", "-") if misconception else None
        return Mistake(check_id, f"{check_id}/{name}" if name else None, story, build)

    return decorate
