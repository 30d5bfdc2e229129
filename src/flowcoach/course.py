"""The course: finds the sections in `modules/` of the installed course, and loads what they say must hold."""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from flowcoach import __version__
from flowcoach.checks import Check, Harmless, Mistake, run_checks
from flowcoach.evidence import Evidence, Rescorer
from flowcoach.evidence.discover import gather
from flowcoach.problem import Problem
from flowcoach.result import Result, SectionResult

_FOLDER = re.compile(r"(?P<id>\d+\.\d+)-(?P<name>[a-z0-9-]+)")
_WARNINGS = 20


@dataclass(frozen=True)
class Section:
    """One section. `id` is "2.3", `name` its folder's name, `folder` where it lies in the installed course."""

    id: str
    name: str
    folder: Path

    @property
    def title(self) -> str:
        """The first heading of the section's README, without its number."""
        with (self.folder / "README.md").open(encoding="utf-8") as page:
            heading = page.readline().lstrip("# ").strip()
        return heading.removeprefix(self.id).strip()

    @property
    def is_homework(self) -> bool:
        """Whether it is worked as scripts in `homework/`, not as a notebook in `exercises/`."""
        return self.name.endswith("-homework")

    @property
    def place(self) -> Path:
        """Where its exercise lies in a workspace, relative to that; below `root()`, where it is copied from."""
        return Path("homework") if self.is_homework else Path("exercises", self.name)

    @property
    def checks(self) -> tuple[Check, ...]:
        """The section's checks, in the order they are written."""
        found = vars(self.load("checks")).values()
        return tuple(value for value in found if isinstance(value, Check) and value.id.startswith(f"{self.id}/"))

    @property
    def mistakes(self) -> tuple[Mistake, ...]:
        """The wrong states that `mistakes.py` can build, for the proof."""
        return tuple(value for value in vars(self.load("mistakes")).values() if isinstance(value, Mistake))

    @property
    def harmless(self) -> tuple[Harmless, ...]:
        """The later states that `mistakes.py` can build and that must cost nothing, for the proof."""
        return tuple(value for value in vars(self.load("mistakes")).values() if isinstance(value, Harmless))

    def load(self, name: str) -> ModuleType:
        """Load one of the section's modules by path, under a name that stays the same: flowcoach_course.s2_3.checks."""
        full = f"flowcoach_course.s{self.id.replace('.', '_')}.{name}"
        if full in sys.modules:
            return sys.modules[full]
        spec = importlib.util.spec_from_file_location(full, self.folder / f"{name}.py")
        if spec is None or spec.loader is None:
            raise ImportError(f"section {self.id} has no {name}.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
        return module


def root() -> Path:
    """Where the installed course lies: inside the wheel, or the checkout that this package is run from."""
    packed = Path(__file__).parent / "_course"
    return packed if packed.is_dir() else Path(__file__).parents[2]


def sections() -> tuple[Section, ...]:
    """All sections, in order of their number."""
    found = []
    for folder in (root() / "modules").iterdir():
        match = _FOLDER.fullmatch(folder.name)
        if match and (folder / "checks.py").is_file():
            found.append(Section(match["id"], folder.name, folder))
    return tuple(sorted(found, key=lambda section: [int(part) for part in section.id.split(".")]))


def section(id: str) -> Section:
    """The section with this id. Raises Problem, with the nearest one that exists, when there is none."""
    known = {section.id: section for section in sections()}
    if id in known:
        return known[id]
    guess = f"did you mean {near}? " if (near := _nearest(id, list(known.values()))) else ""
    raise Problem(f"There is no section “{id}”.", f"{guess}The sections are {', '.join(known)}: flowcoach list")


def _nearest(id: str, known: Sequence[Section]) -> str | None:
    """What was probably meant: the step of this name, else the section whose number or name is most like it."""
    steps = [check.id for found in known for check in found.checks if check.id.endswith(f"/{id}")]
    names = [found.id for found in known if len(id) > 1] + [found.name for found in known]
    near = difflib.get_close_matches(id, names, n=1, cutoff=0.5)
    return next(iter(steps), None) or (near[0].split("-")[0] if near else None)


def select(names: Sequence[str]) -> list[tuple[Section, tuple[Check, ...]]]:
    """What to check: section ids ("2.3") or check ids ("2.3/trials"); nothing named means everything.

    Raises Problem for a name that does not exist.
    """
    if not names:
        return [(section, section.checks) for section in sections()]
    chosen: dict[str, tuple[Section, list[Check]]] = {}
    for name in names:
        id, _, slug = name.partition("/")
        found = section(id)
        checks = [check for check in found.checks if not slug or check.id == name]
        if not checks:
            known = [check.id for check in found.checks]
            near = difflib.get_close_matches(name, known, n=1)
            guess = f"Did you mean {near[0]}? " if near else ""
            raise Problem(f"Section {id} has no check “{name}”.", f"{guess}Its checks: {', '.join(known)}")
        chosen.setdefault(id, (found, []))[1].extend(checks)
    return [(found, tuple(checks)) for found, checks in chosen.values()]


def look(
    names: Sequence[str], folder: Path, store: str, *, rescorer: Rescorer | None = None, lab: bool = True
) -> Result:
    """What `flowcoach check` says of one's own workspace in `folder`, whose store is at the tracking address `store`.

    With a `rescorer`, figures are believed after the logged models gave them again. Without `lab`, what its lab serves
    does not count.

    Raises Problem for unknown names, before any store is opened, and for a store that cannot be read.
    """
    select(names)
    evidence = gather(folder, store, lab=lab)
    try:
        return examine(names, replace(evidence, rescorer=rescorer))
    finally:
        evidence.close()


def examine(names: Sequence[str], evidence: Evidence) -> Result:
    """Run the named sections' or single checks on `evidence`: the one result that every face draws.

    Raises Problem for unknown names and for a store that cannot be read.
    """
    return Result(
        flowcoach=__version__,
        sections=tuple(
            SectionResult(found.id, found.title, run_checks(checks, evidence)) for found, checks in select(names)
        ),
        stores=tuple(_named(store.address, evidence.about) for store in evidence.stores),
        warnings=first(evidence.warnings),
    )


def _named(address: str, about: Mapping[str, str]) -> str:
    return f"{address} ({about[address]})" if address in about else address


def first(warnings: Sequence[str]) -> tuple[str, ...]:
    """As many warnings as somebody reads, and how many there are beyond."""
    beyond = len(warnings) - _WARNINGS
    return (*warnings[:_WARNINGS], f"… and {beyond:,} warnings more.") if beyond > 0 else tuple(warnings)
