"""A logged metric is believed after re-computation: the run's own model predicts the month, in a process of its own.

Nothing is loaded before its files were looked at (`vet`), and then only isolated. The worker sees features and never
what it should predict, and hands back predictions, of which the RMSE is computed here: a model can print, write and
claim what it likes, and only a good prediction gives a good figure. Whether a figure was forged is never said, for that
cannot be seen: only what was logged, and what the model gives.
"""

from collections.abc import Callable
from pathlib import Path

from flowcoach.isolation import Trust
from flowcoach.rescore.memory import Memory
from flowcoach.rescore.months import months_again, months_of
from flowcoach.rescore.reproduce import TOLERANCE, Reproducer
from flowcoach.workspace import Workspace

__all__ = ["TOLERANCE", "Reproducer", "foreign", "own"]


def own(here: Workspace, *, compute: bool, say: Callable[[str], None] = lambda _: None) -> Reproducer:
    """For one's own workspace: with `compute` models are asked again, without only what is remembered is told."""
    memory = Memory(here.rescored)
    return Reproducer(months_of(here), Trust.OWN, memory, compute, say=say)


def foreign(
    here: Workspace, scratch: Path, *, published: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> Reproducer:
    """For somebody else's workspace: in the sandbox, on months made anew in `scratch` (or `published`, real ones)."""
    return Reproducer(months_again(here, scratch, published), Trust.FOREIGN, say=say)
