"""Section 2.6's second bonus: which evidence tells that a training was interrupted and lost nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.evidence import Evidence, Run
from flowcoach.evidence.artifacts import Shelves
from flowcoach.evidence.union import union
from flowcoach.result import CheckResult, State
from tests.evidence.test_union import Held

LAB = "http://127.0.0.1:5000"
RUN = "0" * 32


class Remembers(Held):
    """A store that holds what was logged for a metric at every step."""

    logged: tuple[tuple[int, float], ...] = ()

    def history(self, run_id: str, key: str) -> tuple[tuple[int, float], ...]:
        return self.logged if (run_id, key) == (RUN, "rmse") else ()


def examine(
    folder: Path,
    *,
    steps: int = 0,
    broken_at: float | None = None,
    what: str = "database",
    stored: int | None = None,
    up: bool = True,
) -> CheckResult:
    """The check's word: after a training of so many confirmed `steps`, a second each, of which so many are `stored`."""
    values = [(step, 9.5 - step) for step in range(steps)]
    lines = [{"run": RUN, "step": step, "rmse": rmse, "at": 1000.5 + step} for step, rmse in values]
    if steps:
        (folder / "confirmed.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    if broken_at is not None:
        (folder / "lab").mkdir()
        noted = {"what": what, "broken": True, "at": broken_at}
        (folder / "lab" / "breaks.jsonl").write_text(json.dumps(noted) + "\nno JSON\n[]\n", encoding="utf-8")
    run = Run(RUN, "steps", "1", "outages", "FAILED", True, 1000, None, "")
    lab = Remembers(LAB, *([] if stored == 0 else [run]), experiments={"1": "outages"})
    lab.logged = tuple(values[:stored])
    own = Held("sqlite:///mlflow.db", experiments={})
    stores = union(own, (lab,) if up else ())
    about = {LAB: "the lab's team server"} if up else {}
    evidence = Evidence(stores, own, shelves=Shelves(folder, (), ()), about=about)
    return course.examine(["2.6/nothing-lost"], evidence).sections[0].checks[0]


def test_an_interrupted_training_of_which_all_that_was_confirmed_is_there_passes(tmp_path: Path) -> None:
    result = examine(tmp_path, steps=5, broken_at=1002.7)
    assert (result.state, result.points, result.bonus) == (State.PASSED, 1, True), result


def test_a_training_that_ended_by_the_break_counts(tmp_path: Path) -> None:
    assert examine(tmp_path, steps=3, broken_at=1002.9).state is State.PASSED


def test_a_confirmed_value_that_the_store_does_not_hold_is_told(tmp_path: Path) -> None:
    result = examine(tmp_path, steps=5, broken_at=1002.7, stored=4)
    assert (result.state, result.misconception, result.found) == (State.FAILED, None, "1")


def test_a_run_that_is_gone_is_told(tmp_path: Path) -> None:
    result = examine(tmp_path, steps=5, broken_at=1002.7, stored=0)
    assert result.state is State.FAILED
    assert "in none of your stores" in (result.message or "")


@pytest.mark.parametrize(("at", "what"), [(900.5, "database"), (2000.5, "server"), (1002.5, "rights")])
def test_a_break_at_another_time_or_of_another_kind_does_not_count(tmp_path: Path, at: float, what: str) -> None:
    result = examine(tmp_path, steps=5, broken_at=at, what=what)
    assert (result.state, result.misconception) == (State.FAILED, "2.6/nothing-lost/nothing-broke")


def test_without_any_break_the_times_are_told(tmp_path: Path) -> None:
    result = examine(tmp_path, steps=5)
    assert result.misconception == "2.6/nothing-lost/nothing-broke"


def test_without_a_training_it_is_skipped_and_says_how_to_make_one(tmp_path: Path) -> None:
    result = examine(tmp_path)
    assert (result.state, "flowcoach lab up team" in (result.message or "")) == (State.SKIPPED, True)


def test_without_the_lab_it_is_skipped_for_nobody_can_compare(tmp_path: Path) -> None:
    result = examine(tmp_path, steps=5, broken_at=1002.7, up=False)
    assert (result.state, "no lab is up" in (result.message or "")) == (State.SKIPPED, True)
