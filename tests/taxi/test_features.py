"""The features of the course, and the pipeline that carries them along."""

from __future__ import annotations

import pickletools

import pandas as pd
import pytest
from sklearn.linear_model import Lasso, LinearRegression

from flowcoach import taxi


@pytest.fixture(scope="module")
def trips() -> pd.DataFrame:
    return taxi.prepare(taxi.month(2023, 1, trips=600))


def three_trips(*minutes: float) -> pd.DataFrame:
    """Trips that last so many minutes, otherwise alike."""
    raw = taxi.month(2023, 1, trips=100).head(len(minutes))
    taken = pd.to_timedelta(list(minutes), unit="min").astype("timedelta64[us]")
    return raw.assign(lpep_dropoff_datetime=raw["lpep_pickup_datetime"] + taken)


def test_trips_of_1_to_60_minutes_are_kept_both_included():
    kept = taxi.prepare(three_trips(0.98, 1, 60, 60.02))
    assert kept["duration"].tolist() == [1, 60]
    assert kept.index.tolist() == [0, 1]


def test_the_raw_trips_stay_as_they_are():
    raw = taxi.month(2023, 1, trips=100)
    before = raw.copy()
    taxi.prepare(raw)
    pd.testing.assert_frame_equal(raw, before)


def test_zones_are_names_and_a_pair_joins_two(trips):
    first = trips.iloc[0]
    assert first["PU_DO"] == f"{first['PULocationID']}_{first['DOLocationID']}"
    assert trips["PULocationID"].map(type).eq(str).all()


@pytest.mark.parametrize("columns", [taxi.ZONES, taxi.PAIR])
def test_a_trained_pipeline_predicts_from_a_frame_with_zones_it_has_never_seen(trips, columns):
    trained = taxi.pipeline(LinearRegression(), columns).fit(trips[columns], trips[taxi.TARGET])
    strange = pd.DataFrame(
        {"PULocationID": ["999"], "DOLocationID": ["998"], "PU_DO": ["999_998"], "trip_distance": 2.0}
    )
    assert trained.predict(strange[columns]).shape == (1,)


def test_columns_are_found_by_name_whatever_their_order(trips):
    trained = taxi.pipeline(LinearRegression()).fit(trips[taxi.ZONES], trips[taxi.TARGET])
    shuffled = trips[taxi.ZONES[::-1]]
    assert trained.predict(shuffled).tolist() == trained.predict(trips[taxi.ZONES]).tolist()


def test_features_stay_sparse_with_indices_that_lasso_takes(trips):
    trained = taxi.pipeline(Lasso(0.01), taxi.PAIR).fit(trips[taxi.PAIR], trips[taxi.TARGET])
    features = trained.named_steps["features"].transform(trips[taxi.PAIR])
    assert features.indices.dtype == features.indptr.dtype == "int32"


def test_a_trained_pipeline_travels_without_flowcoach(trips):
    import pickle

    trained = taxi.pipeline(Lasso(0.01)).fit(trips[taxi.ZONES], trips[taxi.TARGET])
    packed = pickle.dumps(trained)
    texts = [argument for _, argument, _ in pickletools.genops(packed) if isinstance(argument, str)]
    assert not [text for text in texts if "flowcoach" in text]
