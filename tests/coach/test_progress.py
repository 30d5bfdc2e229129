"""The coach's memory: plain text, kept whole whoever writes at once, and worth nothing as evidence."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import pytest

from flowcoach.coach import progress
from flowcoach.coach.progress import Progress, read, remember
from flowcoach.problem import Problem
from flowcoach.result import CheckResult, State

EARLIER = date(2026, 1, 2)


def result(id: str, state: State) -> CheckResult:
    return CheckResult(id=id, title=id, state=state, points=0, max_points=1)


def test_a_workspace_without_a_memory_has_an_empty_one(tmp_path: Path) -> None:
    assert read(tmp_path) == Progress()


def test_what_is_remembered_is_read_back(tmp_path: Path) -> None:
    kept, _ = remember(
        tmp_path,
        lambda known: (
            known.beginning_at("2.5")
            .having_run("2.5")
            .with_hints("2.3/trials", 2)
            .with_done([result("2.3/baseline", State.PASSED), result("2.3/trials", State.FAILED)])
        ),
    )
    assert read(tmp_path) == kept
    assert (kept.at, set(kept.ran), dict(kept.hints), set(kept.done)) == (
        "2.5",
        {"2.5"},
        {"2.3/trials": 2},
        {"2.3/baseline"},
    )


def test_it_is_plain_text_that_says_what_it_is(tmp_path: Path) -> None:
    remember(tmp_path, lambda known: known.with_hints("2.3/trials", 1))
    text = (tmp_path / "progress.toml").read_text(encoding="utf-8")
    assert text.startswith("# What flowcoach remembers")
    assert tomllib.loads(text) == {"hints": {"2.3/trials": 1}}


def test_a_step_is_done_since_it_was_first_seen(tmp_path: Path) -> None:
    known = Progress(done={"2.3/trials": EARLIER}).with_done([result("2.3/trials", State.PASSED)])
    assert known.done == {"2.3/trials": EARLIER}


def test_a_hint_once_seen_stays_seen() -> None:
    assert Progress(hints={"2.3/trials": 3}).with_hints("2.3/trials", 1).hints == {"2.3/trials": 3}


def test_nothing_new_writes_nothing(tmp_path: Path) -> None:
    remember(tmp_path, lambda known: known)
    assert not (tmp_path / "progress.toml").exists()


@pytest.mark.parametrize("broken", ["at = ", "hints = 3", "at = 2.5", "\x00", 'done = "all"'])
def test_a_broken_file_is_kept_aside_and_a_new_one_begun(broken: str, tmp_path: Path) -> None:
    (tmp_path / "progress.toml").write_text(broken, encoding="utf-8")
    assert read(tmp_path) == Progress()
    kept, aside = remember(tmp_path, lambda known: known.with_hints("2.3/trials", 1))
    assert aside is not None
    assert aside.read_text(encoding="utf-8") == broken
    assert read(tmp_path) == kept


def test_values_of_another_kind_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "progress.toml").write_text(
        '[hints]\n"2.3/trials" = "two"\n[done]\n"2.3/trials" = 1\n', encoding="utf-8"
    )
    assert read(tmp_path) == Progress()


def test_two_terminals_at_once_lose_nothing(tmp_path: Path) -> None:
    writer = """
import sys
from pathlib import Path
from flowcoach.coach.progress import remember
for number in range(25):
    remember(Path(sys.argv[1]), lambda known: known.with_hints(f"{sys.argv[2]}/{number}", 1))
"""
    words = [sys.executable, "-c", writer, str(tmp_path)]
    with subprocess.Popen([*words, "one"]) as one, subprocess.Popen([*words, "other"]) as other:
        assert (one.wait(), other.wait()) == (0, 0)
    assert len(read(tmp_path).hints) == 50


def test_a_folder_that_cannot_be_written_to_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(progress, "write_text", refuse)
    with pytest.raises(Problem, match="Permission denied"):
        remember(tmp_path, lambda known: known.with_hints("2.3/trials", 1))
