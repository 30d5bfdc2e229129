"""A stranger adds a section: folders copied, ids changed, `src/` never opened."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.exercises import ROOT

OLD, NEW = "2.2", "2.8"
FOLDERS = ("src", "modules", "solutions", "exercises", "homework", "tests", "tools")
# The rest of the proof asks the same of the section; the old one answers it in tests/prove.
SOME = "whole or says or built or alone_earns or full_marks or a_mistake"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the course with one section more, itself a copy."""
    tree = tmp_path_factory.mktemp("tree")
    for name in FOLDERS:
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    for name in ("pyproject.toml", "nbgrader_config.py"):
        shutil.copyfile(ROOT / name, tree / name)
    for folder in (tree / "modules", tree / "solutions"):
        (old,) = folder.glob(f"{OLD}-*")
        new = shutil.copytree(old, folder / old.name.replace(OLD, NEW))
        for path in new.rglob("*.*"):
            if path.suffix in (".md", ".py"):
                path.write_text(path.read_text(encoding="utf-8").replace(OLD, NEW), encoding="utf-8")
    return tree


def run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a module of the copied course."""
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tree / "src"), str(tree)]), "PYTHONUTF8": "1"}
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=tree, env=settings, capture_output=True, encoding="utf-8", check=False)


def test_a_section_made_by_copying_a_folder_is_found_checked_and_proved(tree: Path) -> None:
    made = run(tree, "tools.exercises")
    assert f"exercises/{NEW}-getting-started/exercise.ipynb written" in made.stdout, made.stderr

    proved = run(tree, "pytest", "-q", "tests/prove", "--section", NEW, "-k", SOME)
    assert proved.returncode == 0, proved.stdout[-5000:]
