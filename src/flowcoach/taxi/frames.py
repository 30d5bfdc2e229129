"""A month of trips as a file and as a DataFrame: reading, normalising, writing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowcoach.atomic import replacing
from flowcoach.problem import Problem

if TYPE_CHECKING:
    import pandas as pd

# Column names in the publisher's order, and the types that pandas gives them in the file of January 2023.
# `str` is text with gaps, `object` a column that is empty throughout.
SCHEMA: dict[str, str] = {
    "VendorID": "int64",
    "lpep_pickup_datetime": "datetime64[us]",
    "lpep_dropoff_datetime": "datetime64[us]",
    "store_and_fwd_flag": "str",
    "RatecodeID": "float64",
    "PULocationID": "int64",
    "DOLocationID": "int64",
    "passenger_count": "float64",
    "trip_distance": "float64",
    "fare_amount": "float64",
    "extra": "float64",
    "mta_tax": "float64",
    "tip_amount": "float64",
    "tolls_amount": "float64",
    "ehail_fee": "object",
    "improvement_surcharge": "float64",
    "total_amount": "float64",
    "payment_type": "float64",
    "trip_type": "float64",
    "congestion_surcharge": "float64",
}


def normalise(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the trips with the columns, order and types of the January 2023 file.

    Other months carry 32-bit zones, whole-number codes, nanosecond times or a numeric `ehail_fee`; columns
    that came later are left out. Raises `KeyError` naming the columns that are missing, `ValueError` or
    `TypeError` for values that do not fit their type.
    """
    import pandas as pd

    missing = [name for name in SCHEMA if name not in frame.columns]
    if missing:
        raise KeyError(", ".join(missing))
    columns = {}
    for name, dtype in SCHEMA.items():
        column = frame[name]
        if dtype == "str":
            # Through a plain list, so that pandas gives its own type for text, whatever version it is.
            text = [value if isinstance(value, str) else None for value in column]
            columns[name] = pd.Series(text, index=frame.index, dtype=pd.Series(["N"]).dtype)
        elif dtype == "object":
            columns[name] = column.astype("object").where(column.notna(), None)
        else:
            columns[name] = column.astype(dtype)
    return pd.DataFrame(columns)


def read(path: str | Path) -> pd.DataFrame:
    """Return a month's trips from a Parquet file, with the columns and types of January 2023 (`SCHEMA`).

    Raises `Problem` if the file is missing, is not Parquet, lacks a column or has values of another kind.
    """
    import pandas as pd
    import pyarrow as pa

    path = Path(path)
    if not path.is_file():
        what = "is a folder, not a file" if path.is_dir() else "does not exist"
        raise Problem(f"{path} {what}.", "Fetch or make the trips with `flowcoach data`, or name another file.")
    try:
        return normalise(pd.read_parquet(path))
    except KeyError as error:
        raise Problem(
            f"{path} has no column {error.args[0]}, so it is not a month of green taxi trips.",
            "Take a green_tripdata file; yellow and for-hire trips have other columns.",
        ) from error
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise Problem(
            f"{path} cannot be read as a Parquet file of green taxi trips ({str(error).splitlines()[0]}).",
            "Delete it and fetch or make it again with `flowcoach data`.",
        ) from error
    except OSError as error:
        raise Problem(
            f"{path} cannot be read ({str(error).splitlines()[0]}).",
            "If the file is damaged, delete it and get it again with `flowcoach data`; else mend its permissions.",
        ) from error


def write(frame: pd.DataFrame, path: str | Path) -> None:
    """Write trips as a Parquet file, whole or not at all; the folder is made if need be."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with replacing(Path(path)) as unfinished:
        frame.to_parquet(unfinished, index=False)
