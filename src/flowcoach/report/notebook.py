"""The result in a notebook: HTML that reads well on light and dark pages and needs neither style sheet nor script."""

from __future__ import annotations

import re
from html import escape

from flowcoach.report.text import STYLES, basis, clean, details, lines, score
from flowcoach.result import CheckResult, Result, State

_BOX = '<div style="border-left:4px solid {colour};padding:.2em .8em;margin:.5em 0;line-height:1.5">{inside}</div>'
_GRID = '<div style="display:grid;grid-template-columns:max-content 1fr;gap:0 1em;margin:.3em 0">{inside}</div>'
_FAINT = '<div style="opacity:.75">{inside}</div>'


def html(result: Result) -> str:
    """The result as a piece of HTML, whose text is safe whatever a learner wrote.

    After a pass it says why the skill matters; after a failure the hints open one inside the other.
    """
    if result.problem:
        cause, step = _prose(result.problem.cause), _prose(result.problem.next_step)
        told = f"<div>{cause}</div><div><b>Next:</b> {step}</div>"
        return _BOX.format(colour=STYLES[State.ERROR].html, inside=told) + "\n"
    parts = [_check(check) for check in result.checks]
    parts += [_FAINT.format(inside=f"Warning: {_prose(warning)}") for warning in result.warnings]
    if len(result.checks) != 1:
        parts.append(f"<div><b>{score(result.points, result.max_points)}</b></div>")
    if result.stores:
        parts.append(_FAINT.format(inside=f"Read {', '.join(_prose(store) for store in result.stores)}"))
    return "\n".join(parts) + "\n"


def _check(check: CheckResult) -> str:
    style = STYLES[check.state]
    earned = f"{'bonus, ' if check.bonus else ''}{score(check.points, check.max_points)}"
    state = f'<b style="color:{style.html}">{style.symbol} {check.state}</b>'
    parts = [f'<div>{state} {_prose(check.title)} <span style="opacity:.75">({earned})</span></div>']
    if check.message:
        parts.append(f"<div>{_prose(check.message)}</div>")
    if check.state in (State.FAILED, State.ERROR):
        rows = "".join(
            f'<span style="opacity:.75">{label}</span><span>{_prose(text)}</span>' for label, text in details(check)
        )
        parts.append(_GRID.format(inside=rows))
    if rests := basis(check):
        parts.append(_FAINT.format(inside=rests))
    if check.state is State.PASSED and check.why:
        parts.append(_FAINT.format(inside=_paragraph(check.why)))
    if check.state is State.FAILED:
        parts.append(_hints(check.hints))
    return _BOX.format(colour=style.html, inside="".join(parts))


def _hints(hints: tuple[str, ...]) -> str:
    """The hints, each revealed on request, the next one inside the one before."""
    nested = ""
    for number in range(len(hints), 0, -1):
        summary = f'<summary style="cursor:pointer">hint {number} of {len(hints)}</summary>'
        nested = f"<details>{summary}<div>{_paragraph(hints[number - 1])}</div>{nested}</details>"
    return nested


def _paragraph(text: str) -> str:
    return "<br>".join(_prose(line) for line in lines(text))


def _prose(text: str) -> str:
    """Safe text; what stands in backticks becomes code, as learners know it."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(clean(text)))
