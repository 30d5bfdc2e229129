"""What becomes of a check, whatever happens in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from flowcoach.checks import Check, Failed, check, expect, run_checks
from flowcoach.evidence import Evidence, NotFound, Unavailable
from flowcoach.problem import Problem
from flowcoach.result import CheckResult, State

NOTHING = Evidence(stores=())

Body = Callable[[Evidence], Any]


def make(slug: str, body: Body, *, needs: Sequence[Check] = (), points: float = 1, bonus: bool = False) -> Check:
    def sentence(evidence: Evidence) -> Any:
        return body(evidence)

    sentence.__doc__ = f"It holds: {slug}"
    return check(f"0.1/{slug}", points=points, needs=needs, bonus=bonus, hints=["look"], why="because\nit matters")(
        sentence
    )


def holds(evidence: Evidence) -> None:
    """Nothing to say."""


def fails(evidence: Evidence) -> None:
    expect(3, "trials", where="experiment “x”", advice="log them").is_at_least(15)


def breaks(evidence: Evidence) -> None:
    raise ZeroDivisionError("division by zero")


def raises(error: Exception) -> Body:
    def body(evidence: Evidence) -> None:
        raise error

    return body


def run(*checks: Check) -> list[CheckResult]:
    return list(run_checks(checks, NOTHING))


def states(*checks: Check) -> list[State]:
    return [result.state for result in run(*checks)]


def test_a_check_that_holds_earns_its_points_and_says_why_it_matters() -> None:
    assert run(make("a", holds, points=2)) == [
        CheckResult("0.1/a", "It holds: a", State.PASSED, 2, 2, hints=("look",), why="because\nit matters")
    ]


def test_a_check_that_does_not_hold_explains_itself_and_earns_nothing() -> None:
    assert run(make("a", fails, points=2)) == [
        CheckResult(
            "0.1/a",
            "It holds: a",
            State.FAILED,
            0,
            2,
            message="Trials: expected at least 15, found 3.",
            expected="at least 15",
            found="3",
            where="experiment “x”",
            advice="log them",
            hints=("look",),
            why="because\nit matters",
        )
    ]


def test_evidence_that_is_not_there_fails_the_check() -> None:
    (result,) = run(make("a", raises(NotFound("There is no such run.", expected="a run"))))
    assert (result.state, result.message, result.expected, result.found) == (
        State.FAILED,
        "There is no such run.",
        "a run",
        None,
    )


def test_evidence_that_did_not_come_along_skips_the_check_with_the_reason() -> None:
    (result,) = run(make("a", raises(Unavailable("the model's files are on another machine"))))
    assert (result.state, result.message) == (State.SKIPPED, "Not checked: the model's files are on another machine")


def test_a_check_that_breaks_is_our_error_and_earns_nothing() -> None:
    (result,) = run(make("a", breaks))
    assert (result.state, result.points, result.found) == (State.ERROR, 0, "ZeroDivisionError: division by zero")
    assert result.message is not None
    assert "our fault" in result.message


def test_a_check_that_calls_itself_for_ever_is_our_error() -> None:
    def forever(evidence: Evidence) -> None:
        forever(evidence)

    assert states(make("a", forever)) == [State.ERROR]


@pytest.mark.parametrize("odd", [True, False, 0, "", iter(())], ids=["yes", "no", "zero", "no text", "iterator"])
def test_a_check_cannot_pass_by_returning_something(odd: object) -> None:
    assert states(make("a", lambda evidence: odd)) == [State.ERROR]


def test_a_check_with_a_yield_never_ran_so_it_cannot_pass() -> None:
    def lazy(evidence: Evidence) -> Any:
        expect(0).is_there()
        yield

    assert states(make("a", lazy)) == [State.ERROR]


def test_a_problem_ends_the_whole_look_for_nothing_can_be_checked_then() -> None:
    with pytest.raises(Problem, match="The store vanished"):
        run(make("a", holds), make("b", raises(Problem("The store vanished.", "find it"))))


def test_a_check_is_skipped_when_a_need_did_not_pass_and_says_which() -> None:
    passed, failed = make("passed", holds), make("failed", fails)
    *_, result = run(passed, failed, make("a", holds, needs=[passed, failed]))
    assert (result.state, result.message, result.where) == (
        State.SKIPPED,
        "First: “It holds: failed”.",
        "0.1/failed",
    )


def test_a_check_with_several_open_needs_names_them_all() -> None:
    first, second = make("first", fails), make("second", fails)
    (result,) = run(make("a", holds, needs=[first, second]))
    assert result.message == "First: “It holds: first”, “It holds: second”."


def test_skipping_passes_on_to_what_needs_the_skipped() -> None:
    failed = make("failed", fails)
    skipped = make("skipped", holds, needs=[failed])
    assert states(failed, skipped, make("a", holds, needs=[skipped])) == [State.FAILED, State.SKIPPED, State.SKIPPED]


def test_needs_are_run_but_only_what_was_asked_for_comes_back() -> None:
    need = make("need", holds)
    assert [result.id for result in run(make("a", holds, needs=[need]))] == ["0.1/a"]


def test_a_need_that_broke_comes_back_unasked_for_the_skipped_zero_is_our_fault() -> None:
    broken = make("broken", breaks)
    between = make("between", holds, needs=[broken])
    results = run(make("a", holds, needs=[between]))
    assert [(result.id, result.state) for result in results] == [
        ("0.1/broken", State.ERROR),
        ("0.1/a", State.SKIPPED),
    ]


def test_results_come_in_the_order_asked_each_once() -> None:
    first = make("first", holds)
    second = make("second", holds, needs=[first])
    assert [result.id for result in run(second, first, second)] == ["0.1/second", "0.1/first"]


def test_a_need_shared_by_many_is_looked_at_once() -> None:
    looks: list[str] = []
    layer = [make("base", lambda evidence: looks.append("base"))]
    for depth in range(30):  # two checks a layer, each in need of both below: 2^30 paths
        layer = [make(f"l{depth}-{side}", holds, needs=layer) for side in "ab"]
    run(*layer)
    assert looks == ["base"]


def test_two_checks_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two checks are called 0\.1/a"):
        run(make("a", holds), make("a", fails))


def test_a_bonus_is_marked_so_that_it_stands_beyond_the_maximum() -> None:
    (result,) = run(make("a", holds, points=3, bonus=True))
    assert (result.bonus, result.points, result.max_points) == (True, 3, 3)


# Misconceptions


def with_misconceptions(body: Body, *recognisers: Callable[[Evidence], Any]) -> CheckResult:
    asked = make("a", body)
    for number, recognise in enumerate(recognisers, start=1):

        def known(evidence: Evidence, recognise: Callable[[Evidence], Any] = recognise) -> Any:
            return recognise(evidence)

        known.__name__, known.__doc__ = f"known_{number}", f"Mistake {number}: {{run}}."
        asked.misconception(known)
    (result,) = run(asked)
    return result


def never(evidence: Evidence) -> None:
    raise AssertionError("must not be asked")


def test_a_recognised_mistake_gets_its_own_message_with_the_observed_values() -> None:
    result = with_misconceptions(fails, lambda evidence: {"run": "calm-owl"})
    assert (result.misconception, result.message) == ("0.1/a/known-1", "Mistake 1: calm-owl.")


def test_a_recognised_mistake_speaks_alone_for_the_checks_own_words_may_be_about_another_run() -> None:
    result = with_misconceptions(fails, lambda evidence: {"run": "calm-owl"})
    assert (result.expected, result.found, result.where, result.advice) == (None, None, None, None)


def test_the_first_mistake_that_is_recognised_wins() -> None:
    result = with_misconceptions(fails, lambda evidence: None, lambda evidence: {"run": "x"}, never)
    assert result.misconception == "0.1/a/known-2"


@pytest.mark.parametrize("body", [holds, raises(Unavailable("gone")), breaks], ids=["passed", "skipped", "error"])
def test_mistakes_are_looked_for_only_when_the_check_failed(body: Body) -> None:
    assert with_misconceptions(body, never).misconception is None


def test_a_mistake_whose_evidence_is_not_there_is_not_that_mistake() -> None:
    result = with_misconceptions(fails, raises(NotFound("no run")), lambda evidence: {"run": "x"})
    assert result.misconception == "0.1/a/known-2"


@pytest.mark.parametrize("recognise", [breaks, lambda evidence: {"other": 1}, lambda evidence: True])
def test_a_misconception_that_breaks_is_our_error(recognise: Callable[[Evidence], Any]) -> None:
    assert with_misconceptions(fails, recognise).state is State.ERROR


def test_a_problem_met_by_a_misconception_ends_the_look_too() -> None:
    with pytest.raises(Problem, match="The store vanished"):
        with_misconceptions(fails, raises(Problem("The store vanished.", "find it")))


def test_braces_in_a_learners_text_stay_text() -> None:
    result = with_misconceptions(fails, lambda evidence: {"run": "{run.__class__}"})
    assert result.message == "Mistake 1: {run.__class__}."


def test_what_a_learner_wrote_is_cut_where_nobody_reads_on() -> None:
    endless = Failed("m" * 10**6, expected="e" * 10**6, found="f" * 10**6, where="w" * 10**6, advice="a" * 10**6)
    [result] = run(make("a", raises(endless)))
    for text in (result.message, result.expected, result.found, result.where, result.advice):
        assert text
        assert len(text) < 1100
        assert text.endswith("…")
