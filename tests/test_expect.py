"""What `expect` says when something does not hold."""

import pytest

from flowcoach.checks import Failed, expect


def test_an_answer_can_be_refused_without_giving_the_right_one_away() -> None:
    with pytest.raises(Failed) as failure:
        expect("runs", "the table of `alpha`").satisfies(False, "the table that holds it")
    assert failure.value.message == "The table of `alpha`: expected the table that holds it, found “runs”."


def test_what_satisfies_says_nothing() -> None:
    expect("params").satisfies(True, "the table that holds it")
