"""`@check`: a function that looks at evidence, and the misconceptions known to make it fail."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from string import Formatter
from typing import Any

from flowcoach.evidence import Evidence

_ID = re.compile(r"\d+\.\d+/[a-z0-9]+(-[a-z0-9]+)*")

Body = Callable[[Evidence], None]
Recogniser = Callable[[Evidence], dict[str, Any] | None]


@dataclass(frozen=True)
class Misconception:
    """A wrong state that real learners reach. `recognise` returns None, or the values that fill `message`."""

    id: str
    message: str
    recognise: Recogniser


@dataclass(frozen=True)
class Check:
    """One thing that must hold. `id` is a stable slug such as "2.3/trials"; `title` is the docstring's sentence.

    `needs` are checks without which this one makes no sense; `hints` are pushes from soft to plain; `why` says what
    the skill is good for at work. A `bonus` stands beyond the section's maximum.
    """

    id: str
    title: str
    body: Body
    points: float
    needs: tuple[Check, ...] = ()
    hints: tuple[str, ...] = ()
    why: str | None = None
    bonus: bool = False
    misconceptions: list[Misconception] = field(default_factory=list)

    def misconception(self, recognise: Recogniser) -> Recogniser:
        """Register a mistake of this check: the function recognises it, its docstring answers it.

        They are asked in the order they are written. Raises ValueError for a name twice, or without a docstring.
        """
        id = f"{self.id}/{recognise.__name__.replace('_', '-')}"
        if any(known.id == id for known in self.misconceptions):
            raise ValueError(f"the misconception {id} is there twice: give each function a name of its own")
        self.misconceptions.append(Misconception(id, _sentence(recognise), recognise))
        return recognise


def check(
    id: str,
    *,
    points: float,
    needs: Sequence[Check] = (),
    hints: Sequence[str] = (),
    why: str | None = None,
    bonus: bool = False,
) -> Callable[[Body], Check]:
    """Make a check of a function whose docstring is the sentence a teacher would say.

    The function returns nothing when the check holds and raises (through `expect`, or by asking for evidence that is
    not there) when it does not. Raises ValueError for an id that is not a section and a slug, for points that nobody
    could earn, and for a function without a docstring.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"a check's id is its section and a slug, as in 2.3/trials or 2.3/best-trial; found {id!r}")
    if not 0 < points < math.inf:
        raise ValueError(f"{id} needs points above 0; found {points!r}")

    def decorate(body: Body) -> Check:
        return Check(id, _sentence(body), body, points, tuple(needs), tuple(hints), why, bonus)

    return decorate


def fill(message: str, values: dict[str, Any]) -> str:
    """Fill a misconception's message. Raises KeyError when it names a value that was not observed."""
    return Formatter().vformat(message, (), values)


def _sentence(function: Callable[..., Any]) -> str:
    text = inspect.getdoc(function)
    if not text:
        raise ValueError(f"{function.__name__} needs a docstring: it is what the learner reads")
    return " ".join(text.split())
