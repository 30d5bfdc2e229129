"""What `flowcoach doctor` and `flowcoach portfolio` say, and how they end: 0, 1 or 2."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from flowcoach import cli, workspace
from flowcoach.coach.start import prepare_store
from flowcoach.workspace import Workspace


def flowcoach(*words: str | Path) -> Result:
    return CliRunner().invoke(cli.main, [str(word) for word in words], prog_name="flowcoach")


@pytest.fixture
def here(prepared: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A new learner's workspace, in which the learner stands, on a machine without other servers and kernels."""
    made = workspace.load(shutil.copytree(prepared.folder, tmp_path / "course"))
    (made.folder / "mlflow.db").unlink()
    prepare_store(made, prepared.folder / "mlflow.db")
    monkeypatch.chdir(made.folder)
    monkeypatch.setattr("flowcoach.coach.doctor.addresses.listens", lambda _: False)
    monkeypatch.setattr("flowcoach.coach.doctor.patient.kernel_folders", tuple)
    return made


def test_a_healthy_workspace_ends_with_0(here: Workspace) -> None:
    done = flowcoach("doctor")
    assert (done.exit_code, done.stdout.splitlines()[0].split(":")[0]) == (0, "No trouble found")


def test_a_trouble_ends_with_1_and_has_a_cure_on_a_line_of_its_own(here: Workspace) -> None:
    shutil.copy(here.folder / "mlflow.db", here.folder / "exercises" / "mlflow.db")
    done = flowcoach("doctor")
    assert done.exit_code == 1
    cure = next(line for line in done.stdout.splitlines() if line.startswith("  cure"))
    assert cure.endswith('"exercises/mlflow.db"')
    assert "\x1b" not in done.output


def test_troubles_can_be_had_as_json(here: Workspace) -> None:
    shutil.copy(here.folder / "mlflow.db", here.folder / "exercises" / "mlflow.db")
    found = json.loads(flowcoach("doctor", "--json").stdout)
    assert (found["schema"], found["healthy"]) == ("flowcoach/diagnosis/v1", False)
    assert [trouble["id"] for trouble in found["troubles"]] == ["wrong-folder"]
    assert set(found["troubles"][0]["findings"][0]) == {"seen", "where", "cure"}


def test_where_nothing_can_be_looked_at_it_ends_with_2_and_a_next_step(here: Workspace) -> None:
    (here.folder / "mlflow.db").write_bytes(b"SQLite format 3\0 and no more")
    done = flowcoach("doctor")
    assert done.exit_code == 2
    assert "damaged" in done.stderr
    assert "Next: " in done.stderr


def test_the_same_for_machines_is_json_too(here: Workspace) -> None:
    (here.folder / "mlflow.db").write_bytes(b"SQLite format 3\0 and no more")
    done = flowcoach("doctor", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["healthy"], found["troubles"]) == (2, None, [])
    assert "damaged" in found["problem"]["cause"]


def test_a_portfolio_lies_in_the_workspace_when_no_other_place_is_named(here: Workspace) -> None:
    done = flowcoach("portfolio")
    assert done.exit_code == 0
    assert "0 steps, 0 experiments, 0 models" in done.stdout
    assert (here.folder / "portfolio.html").is_file()
