"""`check` as a notebook's cell calls it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from flowcoach import workspace
from flowcoach.notebook import NotChecked, check
from flowcoach.report import as_json
from flowcoach.result import CheckResult, Result, SectionResult, State
from flowcoach.workspace import Workspace
from tests.report.examples import ONE_PASSED, PROBLEM, RESULT

Answer = Callable[..., None]
NO_ERROR = Result("0.1.0", (SectionResult("2.3", "Tracking", RESULT.sections[1].checks[:3]),))


@pytest.fixture
def asked() -> list[dict[str, Any]]:
    """How the check's process was started."""
    return []


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]) -> Answer:
    """Let the check's process answer this on its standard output."""

    def let(stdout: str, stderr: str = "") -> None:
        def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
            asked.append({"command": command, **options})
            return subprocess.CompletedProcess(command, 2, stdout, stderr)

        monkeypatch.setattr("flowcoach.notebook.subprocess.run", run)

    return let


def test_the_points_come_back_as_a_plain_float(answer: Answer) -> None:
    answer(as_json.dumps(ONE_PASSED))
    points = check("2.2/store")
    assert (repr(points), points) == ("1.0", 1.0)
    assert isinstance(points, float)


def test_what_did_not_pass_earns_a_plain_zero(answer: Answer) -> None:
    answer(as_json.dumps(NO_ERROR))
    assert repr(check("2.3")) == "0.0"


def test_outside_a_notebook_it_is_drawn_on_the_terminal_and_nothing_goes_to_stderr(
    answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(as_json.dumps(ONE_PASSED))
    check("2.2/store")
    told = capsys.readouterr()
    assert "✓ passed   1/1  Your runs lie in your workspace's store" in told.out
    assert told.err == ""


def test_when_nothing_could_be_checked_the_exception_says_cause_and_next_step(answer: Answer) -> None:
    answer(as_json.dumps(PROBLEM))
    with pytest.raises(NotChecked, match="is not a database") as stopped:
        check("2.3")
    assert "\x1b" not in str(stopped.value)
    assert str(stopped.value).splitlines()[1] == "Next: name the right file as `store` in flowcoach.toml"


def test_a_check_that_broke_is_shown_and_raises_for_its_zero_is_not_the_learners(
    answer: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = CheckResult("2.3/a", "It is a", State.ERROR, 0, 1, message="This check broke.")
    answer(as_json.dumps(Result("0.1.0", (SectionResult("2.3", "Tracking", (broken,)),))))
    with pytest.raises(NotChecked, match="our fault"):
        check("2.3/a")
    assert "This check broke." in capsys.readouterr().out


@pytest.mark.parametrize("stdout", ["", "Traceback", "[]", '{"schema": "flowcoach/result/v2"}'])
def test_an_answer_that_is_no_result_raises_with_the_last_line_of_the_trouble(answer: Answer, stdout: str) -> None:
    answer(stdout, "Traceback (most recent call last):\nMemoryError\n")
    with pytest.raises(NotChecked, match="gave no result: MemoryError\nNext: try it in a terminal"):
        check("2.3")


def test_the_check_runs_in_a_python_that_takes_no_module_from_the_current_folder(
    answer: Answer, asked: list[dict[str, Any]]
) -> None:
    answer(as_json.dumps(ONE_PASSED))
    check("2.2/store")
    (start,) = asked
    assert start["command"][1:] == ["-P", "-m", "flowcoach", "check", "--json", "2.2/store"]
    assert start["env"]["PYTHONUTF8"] == "1"


def test_in_a_kernel_trouble_is_two_lines_without_a_traceback_and_a_result_is_drawn(tmp_path: Path) -> None:
    cells = [
        "from flowcoach import notebook\nfrom flowcoach.notebook import check",
        'check("2.3/trials")',  # there is no workspace here
        f"import json\nfrom flowcoach.result import from_dict\n"
        f"notebook._ask = lambda name: from_dict(json.loads({as_json.dumps(ONE_PASSED)!r}))",
        'check("2.2/store")',
    ]
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(page, kernel_name="python3", allow_errors=True, timeout=60).execute(cwd=str(tmp_path))
    (trouble,) = page.cells[1].outputs
    assert (trouble.output_type, trouble.ename) == ("error", "NotChecked")
    first, second = "\n".join(trouble.traceback).splitlines()
    assert first.startswith("There is no workspace here")
    assert second.startswith("Next: make one with `flowcoach start")
    drawn, points = page.cells[3].outputs
    assert drawn.output_type == "display_data"
    assert "✓ passed" in drawn.data["text/html"]
    assert "✓ passed" in drawn.data["text/plain"]
    assert (points.output_type, points.data["text/plain"]) == ("execute_result", "1.0")
    assert "1 point<" in points.data["text/html"]


def test_the_address_that_a_cell_gives_mlflow_does_not_become_the_store_that_is_checked(
    prepared: Workspace, tmp_path: Path
) -> None:
    here = workspace.load(shutil.copytree(prepared.folder, tmp_path / "course"))
    program = (
        "import mlflow; from flowcoach import workspace; from flowcoach.notebook import check;"
        "mlflow.set_tracking_uri('sqlite:///mlflow.db'); mlflow.create_experiment('ridge-by-hand');"
        "assert check('2.2/own-store') == 0.0; assert workspace.find().store == workspace.find().own_store"
    )
    folder = here.folder / "exercises"  # where MLflow makes a store of its own
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    assert "lies in another store" in done.stdout
