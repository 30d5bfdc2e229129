"""What happens on the street in a synthetic month: who drives where and when, how far, and for how long.

All constants are statistics of the files of January to March 2023. Randomness is numpy's `RandomState`, whose
stream is frozen for good (numpy's NEP 19), and values are rounded to the publisher's resolution, seconds and
hundredths of a mile, so that the last bit of a platform's `exp` does not show.
"""

import calendar
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np

from flowcoach.taxi.city import city


class Season(NamedTuple):
    """How a month differs from the average one; the months of a year follow each other in `_YEAR`."""

    booked: float  # share of trips ordered by app: no flag, rate, passengers, payment nor surcharge
    stretch: float  # of log-distance, for trips of more than a mile
    slow_near: float  # of log-duration, up to a mile
    slow_far: float  # of log-duration, from ten miles on
    spread: float  # factor


# The first three are measured; then a year that is plausible, so that there is something to drift.
_YEAR = (
    Season(0.063, -0.01, -0.01, -0.015, 0.98),
    Season(0.074, 0.01, -0.01, -0.01, 0.98),
    Season(0.063, 0.005, 0.0, 0.025, 1.01),
    Season(0.065, 0.01, 0.01, 0.05, 1.04),
    Season(0.065, 0.01, 0.03, 0.07, 1.05),
    Season(0.065, 0.01, 0.03, 0.08, 1.05),
    Season(0.07, 0.02, -0.01, 0.01, 1.0),
    Season(0.07, 0.02, -0.02, 0.0, 1.0),
    Season(0.065, 0.01, 0.03, 0.08, 1.05),
    Season(0.065, 0.01, 0.03, 0.09, 1.06),
    Season(0.065, 0.0, 0.03, 0.09, 1.06),
    Season(0.065, 0.0, 0.02, 0.08, 1.05),
)

_RIDES_BY_WEEKDAY = (2168, 2317, 2496, 2558, 2575, 2102, 1746)  # a day, Monday first
# fmt: off
_SHARE_BY_HOUR = (
    .0166, .0131, .0097, .0088, .0066, .0063, .0146, .0388, .0472, .0516, .0533, .0548,
    .0558, .0588, .0647, .0748, .0765, .0766, .0768, .0619, .0474, .0354, .0280, .0220,
)
_SLOW_BY_HOUR = np.array((  # of log-duration, on weekdays and at weekends
    (-.189, -.171, -.139, -.143, -.184, -.248, -.204, .006, .095, .039, .022, .046,
     .036, .053, .121, .145, .119, .088, .027, -.054, -.100, -.130, -.146, -.168),
    (-.123, -.139, -.137, -.139, -.167, -.247, -.292, -.324, -.268, -.213, -.166, -.114,
     -.078, -.030, .006, .009, .008, .022, -.003, -.036, -.056, -.099, -.127, -.144),
))
# By distance in miles: mean log-minutes of metered and of booked trips, and the spread that is left around them
# once hour and zones are known.
_MILES = np.log((.05, .17, .30, .44, .65, .90, 1.28, 1.74, 2.42, 3.47, 4.44, 5.89, 8.01, 11.6, 17.2, 24.0))
_MINUTES_METERED = (1.05, .85, .98, 1.21, 1.50, 1.81, 2.08, 2.36, 2.62, 2.85, 3.00, 3.09, 3.30, 3.50, 3.69, 3.81)
_MINUTES_BOOKED = (1.05, .85, 1.10, 1.40, 1.58, 1.77, 2.07, 2.40, 2.68, 2.93, 3.10, 3.22, 3.35, 3.54, 3.74, 3.77)
_SPREAD = (1.1, .85, .61, .50, .38, .315, .265, .238, .238, .26, .28, .29, .27, .28, .26, .25)
# fmt: on

# Shares of all trips.
_TOO_SHORT = 0.024
_TOO_LONG = 0.0072
_ABSURD = 0.00058
_OUT_OF_MONTH = 0.0002

# At these quantiles, seconds of the trips too short, minutes of those too long, and miles of those absurd.
_SHORT = ((0, 0.04, 0.1, 0.5, 0.75, 0.9, 1), (0, 1, 2, 9, 22, 42, 60))
_LONG = ((0, 0.5, 0.68, 0.8, 1), (60, 180, 1300, 1420, 1440))
_MISREAD = ((0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), (60, 1200, 2960, 4709, 7725, 60000, 120000))


@dataclass(frozen=True)
class Rides:
    """The rides of a month, an array for each fact; the money follows from it."""

    booked: np.ndarray  # ordered by app
    vendor: np.ndarray
    pair: np.ndarray  # of zones, as `City` counts them
    pickup: np.ndarray  # seconds since 1970
    seconds: np.ndarray
    hundredths: np.ndarray  # of a mile, as the meter says


def drive(rng: np.random.RandomState, year: int, month: int, n: int) -> Rides:
    """Return n rides of the month in the publisher's order: by pickup, and those booked by app last."""
    rides = _ordinary(rng, year, month, n)
    rides = _flagged_twice(rng, rides)
    rides = _left_running(rng, rides)
    rides = _misread(rng, rides)
    rides = _clock_wrong(rng, rides, _seconds(year, month))
    order = np.lexsort((rides.pickup, rides.booked))
    return Rides(**{fact: values[order] for fact, values in vars(rides).items()})


def _ordinary(rng: np.random.RandomState, year: int, month: int, n: int) -> Rides:
    """Return n rides on which nothing went wrong but meters that were never switched on."""
    town, season = city(), _YEAR[month - 1]
    booked = np.arange(n) >= n - round(n * season.booked)
    vendor = np.where(rng.random_sample(n) < np.where(booked, 0.028, 0.141), 1, 2)
    # Without a meter drives mostly vendor 1, on long trips at a price agreed beforehand.
    unmetered = rng.random_sample(n) < np.where(booked, 0.033, np.where(vendor == 1, 0.142, 0.0135))
    agreed = unmetered & (vendor == 1)

    place = rng.random_sample(n)
    near, far = np.searchsorted(town.chance, place), np.searchsorted(town.chance_booked, place)
    pair = np.where(booked | agreed, far, near).clip(0, len(town.miles) - 1).astype(np.int64)
    day, hour, weekend = _calendar(rng, year, month, n)
    second = rng.randint(0, 3600, n, dtype=np.int64)
    second = np.where(booked, second // 60 * 60, second)  # the app knows minutes only

    within = town.within(pair)
    miles = np.log(town.miles[pair]) + rng.standard_t(3, n) * np.where(within, 0.40, 0.19)
    miles = miles + season.stretch * np.maximum(miles, 0)
    miles = miles - 0.4 * np.maximum(miles - np.log(8), 0)  # long ways are straighter
    miles = miles.clip(np.log(0.01), np.log(40))

    minutes = np.where(booked, np.interp(miles, _MILES, _MINUTES_BOOKED), np.interp(miles, _MILES, _MINUTES_METERED))
    minutes = minutes + town.slow[pair] + _SLOW_BY_HOUR[weekend, hour]
    minutes = minutes + np.interp(miles, (0, np.log(10)), (season.slow_near, season.slow_far))
    minutes = minutes + np.where(unmetered, np.where(agreed, 0.4, -0.15), 0.0)
    spread = np.interp(miles, _MILES, _SPREAD) * season.spread
    minutes = minutes + spread * rng.standard_t(6, n) / np.sqrt(1.5)
    return Rides(
        booked=booked,
        vendor=vendor.astype(np.int64),
        pair=pair,
        pickup=_seconds(year, month) + 86400 * day + 3600 * hour + second,
        seconds=np.rint(60 * np.exp(minutes)).astype(np.int64),
        hundredths=np.where(unmetered, 0, np.rint(100 * np.exp(miles))).astype(np.int64),
    )


def _flagged_twice(rng: np.random.RandomState, rides: Rides) -> Rides:
    """Make some rides none: a meter switched on by mistake, mostly without moving."""
    n = len(rides.pair)
    short = (rng.random_sample(n) < _TOO_SHORT) & ~rides.booked
    stays = short & (rng.random_sample(n) < 0.84)
    still = short & (rng.random_sample(n) < 0.64)
    seconds = np.interp(rng.random_sample(n), *_SHORT).astype(np.int64)
    return replace(
        rides,
        pair=np.where(stays, city().to_itself(rides.pair), rides.pair),
        seconds=np.where(short, seconds, rides.seconds),
        hundredths=np.where(still, 0, np.where(short, rides.hundredths % 30, rides.hundredths)),
    )


def _left_running(rng: np.random.RandomState, rides: Rides) -> Rides:
    """Let some meters run on for hours, and some until somebody looks the next day."""
    n = len(rides.pair)
    long = rng.random_sample(n) < _TOO_LONG
    seconds = (60 * np.interp(rng.random_sample(n), *_LONG)).astype(np.int64)
    return replace(rides, seconds=np.where(long, seconds, rides.seconds))


def _misread(rng: np.random.RandomState, rides: Rides) -> Rides:
    """Give some rides distances that no taxi drives, at least five, so that linear models learn to distrust them.

    They are drawn by strata: no month is without a very large one, and no test month dwarfs its training month.
    """
    kept = (rides.seconds >= 120) & (rides.seconds <= 3600)
    where = rng.permutation(np.flatnonzero(kept & (rides.vendor == 2)))
    where = where[np.argsort(~rides.booked[where], kind="stable")]  # of those booked by app, as long as there are any
    where = where[: max(5, round(len(rides.pair) * _ABSURD))]
    rank = (rng.permutation(len(where)) + rng.random_sample(len(where))) / len(where)
    at, miles = _MISREAD
    hundredths = rides.hundredths.copy()
    hundredths[where] = np.rint(100 * np.exp(np.interp(rank, at, np.log(miles)))).astype(np.int64)
    return replace(rides, hundredths=hundredths)


def _clock_wrong(rng: np.random.RandomState, rides: Rides, start: int) -> Rides:
    """Date some rides before the month's `start`, and one to the time at which a clock that was never set begins."""
    strays = rng.permutation(np.flatnonzero(~rides.booked))
    strays = strays[: max(2, round(len(rides.pair) * _OUT_OF_MONTH))]
    pickup = rides.pickup.copy()
    pickup[strays] = start - rng.randint(1, 7 * 86400, len(strays), dtype=np.int64)
    pickup[strays[0]] = _seconds(2009, 1) + rng.randint(0, 86400, dtype=np.int64)
    return replace(rides, pickup=pickup)


def _seconds(year: int, month: int) -> int:
    """Return when the month begins, in seconds since 1970 by the clock on the wall."""
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp())


def _calendar(rng: np.random.RandomState, year: int, month: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each ride the day of the month from 0, the hour, and 1 at weekends else 0."""
    first, days = calendar.monthrange(year, month)
    weekday = (first + np.arange(days, dtype=np.int64)) % 7
    rides = np.cumsum(np.array(_RIDES_BY_WEEKDAY)[weekday])
    day = np.searchsorted(rides, rng.random_sample(n) * rides[-1], side="right").astype(np.int64)
    shares = np.cumsum(_SHARE_BY_HOUR)
    hour = np.searchsorted(shares, rng.random_sample(n) * shares[-1], side="right").astype(np.int64)
    return day, hour, (weekday[day] >= 5).astype(np.int64)
