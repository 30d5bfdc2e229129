"""Synthetic months: trips to learn on that need no download and behave as the real ones do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcoach.problem import Problem
from flowcoach.taxi.frames import normalise
from flowcoach.taxi.months import file_name

if TYPE_CHECKING:
    import pandas as pd

_FEWEST = 100


def month(year: int, month: int, trips: int = 6000, seed: int = 0) -> pd.DataFrame:
    """Return a synthetic month of green taxi trips, with the columns and types of the January 2023 file.

    `trips` is the number of rows, at least 100, as they come from the publisher: some are too short or too long
    to keep, some are out of the month, and at least five have absurd distances. `seed` is a whole number from 0
    below 2**32; each gives other trips in the same city. The same arguments give the same values everywhere.
    Raises `Problem` for a month that does not exist and for too few trips.
    """
    file_name(year, month)
    if trips < _FEWEST:
        raise Problem(f"A month of {trips} trips is too small to hold what a month has.", f"Ask for {_FEWEST} or more.")
    # numpy and pandas take half a second to import, and the command imports this module at every start.
    import numpy as np
    import pandas as pd

    from flowcoach.taxi.fares import charge
    from flowcoach.taxi.rides import drive

    rng = np.random.RandomState([seed, year, month])
    return normalise(pd.DataFrame(charge(rng, drive(rng, year, month, trips))))
