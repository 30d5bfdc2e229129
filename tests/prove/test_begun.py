"""The proof of the course, first half: a section is whole, and what asks for no work earns nothing."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.course import Section
from flowcoach.workspace import Workspace
from tests.prove import stage


def test_every_check_says_what_a_teacher_would(section: Section) -> None:
    for check in section.checks:
        assert 1 <= len(check.hints) <= 3, f"{check.id} needs one to three hints"
        assert check.why, f"{check.id} says nothing on why it matters"
        assert len(check.why.splitlines()) == 2, f"{check.id}: two lines on why it matters"
        assert not check.title.endswith("."), f"{check.id}: a title, not a paragraph"


def test_every_mistake_is_built(section: Section) -> None:
    built = {mistake.check_id for mistake in section.mistakes}
    recognised = {mistake.misconception_id for mistake in section.mistakes}
    assert {check.id for check in section.checks} <= built
    assert {known.id for check in section.checks for known in check.misconceptions} <= recognised


@pytest.mark.parametrize("name", ["README.md", "run.py", "checks.py", "mistakes.py"])
def test_a_section_is_whole(section: Section, name: str) -> None:
    assert (section.folder / name).read_text(encoding="utf-8").strip()


def test_running_the_script_alone_earns_zero(section: Section, begun: Workspace) -> None:
    assert stage.examine(begun, section).points == 0


def test_the_untouched_exercise_earns_zero(section: Section, begun: Workspace, tmp_path: Path) -> None:
    here = stage.copy(begun, tmp_path / "course")
    if section.is_homework:
        stage.work_homework(section, here)
    else:
        stage.run_notebook(course.root() / section.place / "exercise.ipynb", here)
    assert stage.examine(here, section).points == 0


def test_the_pictures_on_its_page_can_be_drawn_from_the_runs_of_the_script(
    section: Section, begun: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, images = section.folder / "plots.py", section.folder / "images"
    if not script.is_file():
        assert not images.exists(), f"nothing draws the pictures of section {section.id} anew"
        return
    monkeypatch.setattr("sys.argv", [str(script), str(tmp_path)])
    with stage.inside(begun):
        runpy.run_path(str(script), run_name="__main__")
    shown = sorted(images.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in shown]
    assert all(path.stat().st_size < 100_000 for path in shown)
