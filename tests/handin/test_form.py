"""What `flowcoach submit` asks at a terminal, and what becomes of the answers."""

from __future__ import annotations

import json
import sys
import tomllib
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flowcoach.handin.form import FILE, QUESTIONS
from flowcoach.workspace import Workspace
from tests.handin.conftest import FLOWCOACH, FORM
from tests.prove import stage

if sys.platform == "win32":
    pytest.skip("pseudo-terminals of this kind are not for Windows", allow_module_level=True)

from tests.terminal import Terminal, terminal

LINK = "https://example.org/me/my-course"
OTHERS = ("hours_lectures", "hours_homework", "post", "remarks")
NAMES = "Replace them in the bundle"


@pytest.fixture
def here(prepared: Workspace, tmp_path: Path) -> Workspace:
    """A workspace in which nothing was done: whatever holds, the questions are the same."""
    return stage.copy(prepared, tmp_path / "course")


def submitting(here: Workspace) -> AbstractContextManager[Terminal]:
    return terminal([str(FLOWCOACH), "submit", "2.7"], here.folder)


def names(here: Workspace) -> set[str]:
    """All that lies in the workspace, but for what the coach keeps for itself."""
    return {
        path.relative_to(here.folder).as_posix()
        for path in here.folder.rglob("*")
        if ".flowcoach" not in path.parts and "__pycache__" not in path.parts
    }


def test_each_answer_is_kept_and_goes_into_the_bundle(here: Workspace) -> None:
    answers = {"code": LINK, "hours_lectures": "4", "hours_homework": "about six", "post": "", "remarks": 'ä "[b]"'}
    with submitting(here) as screen:
        for name, answer in answers.items():
            screen.sees(QUESTIONS[name])
            screen.press(f"{answer}\r")
        screen.sees(NAMES)
        screen.press("\r")
        assert screen.ends() == 1, "written, with steps still open"
    assert tomllib.loads((here.folder / FILE).read_text(encoding="utf-8")) == answers
    with zipfile.ZipFile(here.folder / "submission.zip") as bundle:
        assert json.loads(bundle.read("manifest.json"))["form"] == answers


def test_a_link_that_is_missing_is_asked_for_again_with_the_reason_even_when_the_file_holds_a_blank(
    here: Workspace,
) -> None:
    (here.folder / FILE).write_text('code = " "\npost = "https://example.org/post"\n', encoding="utf-8")
    with submitting(here) as screen:
        screen.sees(QUESTIONS["code"])
        screen.press("  \r")
        screen.sees("whoever grades it needs this link")
        screen.press(f" {LINK} \r")
        for name in OTHERS:
            screen.sees(QUESTIONS[name])
            screen.press("\r")
        screen.sees(NAMES)
        assert screen.interrupt() == 2
    kept = tomllib.loads((here.folder / FILE).read_text(encoding="utf-8"))
    assert kept == {**dict.fromkeys(QUESTIONS, ""), "code": LINK, "post": "https://example.org/post"}


def test_ctrl_c_at_a_question_leaves_everything_as_it_was(here: Workspace) -> None:
    before = names(here)
    with submitting(here) as screen:
        screen.sees(QUESTIONS["code"])
        screen.press(f"{LINK}\r")
        screen.sees(QUESTIONS["hours_lectures"])
        assert screen.interrupt() == 2
    assert "Stopped: you pressed Ctrl-C." in screen.said
    assert "Traceback" not in screen.said
    assert names(here) == before


def test_ctrl_c_at_the_last_question_writes_no_bundle(here: Workspace) -> None:
    (here.folder / FILE).write_text(FORM, encoding="utf-8")
    before = names(here)
    with submitting(here) as screen:
        screen.sees(NAMES)
        assert QUESTIONS["code"] not in screen.said, "what the file says is not asked"
        assert screen.interrupt() == 2
    assert "Stopped: you pressed Ctrl-C." in screen.said
    assert names(here) == before
