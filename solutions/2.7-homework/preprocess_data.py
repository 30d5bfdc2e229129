"""First script of the homework: turn the months of trips into the files that the other scripts learn from."""

import json
from importlib.metadata import version
from pathlib import Path

import click
import pandas as pd

from flowcoach import taxi, workspace

HERE = workspace.find()
OUTPUT = HERE.folder / "homework" / "output"


def features(raw: pd.DataFrame) -> pd.DataFrame:
    """The trips that count, with their duration in minutes and the pair of zones, as "74_75"."""
    minutes = (raw["lpep_dropoff_datetime"] - raw["lpep_pickup_datetime"]).dt.total_seconds() / 60
    trips = raw.assign(duration=minutes)
    ### BEGIN SOLUTION Gap 1: keep the trips of 1 to 60 minutes, both included, and give each its pair of zones, PU_DO.
    trips = trips[trips["duration"].between(1, 60)]
    trips = trips.assign(PU_DO=trips["PULocationID"].astype(str) + "_" + trips["DOLocationID"].astype(str))
    ### END SOLUTION
    return trips[["PU_DO", "trip_distance", "duration"]]


@click.command()
@click.option("--output", default=OUTPUT, type=click.Path(path_type=Path), help="The folder to write to.")
def main(output: Path) -> None:
    """Write train.parquet, valid.parquet, test.parquet, a final.parquet where there is a fourth month, summary.json."""
    output.mkdir(parents=True, exist_ok=True)
    months = dict(zip(("train", "valid", "test"), HERE.months, strict=True))
    if HERE.final is not None:
        months["final"] = HERE.final
    read, trips = {}, {}
    for name, path in months.items():
        raw = taxi.read(path)
        month = features(raw)
        month.to_parquet(output / f"{name}.parquet", index=False)
        read[name], trips[name] = len(raw), len(month)
        print(f"{name:5}  {path.name}  {trips[name]:,} trips")
    summary = {"mlflow": version("mlflow"), "read": read, "trips": trips}
    (output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
