"""The watch in plain lines: for a screen reader, a log, a pipe, and whoever likes it so."""

from __future__ import annotations

import threading
from datetime import datetime

from rich.console import Console

from flowcoach.coach.status import Place
from flowcoach.coach.watch import Glance, Watch
from flowcoach.report.terminal import Page
from flowcoach.report.text import STYLES, details, lines, score, worth
from flowcoach.result import CheckResult, SectionResult, State

_INDENT = " " * 6


def narrate(watch: Watch, console: Console, stop: threading.Event) -> None:
    """Say on `console` what the watch sees, until `stop` is set."""
    teller = _Teller(Page(console))
    for glance in watch.glances(stop):
        teller.tell(glance)
        if glance.finished and glance.passed and watch.moves_on:
            watch.go_on()


class _Teller:
    """Says each thing once: it remembers what it said last."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._said = Glance(None)
        self._step: CheckResult | None = None
        self._why: set[str] = set()

    def tell(self, glance: Glance) -> None:
        """Say what is new since the last time."""
        before, self._said = self._said, glance
        if glance.obstacle:
            if glance.obstacle != before.obstacle:
                self._event(glance.obstacle.cause, State.ERROR)
                self._page.put(glance.obstacle.next_step, margin=f"{_INDENT}Next: ")
            return
        if before.obstacle:
            self._event("It can be read again.", State.PASSED)
        section = glance.section
        if section is None:
            return
        if before.section is None or before.section.id != section.id:
            self._headline(section)
        for check in glance.lost:
            self._event(f"No longer holds: {check.title}", State.FAILED)
        for check in glance.passed:
            self._passed(check, section)
        self._now(glance.now, section)

    def _headline(self, section: SectionResult) -> None:
        self._step = None
        points = score(section.points, section.max_points)
        self._page.put(f"Watching {section.id} {section.title}: {points}. Ctrl-C ends it.", style="bold")

    def _passed(self, check: CheckResult, section: SectionResult) -> None:
        points = score(section.points, section.max_points)
        self._event(f"{check.title} ({worth(check)}; {section.id} has {points})", State.PASSED)
        if check.why and check.id not in self._why:
            self._why.add(check.id)
            for line in lines(check.why):
                self._page.put(line, margin=_INDENT)

    def _now(self, now: Place | None, section: SectionResult) -> None:
        if now is None:
            if self._step is not None or not self._said.passed:
                self._page.put(f"All steps of {section.id} hold. Well done.", style="bold")
            self._step = None
            return
        check, before = now.check, self._step
        self._step = check
        if before is None or check.id != before.id:
            self._page.blank()
            self._page.put(check.title, margin=f"  Step {now.number} of {len(section.checks)}: ", style="bold")
            self._page.put(check.message or "", margin=_INDENT)
            for label, text in (*details(check), ("hint", f"flowcoach hint {check.id}")):
                self._page.put(text, margin=f"{_INDENT}{label:<8}  ", margin_style="dim")
        elif check.message and check.message != before.message:
            self._event(check.message, check.state)

    def _event(self, words: str, state: State) -> None:
        look = STYLES[state]
        self._page.put(words, margin=f"{datetime.now():%H:%M:%S} {look.symbol} ", margin_style=look.terminal)
