"""The watch on a whole terminal: the section's steps, what the open one still lacks, and single keys."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Footer, ProgressBar, RichLog, Static

from flowcoach import course
from flowcoach.coach import hints, progress, scripts
from flowcoach.coach.watch import Glance, Watch
from flowcoach.problem import Problem, refused
from flowcoach.report.text import STYLES, clean, details, lines, plural, score
from flowcoach.result import CheckResult, SectionResult, State


class Seen(Message):
    """The watch had a new glance."""

    def __init__(self, glance: Glance) -> None:
        super().__init__()
        self.glance = glance


class Broke(Message):
    """The watch itself broke."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


class Said(Message):
    """A script that runs said a line; `ended` is its exit code once it is over."""

    def __init__(self, line: str, ended: int | None = None) -> None:
        super().__init__()
        self.line = line
        self.ended = ended


class Listed(ModalScreen[None]):
    """All sections with their steps, done and open; most keys close it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,escape,enter,space", "dismiss", "Back"),
        Binding("q", "app.quit", "Quit"),
    ]

    def __init__(self, listed: RenderableType) -> None:
        super().__init__()
        self._listed = listed

    def compose(self) -> ComposeResult:
        """The list, which scrolls."""
        with VerticalScroll():
            yield Static(self._listed)
        yield Footer()


class Screen(App[None]):
    """What `flowcoach watch` shows on a terminal. Every change comes from a glance of the watch, or from a key."""

    ENABLE_COMMAND_PALETTE = False
    TITLE = "flowcoach watch"
    CSS = """
    #head { height: 1; padding: 0 1; }
    #title { width: 1fr; text-style: bold; }
    #bar { width: 20; }
    #bar Bar { width: 1fr; }
    #points { width: auto; padding-left: 1; }
    #body { padding: 1; }
    #steps, #passed, #obstacle { height: auto; margin-bottom: 1; }
    #step { height: auto; border-left: outer $primary; padding: 0 1; margin-bottom: 1; }
    #obstacle { border-left: outer $error; padding: 0 1; }
    #passed { border-left: outer $success; padding: 0 1; }
    #log { height: 10; border-top: solid $primary; padding: 0 1; }
    Listed VerticalScroll { padding: 1 2; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "next", "Next"),
        Binding("h", "hint", "Hint"),
        Binding("l", "list", "List"),
        Binding("r", "run", "Run"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(self, watch: Watch) -> None:
        super().__init__()
        self._watch = watch
        self._stop = threading.Event()
        self._glance = Glance(None)
        self._shown: str | None = None  # the step that was turned to; None: the first open one
        self._told: list[CheckResult] = []  # what passed while we watched and holds, each once
        self._script: subprocess.Popen[str] | None = None

    def compose(self) -> ComposeResult:
        """Head, what passed, the open step, all steps; below, what a script says."""
        with Horizontal(id="head"):
            yield Static("Looking …", id="title", markup=False)
            yield ProgressBar(id="bar", show_eta=False, show_percentage=False)
            yield Static("", id="points", markup=False)
        with VerticalScroll(id="body"):
            yield Static(id="obstacle", markup=False)
            yield Static(id="passed", markup=False)
            yield Static(id="step", markup=False)
            yield Static(id="steps", markup=False)
        yield RichLog(id="log", max_lines=1000, wrap=True)
        yield Footer()

    def on_mount(self) -> None:
        """Begin to watch."""
        for id in ("#obstacle", "#step", "#passed", "#log"):
            self.query_one(id).display = False
        self._end_when_told()
        # A daemon: a look at a locked store takes seconds, and nobody waits for it to quit.
        threading.Thread(target=self._look_again_and_again, daemon=True).start()

    def on_unmount(self) -> None:
        """End what was begun here."""
        self._stop.set()
        if self._script is not None:
            scripts.end(self._script)

    def _end_when_told(self) -> None:
        """Leave the terminal in order when the system ends us (SIGTERM), or its window was closed (SIGHUP)."""
        loop = asyncio.get_running_loop()
        for number in (getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)):
            with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows; a thread that is not the main one
                loop.add_signal_handler(number, partial(self.exit, return_code=128 + number))

    def _look_again_and_again(self) -> None:
        try:
            for glance in self._watch.glances(self._stop):
                self.post_message(Seen(glance))
        except Exception as error:
            self.post_message(Broke(error))

    def on_broke(self, message: Broke) -> None:
        """A fault of ours ends it, and is told."""
        raise message.error

    def on_seen(self, message: Seen) -> None:
        """Show a new glance."""
        glance = message.glance
        if self._glance.section is None or glance.section is None or glance.section.id != self._glance.section.id:
            self._shown = None
        self._glance = glance
        again = {check.id for check in (*glance.passed, *glance.lost)}
        self._told = [check for check in self._told if check.id not in again] + list(glance.passed)
        if self._shown in {check.id for check in glance.passed}:
            self._shown = None
        self._draw()

    def _draw(self) -> None:
        obstacle, section = self._glance.obstacle, self._glance.section
        self._put("#obstacle", _paragraphs(obstacle.cause, f"Next: {obstacle.next_step}") if obstacle else None)
        if section is None:
            return
        self.query_one("#title", Static).update(Text(f"{section.id} {clean(section.title)}"))
        self.query_one("#bar", ProgressBar).update(
            total=section.max_points, progress=min(section.points, section.max_points)
        )
        self.query_one("#points", Static).update(score(section.points, section.max_points))
        number, check = self._step()
        self._put("#steps", steps(section, None if self._glance.finished and not self._shown else check.id))
        seen = progress.read(self._watch.here.folder).hints.get(check.id, 0)
        whole = f"All steps of {section.id} hold. Well done; n goes on."
        finished = self._glance.finished and not self._shown
        if obstacle:  # what is drawn below is how it was before: neither praise it nor ask for more
            self._put("#step", Text("As it was when the store could be read:"))
            self._put("#passed", None)
            return
        self._put("#step", Text(whole) if finished else step(check, number, len(section.checks), seen))
        self._put("#passed", passed(self._told[-1]) if self._told else None)

    def _put(self, id: str, content: RenderableType | None) -> None:
        widget = self.query_one(id, Static)
        widget.display = content is not None
        widget.update(content or "")

    def _step(self) -> tuple[int, CheckResult]:
        """The step that is shown, with its number."""
        section, now = self._glance.section, self._glance.now
        assert section is not None
        wanted = self._shown or (now.check.id if now else section.checks[-1].id)
        return next((number, check) for number, check in enumerate(section.checks, 1) if check.id == wanted)

    def action_next(self) -> None:
        """Turn to the next open step; from a section that is done, to the next section."""
        section = self._glance.section
        if section is None:
            return
        if self._glance.finished:
            self._watch.go_on()
            return
        number, _ = self._step()
        after = (*section.checks[number:], *section.checks[:number])
        self._shown = next(check.id for check in after if check.state is not State.PASSED)
        self._draw()

    def action_hint(self) -> None:
        """Show one more hint of the step that is shown."""
        if self._glance.section is None:
            return
        _, check = self._step()
        if check.state is State.PASSED:
            self.notify("This step holds already.")
            return
        if hints.push(check, self._watch.here.folder).again:
            self.notify(
                f"There is no further hint. The solution: flowcoach solution {self._glance.section.id} --anyway"
            )
        self._draw()

    async def action_list(self) -> None:
        """Show all sections with what is done and open."""
        here = self._watch.here
        try:
            result = await asyncio.to_thread(course.look, (), here.folder, here.store)
        except (Problem, OSError) as error:
            self._warn(error)
            return
        self.push_screen(Listed(overview(result.sections)))

    def action_run(self) -> None:
        """Run the section's script, and show what it says."""
        section = self._glance.section
        if section is None:
            return
        if self._script is not None:
            self.notify("The script is running.")
            return
        try:
            self._script = scripts.begin(course.section(section.id).folder / "run.py", self._watch.here)
        except OSError as error:  # the workspace is gone, say
            self._warn(error)
            return
        log = self.query_one(RichLog)
        log.clear()
        log.display = True
        log.write(Text(f"flowcoach run {section.id} …", style="bold"))
        threading.Thread(target=self._listen, args=(self._script,), daemon=True).start()

    def _listen(self, script: subprocess.Popen[str]) -> None:
        assert script.stdout is not None
        for line in script.stdout:
            self.post_message(Said(line))
        self.post_message(Said("", ended=script.wait()))

    def on_said(self, message: Said) -> None:
        """Show a line of the script, and its end."""
        log = self.query_one(RichLog)
        if message.ended is None:
            log.write(Text(clean(message.line.rstrip())))
            return
        self._script = None
        section = self._glance.section
        if message.ended:
            log.write(Text(f"It ended with exit code {message.ended}: read its last lines above.", style="bold red"))
        elif section is not None:
            log.write(Text(f"Done. Next: the exercise in exercises/{course.section(section.id).name}", style="bold"))
            with suppress(Problem):  # a folder that cannot be written to is no reason to end
                progress.remember(self._watch.here.folder, lambda known: known.having_run(section.id))

    def _warn(self, error: Problem | OSError) -> None:
        problem = error if isinstance(error, Problem) else refused(error, "mend that; I go on looking")
        self.notify(f"{problem.cause} {problem.next_step}", severity="warning")


def steps(section: SectionResult, current: str | None) -> Table:
    """The section's steps with their states; the current one is marked."""
    table = Table.grid(padding=(0, 1))
    for number, check in enumerate(section.checks, start=1):
        marked = check.id == current
        _row(table, "▸" if marked else " ", check.state, number, check.title, style="bold" if marked else "")
    return table


def step(check: CheckResult, number: int, of: int, seen: int) -> Text:
    """What a step asks for, what was found, and the hints seen by now."""
    text = Text()
    text.append(f"Step {number} of {of} · {check.id} · {plural(check.max_points, 'point')}\n", style="bold")
    text.append(f"{clean(check.message or check.title)}\n")
    for label, told in details(check):
        text.append(f"{label:<9} ", style="dim").append(f"{told}\n")
    for shown, hint in enumerate(check.hints[:seen], start=1):
        text.append(f"hint {shown} of {len(check.hints)}: ", style="bold").append_text(_paragraphs(hint)).append("\n")
    if check.state is not State.PASSED and seen < len(check.hints):
        text.append(f"h shows hint {seen + 1} of {len(check.hints)}", style="dim")
    text.rstrip()
    return text


def passed(check: CheckResult) -> Text:
    """What passed last, and why it matters."""
    look = STYLES[State.PASSED]
    text = Text().append(f"{look.symbol} {clean(check.title)}", style=look.terminal)
    return text.append("\n").append_text(_paragraphs(check.why)) if check.why else text


def overview(sections: Sequence[SectionResult]) -> Group:
    """All sections with their points and steps."""
    parts: list[RenderableType] = []
    for section in sections:
        points = score(section.points, section.max_points)
        parts += [Text(f"{section.id} {clean(section.title)}: {points}", style="bold"), steps(section, None), Text()]
    return Group(*parts)


def _row(table: Table, mark: str, state: State, number: int, title: str, *, style: str = "") -> None:
    look = STYLES[state]
    table.add_row(mark, Text(look.symbol, style=look.terminal), Text(f"{number}."), Text(clean(title), style=style))


def _paragraphs(*texts: str) -> Text:
    return Text("\n".join(line for text in texts for line in lines(text)))
