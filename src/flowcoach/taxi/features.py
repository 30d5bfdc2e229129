"""The trips and features of the course: one implementation for every script and notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.pipeline import Pipeline

ZONES = ["PULocationID", "DOLocationID", "trip_distance"]
PAIR = ["PU_DO", "trip_distance"]
TARGET = "duration"
_NAMES = frozenset({"PULocationID", "DOLocationID", "PU_DO"})


def prepare(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the trips that the course uses, those of 1 to 60 minutes, with their features added.

    `raw` has the publisher's columns, as from `read` or `month`, and stays as it is. Added are `duration` in
    minutes and `PU_DO`, the pair of zones, as "74_75"; `PULocationID` and `DOLocationID` become text, because
    a zone's number is a name and not an amount. The kept trips are numbered anew from 0.
    """
    duration = (raw["lpep_dropoff_datetime"] - raw["lpep_pickup_datetime"]).dt.total_seconds() / 60
    kept = raw.assign(duration=duration)[duration.between(1, 60)].reset_index(drop=True)
    pickup, dropoff = kept["PULocationID"].astype(str), kept["DOLocationID"].astype(str)
    return kept.assign(PULocationID=pickup, DOLocationID=dropoff, PU_DO=pickup + "_" + dropoff)


def pipeline(regressor: Any, columns: Sequence[str] = ZONES) -> Pipeline:
    """Return an untrained scikit-learn pipeline on a DataFrame: zones one-hot, numbers as they are.

    `regressor` is any scikit-learn regressor and `columns` the features it shall see, `ZONES` or `PAIR`. Zones
    that were not there in training count as none. It consists of scikit-learn's own parts alone, so the trained
    model travels without flowcoach; features stay sparse, with the 32-bit indices that Lasso asks for.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder

    names = [column for column in columns if column in _NAMES]
    numbers = [column for column in columns if column not in _NAMES]
    encode = ColumnTransformer(
        [("zones", OneHotEncoder(handle_unknown="ignore"), names), ("numbers", "passthrough", numbers)],
        sparse_threshold=1.0,
    )
    return Pipeline([("features", encode), ("regressor", regressor)])
