"""Section 2.6 in its three set-ups: full marks in each for the same script, and the result says which one it saw."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.lab import control
from flowcoach.lab.control import Lab
from flowcoach.lab.plan import Order
from flowcoach.result import Result, State
from flowcoach.workspace import Workspace
from tests.prove import stage


@pytest.fixture
def own(desk: Workspace, tmp_path: Path) -> Workspace:
    """The solved workspace, whose lab was never up."""
    here = stage.copy(desk, tmp_path / "own")
    shutil.rmtree(here.folder / ".flowcoach" / "lab", ignore_errors=True)
    shutil.rmtree(here.folder / "lab", ignore_errors=True)
    (here.folder / "confirmed.jsonl").unlink(missing_ok=True)
    return here


def look(here: Workspace) -> Result:
    """What `flowcoach check 2.6` says."""
    return course.look(("2.6",), here.folder, here.own_store)


def start_through(lab: Lab) -> None:
    """Start the solution's script through the lab, and forget the server that the notebook started."""
    folder = lab.places.workspace.folder
    shutil.rmtree(folder / "server")
    subprocess.run([sys.executable, "hours.py"], cwd=folder, env=lab.environment(), check=True, capture_output=True)


def not_full(result: Result) -> list[str]:
    """Each check that did not pass; a bonus that was skipped costs nothing."""
    free = skipped(result).keys() & {one.id for one in result.sections[0].checks if one.bonus}
    return [one.id for one in result.sections[0].checks if one.state is not State.PASSED and one.id not in free]


def skipped(result: Result) -> dict[str, str]:
    """What each skipped check says."""
    return {one.id: one.message or "" for one in result.sections[0].checks if one.state is State.SKIPPED}


def test_alone(own: Workspace) -> None:
    control.alone(own)
    result = look(own)
    assert not_full(result) == []
    assert result.stores[0] == f"{own.own_store} (alone, without a server)"
    assert 'pip install "flowcoach[lab]"' in skipped(result)["2.6/team-server"]


def test_a_local_server(own: Workspace) -> None:
    lab, keeper = control.up(own, Order("local"))
    try:
        start_through(lab)
        result = look(own)
    finally:
        control.end(keeper)
    assert not_full(result) == []
    assert [store for store in result.stores if store.endswith("(the lab's local server)")] != []
    assert "2.6/team-server" in skipped(result)


def test_a_team_s_server(team: Lab, logged: str) -> None:
    start_through(team)
    result = look(team.places.workspace)
    assert not_full(result) == []
    assert f"{team.state.address} (the lab's team server)" in result.stores
    assert "2.6/team-server" not in skipped(result)
