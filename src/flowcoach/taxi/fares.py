"""What a synthetic month's rides cost: fares, surcharges and tips, as they follow from distance and time.

Money is counted in whole cents, so that nothing hangs on rounding. The constants are statistics of the files
of January to March 2023; randomness is that of `flowcoach.taxi.rides`.
"""

import numpy as np

from flowcoach.taxi.city import city
from flowcoach.taxi.rides import Rides

# Zones where most metered trips pay the congestion surcharge when they end there, and when they start there.
# fmt: off
_CONGESTED = (
    4, 13, 45, 48, 50, 68, 79, 87, 88, 90, 100, 107, 113, 114, 125, 137, 140, 141, 142, 143, 144, 148, 158, 161,
    162, 163, 164, 170, 186, 209, 211, 224, 229, 230, 231, 232, 233, 234, 236, 237, 238, 239, 246, 249, 261, 262, 263,
)
_CONGESTED_START = (43, 236, 263)
# fmt: on


# Percent of what is to be paid that is given as tip, and the share of card payers who give it.
_TIPS = {20: 0.47, 25: 0.11, 0: 0.12, 30: 0.055, 15: 0.04, 10: 0.045, 8: 0.05, 12: 0.06, 5: 0.05}
_PASSENGERS = {1: 0.8525, 2: 0.0807, 5: 0.026, 6: 0.0152, 3: 0.0145, 0: 0.0061, 4: 0.005}
_CARD, _CASH, _NO_CHARGE, _DISPUTE = 1, 2, 3, 4
_STANDARD, _AIRPORT, _NEWARK, _NASSAU, _NEGOTIATED = 1, 2, 3, 4, 5


def charge(rng: np.random.RandomState, rides: Rides) -> dict[str, np.ndarray]:
    """Return the publisher's columns for these rides; what the app does not tell is missing."""
    n = len(rides.pair)
    start, end = city().ends(rides.pair)
    one = rides.vendor == 1
    rate, fare = _meter(rng, rides)
    metered = ~rides.booked & (rate != _NEGOTIATED)

    hour, weekday = rides.pickup // 3600 % 24, (rides.pickup // 86400 + 3) % 7
    rush = (hour >= 16) & (hour < 20) & (weekday < 5)
    night = (hour >= 20) | (hour < 6)
    crowded = np.isin(end, _CONGESTED) | np.isin(start, _CONGESTED_START)
    congestion = np.where(crowded & (rng.random_sample(n) < 0.92), 275, 0)
    improvement = np.where(rng.random_sample(n) < 0.05, 30, 100)
    tolled = rng.random_sample(n) < np.interp(_miles_paid(rides), (3, 5, 10, 17, 30), (0.0, 0.04, 0.19, 0.5, 0.5))
    tolls = np.where(tolled, 655, 0)
    # Vendor 1 repeats the congestion surcharge under extra and the improvement surcharge under tax.
    repeats = one & metered
    extra = np.where(metered & rush, 250, np.where(metered & night, 100, 0)) + np.where(repeats, congestion, 0)
    tax = np.where(metered, 50, 0) + np.where(repeats, 100, 0)
    due = fare + extra + tax + tolls + np.where(repeats, 0, improvement + congestion)

    payment = _pick(rng, n, {_CARD: 0.6415, _CASH: 0.3515, _NO_CHARGE: 0.005, _DISPUTE: 0.002})
    tip = (due * _pick(rng, n, _TIPS) + 50) // 100
    tip = np.where(rides.booked | (payment == _CARD), tip, 0)
    # A ride cancelled or disputed is booked back.
    back = (rng.random_sample(n) < np.where(rides.seconds < 60, 0.06, 0.0012)) & ~rides.booked
    sign = np.where(back, -1, 1)
    payment = np.where(back, _NO_CHARGE, payment)
    tip = np.where(back, 0, tip)

    stored = np.where(rng.random_sample(n) < np.where(one, 0.0275, 0.0), "Y", "N").astype(object)
    stored[rides.booked] = None
    told = np.where(rides.booked, np.nan, 1.0)
    return {
        "VendorID": rides.vendor,
        "lpep_pickup_datetime": rides.pickup.astype("datetime64[s]"),
        "lpep_dropoff_datetime": (rides.pickup + rides.seconds).astype("datetime64[s]"),
        "store_and_fwd_flag": stored,
        "RatecodeID": rate * told,
        "PULocationID": start,
        "DOLocationID": end,
        "passenger_count": _pick(rng, n, _PASSENGERS) * told,
        "trip_distance": rides.hundredths / 100,
        "fare_amount": sign * fare / 100,
        "extra": sign * extra / 100,
        "mta_tax": sign * tax / 100,
        "tip_amount": tip / 100,
        "tolls_amount": sign * tolls / 100,
        "ehail_fee": np.full(n, None),
        "improvement_surcharge": sign * improvement / 100,
        "total_amount": (sign * due + tip) / 100,
        "payment_type": payment * told,
        "trip_type": np.where(rate == _NEGOTIATED, 2, 1) * told,
        "congestion_surcharge": sign * congestion / 100 * told,
    }


def _meter(rng: np.random.RandomState, rides: Rides) -> tuple[np.ndarray, np.ndarray]:
    """Return rate codes and fares: what the meter says, the app promised, or driver and passenger agreed on."""
    n = len(rides.pair)
    draw = rng.random_sample(n)
    rate = _pick(rng, n, {_STANDARD: 0.9985, _NASSAU: 0.0009, _NEWARK: 0.0006})
    rate = np.where(draw > 0.9972, _AIRPORT, rate)
    rate = np.where(draw < np.where(rides.seconds < 60, 0.45, 0.016), _NEGOTIATED, rate)

    minutes = np.minimum(rides.seconds / 60, 120)
    dollars = 2.1 + 2.18 * _miles_paid(rides) + 0.61 * minutes + 1.2 * rng.standard_t(4, n)
    clicks = np.rint((dollars - 3) / 0.7).clip(0, 620).astype(np.int64)
    promised = np.rint(100 * dollars).clip(300, 20000).astype(np.int64)
    fare = np.where(rides.booked, promised, 300 + 70 * clicks)  # the meter starts at 3.00 and goes on by 0.70
    agreed = 100 * rng.randint(10, 45, n, dtype=np.int64)
    fare = np.where(rate == _NEGOTIATED, agreed, np.where(rate == _AIRPORT, 7000, fare))
    return rate, np.where(rng.random_sample(n) < 0.0013, 0, fare)


def _miles_paid(rides: Rides) -> np.ndarray:
    """Return the miles that fares follow: as the meter says, or from the time if it says nothing or nonsense."""
    miles, minutes = rides.hundredths / 100, rides.seconds / 60
    senseless = (miles > 50) | ((miles == 0) & (minutes >= 1))
    return np.where(senseless, np.minimum(minutes, 60) / 5, miles)


def _pick(rng: np.random.RandomState, n: int, shares: dict[int, float]) -> np.ndarray:
    """Return n draws from values with these shares."""
    edges = np.cumsum(list(shares.values()))
    place = np.searchsorted(edges, rng.random_sample(n) * edges[-1], side="right")
    return np.array(list(shares), dtype=np.int64)[place]
