"""A month as a file: reading every variant, saying what is wrong, writing whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from bench.trips import SHARED
from flowcoach import taxi
from flowcoach.problem import Problem

PUBLISHED = sorted(SHARED.glob("green_tripdata_*.parquet"))


@pytest.fixture
def month() -> pd.DataFrame:
    return taxi.month(2023, 1, trips=100)


def saved(frame: pd.DataFrame, folder: Path) -> Path:
    path = folder / "month.parquet"
    frame.to_parquet(path)
    return path


@pytest.mark.skipif(not PUBLISHED, reason="needs the real months in ../shared/tlc")
@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.stem[-7:])
def test_every_published_month_is_read_with_the_types_of_january_2023(path):
    trips = taxi.read(path)
    year, number = (int(part) for part in path.stem[-7:].split("-"))
    assert {name: str(kind) for name, kind in trips.dtypes.items()} == taxi.SCHEMA
    assert len(trips) == taxi.KNOWN[year, number].rows


def test_columns_that_came_later_and_another_order_do_not_matter(month, tmp_path):
    changed = month[month.columns[::-1]].assign(cbd_congestion_fee=0.75)
    pd.testing.assert_frame_equal(taxi.read(saved(changed, tmp_path)), month)


def test_narrow_numbers_whole_codes_and_finer_times_do_not_matter(month, tmp_path):
    changed = month.assign(
        PULocationID=month["PULocationID"].astype("int32"),
        payment_type=month["payment_type"].astype("Int64"),
        lpep_pickup_datetime=month["lpep_pickup_datetime"].astype("datetime64[ns]"),
        ehail_fee=float("nan"),
    )
    pd.testing.assert_frame_equal(taxi.read(saved(changed, tmp_path)), month)


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder, not a file"),
        (lambda path: path.write_bytes(b""), "cannot be read as a Parquet file"),
        (lambda path: path.write_text("<html>"), "cannot be read as a Parquet file"),
        (lambda path: pd.DataFrame({"tpep_pickup_datetime": [1]}).to_parquet(path), "has no column VendorID"),
    ],
    ids=["missing", "folder", "empty", "page", "yellow"],
)
def test_a_file_that_is_no_month_is_named_with_the_cause_and_a_next_step(make, cause, tmp_path):
    path = tmp_path / "month.parquet"
    make(path)
    with pytest.raises(Problem) as caught:
        taxi.read(path)
    assert str(path) in caught.value.cause
    assert cause in caught.value.cause
    assert caught.value.next_step


def test_writing_makes_the_folder_and_leaves_nothing_beside_the_file(month, tmp_path):
    path = tmp_path / "new" / "data" / "month.parquet"
    taxi.write(month, path)
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(month, tmp_path):
    path = tmp_path / "month.parquet"
    taxi.write(month, path)
    before = path.read_bytes()
    unfit = month.assign(VendorID=[object()] * len(month))
    with pytest.raises(Exception, match="object"):
        taxi.write(unfit, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("year", "number"), [(2023, 0), (2023, 13), (23, 1), (12023, 1)])
def test_only_months_have_a_file_name(year, number):
    assert taxi.file_name(2023, 1) == "green_tripdata_2023-01.parquet"
    with pytest.raises(Problem, match="is not a month"):
        taxi.file_name(year, number)
