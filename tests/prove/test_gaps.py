"""The proof of the homework: a gap that is left open fails its own checks, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.course import Section
from flowcoach.result import State
from flowcoach.workspace import Workspace
from tests.prove import stage

HOMEWORK = next(section for section in course.sections() if section.is_homework)


@dataclass(frozen=True)
class Gap:
    """The step of the homework that a gap is in, and the checks that fail while it is open."""

    step: int
    fails: frozenset[str]


GAPS = {
    1: Gap(0, frozenset({"2.7/preprocessed"})),
    2: Gap(1, frozenset({"2.7/autologged"})),
    3: Gap(1, frozenset({"2.7/forest-figure"})),
    4: Gap(2, frozenset({"2.7/trials"})),
    5: Gap(3, frozenset({"2.7/finalists"})),
    6: Gap(3, frozenset({"2.7/registered"})),
    7: Gap(3, frozenset({"2.7/described"})),
    8: Gap(4, frozenset({"2.7/final-figure"})),
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


@pytest.fixture(scope="module")
def before(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> list[Workspace]:
    """The workspace as it is before each step of the homework, when all steps before it were done rightly."""
    folder = tmp_path_factory.mktemp("before")
    here = stage.copy(prepared, folder / "course")
    stage.hand_out(HOMEWORK, here)
    states = [stage.copy(here, folder / "0")]
    stage.work_homework(HOMEWORK, here, lambda: states.append(stage.copy(here, folder / str(len(states)))))
    return states


def test_every_gap_is_proved() -> None:
    assert gaps(HOMEWORK) == list(GAPS)


@pytest.mark.parametrize("number", GAPS, ids=lambda number: f"{HOMEWORK.id}-gap{number}")
def test_an_open_gap_ends_its_script_and_fails_its_own_checks_and_what_builds_on_them_waits(
    number: int, before: list[Workspace], tmp_path: Path
) -> None:
    gap = GAPS[number]
    here = stage.copy(before[gap.step], tmp_path / "course")
    stage.hand_out(HOMEWORK, here, number)
    codes = stage.work_homework(HOMEWORK, here, first=gap.step)
    assert codes[0] == 1
    result = stage.examine(here, HOMEWORK)
    assert {check.id for check in result.checks if check.state is State.FAILED} == gap.fails
    waiting = set().union(*(stage.dependents(HOMEWORK, id) for id in gap.fails))
    assert {check.id for check in result.checks if check.state is State.SKIPPED} == waiting
