"""Ask checks of evidence and turn whatever happens into results."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Sequence
from dataclasses import replace

from flowcoach.checks.check import Check, fill
from flowcoach.checks.expect import Failed
from flowcoach.checks.reproduced import Listening
from flowcoach.evidence import Evidence, NotFound, Unavailable
from flowcoach.problem import Problem
from flowcoach.result import Basis, CheckResult, State

_LONGEST = 1000  # characters; our own sentences take a few hundred


def run_checks(checks: Sequence[Check], evidence: Evidence) -> tuple[CheckResult, ...]:
    """Run `checks` on `evidence`, and what they need; the results of `checks` come back, in their order, each once.

    A check whose needs did not all pass is skipped and names those. Evidence that is not there fails a check, evidence
    that did not come along skips it, and a check that breaks is an error of ours. A need that broke comes back too,
    asked for or not, so that our fault is never taken for the learner's. Raises Problem (a store that vanished, say):
    that ends the whole look, for nothing can be checked then. Raises ValueError for two checks of one id.
    """
    done: dict[str, CheckResult] = {}
    for check in with_needs(checks):
        done[check.id] = _run(check, evidence, done)
    asked = dict.fromkeys(check.id for check in checks)
    broken = [id for id, result in done.items() if result.state is State.ERROR and id not in asked]
    return tuple(done[id] for id in (*broken, *asked))


def with_needs(checks: Iterable[Check]) -> list[Check]:
    """`checks` and everything they need, each once, needs first. Raises ValueError for two checks of one id."""
    ordered: dict[str, Check] = {}

    def add(check: Check) -> None:
        if check.id in ordered:
            if ordered[check.id] is not check:
                raise ValueError(f"two checks are called {check.id}: an id is for one check and for good")
            return
        for need in check.needs:
            add(need)
        ordered[check.id] = check

    for check in checks:
        add(check)
    return list(ordered.values())


def _run(check: Check, evidence: Evidence, done: dict[str, CheckResult]) -> CheckResult:
    open_needs = [need for need in check.needs if done[need.id].state is not State.PASSED]
    if open_needs:
        titles = ", ".join(f"“{need.title}”" for need in open_needs)
        return _result(check, State.SKIPPED, message=f"First: {titles}.", where=open_needs[0].id)
    listening = Listening(evidence.rescorer)
    try:
        returned: object = check.body(replace(evidence, rescorer=listening))
        if returned is not None:  # a bool nobody asserted, or a body with `yield` that never ran
            raise TypeError(f"a check returns nothing, this one a {type(returned).__name__}")
    except (Failed, NotFound) as failure:
        return _failed(check, evidence, failure)
    except Unavailable as reason:
        return _result(check, State.SKIPPED, message=f"Not checked: {reason}")
    except Problem:
        raise
    except Exception as error:
        return _broken(check, error)
    return _result(check, State.PASSED, points=check.points, basis=listening.basis)


def _failed(check: Check, evidence: Evidence, failure: Failed | NotFound) -> CheckResult:
    """One fault at a time: a recognised mistake speaks alone, for the check's own words may be about another run."""
    for misconception in check.misconceptions:
        try:
            observed = misconception.recognise(evidence)
            if observed is not None:
                message = fill(misconception.message, observed)
                return _result(check, State.FAILED, message=message, misconception=misconception.id)
        except (Failed, NotFound, Unavailable):
            continue  # what it would recognise is not there
        except Problem:
            raise
        except Exception as error:
            return _broken(check, error)
    return _result(
        check,
        State.FAILED,
        message=failure.message,
        expected=failure.expected or None,
        found=failure.found or None,
        where=failure.where or None,
        advice=failure.advice or None,
    )


def _broken(check: Check, error: Exception) -> CheckResult:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return _result(
        check,
        State.ERROR,
        message="This check broke. That is our fault, not yours: your work is not judged by it.",
        found=f"{type(error).__name__}: {error}",
        where=f"{frame.name}, line {frame.lineno}",
        advice="please report it with the line above",
    )


def _result(
    check: Check,
    state: State,
    *,
    points: float = 0,
    message: str | None = None,
    expected: str | None = None,
    found: str | None = None,
    where: str | None = None,
    advice: str | None = None,
    misconception: str | None = None,
    basis: Basis | None = None,
) -> CheckResult:
    return CheckResult(
        id=check.id,
        title=check.title,
        state=state,
        points=points,
        max_points=check.points,
        bonus=check.bonus,
        message=_short(message),
        expected=_short(expected),
        found=_short(found),
        where=_short(where),
        advice=_short(advice),
        misconception=misconception,
        hints=check.hints,
        why=check.why,
        basis=basis,
    )


def _short(text: str | None) -> str | None:
    """The text, cut where nobody reads on: a learner's names and values have no end of their own."""
    return text if text is None or len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
