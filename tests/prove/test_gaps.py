"""The proof of the homework: a gap that is left open fails its own checks, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.course import Section
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.prove import stage

HOMEWORK = next(section for section in course.sections() if section.is_homework)
FAILS = {
    1: {"2.7/preprocessed"},
    2: {"2.7/autologged"},
    3: {"2.7/forest-figure"},
    4: {"2.7/trials"},
    5: {"2.7/finalists"},
    6: {"2.7/registered"},
    7: {"2.7/described"},
    8: {"2.7/final-figure"},
}


@pytest.fixture(autouse=True)
def _only_when_asked_for(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--section") not in (None, HOMEWORK.id):
        pytest.skip("another section is proved")


def gaps(section: Section) -> list[int]:
    """The numbers of the gaps that the handed-out scripts have."""
    folder = course.root() / section.place
    text = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    return [number for number in range(1, 100) if f"# Gap {number}:" in text]


def test_every_gap_is_proved() -> None:
    assert gaps(HOMEWORK) == list(FAILS)


@pytest.mark.parametrize("gap", FAILS, ids=lambda gap: f"{HOMEWORK.id}-gap{gap}")
def test_an_open_gap_fails_its_own_checks_and_what_builds_on_them_waits(
    gap: int, prepared: Workspace, tmp_path: Path
) -> None:
    here = stage.copy(prepared, tmp_path / "course")
    stage.hand_out(HOMEWORK, here, gap)
    stage.work_homework(HOMEWORK, here)
    result = stage.examine(here, HOMEWORK)
    assert {check.id for check in result.checks if check.state is State.FAILED} == FAILS[gap]
    waiting = set().union(*(stage.dependents(HOMEWORK, id) for id in FAILS[gap]))
    assert {check.id for check in result.checks if check.state is State.SKIPPED} == waiting
