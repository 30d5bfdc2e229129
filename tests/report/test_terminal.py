"""What the terminal says to do next, and when it says why."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from flowcoach.report import terminal
from flowcoach.result import CheckResult, Result, SectionResult, State


def a_check(slug: str, state: State, *, where: str | None = None) -> CheckResult:
    points = 1 if state is State.PASSED else 0
    return CheckResult(f"2.3/{slug}", f"It is {slug}", state, points, 1, hints=("a", "b"), why="It pays.", where=where)


def page(*checks: CheckResult) -> list[str]:
    return terminal.dumps(Result("0.1.0", (SectionResult("2.3", "Tracking", checks),)), width=100).splitlines()


PASSED, FAILED = a_check("passed", State.PASSED), a_check("failed", State.FAILED)
SKIPPED = a_check("skipped", State.SKIPPED, where="2.3/failed")
ABSENT, BROKEN = a_check("absent", State.SKIPPED), a_check("broken", State.ERROR)
BONUS = CheckResult("2.3/bonus", "A bonus", State.FAILED, 0, 1, bonus=True)

_WORK_ON_IT = "work on 2.3/failed, then flowcoach check 2.3/failed; for a push, flowcoach hint 2.3/failed"


@pytest.mark.parametrize(
    ("checks", "step"),
    [
        (
            (PASSED, FAILED, SKIPPED),
            _WORK_ON_IT,
        ),
        (
            (BROKEN, FAILED),
            _WORK_ON_IT,
        ),
        ((PASSED, BROKEN), "report that 2.3/broken broke; it will be looked at again, so no points are lost"),
        ((SKIPPED,), "first what it builds on: flowcoach check 2.3/failed"),
        ((PASSED, ABSENT), "bring along what is missing, then flowcoach check 2.3/absent"),
        ((PASSED,), "this step holds; to hear the next step, type flowcoach"),
        ((PASSED, BONUS), "all of it holds; to hear the next step, type flowcoach"),
        ((BONUS,), "work on 2.3/bonus, then flowcoach check 2.3/bonus"),
    ],
    ids=["failed", "failed-and-broken", "broken", "needs", "absent", "passed", "bonus-left", "bonus-alone"],
)
def test_there_is_one_next_step_the_first_that_the_learner_can_take(checks: tuple[CheckResult, ...], step: str) -> None:
    assert [line for line in page(*checks) if line.startswith("Next: ")] == [f"Next: {step}"]


def test_points_and_states_are_summed_up() -> None:
    assert "1 of 3 points; steps: 1 passed, 1 failed, 1 skipped" in page(PASSED, FAILED, SKIPPED)


def test_a_single_passed_check_says_why_it_matters() -> None:
    assert "      It pays." in page(PASSED)


def test_many_passed_checks_do_not() -> None:
    assert "      It pays." not in page(PASSED, PASSED)


def test_a_failed_check_does_not_give_its_hints_away() -> None:
    failed = CheckResult("2.3/a", "A", State.FAILED, 0, 1, message="No.", hints=("the whole answer",))
    assert "the whole answer" not in "\n".join(page(failed))


def test_there_is_no_colour_when_it_is_not_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    stream = StringIO()
    terminal.render(Result("0.1.0", (SectionResult("2.3", "Tracking", (PASSED, FAILED)),)), Console(file=stream))
    assert "\x1b" not in stream.getvalue()
