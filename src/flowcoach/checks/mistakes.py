"""`@mistake` and `@harmless`: states built for real, so that CI can prove what each of them costs."""

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


@dataclass(frozen=True)
class Harmless:
    """A later state of a solved workspace that must cost nothing: every check that passed still passes.

    `build` makes it; `story` says what the learner did.
    """

    story: str
    build: Build


def mistake(check_id: str, misconception: str | None = None) -> Callable[[Build], Mistake]:
    """Make a mistake of a function that turns a solved workspace into a wrong one.

    `misconception` is the name of the function that recognises it. Raises ValueError without a docstring.
    """

    def decorate(build: Build) -> Mistake:
        name = misconception.replace("_", "-") if misconception else None
        return Mistake(check_id, f"{check_id}/{name}" if name else None, _story(build), build)

    return decorate


def harmless(build: Build) -> Harmless:
    """Make a harmless state of a function that goes on from a solved workspace.

    Raises ValueError without a docstring.
    """
    return Harmless(_story(build), build)


def _story(build: Build) -> str:
    story = inspect.getdoc(build)
    if not story:
        raise ValueError(f"{build.__name__} needs a docstring: what did the learner do?")
    return story
