"""The months that a model is asked about: features for the model, and the true durations, which it never sees."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from flowcoach import taxi
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace, month_file

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

HIDDEN = ("lpep_dropoff_datetime",)  # with the pick-up, this is the answer

Months = Callable[[str], Path]


class UnknownMonth(Exception):
    """The data that a figure was measured on is not here; the text says why."""


@dataclass(frozen=True)
class Month:
    """A month of trips in a Parquet file under the publisher's columns."""

    path: Path

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @cached_property
    def _trips(self) -> pd.DataFrame:
        return taxi.prepare(taxi.read(self.path))

    @property
    def features(self) -> pd.DataFrame:
        """The trips that the course uses, without what gives their duration away."""
        return self._trips.drop(columns=[taxi.TARGET, *HIDDEN])

    @cached_property
    def durations(self) -> np.ndarray:
        """Their true durations in minutes."""
        return self._trips[taxi.TARGET].to_numpy(dtype="float64")


def months_of(here: Workspace) -> Months:
    """One's own months, as they lie in the workspace's data folder. Asking raises UnknownMonth for one that is not."""

    def find(name: str) -> Path:
        path = month_file(here.data, name)
        if not path.is_file():
            raise UnknownMonth(f"the trips of {name} are not here ({path.name})")
        return path

    return find


def months_again(here: Workspace, scratch: Path, published: Path | None = None) -> Months:
    """The months of somebody else's work, made anew from their learner id, for what they brought along proves nothing.

    With `published`, a folder of real months, those; the file must be the publisher's own. Asking raises UnknownMonth.
    """

    def find(name: str) -> Path:
        year, number = (int(part) for part in name.split("-"))
        if published is not None:
            path = month_file(published, name)
            known = taxi.KNOWN.get((year, number))
            if not path.is_file():
                raise UnknownMonth(f"the real trips of {name} are not in {published}")
            if known is None or Month(path).digest != known.sha256:
                raise UnknownMonth(f"{path.name} in {published} is not the publisher's file")
            return path
        if here.is_real:
            raise UnknownMonth(f"it was measured on the real trips of {name}; --data names a folder that has them")
        path = month_file(scratch, name)
        if not path.is_file():
            try:
                taxi.write(taxi.month(year, number, trips=min(here.trips, _MOST), seed=here.seed), path)
            except Problem as problem:
                raise UnknownMonth(problem.cause) from problem
        return path

    return find


_MOST = 100_000  # trips; a stranger's settings may ask for any number
