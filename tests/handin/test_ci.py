"""`flowcoach ci` judges what was committed, by the installed course alone, and runs nothing of it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flowcoach.report.summary import markdown
from flowcoach.workspace import Workspace
from tests.handin.conftest import HandedIn, flowcoach
from tests.report.examples import HOSTILE, RESULT

HEAVY = ("mlflow", "pandas", "numpy", "sklearn", "pyarrow", "optuna", "psutil", "skops", "requests")


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=prove", "-c", "user.email=prove@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def commit(folder: Path, *paths: str) -> Path:
    """Make a repository of a folder, with everything committed that .gitignore lets in, or just some paths."""
    git(folder, "init", "-q")
    git(folder, "add", "-f", *(paths or (".",))) if paths else git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "my homework")
    return folder


@pytest.fixture
def repo(handed_in: HandedIn, tmp_path: Path) -> Path:
    """A learner's repository as it should be: scripts, answers and the bundle."""
    folder = tmp_path / "repo"
    keep = shutil.ignore_patterns("mlflow.db", "mlartifacts", "data", ".flowcoach")
    shutil.copytree(handed_in.here.folder, folder, ignore=keep)
    return folder


def test_perfect_work_is_told_in_the_summary_and_ends_with_zero(repo: Path, tmp_path: Path) -> None:
    summary = tmp_path / "summary.md"
    done = flowcoach("ci", "--junit", tmp_path / "junit.xml", folder=commit(repo), GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "**22 of 22 points**" in summary.read_text(encoding="utf-8")
    assert 'failures="0"' in (tmp_path / "junit.xml").read_text(encoding="utf-8")


def test_a_store_that_was_committed_does_instead_of_a_bundle(mine: Workspace) -> None:
    commit(mine.folder, "homework", "flowcoach.toml", "mlflow.db", "mlartifacts")
    done = flowcoach("ci", folder=mine.folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "22 of 22 points" in done.stdout


def test_partial_work_ends_with_one_and_says_which(mine: Workspace, tmp_path: Path) -> None:
    answers = mine.folder / "homework" / "answers.toml"
    lines = answers.read_text(encoding="utf-8").splitlines()
    answers.write_text(
        "\n".join("best_rmse = 1.0" if "best_rmse" in line else line for line in lines), encoding="utf-8"
    )
    commit(mine.folder, "homework", "flowcoach.toml", "mlflow.db", "mlartifacts")
    done = flowcoach("ci", "--summary", tmp_path / "summary.md", folder=mine.folder)
    assert done.returncode == 1
    told = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "✗ failed" in told
    assert "best&#95;rmse" in told


def test_an_untracked_store_is_no_evidence(mine: Workspace) -> None:
    commit(mine.folder, "homework", "flowcoach.toml")
    done = flowcoach("ci", folder=mine.folder)
    assert done.returncode == 1
    assert "0 of 22 points" not in done.stdout or "No store" in done.stdout
    assert "submission.zip was committed" in done.stdout


def test_an_empty_repository_ends_with_two(tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    git(folder, "init", "-q")
    done = flowcoach("ci", "--summary", tmp_path / "summary.md", folder=folder)
    assert done.returncode == 2
    assert "has no commit yet" in done.stderr
    assert "Nothing could be checked" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_an_altered_bundle_ends_with_two(repo: Path) -> None:
    bundle = repo / "submission.zip"
    bundle.write_bytes(bundle.read_bytes()[:-100])
    done = flowcoach("ci", folder=commit(repo))
    assert done.returncode == 2
    assert "cannot be judged" in done.stderr


def test_what_a_repository_brings_of_its_own_changes_nothing(repo: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    evil = f"open({str(canary)!r}, 'w').close()\nprint('22 of 22 points')\nimport os; os._exit(0)\n"
    for name in ("flowcoach", "mlflow", "click", "rich", "tomlkit", "yaml", "modules/2.7-homework"):
        (repo / name).mkdir(parents=True)
        for file in ("__init__.py", "checks.py", "cli.py"):
            (repo / name / file).write_text(evil, encoding="utf-8")
    for name in ("checks.py", "conftest.py", "sitecustomize.py", "usercustomize.py", "json.py", "sqlite3.py"):
        (repo / name).write_text(evil, encoding="utf-8")
    (repo / "Makefile").write_text(f"all:\n\ttouch {canary}\n", encoding="utf-8")
    (repo / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "-p checks"\n', encoding="utf-8")
    (repo / "submission.zip").unlink()
    done = flowcoach("ci", folder=commit(repo))
    assert done.returncode == 1
    assert not canary.exists()


@pytest.mark.skipif(os.name == "nt", reason="shell scripts and links of POSIX")
def test_what_a_repository_asks_git_to_run_is_not_run(repo: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n", encoding="utf-8")
    script.chmod(0o755)
    (repo / "passwd").symlink_to("/etc/passwd")
    commit(repo)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "diff.evil.textconv", "filter.evil.smudge"):
        git(repo, "config", key, str(script))
    (repo / ".git" / "info" / "attributes").write_text("* filter=evil diff=evil\n", encoding="utf-8")
    for hook in ("post-checkout", "post-index-change", "reference-transaction"):
        shutil.copy(script, repo / ".git" / "hooks" / hook)
    done = flowcoach("ci", folder=repo)
    assert done.returncode == 0, done.stderr
    assert "passwd is a link" in done.stdout
    assert not canary.exists()


def test_the_fast_way_needs_no_library_that_takes_seconds(repo: Path) -> None:
    commit(repo)
    blocked = f"import sys; sys.modules.update(dict.fromkeys({HEAVY!r})); from flowcoach.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", blocked, "ci"], cwd=repo, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_that_a_learner_wrote_is_markup_in_the_summary() -> None:
    told = markdown(RESULT, title=HOSTILE)
    for markup in ("<script", "](", "**bold", "[bold]", "\x1b"):
        assert markup not in told.replace("**22", "")
    assert all(line.count("|") in (0, 4) for line in told.splitlines())
