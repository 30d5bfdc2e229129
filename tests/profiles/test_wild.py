"""Ten real homeworks of the original course get the verdicts that a reader of them gave."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flowcoach import profiles
from flowcoach.result import CheckResult, State

WILD = Path(__file__).parents[3] / "shared" / "wild"
LEARNERS = json.loads((WILD / "expected.json").read_text()) if WILD.is_dir() else []

pytestmark = [
    pytest.mark.skipif(not WILD.is_dir(), reason="the learners' stores (../shared/wild) are not here"),
    pytest.mark.parametrize("learner", LEARNERS, ids=[learner["id"] for learner in LEARNERS]),
]


def judged(learner: dict[str, Any], folder: Path) -> tuple[CheckResult, ...]:
    return profiles.look(f"zoomcamp-{min(learner['cohort'], 2025)}", folder).checks


def test_all_stores_together_say_what_a_reader_saw(learner: dict[str, Any]) -> None:
    found = judged(learner, WILD / learner["id"])
    assert {check.id: check.status for check in found} == learner["all_stores"]


def test_the_main_store_alone_says_what_a_reader_saw(learner: dict[str, Any], tmp_path: Path) -> None:
    store = WILD / learner["id"] / learner["primary"]
    copy = tmp_path / learner["primary"]
    if store.is_dir():
        shutil.copytree(store, copy)
        for folder in (copy, *copy.rglob("*/")):
            folder.chmod(0o755)  # they came read-only, and are to be removed again
    else:
        shutil.copyfile(store, copy)
    expected = {id: status for id, status in learner["primary_store"].items() if not id.startswith("model_behind")}
    assert {check.id: check.status for check in judged(learner, tmp_path)} == expected


def test_what_did_not_pass_says_why_and_what_to_do(learner: dict[str, Any]) -> None:
    for check in judged(learner, WILD / learner["id"]):
        assert check.evidence
        assert check.state is not State.ERROR
        assert (check.state is State.PASSED) == (check.status in ("yes", "tie"))
        if check.state is State.FAILED:
            assert check.message
            assert check.advice
