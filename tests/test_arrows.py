"""The floors of the design: imports point downward only, and checking stays light."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = {"mlflow", "pandas", "numpy", "sklearn", "pyarrow", "optuna", "requests", "nbgrader", "IPython", "sqlalchemy"}


def test_imports_point_downward_only() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"], cwd=ROOT, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "flowcoach.cli",
        "flowcoach.notebook",
        "flowcoach.course",
        "flowcoach.evidence.discover",
        "flowcoach.report.junit",
    ],
)
def test_what_a_check_needs_is_light(module: str) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted({{name.split('.')[0] for name in sys.modules}})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert set(json.loads(done.stdout)) & HEAVY == set()
