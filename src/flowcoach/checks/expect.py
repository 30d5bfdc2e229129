"""`expect(value, …)`: say what must hold of an observed value; what does not hold carries its own explanation."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from flowcoach.evidence import NotFound, Unavailable

Candidate = TypeVar("Candidate")


class Failed(Exception):
    """What was looked at does not hold: the learner's turn. The fields are those of a failed result."""

    def __init__(self, message: str, *, expected: str, found: str, where: str = "", advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.found = found
        self.where = where
        self.advice = advice


@dataclass(frozen=True)
class Expectation:
    """An observed value with its name (`what`), the place it was seen (`where`) and what to try (`advice`).

    Whatever the value turns out to be, a sentence holds or raises Failed: a learner may have left anything. Sentences
    on numbers also read numbers written as text, as MLflow keeps parameters; NaN and what is no number never hold.
    """

    value: Any
    what: str
    where: str
    advice: str

    def equals(self, other: Any) -> None:
        """The value is exactly `other`."""
        if not _same(self.value, other):
            self._fail(show(other))

    def differs_from(self, other: Any) -> None:
        """The value is anything but `other`."""
        if _same(self.value, other):
            self._fail(f"something other than {show(other)}")

    def is_close_to(self, other: float, *, tolerance: float) -> None:
        """The number is within `tolerance` (absolute) of `other`."""
        if not abs(number(self.value) - other) <= tolerance:
            self._fail(f"{show(other)} (within {tolerance:g})")

    def is_at_least(self, least: float) -> None:
        """The number is `least` or more."""
        if not number(self.value) >= least:
            self._fail(f"at least {show(least)}")

    def is_at_most(self, most: float) -> None:
        """The number is `most` or less."""
        if not number(self.value) <= most:
            self._fail(f"at most {show(most)}")

    def is_between(self, low: float, high: float) -> None:
        """The number lies between `low` and `high`, both included."""
        if not low <= number(self.value) <= high:
            self._fail(f"between {show(low)} and {show(high)}")

    def is_one_of(self, options: Collection[Any]) -> None:
        """The value is one of `options`."""
        if not any(_same(self.value, option) for option in options):
            listed = ", ".join(show(option) for option in options)
            self._fail(f"one of {listed}" if len(options) > 1 else listed)

    def contains(self, part: Any) -> None:
        """`part` is in the value: a text in a text, an item in a collection."""
        try:
            there = part in self.value
        except TypeError:  # what holds nothing holds no part
            there = False
        if not there:
            self._fail(f"{show(part)} in it")

    def is_there(self) -> None:
        """The value is something: not None, not empty, not zero."""
        if not self.value:
            self._fail("some text" if isinstance(self.value, str) else "at least one")

    def satisfies(self, holds: bool, expected: str) -> None:
        """`holds` is true; `expected` is in words, for what must not give the right answer away."""
        if not holds:
            self._fail(expected)

    def _fail(self, expected: str) -> NoReturn:
        found = show(self.value)
        what = self.what or "The value"
        message = f"{what[0].upper()}{what[1:]}: expected {expected}, found {found}."
        raise Failed(message, expected=expected, found=found, where=self.where, advice=self.advice)


def expect(value: Any, what: str = "", *, where: str = "", advice: str = "") -> Expectation:
    """Begin a sentence: `expect(rmse, "the RMSE", where=run.label).is_at_most(20)`.

    `what` names the value in the learner's words, `where` the place to look, `advice` what to try next. Each
    sentence raises Failed when it does not hold.
    """
    return Expectation(value, what, where, advice)


def expect_some(candidates: Iterable[Candidate], holds: Callable[[Candidate], None]) -> None:
    """At least one candidate holds; otherwise the last one's failure is raised, so put the newest last.

    What was done wrong before, or since, never takes away what one candidate shows, nor does one whose files did not
    come along. No candidates at all hold nothing to explain: raise the fitting NotFound before (`runs.first()` does).
    """
    failure: Failed | NotFound | Unavailable | None = None
    for candidate in candidates:
        try:
            holds(candidate)
            return
        except (Failed, NotFound, Unavailable) as problem:
            failure = problem
    if failure is not None:
        raise failure


def _same(value: Any, other: Any) -> bool:
    """Whether two values are equal; Python's `True == 1` is not what a teacher means."""
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def number(value: Any) -> float:
    """The number that a value stands for, so that “1”, “ 1” and 1.0 are one; NaN when it stands for none.

    MLflow keeps parameters and tags as text, and a learner may have written anything. No comparison holds for NaN.
    """
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def show(value: Any) -> str:
    """A value as messages write it: numbers short but distinguishable, texts quoted, collections listed."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "nothing"}[value]
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else f"{value:.6g}"
    if isinstance(value, str):
        return f"“{value}”" if value else "nothing"
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(show(item) for item in value) or "nothing"
    return str(value)
