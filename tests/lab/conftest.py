"""A lab of real servers, for as long as a file's tests run."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from flowcoach.lab import control
from flowcoach.lab.control import Lab
from flowcoach.lab.plan import Order
from flowcoach.lab.service import MARK
from flowcoach.workspace import Workspace
from tests.prove import stage

LONG = 60  # seconds that nothing here should take


@pytest.fixture(scope="module")
def desk(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace that a lab may be brought up in."""
    return stage.copy(prepared, tmp_path_factory.mktemp("lab") / "course")


@pytest.fixture(scope="module")
def team(desk: Workspace) -> Iterator[Lab]:
    """The team's servers, up."""
    if any(find_spec(name) is None for name in control.NEEDS):
        pytest.skip("the extra flowcoach[lab] is not installed")
    lab, keeper = control.up(desk, Order("team"))
    try:
        yield lab
    finally:
        control.end(keeper)
        shutil.rmtree(lab.places.postgres, ignore_errors=True)  # for root, it lies outside of the workspace


def until(holds: Callable[[], Any], what: str, *, seconds: float = LONG) -> Any:
    """What `holds` returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := holds():
            return found
        time.sleep(0.05)
    pytest.fail(f"not within {seconds:g} s: {what}")


def started_by(lab: Lab) -> list[psutil.Process]:
    """Every process that the lab started and that still runs."""
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == lab.state.mark:
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def lines_of(path: Path) -> list[str]:
    """What a script has written so far."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []
