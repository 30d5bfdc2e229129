"""Synthetic months: the publisher's shape, the same everywhere, and the structure that was measured in real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.trips import CLOSE, RECORDED, SHARED, rmse, synthetic
from flowcoach import taxi
from flowcoach.problem import Problem

needs_real_months = pytest.mark.skipif(not SHARED.is_dir(), reason="needs the real months in ../shared/tlc")


@pytest.fixture(scope="module")
def raw() -> pd.DataFrame:
    """A synthetic January with as many trips as a real one."""
    return taxi.month(2023, 1, trips=66_000)


@pytest.fixture(scope="module")
def kept(raw: pd.DataFrame) -> pd.DataFrame:
    return taxi.prepare(raw)


@pytest.fixture(scope="module")
def year() -> list[pd.DataFrame]:
    """Training, validation and test month."""
    return synthetic()


# Shape


@needs_real_months
def test_columns_and_types_are_those_of_the_published_january():
    published = pd.read_parquet(SHARED / "green_tripdata_2023-01.parquet")
    assert taxi.month(2023, 1, trips=500).dtypes.to_dict() == published.dtypes.to_dict()
    assert list(taxi.month(2023, 1, trips=500)) == list(published)


@pytest.mark.parametrize("trips", [100, 101, 1500, 6000])
def test_a_month_has_as_many_trips_as_asked_for(trips):
    assert len(taxi.month(2024, 2, trips=trips)) == trips


def test_a_month_survives_its_file(tmp_path):
    made = taxi.month(2023, 1, trips=500)
    taxi.write(made, tmp_path / "month.parquet")
    pd.testing.assert_frame_equal(taxi.read(tmp_path / "month.parquet"), made)


# Sameness


def test_the_same_arguments_give_the_same_values_everywhere():
    text = taxi.month(2023, 1, trips=500, seed=7).to_csv(index=False, lineterminator="\n")
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "05e1bd9b1dff16350a0a24a75f9caa3f4618742533f0d16221d884585caf908c"


def test_another_seed_and_another_month_give_other_trips_in_the_same_city():
    one, other, later = taxi.month(2023, 1), taxi.month(2023, 1, seed=1), taxi.month(2023, 2)
    for different in (other, later):
        assert np.mean(one["trip_distance"].to_numpy() != different["trip_distance"].to_numpy()) > 0.9
        assert different["PULocationID"].mode().item() == one["PULocationID"].mode().item() == 74


def test_making_months_neither_heeds_nor_disturbs_the_random_numbers_of_others():
    np.random.seed(1)
    first = taxi.month(2023, 1, trips=100)
    number = np.random.random()
    np.random.seed(1)
    assert np.random.random() == number
    pd.testing.assert_frame_equal(taxi.month(2023, 1, trips=100), first)


def test_too_few_trips_and_months_that_do_not_exist_are_refused():
    with pytest.raises(Problem, match="A month of 99 trips is too small"):
        taxi.month(2023, 1, trips=99)
    with pytest.raises(Problem, match="2023-13 is not a month"):
        taxi.month(2023, 13)


# Structure, against the published January


def duration(trips: Any) -> Any:
    return (trips["lpep_dropoff_datetime"] - trips["lpep_pickup_datetime"]).dt.total_seconds() / 60


def top(zones: Any, count: int) -> float:
    return zones.value_counts(normalize=True).iloc[:count].sum()


# What is measured; its value in the published January (../shared/tlc/statistics.md); how far off it may be.
OF_ALL: dict[str, tuple[Callable[[Any], float], float, float]] = {
    "kept": (lambda t: duration(t).between(1, 60).mean(), 0.9668, 0.003),
    "shorter than a minute": (lambda t: (duration(t) < 1).mean(), 0.0241, 0.002),
    "longer than an hour": (lambda t: (duration(t) > 60).mean(), 0.0091, 0.002),
    "left running for a day": (lambda t: (duration(t) > 1400).mean(), 0.0014, 0.0005),
    "the missing block": (lambda t: t["RatecodeID"].isna().mean(), 0.0634, 0.001),
    "vendor 2": (lambda t: (t["VendorID"] == 2).mean(), 0.863, 0.01),
    "standard rate": (lambda t: (t["RatecodeID"] == 1).mean(), 0.9105, 0.01),
    "paid by card": (lambda t: (t["payment_type"] == 1).mean(), 0.5965, 0.01),
    "paid in cash": (lambda t: (t["payment_type"] == 2).mean(), 0.3318, 0.01),
    "one passenger": (lambda t: (t["passenger_count"] == 1).mean(), 0.796, 0.01),
    "congestion surcharge": (lambda t: (t["congestion_surcharge"] == 2.75).mean(), 0.247, 0.02),
    "negative fares": (lambda t: (t["fare_amount"] < 0).mean(), 0.0027, 0.0007),
    "without a tip": (lambda t: (t["tip_amount"] == 0).mean(), 0.42, 0.02),
    "at six in the evening": (lambda t: (t["lpep_pickup_datetime"].dt.hour == 18).mean(), 0.0768, 0.005),
    "at five in the morning": (lambda t: (t["lpep_pickup_datetime"].dt.hour == 5).mean(), 0.0063, 0.001),
    "on Sundays": (lambda t: (t["lpep_pickup_datetime"].dt.day_of_week == 6).mean(), 5 * 1669 / 68211, 0.01),
    "short trips without distance": (lambda t: (t[duration(t) < 1]["trip_distance"] == 0).mean(), 0.64, 0.05),
}
OF_KEPT: dict[str, tuple[Callable[[Any], float], float, float]] = {
    "mean duration": (lambda t: t["duration"].mean(), 13.748, 0.3),
    "spread of duration": (lambda t: t["duration"].std(), 9.024, 0.3),
    "median distance": (lambda t: t["trip_distance"].median(), 1.89, 0.1),
    "a long distance": (lambda t: t["trip_distance"].quantile(0.95), 7.68, 0.8),
    "zero distances": (lambda t: (t["trip_distance"] == 0).mean(), 0.0325, 0.003),
    "absurd distances": (lambda t: (t["trip_distance"] > 50).sum(), 37, 10),
    "their median, of three months": (lambda t: t["trip_distance"][t["trip_distance"] > 50].median(), 4709, 500),
    "within one zone": (lambda t: (t["PULocationID"] == t["DOLocationID"]).mean(), 0.108, 0.01),
    "zones of pickup": (lambda t: t["PULocationID"].nunique(), 219, 12),
    "zones of drop-off": (lambda t: t["DOLocationID"].nunique(), 248, 8),
    "pairs of zones": (lambda t: t["PU_DO"].nunique(), 5701, 300),
    "share of the first ten pickups": (lambda t: top(t["PULocationID"], 10), 0.684, 0.02),
    "share of the first ten drop-offs": (lambda t: top(t["DOLocationID"], 10), 0.356, 0.02),
    "share of the first hundred pairs": (lambda t: top(t["PU_DO"], 100), 0.511, 0.02),
    "pairs seen once": (lambda t: (t["PU_DO"].value_counts() == 1).sum(), 2789, 250),
    "median fare": (lambda t: t["fare_amount"].median(), 13.5, 0.7),
    "median total": (lambda t: t["total_amount"].median(), 17.9, 0.8),
}


@pytest.mark.parametrize("what", OF_ALL)
def test_trips_are_as_they_come_from_the_publisher(raw, what):
    measure, published, tolerance = OF_ALL[what]
    assert measure(raw) == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize("what", OF_KEPT)
def test_the_trips_that_the_course_keeps_are_as_the_published_ones(kept, what):
    measure, published, tolerance = OF_KEPT[what]
    assert measure(kept) == pytest.approx(published, abs=tolerance)


def test_what_the_app_does_not_tell_is_missing_together(raw):
    block = ["store_and_fwd_flag", "RatecodeID", "passenger_count", "payment_type", "trip_type", "congestion_surcharge"]
    missing = raw[block].isna()
    assert missing.all(axis=1).sum() == missing.any(axis=1).sum() > 0
    assert raw["ehail_fee"].isna().all()


def test_distance_explains_duration_but_for_the_absurd_distances(kept):
    sane = kept[kept["trip_distance"].between(0.01, 50)]
    assert sane["trip_distance"].corr(sane["duration"]) == pytest.approx(0.761, abs=0.03)
    assert np.log(sane["trip_distance"]).corr(np.log(sane["duration"])) == pytest.approx(0.840, abs=0.02)
    assert abs(kept["trip_distance"].corr(kept["duration"])) < 0.05


def test_fares_follow_from_distance_and_time(kept):
    plain = kept[(kept["RatecodeID"] == 1) & (kept["fare_amount"] > 0) & kept["trip_distance"].between(0.01, 50)]
    terms = np.column_stack([np.ones(len(plain)), plain["trip_distance"], plain["duration"]])
    weights, *_ = np.linalg.lstsq(terms, plain["fare_amount"], rcond=None)
    np.testing.assert_allclose(weights, (1.95, 2.18, 0.61), atol=0.3)


def test_totals_are_the_sum_of_their_parts(raw):
    parts = ["fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"]
    plain = raw[(raw["VendorID"] == 2) & raw["congestion_surcharge"].notna()]
    due = plain[parts].sum(axis=1) + plain["congestion_surcharge"]
    np.testing.assert_allclose(plain["total_amount"], due, atol=0.005)


def test_tips_are_usually_a_fifth_and_given_by_card(kept):
    card, cash = (kept[kept["payment_type"] == kind] for kind in (1, 2))
    share = card["tip_amount"] / (card["total_amount"] - card["tip_amount"])
    assert share.median() == pytest.approx(0.20, abs=0.005)
    assert (cash["tip_amount"] == 0).all()


def test_a_few_pickups_are_out_of_the_month_and_one_before_its_clock_was_set(raw):
    outside = raw["lpep_pickup_datetime"][raw["lpep_pickup_datetime"].dt.strftime("%Y-%m") != "2023-01"]
    assert 4 <= len(outside) <= 26
    assert (outside.dt.year == 2009).sum() == 1


def test_no_trip_is_there_twice_and_none_ends_before_it_begins(raw):
    assert not raw.duplicated().any()
    assert (raw["lpep_dropoff_datetime"] >= raw["lpep_pickup_datetime"]).all()


def test_later_months_drift_to_longer_trips_of_wider_spread(year):
    means, spreads = ([getattr(month["duration"], what)() for month in year] for what in ("mean", "std"))
    assert means == sorted(means)
    assert spreads == sorted(spreads)


def test_later_months_have_pairs_that_nobody_has_seen(year):
    train, *later = year
    for month in later:
        assert 1 - month["PU_DO"].isin(train["PU_DO"]).mean() == pytest.approx(0.049, abs=0.01)


@pytest.mark.parametrize("trips", [100, 1500, 6000])
def test_every_month_however_small_has_at_least_five_absurd_distances(trips):
    for month in range(1, 13):
        distances = taxi.prepare(taxi.month(2023, month, trips=trips))["trip_distance"]
        assert sum(distances > 50) >= 5


@pytest.mark.parametrize("trips", [1500, 6000])
@pytest.mark.parametrize("features", ["zones", "pair"])
@pytest.mark.parametrize("model", ["LinearRegression", "Lasso(0.01)", "Ridge(1)"])
def test_on_small_months_linear_models_are_off_by_minutes_and_do_not_explode(model, features, trips):
    for seed in range(3):
        months = [taxi.prepare(taxi.month(2023, month, trips=trips, seed=seed)) for month in (1, 2, 3)]
        assert max(rmse(model, features, months)) < 10.5


@pytest.mark.parametrize(("features", "model"), RECORDED)
def test_models_are_off_as_on_real_trips_within_a_tenth(year, features, model):
    assert rmse(model, features, year) == pytest.approx(RECORDED[features, model], rel=CLOSE)
