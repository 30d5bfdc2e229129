"""What `@check` and `@misconception` make of a function, and what they refuse."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flowcoach.checks import Check, check
from flowcoach.evidence import Evidence


def make(id: str = "2.3/trials", points: float = 1) -> Check:
    @check(id, points=points)
    def body(evidence: Evidence) -> None:
        """It holds"""

    return body


def test_the_docstring_is_the_title_on_one_line() -> None:
    @check("2.3/trials", points=1)
    def trials(evidence: Evidence) -> None:
        """The search holds 15 trials,
        each with its figure"""

    assert trials.title == "The search holds 15 trials, each with its figure"


def test_renaming_the_function_leaves_the_id() -> None:
    assert make("2.3/best-trial").id == "2.3/best-trial"


def test_a_check_without_a_docstring_is_refused() -> None:
    def silent(evidence: Evidence) -> None: ...

    with pytest.raises(ValueError, match="needs a docstring"):
        check("2.3/trials", points=1)(silent)


@pytest.mark.parametrize("id", ["trials", "2.3/", "/trials", "2.3/Trials", "2.3/best trial", "2.3/a/b", "2.3/a\n", ""])
def test_an_id_is_a_section_and_a_slug(id: str) -> None:
    with pytest.raises(ValueError, match="its section and a slug"):
        make(id)


@pytest.mark.parametrize("points", [0, -1, math.nan, math.inf])
def test_points_can_be_earned(points: float) -> None:
    with pytest.raises(ValueError, match="points above 0"):
        make(points=points)


def test_a_misconception_is_named_after_its_check_and_function() -> None:
    trials = make("2.3/trials")

    @trials.misconception
    def only_the_seed_changed(evidence: Evidence) -> dict[str, Any] | None:
        """{trials} trials differ
        in their seed."""

    known = trials.misconceptions[0]
    assert known.id == "2.3/trials/only-the-seed-changed"
    assert known.message == "{trials} trials differ in their seed."


def test_two_misconceptions_of_one_name_are_refused() -> None:
    trials = make()

    def in_seconds(evidence: Evidence) -> dict[str, Any] | None:
        """Seconds."""

    trials.misconception(in_seconds)
    with pytest.raises(ValueError, match="there twice"):
        trials.misconception(in_seconds)


def test_a_misconception_without_a_message_is_refused() -> None:
    def silent(evidence: Evidence) -> dict[str, Any] | None: ...

    with pytest.raises(ValueError, match="needs a docstring"):
        make().misconception(silent)
