"""Is a bundle whole, unaltered, and does it say of itself what the installed course says of it?"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flowcoach import __version__, course, rescore
from flowcoach.evidence import Rescorer
from flowcoach.handin.archive import Refused, unpack
from flowcoach.handin.bundle import MANIFEST, SCHEMA
from flowcoach.handin.stranger import gather_here, settings
from flowcoach.problem import Problem
from flowcoach.result import Result, State, from_dict
from flowcoach.workspace import SETTINGS

_HEX = re.compile(r"[0-9a-f]{64}")
_LARGEST = 2**24  # bytes of a manifest


@dataclass(frozen=True)
class Verified:
    """What was found of a bundle. `problems` say why it cannot be judged, and then there may be no `result`.

    `result` is what the installed course says of the evidence in it; `warnings` do not speak against it.
    """

    learner: str = ""
    form: dict[str, str] | None = None
    result: Result | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """2 for a bundle that was altered or cannot be read; else that of the result."""
        return 2 if self.problems or self.result is None else self.result.exit_code


def verify(path: Path, scratch: Path, *, ask_models: bool = False, published: Path | None = None) -> Verified:
    """Unpack the bundle at `path` below the empty folder `scratch`, compare, and check it once more.

    Nothing of it is executed. With `ask_models`, its models are asked in the sandbox, on months made anew; `published`
    is a folder of the publisher's months, for work that was done on those.
    """
    folder = scratch / "bundle"
    try:
        names = unpack(path, folder)
        claimed = _manifest(folder)
    except Refused as reason:
        return Verified(problems=(f"It is refused: {reason}.",))
    except ValueError as error:
        return Verified(problems=(f"{MANIFEST} is not valid: {error}.",))
    problems = _differences(folder, claimed["files"], set(names) - {MANIFEST})
    here = settings(folder)
    rescorer: Rescorer | None = None
    if ask_models and here is not None:
        rescorer = rescore.foreign(here, scratch, published=published)
    asked = [section.id for section in claimed["result"].sections]
    try:
        result = examine(folder, asked, rescorer)
    except Problem as problem:
        return Verified(claimed["learner"], claimed["form"], None, (*problems, _inside(problem.cause, folder)))
    if here is not None and here.learner != claimed["learner"]:
        told = f"{claimed['learner'][:80]}”; its {SETTINGS} says “{here.learner[:80]}"
        problems.append(f"{MANIFEST} says that it is the work of “{told}”.")
    warnings, different = _verdicts(claimed["result"], result)
    problems += different
    if claimed["flowcoach"] != __version__:
        warnings.append(f"It was made by flowcoach {claimed['flowcoach'][:20]}; this is {__version__}.")
    return Verified(claimed["learner"], claimed["form"], result, tuple(problems), tuple(warnings))


def examine(folder: Path, names: list[str], rescorer: Rescorer | None = None) -> Result:
    """What the installed course says of these sections in a stranger's workspace; sections it lacks are left out."""
    known = {section.id for section in course.sections()}
    evidence = gather_here(folder)
    try:
        found = course.examine([name for name in names if name in known], replace(evidence, rescorer=rescorer))
    finally:
        evidence.close()
    return replace(found, stores=tuple(_inside(store, folder) for store in found.stores))


def _inside(address: str, folder: Path) -> str:
    return address.replace(f"{folder.resolve().as_posix()}/", "").replace(f"{folder.as_posix()}/", "")


def _manifest(folder: Path) -> dict[str, Any]:
    """The manifest's parts, with the claimed result read. Raises ValueError."""
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError("it is missing")
    if path.stat().st_size > _LARGEST:
        raise ValueError("it is too large")
    try:
        found = json.loads(path.read_bytes())
    except RecursionError as error:
        raise ValueError("it is too deep") from error
    if not isinstance(found, dict) or found.get("schema") != SCHEMA:
        raise ValueError(f"it is no {SCHEMA}")
    files, form = found.get("files"), found.get("form")
    if not isinstance(files, dict) or not all(isinstance(one, str) and _HEX.fullmatch(one) for one in files.values()):
        raise ValueError("it does not list its files with their SHA-256")
    if not isinstance(form, dict) or not all(isinstance(one, str) for one in form.values()):
        raise ValueError("its form is not one")
    for key in ("learner", "flowcoach"):
        if not isinstance(found.get(key), str):
            raise ValueError(f"it does not say {key}")
    return {**found, "result": from_dict(found.get("result", {}))}


def _differences(folder: Path, listed: dict[str, str], there: set[str]) -> list[str]:
    """What is not as the manifest lists it, file by file."""
    problems = [f"{name[:200]} is missing." for name in sorted(listed.keys() - there)]
    problems += [f"{name[:200]} was added: the manifest does not list it." for name in sorted(there - listed.keys())]
    for name in sorted(there & listed.keys()):
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != listed[name]:
            problems.append(f"{name[:200]} was changed after the manifest was written.")
    return problems


def _verdicts(claimed: Result, found: Result) -> tuple[list[str], list[str]]:
    """Where the claimed result and the one found here differ, check by check, both shown.

    First what only could not be asked again here, then what speaks against the bundle.
    """
    now = {check.id: check for check in found.checks}
    unasked, problems = [], []
    for check in claimed.checks:
        here = now.get(check.id)
        if here is None:
            problems.append(f"{check.id[:80]}: the bundle claims {check.state}; the course here has no such check.")
        elif (here.state, here.points) != (check.state, check.points):
            why = f" ({here.message})" if here.message and here.state is not State.PASSED else ""
            worth = [
                f" with {one.points:g} points" if one.points != of.points and one.state == of.state else ""
                for one, of in ((check, here), (here, check))
            ]
            text = (
                f"{check.id}: the bundle claims {check.state}{worth[0]}, its evidence says {here.state}{worth[1]}{why}."
            )
            only_unasked = here.state is State.SKIPPED and here.where is None and check.state is State.PASSED
            (unasked if only_unasked else problems).append(text)
    told = {check.id for check in claimed.checks}
    for id in sorted(now.keys() - told):
        # A later course may have more checks; the same one left none out.
        text = f"{id}: the bundle claims nothing, its evidence says {now[id].state}."
        (problems if claimed.flowcoach == found.flowcoach else unasked).append(text)
    return unasked, problems
