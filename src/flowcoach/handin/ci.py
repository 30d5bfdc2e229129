"""What a CI does with a repository: copy what was committed, judge the copy, and say so where a CI looks.

Only the installed course judges. Nothing of the repository is imported, and nothing of it runs, but in a replay, which
is isolated; a server or store elsewhere that its settings name is never asked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flowcoach import course, rescore
from flowcoach.handin import replay
from flowcoach.handin.bundle import DEFAULT
from flowcoach.handin.committed import Copied, copy_out
from flowcoach.handin.stranger import settings
from flowcoach.handin.verify import examine, verify
from flowcoach.isolation import NotIsolated, Trust
from flowcoach.problem import Problem
from flowcoach.report.summary import markdown
from flowcoach.result import Result, SectionResult

Say = Callable[[str], None]


def committed_work(source: Path, scratch: Path, names: Sequence[str]) -> Result:
    """What the installed course says of the work committed in `source`, copied below the empty folder `scratch`.

    A committed bundle speaks for itself, else the stores that were committed do. Raises Problem when nothing can be
    judged: no commit, an altered bundle.
    """
    copied = copy_out(source, _made(scratch / "committed"))
    chosen = list(names) or homework()
    bundles = sorted(copied.folder.rglob(DEFAULT))
    if len(bundles) > 1:
        raise Problem(f"There are {len(bundles)} files called {DEFAULT}.", "commit one bundle, and only one")
    if bundles:
        found = verify(bundles[0], _made(scratch / "verified"))
        if found.problems or found.result is None:
            listed = "\n".join(f"  {problem}" for problem in found.problems[:8])
            raise Problem(
                f"{DEFAULT} cannot be judged:\n{listed}", "run flowcoach submit again and commit what it writes"
            )
        kept = tuple(section for section in found.result.sections if section.id in chosen)
        missing = [id for id in chosen if id not in {section.id for section in kept}]
        if missing:
            raise Problem(f"{DEFAULT} says nothing of {', '.join(missing)}.", f"flowcoach submit {' '.join(missing)}")
        result = replace(found.result, sections=kept)
        return replace(result, warnings=(*result.warnings, *found.warnings, *copied.warnings))
    result = examine(copied.folder, chosen)
    return replace(result, warnings=(*result.warnings, *copied.warnings, *_no_store(copied)))


def replayed(source: Path, scratch: Path, trust: Trust, say: Say) -> Result:
    """What the committed scripts of the homework do when they run once more, in a new workspace below `scratch`.

    Raises Problem when they cannot be run, and when one of them fails.
    """
    section = course.section(homework()[0])
    copied = copy_out(source, _made(scratch / "committed"))
    here = settings(copied.folder)
    if here is None:
        raise Problem(f"{source} has no flowcoach.toml that was committed.", "commit the whole workspace")
    files = replay.scripts_in(copied.folder)
    if not files:
        raise Problem(f"{source} has no homework/ that was committed.", "commit it: git add homework")
    if trust is Trust.OWN and here.data.is_relative_to(copied.folder):  # one's own months are not committed
        here = replace(here, folder=source.resolve(), data=source.resolve() / here.data.relative_to(copied.folder))
    try:
        made, played = replay.again(section, files, here, scratch / "again", trust=trust, say=say)
    except NotIsolated as reason:
        raise Problem(f"The homework cannot be run here: {reason}.", "replay it where that is") from reason
    failed = next((step for step in played if step.code), None)
    if failed is not None:
        last = "\n".join(failed.output.strip().splitlines()[-6:])
        raise Problem(f"{failed.script} ended with exit code {failed.code}:\n{last}", "mend it, commit, and replay")
    say("Checking what they left behind")
    own = trust is Trust.OWN
    rescorer = rescore.own(made, compute=True) if own else rescore.foreign(here, _made(scratch / "months"))
    result = examine(made.folder, [section.id], rescorer)
    return replace(result, warnings=(*result.warnings, *copied.warnings))


def homework() -> list[str]:
    """The ids of the course's homework sections. Raises Problem for a course without one."""
    found = [section.id for section in course.sections() if section.is_homework]
    if not found:
        raise Problem("This course has no homework.", "name a section: flowcoach ci --section 2.3")
    return found


def together(results: Mapping[str, Result]) -> Result:
    """Several results as one, for machines: the sections of all, told apart by their titles."""
    first = next(iter(results.values()))
    if len(results) == 1:
        return first
    sections: list[SectionResult] = []
    for title, result in results.items():
        sections += [replace(section, title=f"{section.title}: {title.lower()}") for section in result.sections]
    problem = next((result.problem for result in results.values() if result.problem), None)
    warnings = tuple(warning for result in results.values() for warning in result.warnings)
    return replace(first, sections=tuple(sections), warnings=warnings, problem=problem)


def summarise(results: Mapping[str, Result], target: Path | None) -> None:
    """Append the results as Markdown to `target`, else to where GitHub Actions wants a step's summary; else nowhere.

    Raises Problem when it cannot be written.
    """
    named = target or (Path(place) if (place := os.environ.get("GITHUB_STEP_SUMMARY")) else None)
    if named is None:
        return
    text = "\n".join(markdown(result, title=title) for title, result in results.items())
    try:
        with named.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise Problem(f"{named} cannot be written: {error.strerror}.", "name another file: --summary FILE") from error


def _no_store(copied: Copied) -> tuple[str, ...]:
    """A word on the commonest slip: the store is not committed, for .gitignore keeps it out, and no bundle is there."""
    if any(copied.folder.rglob("*.db")) or any(copied.folder.rglob("mlruns")):
        return ()
    return (f"No store and no {DEFAULT} was committed: flowcoach submit writes the bundle; commit that.",)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
