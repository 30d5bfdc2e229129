"""Where a learner is and the one next step, derived from results and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowcoach.result import CheckResult, SectionResult, State


@dataclass(frozen=True)
class Place:
    """The first step that is not done: `number` counts the section's checks from 1."""

    section: SectionResult
    check: CheckResult
    number: int

    @property
    def begun(self) -> bool:
        """Whether anything in this section holds already."""
        return any(check.state is State.PASSED for check in self.section.checks)


def place(sections: Sequence[SectionResult], *, at: str | None = None) -> Place | None:
    """The first step that has not passed, bonuses aside; None when everything is done.

    It is looked for from the section `at` on, and in the sections before that only when those are done.
    """
    first = next((position for position, section in enumerate(sections) if section.id == at), 0)
    for section in (*sections[first:], *sections[:first]):
        for number, check in enumerate(section.checks, start=1):
            if check.state is not State.PASSED and not check.bonus:
                return Place(section, check, number)
    return None
