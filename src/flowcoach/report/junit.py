"""The result as JUnit XML, which every CI shows: a test suite a section, a test case a check.

The format is the one that Jenkins made common, as junitparser writes it. It holds no times, for none were taken.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite

from flowcoach.report.text import clean, explain
from flowcoach.result import CheckResult, Result, SectionResult, State


def dumps(result: Result) -> str:
    """The result as XML text, ending in a newline. When nothing could be checked, one test case in error says why."""
    document = JUnitXml("flowcoach")
    looked_at = [("store", store) for store in result.stores] + [("warning", warning) for warning in result.warnings]
    for section in result.sections:
        document.append(_suite(section, looked_at))
    if result.problem:
        case = TestCase("evidence", classname="flowcoach")
        _append(case, Error(clean(result.problem.cause), "problem"), f"Next: {clean(result.problem.next_step)}")
        suite = TestSuite("flowcoach")
        suite.append(case)
        _count(suite, [suite])
        document.append(suite)
    _count(document, list(document))
    written = BytesIO()
    document.write(written, pretty=True)
    return written.getvalue().decode("utf-8").rstrip() + "\n"


def _suite(section: SectionResult, looked_at: list[tuple[str, str]]) -> TestSuite:
    suite = TestSuite(clean(f"{section.id} {section.title}"))
    suite.append(_properties([("points", section.points), ("max_points", section.max_points), *looked_at]))
    for check in section.checks:
        suite.append(_case(check, section))
    _count(suite, [suite])
    return suite


def _case(check: CheckResult, section: SectionResult) -> TestCase:
    case = TestCase(check.id, classname=f"flowcoach.{section.id}")
    worth = "bonus_points" if check.bonus else "max_points"
    basis = [("basis", check.basis.value)] if check.basis else []
    case.append(_properties([("title", check.title), ("points", check.points), (worth, check.max_points), *basis]))
    message = clean(check.message or "")
    if check.state is State.ERROR:
        _append(case, Error(message, "error"), explain(check))
    elif check.state is State.SKIPPED:
        case.append(Skipped(message))
    elif check.state is State.FAILED and check.bonus:
        case.append(Skipped(f"Bonus, not earned: {message}"))  # what costs nothing must not turn a CI red
    elif check.state is State.FAILED:
        _append(case, Failure(message, check.misconception or "failed"), explain(check))
    return case


def _append(case: TestCase, verdict: Error | Failure, text: str) -> None:
    verdict.text = text
    case.append(verdict)


def _properties(pairs: list[tuple[str, Any]]) -> Properties:
    properties = Properties()
    for name, value in pairs:
        properties.append(Property(name, f"{value:g}" if isinstance(value, int | float) else clean(value)))
    return properties


def _count(total: JUnitXml | TestSuite, suites: list[TestSuite]) -> None:
    """Write the counts by hand: junitparser's own statistics would add a time."""
    cases = [case for suite in suites for case in suite if isinstance(case, TestCase)]
    total.tests = len(cases)
    total.failures = sum(case.is_failure for case in cases)
    total.errors = sum(case.is_error for case in cases)
    total.skipped = sum(case.is_skipped for case in cases)
