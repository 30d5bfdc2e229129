"""The commit that a workspace stands at, as git tells it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Commit:
    """A commit by its id and its day, as "2026-11-24". `clean` is whether nothing was changed since."""

    id: str
    day: str
    clean: bool


def last_commit(folder: Path) -> Commit | None:
    """The last commit of the repository whose root is `folder`; None when it is none, or git is not there."""
    root = _git(folder, "rev-parse", "--show-toplevel")
    log = _git(folder, "log", "-1", "--format=%H %cs")
    if root is None or log is None or Path(root).resolve() != folder.resolve():
        return None
    id, _, day = log.partition(" ")
    return Commit(id, day, _git(folder, "status", "--porcelain") == "")


def _git(folder: Path, *words: str) -> str | None:
    """What git says; None when it fails. It takes no lock, so that nothing of the repository is written."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
