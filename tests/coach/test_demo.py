"""The main job, as the README calls it: it ends with full marks, and never on somebody's work."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flowcoach import workspace
from flowcoach.coach.demo import demo
from flowcoach.problem import Problem
from flowcoach.workspace import MONTHS


def play(*words: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("FLOWCOACH_WORKSPACE", "MLFLOW_TRACKING_URI")}
    command = [sys.executable, "-m", "flowcoach", "demo", "--json", *map(str, words)]
    return subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.timeout(900)  # it plays the whole course
def test_it_ends_with_full_marks(tmp_path: Path) -> None:
    done = play("--workspace", tmp_path / "demo")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["points"] == result["max_points"] > 0
    assert "Playing 2.3 exercise" in done.stderr


def test_it_does_not_write_to_a_store_that_somebody_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "INHERITED", "http://127.0.0.1:9")
    with pytest.raises(Problem, match="must not write there"):
        demo(tmp_path / "demo", data=None, months=MONTHS, say=lambda _: None)
