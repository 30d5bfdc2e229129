"""What `expect` says when something does not hold."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from flowcoach.checks import Failed, expect, expect_some
from flowcoach.checks.expect import Expectation, show
from flowcoach.evidence import NotFound, Unavailable

Sentence = Callable[[Expectation], None]


def failure_of(value: Any, sentence: Sentence, what: str = "the value", **place: str) -> Failed:
    with pytest.raises(Failed) as failure:
        sentence(expect(value, what, **place))
    return failure.value


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (15, lambda it: it.equals(15)),
        ("runs", lambda it: it.differs_from("params")),
        (5.3, lambda it: it.is_close_to(5.31, tolerance=0.02)),
        (15, lambda it: it.is_at_least(15)),
        (5.3, lambda it: it.is_at_most(5.3)),
        (5, lambda it: it.is_between(5, 18)),
        (18, lambda it: it.is_between(5, 18)),
        ("b", lambda it: it.is_one_of(["a", "b"])),
        ("a long text", lambda it: it.contains("long")),
        (["a", "b"], lambda it: it.contains("b")),
        ("text", lambda it: it.is_there()),
        ("runs", lambda it: it.satisfies(True, "the table that holds it")),
    ],
)
def test_what_holds_says_nothing(value: Any, sentence: Sentence) -> None:
    sentence(expect(value))


@pytest.mark.parametrize(
    ("value", "sentence", "expected", "found"),
    [
        (14, lambda it: it.equals(15), "15", "14"),
        ("runs", lambda it: it.equals("run"), "“run”", "“runs”"),
        ("latest", lambda it: it.differs_from("latest"), "something other than “latest”", "“latest”"),
        (5.3, lambda it: it.is_close_to(5.4, tolerance=0.01), "5.4 (within 0.01)", "5.3"),
        (14, lambda it: it.is_at_least(15), "at least 15", "14"),
        (5.4, lambda it: it.is_at_most(5.3), "at most 5.3", "5.4"),
        (300.0, lambda it: it.is_between(5, 18), "between 5 and 18", "300"),
        ("c", lambda it: it.is_one_of(["a", "b"]), "one of “a”, “b”", "“c”"),
        ("c", lambda it: it.is_one_of(["a"]), "“a”", "“c”"),
        ("run", lambda it: it.contains("x"), "“x” in it", "“run”"),
        ([], lambda it: it.is_there(), "at least one", "nothing"),
    ],
)
def test_what_does_not_hold_says_what_was_expected_and_found(
    value: Any, sentence: Sentence, expected: str, found: str
) -> None:
    failure = failure_of(value, sentence)
    assert (failure.expected, failure.found) == (expected, found)
    assert failure.message == f"The value: expected {expected}, found {found}."


def test_a_failure_carries_where_to_look_and_what_to_try() -> None:
    failure = failure_of(0, lambda it: it.is_there(), where="experiment “x”", advice="log one")
    assert (failure.where, failure.advice) == ("experiment “x”", "log one")


def test_an_answer_can_be_refused_without_giving_the_right_one_away() -> None:
    failure = failure_of("runs", lambda it: it.satisfies(False, "the table that holds it"), "the table of `alpha`")
    assert failure.message == "The table of `alpha`: expected the table that holds it, found “runs”."


@pytest.mark.parametrize("value", [math.nan, "nan", "many", None, [], True])
@pytest.mark.parametrize(
    "sentence",
    [
        lambda it: it.is_close_to(1, tolerance=9e9),
        lambda it: it.is_at_least(-9e9),
        lambda it: it.is_at_most(9e9),
        lambda it: it.is_between(-9e9, 9e9),
    ],
    ids=["is_close_to", "is_at_least", "is_at_most", "is_between"],
)
def test_no_sentence_on_numbers_holds_for_what_is_no_number(value: Any, sentence: Sentence) -> None:
    failure_of(value, sentence)


def test_a_number_written_as_text_is_a_number_for_mlflow_keeps_parameters_so() -> None:
    expect("0.01").is_close_to(0.01, tolerance=1e-9)


def test_yes_is_not_one() -> None:
    failure_of(True, lambda it: it.equals(1))
    failure_of(True, lambda it: it.is_one_of([1, 2]))


def test_a_number_holds_no_part() -> None:
    failure_of(3, lambda it: it.contains("x"))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "nothing"),
        (True, "yes"),
        (math.nan, "NaN"),
        (5.335420123, "5.33542"),
        (5.0, "5"),
        ("best", "“best”"),
        (("a", 2), "“a”, 2"),
        ([], "nothing"),
    ],
)
def test_values_are_written_short_but_distinguishable(value: Any, text: str) -> None:
    assert show(value) == text


def above_ten(candidate: int) -> None:
    expect(candidate).is_at_least(10)


def test_one_candidate_that_holds_is_enough_whatever_was_tried_before_or_since() -> None:
    expect_some([1, 12, 2], above_ten)


def test_when_no_candidate_holds_the_last_one_explains() -> None:
    with pytest.raises(Failed, match="found 2"):
        expect_some([1, 2], above_ten)


def test_a_candidate_without_the_evidence_explains_too() -> None:
    def absent(candidate: int) -> None:
        raise NotFound(f"{candidate} has no rmse.")

    with pytest.raises(NotFound, match="7 has no rmse"):
        expect_some([7], absent)


def test_a_candidate_whose_files_did_not_come_along_is_passed_over() -> None:
    def opened(candidate: int) -> None:
        if candidate < 5:
            raise Unavailable(f"the files of {candidate} did not come along.")

    expect_some([1, 7, 2], opened)
    with pytest.raises(Unavailable, match="files of 2"):
        expect_some([1, 2], opened)
