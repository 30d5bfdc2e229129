"""How a synthetic month comes about, from the calendar and the map to the fare.

All constants are statistics of the files of January to March 2023. Randomness is numpy's `RandomState`, whose
stream is frozen for good (numpy's NEP 19), and values are rounded to the publisher's resolution, seconds,
hundredths of a mile and cents, so that the last bit of a platform's `exp` does not show.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from flowcoach.taxi.city import city
from flowcoach.taxi.frames import normalise


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
    Season(0.074, 0.01, -0.01, 0.0, 0.98),
    Season(0.063, 0.005, 0.01, 0.045, 1.02),
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


@dataclass(frozen=True)
class _Rides:
    """What happened on the street, an array for each fact; the money follows from it."""

    booked: np.ndarray
    vendor: np.ndarray
    pair: np.ndarray
    pickup: np.ndarray  # seconds since 1970
    seconds: np.ndarray
    hundredths: np.ndarray  # of a mile, as the meter says


def generate(year: int, month: int, trips: int, seed: int) -> pd.DataFrame:
    """Return `trips` rows of the month, in the publisher's columns; see `flowcoach.taxi.month`."""
    rng = np.random.RandomState([seed, year, month])
    rides = _drive(rng, year, month, trips)
    return normalise(pd.DataFrame(_charge(rng, rides)))


def _drive(rng: np.random.RandomState, year: int, month: int, n: int) -> _Rides:
    town, season = city(), _YEAR[month - 1]
    booked = np.arange(n) >= n - round(n * season.booked)  # the publisher lists them last
    vendor = np.where(rng.random_sample(n) < np.where(booked, 0.028, 0.141), 1, 2)

    # A meter that was never switched on: mostly vendor 1, on long trips at a price agreed beforehand.
    chance_zero = np.where(booked, 0.033, np.where(vendor == 1, 0.142, 0.0135))
    unmetered = rng.random_sample(n) < chance_zero
    far = booked | (unmetered & (vendor == 1))
    place = rng.random_sample(n)
    pair = np.where(far, np.searchsorted(town.chance_booked, place), np.searchsorted(town.chance, place)).clip(
        0, len(town.miles) - 1
    )
    within = pair % (len(town.zone) + 1) == 0

    day, hour, weekend = _calendar(rng, year, month, n)
    second = rng.randint(0, 3600, n)
    second = np.where(booked, second // 60 * 60, second)

    miles = np.log(town.miles[pair]) + rng.standard_t(3, n) * np.where(within, 0.40, 0.19)
    miles = miles + season.stretch * np.maximum(miles, 0)
    miles = miles - 0.4 * np.maximum(miles - np.log(8), 0)  # long ways are straighter
    miles = miles.clip(np.log(0.01), np.log(40))
    expected = np.where(booked, np.interp(miles, _MILES, _MINUTES_BOOKED), np.interp(miles, _MILES, _MINUTES_METERED))
    spread = np.interp(miles, _MILES, _SPREAD) * season.spread
    noise = spread * rng.standard_t(6, n) / np.sqrt(1.5)
    slow = town.slow[pair] + _SLOW_BY_HOUR[weekend, hour]
    slow = slow + np.interp(miles, (0, np.log(10)), (season.slow_near, season.slow_far))
    slow = slow + np.where(unmetered, np.where(vendor == 1, 0.4, -0.15), 0.0)
    seconds = np.rint(60 * np.exp(expected + slow + noise)).astype(np.int64)
    hundredths = np.rint(100 * np.exp(miles)).astype(np.int64)

    # Trips that were none: a flag pressed twice, mostly without moving.
    odd = rng.random_sample(n)
    short = (odd < _TOO_SHORT) & ~booked
    seconds = np.where(short, np.floor(60 * rng.random_sample(n) ** 2.7).astype(np.int64), seconds)
    stays = short & (rng.random_sample(n) < 0.84)
    pair = np.where(stays, pair // len(town.zone) * (len(town.zone) + 1), pair)
    still = short & (rng.random_sample(n) < 0.64)
    hundredths = np.where(short, hundredths % 30, hundredths)
    # Meters that nobody stopped: for an hour or two, for a day.
    long = odd > 1 - _TOO_LONG
    hours = rng.random_sample(n)
    left_on = np.where(hours < 0.5, 3600 * (1 + 4 * hours), np.where(hours < 0.68, 4e5 * (hours - 0.48), 8.5e4))
    seconds = np.where(long, left_on.astype(np.int64) + second % 1400, seconds)
    hundredths = np.where(unmetered | still, 0, hundredths)

    # Distances that no taxi drives, with a few in every month so that linear models learn to distrust them. Drawn
    # by strata, so that no month is without a very large one and no test month dwarfs its training month.
    absurd = max(5, round(n * _ABSURD))
    ordinary = np.flatnonzero(booked & (seconds >= 120) & (seconds <= 3600))
    where = rng.permutation(ordinary)[:absurd]
    rank = (rng.permutation(len(where)) + rng.random_sample(len(where))) / max(len(where), 1)
    hundredths[where] = np.rint(_absurd_miles(rank) * 100).astype(np.int64)

    pickup = day + 3600 * hour + second
    strays = rng.permutation(np.flatnonzero(~booked))[: max(2, round(n * _OUT_OF_MONTH))]
    start = int(pd.Timestamp(year, month, 1).timestamp())
    pickup[strays] = start - rng.randint(1, 7 * 86400, len(strays))
    # A meter whose clock was never set.
    pickup[strays[:1]] = int(pd.Timestamp(2009, 1, 1).timestamp()) + rng.randint(0, 86400)

    order = np.lexsort((pickup - np.where(np.isin(np.arange(n), strays), 0, 0), booked))
    return _Rides(booked[order], vendor[order], pair[order], pickup[order], seconds[order], hundredths[order])


def _absurd_miles(rank: np.ndarray) -> np.ndarray:
    """Return the distances at these ranks, from 0 to 1, among the 132 absurd ones of the three months."""
    return np.exp(
        np.interp(rank, (0, 0.05, 0.25, 0.5, 0.75, 0.95, 1), np.log((60, 1200, 2960, 4709, 7725, 60000, 120000)))
    )


def _calendar(rng: np.random.RandomState, year: int, month: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return for each trip the start of its day in seconds since 1970, its hour, and 1 at weekends else 0."""
    first = pd.Timestamp(year, month, 1)
    days = first.days_in_month
    weekday = (first.dayofweek + np.arange(days)) % 7
    rides = np.array(_RIDES_BY_WEEKDAY)[weekday]
    day = np.searchsorted(np.cumsum(rides), rng.random_sample(n) * rides.sum(), side="right")
    shares = np.cumsum(_SHARE_BY_HOUR)
    hour = np.searchsorted(shares, rng.random_sample(n) * shares[-1], side="right")
    weekend = (weekday[day] >= 5).astype(np.int64)
    return int(first.timestamp()) + 86400 * day, hour, weekend


def _pick(rng: np.random.RandomState, n: int, shares: dict[float, float]) -> np.ndarray:
    """Return n draws from values with these shares."""
    edges = np.cumsum(list(shares.values()))
    place = np.searchsorted(edges, rng.random_sample(n) * edges[-1], side="right")
    return np.array(list(shares))[place]


def _charge(rng: np.random.RandomState, rides: _Rides) -> dict[str, object]:
    """Return the publisher's columns; money is counted in whole cents, so that nothing hangs on rounding."""
    town = city()
    n = len(rides.pair)
    booked, one = rides.booked, rides.vendor == 1
    size = len(town.zone)
    start, end = town.zone[rides.pair // size], town.zone[rides.pair % size]
    minutes, miles = rides.seconds / 60, rides.hundredths / 100
    short = minutes < 1
    sane = np.minimum(miles, 50)
    # A meter that shows no distance belongs to a price agreed beforehand.
    sane = np.where((rides.hundredths == 0) & ~short, np.minimum(minutes, 60) / 5, sane)

    draw = rng.random_sample(n)
    negotiated = np.where(short, draw < 0.45, draw < 0.016)
    airport = ~negotiated & (draw > 0.9972)
    rate = np.where(negotiated, 5, np.where(airport, 2, _pick(rng, n, {1: 0.9985, 4: 0.0009, 3: 0.0006})))

    estimate = 2.1 + 2.18 * sane + 0.61 * np.minimum(minutes, 120) + 1.2 * rng.standard_t(4, n)
    # The meter starts at 3.00 and goes on by 0.70.
    clicks = np.rint((estimate - 3) / 0.7).clip(0, 620).astype(np.int64)
    fare = 300 + 70 * clicks
    fare = np.where(booked, np.rint(100 * estimate).clip(300, 20000).astype(np.int64), fare)
    fare = np.where(negotiated, 100 * rng.randint(10, 45, n), np.where(airport, 7000, fare))
    fare = np.where(rng.random_sample(n) < 0.0013, 0, fare)

    hour, weekday = rides.pickup // 3600 % 24, (rides.pickup // 86400 + 3) % 7
    metered = ~booked & ~negotiated
    rush = (hour >= 16) & (hour < 20) & (weekday < 5)
    night = (hour >= 20) | (hour < 6)
    extra = np.where(metered & rush, 250, np.where(metered & night, 100, 0))
    toll = np.where(rng.random_sample(n) < np.interp(sane, (3, 5, 10, 17, 30), (0.0, 0.04, 0.19, 0.5, 0.5)), 655, 0)
    mta = np.where(metered, 50, 0)
    improvement = np.where(rng.random_sample(n) < 0.05, 30, 100)
    congestion = np.where(np.isin(end, _CONGESTED) | np.isin(start, _CONGESTED_START), 275, 0)
    # Vendor 1 books the congestion surcharge under extra and the improvement surcharge under tax.
    extra = np.where(one & metered, extra + congestion, extra)
    mta = np.where(one & metered, 150, mta)
    sum_before = fare + extra + mta + toll + np.where(one & metered, 0, improvement + congestion)

    payment = _pick(rng, n, {1: 0.639, 2: 0.3515, 3: 0.0075, 4: 0.002})
    percent = _pick(rng, n, {20: 0.47, 25: 0.11, 0: 0.12, 30: 0.055, 15: 0.04, 10: 0.045, 8: 0.05, 12: 0.06, 5: 0.05})
    tipped = np.where(booked, percent > 0, payment == 1)
    tip = np.where(tipped, (sum_before * percent + 50) // 100, 0)

    # A ride cancelled or disputed is booked back.
    back = (rng.random_sample(n) < np.where(short, 0.06, 0.0012)) & ~booked
    sign = np.where(back, -1, 1)
    payment = np.where(back, 3, payment)
    tip = np.where(back, 0, tip)
    gap = np.where(booked, np.nan, 1.0)
    stored = rng.random_sample(n) < np.where(one, 0.0275, 0.0)
    passengers = _pick(rng, n, {1: 0.8525, 2: 0.0807, 5: 0.026, 6: 0.0152, 3: 0.0145, 0: 0.0061, 4: 0.005})
    return {
        "VendorID": rides.vendor,
        "lpep_pickup_datetime": rides.pickup.astype("datetime64[s]"),
        "lpep_dropoff_datetime": (rides.pickup + rides.seconds).astype("datetime64[s]"),
        "store_and_fwd_flag": np.where(booked, None, np.where(stored, "Y", "N")),
        "RatecodeID": rate * gap,
        "PULocationID": start,
        "DOLocationID": end,
        "passenger_count": passengers * gap,
        "trip_distance": miles,
        "fare_amount": sign * fare / 100,
        "extra": sign * extra / 100,
        "mta_tax": sign * mta / 100,
        "tip_amount": tip / 100,
        "tolls_amount": toll / 100,
        "ehail_fee": np.full(n, None),
        "improvement_surcharge": sign * improvement / 100,
        "total_amount": (sign * sum_before + tip) / 100,
        "payment_type": payment * gap,
        "trip_type": np.where(negotiated, 2, 1) * gap,
        "congestion_surcharge": sign * congestion / 100 * gap,
    }


# Zones where most metered trips pay the congestion surcharge when they end there, and when they start there.
# fmt: off
_CONGESTED = (
    4, 13, 45, 48, 50, 68, 79, 87, 88, 90, 100, 107, 113, 114, 125, 137, 140, 141, 142, 143, 144, 148, 158, 161,
    162, 163, 164, 170, 186, 209, 211, 224, 229, 230, 231, 232, 233, 234, 236, 237, 238, 239, 246, 249, 261, 262, 263,
)
_CONGESTED_START = (43, 236, 263)
# fmt: on
