"""Make a bundle ready: collect, pack, and have another process unpack and grade it before it is called ready."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flowcoach.atomic import replacing
from flowcoach.evidence.discover import gather
from flowcoach.handin.bundle import collect, manifest, write
from flowcoach.handin.form import Form
from flowcoach.handin.names import Rewriter
from flowcoach.problem import Problem, refused
from flowcoach.result import Result
from flowcoach.workspace import Workspace

Say = Callable[[str], None]

_HERE = "is something being logged right now? wait for it, and submit again; else please report this"
_ELSEWHERE = (
    "a bundle holds the stores that lie in the workspace, and yours is a server: copy its SQLite file and its"
    " mlartifacts/ into the workspace; if they are there, wait until nothing is being logged, and submit again"
)


@dataclass(frozen=True)
class Ready:
    """A bundle that was written: its file, SHA-256 in hex, size in bytes, and the files whose private paths were, or
    could not be, replaced."""

    path: Path
    sha256: str
    size: int
    private: tuple[str, ...]
    remaining: tuple[str, ...]


def submit(here: Workspace, form: Form, result: Result, rewriter: Rewriter, target: Path, say: Say) -> Ready:
    """Write the bundle of a workspace to `target`, after it was graded once more from its own unpacked content.

    `result` is what the checks say of the workspace. Until everything holds, nothing lies at `target` but what lay
    there. Raises Problem when the second grading says otherwise, and when something cannot be read or written.
    """
    with tempfile.TemporaryDirectory(prefix="flowcoach-") as scratch:
        packed = Path(scratch, "packed.zip")
        say("Collecting what counts")
        evidence = gather(here.folder, here.store)
        try:
            contents = collect(here, evidence, rewriter, Path(scratch), target)
        finally:
            evidence.close()
        write(packed, contents, manifest(here, form, contents, result, rewriter))
        say("Unpacking and grading it once more, in another process")
        _grade_again(packed, Path(scratch), here.store)
        content = packed.read_bytes()
    try:
        with replacing(target) as unfinished:
            unfinished.write_bytes(content)
    except OSError as error:
        raise refused(error, "name another file with --out") from error
    return Ready(target, hashlib.sha256(content).hexdigest(), len(content), contents.private, contents.remaining)


def _grade_again(packed: Path, scratch: Path, store: str) -> None:
    """Let `flowcoach verify` judge the bundle as a grader will. Raises Problem when it finds fault with it.

    `store` is the address that the workspace's result rests on.
    """
    done = subprocess.run(
        [sys.executable, "-P", "-m", "flowcoach", "verify", str(packed), "--json"],
        cwd=scratch,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "FLOWCOACH_"))},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    try:
        problems = json.loads(done.stdout)["problems"]
    except (ValueError, KeyError, TypeError):
        problems = [done.stderr.strip()[-500:] or "it said nothing"]
    if problems:
        listed = "\n".join(f"  {problem}" for problem in problems[:8])
        raise Problem(
            f"Unpacked and graded once more, the bundle says something else than your workspace:\n{listed}",
            _ELSEWHERE if store.startswith(("http://", "https://")) else _HERE,
        )
