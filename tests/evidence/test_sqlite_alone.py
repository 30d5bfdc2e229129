"""Checking a SQLite store takes Python, SQLite and little else, and so it is quick."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from flowcoach.workspace import Workspace
from tests.evidence.stores import fill
from tests.prove import stage

HEAVY = {"mlflow", "pandas", "numpy", "sklearn", "nbgrader", "sqlalchemy", "requests", "pyarrow", "yaml"}


def test_a_check_of_a_sqlite_store_imports_nothing_heavy(prepared: Workspace, tmp_path: Path) -> None:
    here = stage.copy(prepared, tmp_path / "course")
    fill(here.folder / "mlflow.db", 60)
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flowcoach", "--workspace", str(here.folder), "check", "2.3"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    imported = {name.partition(".")[0] for name in re.findall(r"\| +([\w.]+)$", done.stderr, re.MULTILINE)}
    assert done.returncode == 0, done.stdout
    assert {"flowcoach", "sqlite3"} <= imported
    assert imported & HEAVY == set()
