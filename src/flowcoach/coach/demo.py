"""The main job, end to end, in a throw-away workspace: data, every section's script and solution, the checks.

The homework is done, its figures are asked of their models again, it is replayed and handed in.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Self

from flowcoach import course, rescore, workspace
from flowcoach.coach import scripts
from flowcoach.coach.start import Say, start
from flowcoach.course import Section
from flowcoach.evidence.stores import shown
from flowcoach.handin import replay
from flowcoach.handin.bundle import DEFAULT
from flowcoach.handin.form import Form
from flowcoach.handin.names import rewriter
from flowcoach.handin.submit import Ready, submit
from flowcoach.isolation import Trust
from flowcoach.problem import Problem
from flowcoach.result import Result
from flowcoach.workspace import Workspace, remove

MARK = Path(".flowcoach", "demo")  # says that a workspace is nobody's work
SIDE_BY_SIDE = 3  # sections: each is a process that also waits for servers


@dataclass(frozen=True)
class Demo:
    """What became of a demo: its workspace, what the checks say of it, what they say of the homework when it was
    replayed elsewhere, and the bundle that was handed in."""

    workspace: Workspace
    result: Result
    replayed: Result
    bundle: Ready


def demo(folder: Path, *, data: Path | None, months: Sequence[str], say: Say) -> Demo:
    """Play a whole course in `folder`, check it and hand it in; the workspace stays for a look in the UI.

    `say` is told each step. Raises Problem when `folder` is somebody's work, or when a script fails.
    """
    scripts.require("mlflow", "optuna", "sklearn")
    if shutil.which("git") is None:
        raise Problem("The demo needs git, which is not installed here.", "install it: https://git-scm.com/downloads")
    _clear(folder)
    (folder / MARK).parent.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    folder = folder.resolve()
    with ThreadPoolExecutor(SIDE_BY_SIDE) as players, Cast(folder) as cast:
        made = start(folder, learner="demo", data=data, months=months, say=say)
        _refuse_another_store(made)
        homework = [section for section in course.sections() if section.is_homework]
        replays = [players.submit(_do_homework, section, made, say) for section in homework]  # the longest begins first
        others = [section for section in reversed(course.sections()) if not section.is_homework]  # so do later ones
        for played in [players.submit(_play, section, cast, say) for section in others]:
            played.result()
        replayed = replays[0].result()
    say("checks")
    result = course.look((), made.folder, made.own_store, rescorer=rescore.own(made, compute=True))
    say("the hand-in")
    chosen = [section.id for section in homework]
    handed_in = replace(result, sections=tuple(one for one in result.sections if one.id in chosen))
    form = Form(code="https://example.org/demo/homework")
    private = rewriter(made.folder, keep_names=False)
    ready = submit(made, form, handed_in, private, made.folder / DEFAULT, lambda _: None)
    return Demo(made, result, replayed, ready)


def _do_homework(section: Section, made: Workspace, say: Say) -> Result:
    """Do the homework with the solution's scripts, then do it again from copies, elsewhere; what is said of that."""
    say(f"{section.id} homework")
    scripts.run(section.folder / "run.py", made, quiet=True)
    for source in (course.root() / "solutions" / section.name).glob("*.py"):
        shutil.copyfile(source, made.folder / section.place / source.name)
    _require_all(replay.play(made, replay.steps_of(section), trust=None))
    section.load("answers").fill(made)
    course.look((section.id,), made.folder, made.own_store, rescorer=rescore.own(made, compute=True))  # remembered
    say(f"{section.id} homework once more, from copies")
    files = replay.scripts_in(made.folder)
    with tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True) as scratch:
        again, played = replay.again(section, files, made, Path(scratch, "again"), trust=Trust.OWN)
        _require_all(played)
        return course.look((section.id,), again.folder, again.own_store)


def _require_all(played: Sequence[replay.Played]) -> None:
    for step in played:
        if step.code:
            raise Problem(f"{step.script} ended with an error:\n{step.output[-1500:]}", "read its last line above")


class Cast:
    """Processes that play scripts in a workspace, each of which imported MLflow once (`flowcoach.forked`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._idle: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        self._all: list[subprocess.Popen[str]] = []
        self._scratch = tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        """Two get ready while the workspace is made; one more is started when all others are busy."""
        for _ in range(2):
            self._idle.put(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        """Send everybody home."""
        for process in self._all:
            process.kill()
            process.communicate()
        self._scratch.cleanup()

    def play(self, script: Path) -> None:
        """Run a script to its end. Raises Problem, with its last words, when it fails."""
        try:
            process = self._idle.get_nowait()
        except Empty:
            process = self._start()
        assert process.stdin is not None
        assert process.stdout is not None
        log = Path(self._scratch.name, f"{process.pid}.log")
        process.stdin.write(json.dumps({"script": str(script), "arguments": [], "log": str(log)}) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        if not answer or json.loads(answer)["code"]:
            raise scripts.failed(script, log.read_text(encoding="utf-8", errors="replace"))
        self._idle.put(process)

    def _start(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "flowcoach.forked"],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        self._all.append(process)
        return process

    @property
    def _environment(self) -> dict[str, str]:
        store = workspace.absolute("sqlite:///mlflow.db", self._folder)  # as a new workspace's settings say
        here = Workspace(self._folder, "demo", store, self._folder, (), 0)
        return {**scripts.environment(here), "GIT_CONFIG_GLOBAL": os.devnull, "PYTHONSAFEPATH": "1"}


def _play(section: Section, cast: Cast, say: Say) -> None:
    """Run a section's script, then its exercise with the solution filled in."""
    say(f"{section.id} run.py")
    cast.play(section.folder / "run.py")
    say(f"{section.id} exercise")
    cast.play(course.root() / "solutions" / section.name / "exercise.py")


def _refuse_another_store(made: Workspace) -> None:
    """A demo never writes to the store that MLFLOW_TRACKING_URI names: that one is somebody's."""
    if made.store != made.own_store:
        raise Problem(
            f"MLFLOW_TRACKING_URI is set to {shown(made.store)}, and a demo must not write there.",
            "unset MLFLOW_TRACKING_URI and run the same again",
        )


def _clear(folder: Path) -> None:
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).is_file():
        raise Problem(f"{folder} is not an earlier demo, so it stays as it is.", "name a new folder with --workspace")
    remove(folder)
