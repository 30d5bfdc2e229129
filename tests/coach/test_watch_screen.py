"""The watch on a whole terminal: single keys, and every change of the evidence on the screen."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import ProgressBar, RichLog, Static

from flowcoach.coach import progress
from flowcoach.coach.watch import Watch
from flowcoach.coach.watch_screen import Listed, Screen
from flowcoach.workspace import Workspace
from tests.toy import log_run

LONG = 20  # seconds; a machine may be busy


class Learner:
    """Who presses keys and reads the screen."""

    def __init__(self, app: Screen, pilot: Pilot[None]) -> None:
        self.app = app
        self.press = pilot.press
        self._pilot = pilot

    def reads(self) -> str:
        """All that stands on the screen, line by line."""
        return "\n".join(strip.text.rstrip() for strip in self.app.screen._compositor.render_strips())

    async def sees(self, text: str) -> None:
        """Wait until this stands there."""
        await self.until(lambda: text in self.reads(), text)

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + LONG
        while not holds():
            assert time.monotonic() < deadline, f"no {what!r} in:\n{self.reads()}"
            await self._pilot.pause(0.02)


@asynccontextmanager
async def sitting(
    here: Workspace, name: str | None = None, size: tuple[int, int] = (100, 40)
) -> AsyncIterator[Learner]:
    app = Screen(Watch(here, name))
    async with app.run_test(size=size) as pilot:
        learner = Learner(app, pilot)
        await learner.until(lambda: bool(app.query_one("#points", Static).content), "points")
        yield learner


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(scene())  # type: ignore[arg-type]


def test_it_shows_the_steps_and_what_the_open_one_lacks(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            for text in ("9.1 Toy", "0 of 3 points", "Step 1 of 3", "no answer yet", "2. The second answer is 2"):
                await learner.sees(text)

    play(scene)


def test_a_saved_answer_turns_its_step_green_and_says_why_it_matters(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            toy.answer("9.1", first=1)
            for text in ("✓ The first answer is 1", "It matters.", "1 of 3 points", "Step 2 of 3"):
                await learner.sees(text)
            assert learner.app.query_one(ProgressBar).progress == 1

    play(scene)


def test_h_shows_one_more_hint_and_remembers_it(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            assert "softly" not in learner.reads()
            await learner.press("h")
            await learner.sees("hint 1 of 2: softly")
            assert "plainly" not in learner.reads()
            assert progress.read(toy.folder).hints == {"9.1/first": 1}

    play(scene)


def test_hints_seen_elsewhere_stand_there(toy: Workspace) -> None:
    progress.remember(toy.folder, lambda known: known.with_hints("9.1/first", 2))

    async def scene() -> None:
        async with sitting(toy) as learner:
            await learner.sees("hint 2 of 2: plainly")

    play(scene)


def test_n_turns_to_the_next_open_step_and_round(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            for number in (2, 3, 1):
                await learner.press("n")
                await learner.sees(f"Step {number} of 3")

    play(scene)


def test_n_goes_on_from_a_section_that_is_done(toy: Workspace) -> None:
    toy.answer("9.1", first=1)

    async def scene() -> None:
        async with sitting(toy) as learner:
            toy.answer("9.1", second=2)
            await learner.sees("All steps of 9.1 hold")
            await learner.press("n")
            await learner.sees("9.2 Last")
            log_run(toy, "one", seen="yes")
            await learner.sees("✓ A run carries the tag")

    play(scene)


def test_l_lists_all_sections_and_goes_back(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            await learner.press("l")
            await learner.until(lambda: isinstance(learner.app.screen, Listed), "list")
            await learner.sees("9.2 Last: 0 of 1 point")
            await learner.press("l")
            await learner.until(lambda: not isinstance(learner.app.screen, Listed), "the way back")

    play(scene)


def test_r_runs_the_sections_script_and_shows_what_it_says(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            await learner.press("r")
            await learner.sees("the script speaks")
            await learner.sees("Done. Next: the exercise")
            assert (toy.folder / "made-by-run.txt").is_file()
            assert "9.1" in progress.read(toy.folder).ran
            assert learner.app.query_one(RichLog).display

    play(scene)


def test_q_quits(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            await learner.press("q")
            await learner.until(lambda: not learner.app.is_running, "end")

    play(scene)


def test_a_vanished_store_is_told_and_so_is_its_return(toy: Workspace) -> None:
    store, away = toy.folder / "mlflow.db", toy.folder / ".away"

    async def scene() -> None:
        async with sitting(toy) as learner:
            store.rename(away)
            await learner.sees("There is no store")
            away.rename(store)
            await learner.until(lambda: "There is no store" not in learner.reads(), "store")
            await learner.sees("Step 1 of 3")

    play(scene)


def test_while_the_store_is_gone_nothing_is_praised(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy, "9.2") as learner:
            log_run(toy, "mine", seen="yes")
            await learner.sees("Well done")
            (toy.folder / "mlflow.db").unlink()
            await learner.sees("put it back")
            assert "Well done" not in learner.reads()

    play(scene)


def test_a_list_while_the_store_is_gone_is_told(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            (toy.folder / "mlflow.db").unlink()
            await learner.press("l")
            await learner.sees("There is no store")
            assert not isinstance(learner.app.screen, Listed)

    play(scene)


def test_what_no_longer_holds_is_not_shown_as_passed(toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            toy.answer("9.1", first=1)
            await learner.sees("It matters.")
            toy.answer("9.1", first=0)
            await learner.until(lambda: "It matters." not in learner.reads(), "the praise taken back")
            await learner.sees("0 of 3 points")

    play(scene)


@pytest.mark.parametrize("key", ["r", "l"])
def test_a_key_pressed_while_the_workspace_is_gone_is_answered(key: str, toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy) as learner:
            shutil.rmtree(toy.folder)
            await learner.press(key)
            await learner.until(lambda: bool(learner.app._notifications), "warning")
            assert learner.app.is_running

    play(scene)


@pytest.mark.parametrize("size", [(40, 12), (20, 5), (200, 60)])
def test_it_fits_any_terminal(size: tuple[int, int], toy: Workspace) -> None:
    async def scene() -> None:
        async with sitting(toy, size=size) as learner:
            await learner.sees("Step 1")
            shutil.rmtree(toy.folder / "exercises")
            await learner.press("n", "h")

    play(scene)


def test_what_a_learner_wrote_moves_no_cursor_and_is_no_markup(toy: Workspace) -> None:
    toy.answer("9.1", first="[red]\x1b[2J[/x]")

    async def scene() -> None:
        async with sitting(toy) as learner:
            await learner.sees(r"“[red]\x1b[2J[/x]”")

    play(scene)
