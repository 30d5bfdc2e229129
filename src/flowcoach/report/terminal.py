"""The result on a terminal: what holds, what does not, and the one next step."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from io import StringIO

from rich.console import Console
from rich.text import Text

from flowcoach.report.text import STYLES, basis, clean, details, fit, lines, score, worth
from flowcoach.result import CheckResult, Result, SectionResult, State

WIDEST = 100  # longer lines are hard to read, however wide the terminal
_INDENT = " " * 6
_IN_FULL = (State.FAILED, State.ERROR)  # the others take a line or two


def dumps(result: Result, *, width: int = 80) -> str:
    """The result as plain text of this width, ending in a newline."""
    page = StringIO()
    render(result, Console(file=page, width=width, color_system=None, force_terminal=False, force_jupyter=False))
    return page.getvalue()


def render(result: Result, console: Console) -> None:
    """Draw the result on `console`, in its width and with the characters of its encoding.

    States stand there in words, so nothing depends on colour. Why a skill matters is told when a single check was
    asked for and passed; told for every green on every look, nobody would read it.
    """
    page = Page(console)
    if result.problem:
        page.put(result.problem.cause, style="red")
        page.put(result.problem.next_step, margin="Next: ")
        return
    for section in result.sections:
        _section(page, section, with_why=len(result.checks) == 1)
    for warning in result.warnings:
        page.put(warning, margin="Warning: ", style="yellow")
    for position, store in enumerate(result.stores):
        page.put(store, margin="Read " if position == 0 else "     ", style="dim")
    page.put(_summary(result), style="bold")
    page.put(_next_step(result), margin="Next: ")


@dataclass(frozen=True)
class Page:
    """A console on which text is wrapped behind a margin."""

    console: Console

    def put(self, words: str, *, margin: str = "", style: str = "", margin_style: str = "") -> None:
        """Print `words` behind `margin`, wrapped so that every line begins where the first one does."""
        begin = len(margin)
        room = max(min(self.console.width, WIDEST) - begin, 20)
        for line in self._text(words, style).wrap(self.console, room, overflow="fold"):
            line.rstrip()
            self.console.print(Text.assemble(self._text(margin, margin_style), line), soft_wrap=True)
            margin, margin_style = " " * begin, ""

    def blank(self) -> None:
        """Leave one line empty."""
        self.console.print()

    def _text(self, words: str, style: str) -> Text:
        return Text(fit(clean(words), self.console.encoding), style)


def _section(page: Page, section: SectionResult, *, with_why: bool) -> None:
    page.put(f"{section.id} {section.title}: {score(section.points, section.max_points)}", style="bold")
    page.blank()
    column = max((len(worth(check)) for check in section.checks), default=0)
    for before, check in zip((None, *section.checks), section.checks, strict=False):
        if before and (before.state in _IN_FULL or check.state in _IN_FULL):
            page.blank()
        _check(page, check, column)
        if with_why and check.state is State.PASSED and check.why:
            for line in lines(check.why):
                page.put(line, margin=_INDENT)
    page.blank()


def _check(page: Page, check: CheckResult, column: int) -> None:
    look = STYLES[check.state]
    style = look.terminal
    margin = f"  {look.symbol} {check.state:<7}  {worth(check):<{column}}  "
    page.put(check.title, margin=margin, margin_style=style, style=style if check.state is State.SKIPPED else "")
    if check.message:
        page.put(check.message, margin=_INDENT, style=style)
    if check.state in _IN_FULL:
        for label, text in (*details(check), ("check", check.id)):
            page.put(text, margin=f"{_INDENT}{label:<8}  ", margin_style="dim")
    elif check.evidence and check.state is State.PASSED:
        page.put(check.evidence, margin=_INDENT, style="dim")
    if rests := basis(check):
        page.put(rests, margin=_INDENT, style="dim")


def _summary(result: Result) -> str:
    counts = Counter(check.state for check in result.checks)
    told = [f"{counts[state]} {state}" for state in State if counts[state]]
    return f"{score(result.points, result.max_points)}; steps: {', '.join(told) or 'none'}"


def _next_step(result: Result) -> str:
    """The first thing that can be done about it."""
    required = [check for check in result.checks if not check.bonus] or list(result.checks)
    by_state = {state: [check for check in required if check.state is state] for state in State}
    broken = [check for check in result.checks if check.state is State.ERROR]
    if by_state[State.FAILED]:
        first = by_state[State.FAILED][0]
        if first.status is not None:
            return f"begin with {first.id}, as it says there; then the same command once more"
        push = f"; for a push, flowcoach hint {first.id}" if first.hints else ""
        return f"work on {first.id}, then flowcoach check {first.id}{push}"
    if broken:
        return f"report that {broken[0].id} broke; it will be looked at again, so no points are lost"
    if by_state[State.SKIPPED]:
        first = by_state[State.SKIPPED][0]
        if first.where:
            return f"first what it builds on: flowcoach check {first.where}"
        return f"bring along what is missing, then flowcoach check {first.id}"
    if any(check.status is not None for check in result.checks):
        return "all of it holds: nothing is left to do"
    whole = "this step holds" if len(result.checks) == 1 else "all of it holds"
    return f"{whole}; to hear the next step, type flowcoach"
