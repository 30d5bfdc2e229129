"""Run a learner's homework again from clean copies, in a new workspace, and look at what that leaves behind.

It is stronger than any store that was handed in: whatever the old store says, the scripts either do it again or not.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from flowcoach import isolation, workspace
from flowcoach.atomic import write_text
from flowcoach.coach import scripts
from flowcoach.coach.start import start
from flowcoach.course import Section
from flowcoach.evidence import toml
from flowcoach.isolation import Finished, Limits, NoResult, Trust
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace

Say = Callable[[str], None]

DRIVER = Path(__file__).with_name("driver.py")
LIMITS = Limits(seconds=300, memory=6 * 2**30, disk=2**30, files=20_000, processes=256)
_HOMEWORK = "homework"
_LARGEST = 2**20  # bytes of one script
_MOST = 200  # files


@dataclass(frozen=True)
class Step:
    """A script of the homework with its arguments; with `server`, "{server}" in them is a tracking server's address.

    One that is `final` needs a fourth month.
    """

    script: str
    arguments: tuple[str, ...] = ()
    server: bool = False
    final: bool = False


@dataclass(frozen=True)
class Played:
    """What became of a step: the script's exit code, and the end of what it printed."""

    script: str
    code: int
    output: str


def steps_of(section: Section) -> tuple[Step, ...]:
    """The steps of a homework as its `replay.toml` in the installed course names them.

    Raises Problem when the section has no such file.
    """
    path = section.folder / "replay.toml"
    try:
        listed = toml.read(path)["step"]
    except FileNotFoundError:
        raise Problem(f"Section {section.id} has nothing to replay.", "the homework does: flowcoach list") from None
    return tuple(
        Step(one["script"], tuple(one.get("arguments", ())), one.get("server", False), one.get("final", False))
        for one in listed
    )


def scripts_in(folder: Path) -> dict[str, bytes]:
    """The files of the homework that lies in a folder, by their path below it: its scripts and answers, no output.

    Links are left out. Raises Problem for more than a homework has.
    """
    found: dict[str, bytes] = {}
    for path in sorted((folder / _HOMEWORK).rglob("*")):
        name = path.relative_to(folder / _HOMEWORK)
        if path.is_symlink() or not path.is_file() or name.parts[0] in ("output", "__pycache__"):
            continue
        if path.stat().st_size > _LARGEST or len(found) >= _MOST:
            raise Problem(f"{path} is more than a homework holds.", "keep scripts and answers in homework/, not data")
        found[name.as_posix()] = path.read_bytes()
    return found


def again(
    section: Section,
    files: Mapping[str, bytes],
    settings: Workspace,
    folder: Path,
    *,
    trust: Trust,
    say: Say = lambda _: None,
) -> tuple[Workspace, tuple[Played, ...]]:
    """Make a new workspace in `folder` with the learner's settings and `files`, and run the homework's steps in it.

    Of the settings only learner, months and number of trips are taken over; synthetic trips are made anew, real ones
    are copied where they lie on this machine and it is one's own work. Raises Problem when the workspace cannot be
    made, NotIsolated when this machine cannot run it as safely as asked.
    """
    steps = steps_of(section)
    real = settings.data if settings.is_real else None
    if real is not None and trust is Trust.FOREIGN:
        raise Problem(
            "This homework was done on real months, which a stranger's settings cannot choose here.",
            "replay it where these months are the instructor's own",
        )
    made = start(
        folder,
        learner=settings.learner,
        data=real,
        months=settings.month_names,
        trips=min(settings.trips, 100_000),
        store=template(settings) if trust is Trust.OWN else None,
        say=lambda _: None,
    )
    if real is not None:
        made = _with_own_months(made)
    shutil.rmtree(made.folder / _HOMEWORK)
    for name, content in files.items():
        path = made.folder / _HOMEWORK / PurePosixPath(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    say(f"Playing {len(steps)} scripts of the homework once more")
    return made, play(made, steps, trust=trust)


def play(here: Workspace, steps: Sequence[Step], *, trust: Trust | None) -> tuple[Played, ...]:
    """Run steps in a workspace, up to the first that fails; with a `trust`, isolated.

    Raises Problem when nothing was played at all, NotIsolated as `isolation.run` does.
    """
    plan: dict[str, Any] = {
        "steps": [
            {"script": f"{_HOMEWORK}/{step.script}", "arguments": step.arguments, "server": step.server}
            for step in steps
            if here.final is not None or not step.final
        ],
        "store": here.own_store,
        "artifacts": str(here.folder / "mlartifacts"),
    }
    write_text(here.folder / "plan.json", json.dumps(plan))
    words = [sys.executable, str(DRIVER)]
    environment = {
        "FLOWCOACH_WORKSPACE": str(here.folder),
        "MLFLOW_TRACKING_URI": here.own_store,
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    if trust is None:
        inherited = {**scripts.environment(here), **environment}
        done = subprocess.run(
            words, cwd=here.folder, env=inherited, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        ended = Finished(done.returncode, done.stdout + done.stderr)
    else:
        ended = isolation.run(words, folder=here.folder, trust=trust, limits=LIMITS, environment=environment)
    try:
        listed = json.loads(isolation.read_result(here.folder, "played.json"))
        played = tuple(Played(str(one["script"]), int(one["code"]), str(one["output"])) for one in listed)
    except (NoResult, ValueError, TypeError, KeyError) as error:
        raise Problem(f"The homework could not be played: {ended.why(LIMITS)}.", "run its scripts by hand") from error
    finally:
        for name in ("plan.json", "played.json", "played.log"):
            (here.folder / name).unlink(missing_ok=True)
    return played


def template(here: Workspace) -> Path | None:
    """The empty store that `start` kept of this MLflow, which is quicker to copy than to make; None without one."""
    from importlib.metadata import version

    path = here.folder / ".flowcoach" / f"empty-{version('mlflow')}.db"
    return path if path.is_file() else None


def _with_own_months(made: Workspace) -> Workspace:
    """The workspace with its real months copied into it, so that an isolated script can read them."""
    import tomlkit

    inside = made.folder / "data"
    inside.mkdir()
    for path in (*made.months, *filter(None, [made.final])):
        shutil.copyfile(path, inside / path.name)
    settings = made.folder / workspace.SETTINGS
    document = tomlkit.parse(settings.read_text(encoding="utf-8"))
    document["data"]["folder"] = "data"  # pyright: ignore[reportIndexIssue]
    write_text(settings, tomlkit.dumps(document))
    return workspace.load(made.folder)
