"""Logged figures that can be asked for again: the run's own model predicts the month, and the metric must come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from flowcoach.evidence.records import Run

if TYPE_CHECKING:
    from flowcoach.evidence.view import Evidence


class Outcome(StrEnum):
    """What became of a re-computation. None of them says why a figure differs: that nobody can see."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    IRREPRODUCIBLE = "cannot be reproduced"
    NOT_ALLOWED = "not allowed here"


@dataclass(frozen=True)
class Figure:
    """A metric that a run logged, an RMSE in minutes, and the month that it was measured on, as "2023-02"."""

    run: Run
    metric: str
    month: str


@dataclass(frozen=True)
class Verdict:
    """What the logged model says of a figure. `recomputed` is its RMSE in minutes, where it gave one.

    `reason` says in words why it gave none, or what was seen.
    """

    figure: Figure
    outcome: Outcome
    logged: float
    recomputed: float | None = None
    reason: str = ""


class Rescorer(Protocol):
    """Whoever can re-compute figures, or remembers having done so."""

    def __call__(self, evidence: Evidence, figures: Sequence[Figure]) -> tuple[Verdict | None, ...]:
        """A verdict on each figure, in order; None for one that is not known and was not asked for."""
        ...
