"""What `pip install flowcoach` brings: the engine with its whole course, which needs no clone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import dev
from flowcoach import course
from flowcoach.workspace import Workspace


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip would fill it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=dev.ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        wheel.extractall(folder / "site")
    return folder / "site"


def test_it_carries_every_section_with_its_exercise_and_solution(site: Path) -> None:
    carried = site / "flowcoach" / "_course"
    for section in course.sections():
        assert (carried / "modules" / section.name / "README.md").is_file()
        assert (carried / section.place / ("train.py" if section.is_homework else "exercise.ipynb")).is_file()
        assert any((carried / "solutions" / section.name).glob("*.py"))


def test_it_carries_the_profiles_of_the_original_course(site: Path) -> None:
    carried = site / "flowcoach" / "_course" / "profiles"
    assert {path.name for path in carried.iterdir() if path.is_file()} == {
        path.name for path in (dev.ROOT / "profiles").iterdir() if path.is_file()
    }


def test_it_checks_a_workspace_by_the_course_it_carries(site: Path, prepared: Workspace) -> None:
    program = (
        "import flowcoach, flowcoach.course, sys;"
        f"assert flowcoach.course.root() == __import__('pathlib').Path({str(site / 'flowcoach' / '_course')!r});"
        "from flowcoach.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", program, "--workspace", str(prepared.folder), "check", "--json"],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert [section["id"] for section in json.loads(done.stdout)["sections"]] == [
        section.id for section in course.sections()
    ], done.stderr
