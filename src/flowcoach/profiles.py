"""Homeworks of the original course: a profile says what a cohort was asked, and its checks judge a repo as it is."""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from flowcoach import __version__, course
from flowcoach.evidence import Evidence, toml
from flowcoach.evidence.discover import gather_found
from flowcoach.problem import Problem
from flowcoach.result import CheckResult, Result, SectionResult, State

_PACKAGE = "flowcoach_profiles"
NOT_ASKED = "n/a"  # the status of a check that there is nothing to ask of


@dataclass(frozen=True)
class Profile:
    """What one cohort was asked. `name` is that of its file, such as "zoomcamp-2024".

    `months` are the training, validation and test month, as "2023-01"; `target` is the column to predict; `tuning` and
    `finalists` are the experiments' names in the homework's scripts; `figures` are known RMSEs on the "validation" and
    the "test" month; `questions` is the title of each check, by its id.
    """

    name: str
    title: str
    months: tuple[str, ...]
    target: str
    tuning: str
    finalists: str
    figures: Mapping[str, float]
    questions: Mapping[str, str]


@dataclass(frozen=True)
class Finding:
    """What a check found out. `status` is a word of `profiles/README.md`; `share`, from 0 to 1, is what it earns.

    `evidence` says what was seen and where. What does not earn all of it has a `message` (why) and `advice` (what to
    type), and names the `misconception` when one is recognised.
    """

    status: str
    share: float
    evidence: str
    message: str = ""
    where: str = ""
    advice: str = ""
    misconception: str = ""


@dataclass(frozen=True)
class Question:
    """One check of a profile: its id, such as "hpo", what it is worth, and who judges the work."""

    id: str
    points: float
    judge: Callable[[Any], Finding]


def names() -> tuple[str, ...]:
    """The profiles that there are, in order of name."""
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


def load(name: str) -> Profile:
    """The profile of this name. Raises Problem, with the list, when there is none."""
    known = names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"did you mean {near[0]}? " if near else ""
        raise Problem(f"There is no profile “{name}”.", f"{guess}The profiles are {', '.join(known)}")
    told = toml.read(_folder() / f"{name}.toml")
    return Profile(name=name, **{**told, "months": tuple(told["months"])})


def look(name: str, folder: Path) -> Result:
    """What `flowcoach check --profile` says of the homework in `folder`, whatever stores lie in it.

    Raises Problem for an unknown profile, a folder that is not there, and when stores are there but none can be read.
    """
    profile = load(name)
    if not folder.is_dir():
        cause = f"{folder} is not a folder." if folder.exists() else f"{folder} does not exist."
        step = f"flowcoach check --profile {name} {folder.parent if folder.exists() else 'FOLDER'}"
        raise Problem(cause, f"name the folder of the homework: {step}")
    evidence = gather_found(folder.resolve())
    try:
        checks = judge(profile, evidence)
        if evidence.warnings and not any(store.experiments() for store in evidence.stores):  # each has a Default
            raise Problem(evidence.warnings[0], "bring a store that can be read; then the same command once more")
        return Result(
            flowcoach=__version__,
            sections=(SectionResult(name, profile.title, checks),),
            stores=tuple(store.address for store in evidence.stores),
            warnings=course.first(evidence.warnings),
        )
    finally:
        evidence.close()


def judge(profile: Profile, evidence: Evidence) -> tuple[CheckResult, ...]:
    """The verdict on each of the profile's questions. One that breaks is an error of ours."""
    checks = _shared()
    work = checks.Work(evidence, profile)
    return tuple(_ask(question, work, profile) for question in checks.QUESTIONS)


def _ask(question: Question, work: Any, profile: Profile) -> CheckResult:
    title = profile.questions[question.id]
    try:
        found = question.judge(work)
    except Problem:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return CheckResult(
            id=question.id,
            title=title,
            state=State.ERROR,
            points=0,
            max_points=question.points,
            message="This check broke. That is our fault, not yours: your work is not judged by it.",
            found=f"{type(error).__name__}: {error}",
            where=f"{frame.name}, line {frame.lineno}",
            advice="please report it with the line above",
            status="error",
        )
    asked = found.status != NOT_ASKED
    return CheckResult(
        id=question.id,
        title=title,
        state=State.SKIPPED if not asked else State.PASSED if found.share == 1 else State.FAILED,
        points=question.points * found.share if asked else 0,
        max_points=question.points,
        message=found.message or None,
        where=found.where or None,
        advice=found.advice or None,
        misconception=f"{question.id}/{found.misconception}" if found.misconception else None,
        status=found.status,
        evidence=found.evidence,
    )


def _folder() -> Path:
    return course.root() / "profiles"


def _shared() -> Any:
    """The checks that all profiles share, a package of the installed course."""
    if _PACKAGE not in sys.modules:
        package = ModuleType(_PACKAGE)
        package.__path__ = [str(_folder())]
        sys.modules[_PACKAGE] = package
    return import_module(f"{_PACKAGE}.checks")
