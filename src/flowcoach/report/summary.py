"""The result as a step summary of GitHub Actions: Markdown in which nothing that a learner wrote is markup.

The format is GitHub's (https://docs.github.com/actions, "Adding a job summary").
"""

from __future__ import annotations

import re

from flowcoach.report.text import STYLES, clean, details, score, worth
from flowcoach.result import CheckResult, Result, SectionResult, State

_MARKUP = re.compile(r"([\\`*_{}\[\]<>()#+!|~@:&-])")


def markdown(result: Result, *, title: str = "flowcoach") -> str:
    """The result as Markdown, ending in a newline: the score, a table a section, and why what failed did."""
    parts = [f"## {_plain(title)}"]
    if result.problem:
        parts += [
            f"**Nothing could be checked.** {_plain(result.problem.cause)}",
            f"Next: {_plain(result.problem.next_step)}",
        ]
        return "\n\n".join(parts) + "\n"
    parts.append(f"**{score(result.points, result.max_points)}** · rests on figures as {result.basis}")
    for section in result.sections:
        parts.append(_section(section))
    parts += [f"Warning: {_plain(warning)}" for warning in result.warnings]
    return "\n\n".join(parts) + "\n"


def _section(section: SectionResult) -> str:
    lines = [
        f"### {_plain(f'{section.id} {section.title}')}: {score(section.points, section.max_points)}",
        "",
        "| | points | check |",
        "|---|---|---|",
    ]
    lines += [_row(check) for check in section.checks]
    for check in section.checks:
        if check.state in (State.FAILED, State.ERROR):
            lines += ["", *_explained(check)]
    return "\n".join(lines)


def _row(check: CheckResult) -> str:
    return f"| {STYLES[check.state].symbol} {check.state} | {worth(check)} | {_plain(check.title)} |"


def _explained(check: CheckResult) -> list[str]:
    told = [f"- **{_plain(check.id)}**: {_plain(check.message or '')}"]
    return told + [f"  - {label}: {_plain(text)}" for label, text in details(check)]


def _plain(text: str) -> str:
    """Text that Markdown leaves as it is: one line, its markup escaped, no mention and no link made of it."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", " ".join(clean(text).split()))
