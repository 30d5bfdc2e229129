"""The watch: it tells each change once, at once, and outlives whatever happens to store and folders."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from flowcoach import cli
from flowcoach.coach import progress, ui
from flowcoach.coach.changes import Changes
from flowcoach.coach.watch import Glance, Watch
from flowcoach.coach.watch_plain import narrate
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace
from tests.toy import log_run

LONG = 20  # seconds; a machine may be busy
AT_ONCE = 0.5  # seconds, from the end of a run to its green line


class Told(StringIO):
    """A page that one can wait on."""

    def wait_for(self, text: str, *, times: int = 1) -> float:
        """Seconds until the page says this."""
        return until(lambda: self.getvalue().count(text) >= times, lambda: f"no {text!r} in:\n{self.getvalue()}")


def until(holds: Callable[[], bool], otherwise: Callable[[], str]) -> float:
    begun = time.monotonic()
    while not holds():
        assert time.monotonic() - begun < LONG, otherwise()
        time.sleep(0.005)
    return time.monotonic() - begun


@contextmanager
def watching(here: Workspace, name: str | None = None) -> Iterator[Told]:
    """A watch in plain lines, in a thread of its own."""
    page, stop = Told(), threading.Event()
    thread = threading.Thread(target=narrate, args=(Watch(here, name), Console(file=page, width=100), stop))
    thread.start()
    try:
        page.wait_for("Watching")
        yield page
    finally:
        stop.set()
        thread.join(timeout=LONG)
    assert not thread.is_alive()


def test_it_begins_with_the_open_step_and_what_it_lacks(toy: Workspace) -> None:
    with watching(toy) as page:
        page.wait_for("flowcoach hint 9.1/first")
    said = page.getvalue()
    assert "Watching 9.1 Toy: 0 of 3 points" in said
    assert "Step 1 of 3: The first answer is 1" in said
    assert "no answer yet" in said


def test_a_logged_run_turns_its_step_green_at_once(
    toy: Workspace, record_property: Callable[[str, object], None]
) -> None:
    took = []
    with watching(toy, "9.2") as page:
        for number in range(1, 6):
            log_run(toy, f"run-{number}", seen="yes")
            took.append(page.wait_for("✓ A run carries the tag", times=number))
            with closing(sqlite3.connect(toy.folder / "mlflow.db")) as store, store:
                store.execute("DELETE FROM tags")
            page.wait_for("No longer holds", times=number)
    record_property(
        "seconds from the end of a run to the green line, five times", sorted(round(one, 3) for one in took)
    )
    assert min(took) < AT_ONCE


def test_a_click_in_mlflows_ui_turns_its_step_green_at_once(
    toy: Workspace, record_property: Callable[[str, object], None]
) -> None:
    log_run(toy, "one")
    port = ui.free_port(0)
    with ui.serve(toy, port) as server, watching(toy, "9.2") as page:
        ui.wait_until_ready(server, port, toy)
        click = urllib.request.Request(  # what the UI sends when a tag is added
            f"http://{ui.HOST}:{port}/ajax-api/2.0/mlflow/runs/set-tag",
            json.dumps({"run_id": "one", "key": "seen", "value": "yes"}).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(click, timeout=LONG).close()
        took = page.wait_for("✓ A run carries the tag")
    record_property("seconds from a click in the UI to the green line", round(took, 3))
    assert took < AT_ONCE


def test_a_saved_answer_turns_its_step_green(toy: Workspace) -> None:
    with watching(toy) as page:
        toy.answer("9.1", first=1)
        page.wait_for("✓ The first answer is 1 (1/1; 9.1 has 1 of 3 points)")
        page.wait_for("Step 2 of 3")


def test_why_it_matters_is_told_once(toy: Workspace) -> None:
    with watching(toy) as page:
        for answer, then in (
            (1, "✓ The first"),
            (0, "No longer holds: The first"),
            (1, "(1/1; 9.1 has 1 of 3 points)"),
        ):
            times = page.getvalue().count(then) + 1
            toy.answer("9.1", first=answer)
            page.wait_for(then, times=times)
    assert page.getvalue().count("It matters.") == 1


def test_a_try_that_fails_otherwise_is_told_in_a_line(toy: Workspace) -> None:
    with watching(toy) as page:
        toy.answer("9.1", first=7)
        page.wait_for("✗ The first answer: expected 1, found 7.")


def test_work_that_is_half_done_is_no_mistake(toy: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    glance = Watch.glance

    def noted(watch: Watch) -> Glance:
        seen.append(str(found := glance(watch)))
        return found

    monkeypatch.setattr(Watch, "glance", noted)
    monkeypatch.setattr("flowcoach.coach.watch._QUIET", LONG)
    with watching(toy) as page:
        for wrong in range(10, 13):
            toy.answer("9.1", first=wrong)
            until(lambda wrong=wrong: f"found {wrong}" in seen[-1], lambda: "it was not seen")
        toy.answer("9.1", first=1)
        page.wait_for("✓ The first answer is 1")
    assert "✗" not in page.getvalue()


def test_after_a_section_it_goes_on_to_the_next(toy: Workspace) -> None:
    toy.answer("9.1", first=1)
    with watching(toy) as page:
        toy.answer("9.1", second=2)
        page.wait_for("All steps of 9.1 hold")
        page.wait_for("Watching 9.2 Last")
        log_run(toy, "one", seen="yes")
        page.wait_for("All steps of 9.2 hold")


def test_a_section_that_was_named_is_stayed_with(toy: Workspace) -> None:
    toy.answer("9.1", first=1)
    with watching(toy, "9.1") as page:
        toy.answer("9.1", second=2)
        page.wait_for("All steps of 9.1 hold")
        toy.answer("9.1", extra=3)
        page.wait_for("✓ The extra answer is 3")
    assert "9.2" not in page.getvalue()


def test_what_passed_is_remembered(toy: Workspace) -> None:
    with watching(toy) as page:
        toy.answer("9.1", first=1)
        page.wait_for("✓")
        until(lambda: "9.1/first" in progress.read(toy.folder).done, lambda: "it was not remembered")


def test_an_address_that_no_store_can_have_is_refused_at_once(toy: Workspace) -> None:
    with pytest.raises(Problem, match=r"sqlite://wrong\.db"):
        Watch(Workspace(**{**vars(toy), "address": "sqlite://wrong.db"}), None)


def test_an_unknown_section_is_refused_at_once(toy: Workspace) -> None:
    with pytest.raises(Problem, match=r"no section “9\.3”"):
        Watch(toy, "9.3")


class TestItOutlives:
    def test_a_store_that_vanishes_and_comes_back(self, toy: Workspace) -> None:
        store, away = toy.folder / "mlflow.db", toy.folder / ".away"
        with watching(toy, "9.2") as page:
            store.rename(away)
            page.wait_for("There is no store")
            away.rename(store)
            page.wait_for("can be read again")
            log_run(toy, "one", seen="yes")
            page.wait_for("✓ A run carries the tag")

    def test_a_store_that_is_missing_from_the_first(self, toy: Workspace) -> None:
        store, away = toy.folder / "mlflow.db", toy.folder / ".away"
        store.rename(away)
        page, stop = Told(), threading.Event()
        thread = threading.Thread(target=narrate, args=(Watch(toy, None), Console(file=page, width=100), stop))
        thread.start()
        page.wait_for("There is no store")
        away.rename(store)
        page.wait_for("Watching 9.1")
        stop.set()
        thread.join()

    def test_a_store_that_is_replaced_by_another(self, toy: Workspace) -> None:
        other = toy.folder / ".other"
        shutil.copy(toy.folder / "mlflow.db", other)
        with watching(toy, "9.2") as page:
            log_run(toy, "one", seen="yes")
            page.wait_for("✓ A run carries the tag")
            other.replace(toy.folder / "mlflow.db")
            page.wait_for("No longer holds")

    def test_a_store_that_is_locked_for_a_while(self, toy: Workspace) -> None:
        with watching(toy, "9.2") as page:
            with closing(sqlite3.connect(toy.folder / "mlflow.db", isolation_level=None)) as writer:
                writer.execute("BEGIN EXCLUSIVE")
                writer.execute("UPDATE experiments SET last_update_time = 3")
                toy.answer("9.1", first=1)  # so that it looks meanwhile
                page.wait_for("! ")
                writer.execute("COMMIT")
            page.wait_for("can be read again")

    def test_a_file_that_is_no_store_any_more(self, toy: Workspace) -> None:
        with watching(toy, "9.2") as page:
            (toy.folder / "mlflow.db").write_text("not a database", encoding="utf-8")
            page.wait_for("! ")

    def test_deleted_exercises(self, toy: Workspace) -> None:
        with watching(toy) as page:
            shutil.rmtree(toy.folder / "exercises")
            toy.answer("9.1", first=1)
            page.wait_for("✓ The first answer is 1")

    def test_a_workspace_that_is_moved_away_and_back(self, toy: Workspace, tmp_path: Path) -> None:
        os.chdir(tmp_path)
        with watching(toy) as page:
            toy.folder.rename(tmp_path / "away")
            page.wait_for("There is no store")
            (tmp_path / "away").rename(toy.folder)
            page.wait_for("can be read again")
            toy.answer("9.1", first=1)
            page.wait_for("✓ The first answer is 1")

    def test_two_watches_at_once(self, toy: Workspace) -> None:
        with watching(toy) as one, watching(toy) as other:
            toy.answer("9.1", first=1)
            one.wait_for("✓ The first answer is 1")
            other.wait_for("✓ The first answer is 1")
            until(lambda: set(progress.read(toy.folder).done) == {"9.1/first"}, lambda: "it was not remembered")

    def test_a_check_and_a_hint_in_another_terminal(self, toy: Workspace) -> None:
        with watching(toy, "9.1") as one, watching(toy, "9.2") as other:
            toy.answer("9.1", first=1)
            for words in (("check", "9.1"), ("hint", "9.1/second"), ("list",)):
                assert CliRunner().invoke(cli.main, words).exit_code in (0, 1)
            log_run(toy, "one", seen="yes")
            one.wait_for("✓ The first answer is 1")
            other.wait_for("✓ A run carries the tag")
        known = progress.read(toy.folder)
        assert (set(known.done), dict(known.hints)) == ({"9.1/first", "9.2/tagged"}, {"9.1/second": 1})


class TestChanges:
    @staticmethod
    @contextmanager
    def of(folder: Path, store: Path | None = None) -> Iterator[Callable[[], bool]]:
        """What waits until a change is told, or says after half a second that none was."""
        stop = threading.Event()
        told = iter(Changes(folder, store, stop))

        def changed() -> bool:
            deadline = time.monotonic() + 0.5
            while time.monotonic() < deadline:
                if next(told):
                    return True
            return False

        changed()
        yield changed
        stop.set()

    @pytest.mark.parametrize("name", ["answers.toml", "exercises/exercise.ipynb", "mlflow.db-wal", "spreadsheet.csv"])
    def test_evidence_is_told(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "exercises").mkdir()
        with self.of(tmp_path) as changed:
            (tmp_path / name).write_text("new", encoding="utf-8")
            assert changed()

    @pytest.mark.parametrize("name", ["progress.toml", ".flowcoach/ui.log", ".git/index", "__pycache__/x.pyc"])
    def test_what_is_no_evidence_is_not(self, name: str, tmp_path: Path) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        with self.of(tmp_path) as changed:
            (tmp_path / name).write_text("new", encoding="utf-8")
            assert not changed()

    def test_a_store_elsewhere_is_told_too(self, tmp_path: Path) -> None:
        (tmp_path / "here").mkdir()
        with self.of(tmp_path / "here", tmp_path / "elsewhere.db") as changed:
            (tmp_path / "elsewhere.db").write_text("new", encoding="utf-8")
            assert changed()

    def test_what_happened_just_before_a_folder_that_came_back_is_watched_again_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "here").mkdir()
        with self.of(tmp_path / "here") as changed:
            (tmp_path / "here").rename(tmp_path / "away")
            while changed():
                pass  # until it is known that the folder is gone
            (tmp_path / "away" / "answers.toml").write_text("new", encoding="utf-8")
            (tmp_path / "away").rename(tmp_path / "here")
            assert changed()

    def test_where_the_system_tells_nothing_it_says_so(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_: object, **__: object) -> None:
            raise OSError(28, "no space left for another watch")

        monkeypatch.setattr("watchfiles.watch", refuse)
        changes = Changes(tmp_path, None, threading.Event())
        next(iter(changes))
        assert changes.blind


def test_a_look_is_no_change_itself(toy: Workspace) -> None:
    with TestChanges.of(toy.folder, toy.folder / "mlflow.db") as changed:
        Watch(toy, "9.1").glance()
        changed()  # the memory of what holds may be written once
        Watch(toy, "9.1").glance()
        assert not changed()


def test_a_store_nobody_tells_of_is_looked_at_now_and_then(toy: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowcoach.coach.watch._SOONEST", 0.2)
    monkeypatch.setattr("flowcoach.coach.watch._REST", 1)
    seen = iter([Glance(None), Glance(None), Glance(None)])
    looked = threading.Event()

    def look(self: Watch) -> Glance:
        glance = next(seen, None)
        if glance is None:
            looked.set()
        return glance or Glance(None)

    monkeypatch.setattr(Watch, "glance", look)
    remote = Workspace(
        **{**vars(toy), "address": "http://127.0.0.1:9"},
    )
    stop = threading.Event()
    thread = threading.Thread(target=lambda: list(Watch(remote, "9.1").glances(stop)))
    thread.start()
    assert looked.wait(LONG)
    stop.set()
    thread.join()
