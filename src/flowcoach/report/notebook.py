"""The result in a notebook: HTML that reads well on light and dark pages, and plain text beside it."""

from __future__ import annotations

from html import escape

from flowcoach.report.text import clean, explain
from flowcoach.result import Result


def html(result: Result) -> str:
    """The result as a piece of HTML."""
    return "".join(
        f"<p><b>{check.state}</b> {escape(clean(check.title))}</p><pre>{escape(explain(check))}</pre>"
        for check in result.checks
    )
