"""What the doctor knows: troubles, each with one sentence and one way to see it; and what was found."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from flowcoach.coach.doctor.patient import Patient


@dataclass(frozen=True)
class Finding:
    """One sign of a trouble: what was `seen`, `where`, and the `cure`, a command or a line of code as one types it."""

    seen: str
    where: str
    cure: str


Look = Callable[[Patient], Iterable[Finding]]


@dataclass(frozen=True)
class Trouble:
    """Something that goes wrong on the way. `look` finds it by its evidence; its docstring is the `sentence`."""

    id: str
    look: Look

    @property
    def sentence(self) -> str:
        """What is wrong and what comes of it, in one sentence."""
        return " ".join((inspect.getdoc(self.look) or "").split())


def trouble(id: str) -> Callable[[Look], Trouble]:
    """Make a trouble of the function that finds it."""
    return lambda look: Trouble(id, look)


@dataclass(frozen=True)
class Diagnosis:
    """A trouble that the workspace has, with every sign of it."""

    id: str
    sentence: str
    findings: tuple[Finding, ...]
