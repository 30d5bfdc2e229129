"""One finished homework and its bundle, made once; tests spoil copies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowcoach import course, workspace
from flowcoach.workspace import Workspace
from tests.prove import stage

SECTION = course.section("2.7")
FLOWCOACH = Path(sys.executable).with_name("flowcoach.exe" if os.name == "nt" else "flowcoach")
FORM = 'code = "https://example.org/prove/homework"\n'


@dataclass(frozen=True)
class HandedIn:
    """A finished workspace and the bundle that `flowcoach submit` made of it."""

    here: Workspace
    bundle: Path


def flowcoach(*words: str | Path, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command, started in a folder."""
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(("MLFLOW_", "FLOWCOACH_"))}
    return subprocess.run(
        [str(FLOWCOACH), *map(str, words)],
        cwd=folder,
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="session")
def handed_in(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> HandedIn:
    here = stage.copy(prepared, tmp_path_factory.mktemp("handin") / "course")
    stage.hand_out(SECTION, here)
    stage.work_homework(SECTION, here)
    (here.folder / "submission.toml").write_text(FORM, encoding="utf-8")
    done = flowcoach("submit", "2.7", "--yes", folder=here.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return HandedIn(here, here.folder / "submission.zip")


@pytest.fixture
def mine(handed_in: HandedIn, tmp_path: Path) -> Workspace:
    """A copy of the finished workspace to spoil, without its bundle."""
    copied = stage.copy(handed_in.here, tmp_path / "course")
    (copied.folder / "submission.zip").unlink()
    return workspace.load(copied.folder)


@pytest.fixture
def bundle(handed_in: HandedIn, tmp_path: Path) -> Path:
    """A copy of the bundle to spoil."""
    return Path(shutil.copyfile(handed_in.bundle, tmp_path / "submission.zip"))
