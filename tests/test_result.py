"""What a result adds up to."""

from __future__ import annotations

import pytest

from flowcoach.result import CheckResult, Obstacle, Result, SectionResult, State


def a_check(state: State, *, bonus: bool = False) -> CheckResult:
    return CheckResult("2.3/a", "A", state, 2 if state is State.PASSED else 0, 2, bonus=bonus)


def a_result(*checks: CheckResult) -> Result:
    return Result("0.1.0", (SectionResult("2.3", "Tracking", checks),))


PASSED, FAILED, SKIPPED, ERROR = (a_check(state) for state in State)
BONUS_PASSED, BONUS_FAILED, _, BONUS_ERROR = (a_check(state, bonus=True) for state in State)


@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ((PASSED, PASSED), 0),
        ((PASSED, FAILED), 1),
        ((PASSED, SKIPPED), 1),
        ((FAILED, ERROR), 2),
        ((PASSED, BONUS_FAILED), 0),
        ((PASSED, BONUS_ERROR), 2),
        ((BONUS_FAILED,), 1),
        ((BONUS_PASSED,), 0),
        ((), 2),
    ],
    ids=[
        "all-passed",
        "one-failed",
        "one-skipped",
        "an-error",
        "bonus-not-earned",
        "bonus-in-error",
        "only-a-bonus-failed",
        "only-a-bonus-passed",
        "nothing-checked",
    ],
)
def test_the_exit_code_says_whether_everything_that_counts_passed(checks: tuple[CheckResult, ...], code: int) -> None:
    assert a_result(*checks).exit_code == code


def test_nothing_could_be_checked_is_two() -> None:
    assert Result("0.1.0", problem=Obstacle("No store.", "make one")).exit_code == 2


def test_a_bonus_adds_to_the_points_and_not_to_the_maximum() -> None:
    result = a_result(PASSED, BONUS_PASSED)
    assert (result.points, result.max_points) == (4, 2)


def test_the_maximum_is_the_same_whatever_became_of_the_checks() -> None:
    assert {a_result(check).max_points for check in (PASSED, FAILED, SKIPPED, ERROR)} == {2}


def test_only_an_error_asks_for_a_second_look() -> None:
    assert [a_result(check).needs_regrade for check in (PASSED, FAILED, SKIPPED, ERROR)] == [False, False, False, True]
