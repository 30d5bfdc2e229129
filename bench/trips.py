"""Synthetic trips against real ones: errors of models, time to make a month."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowcoach import taxi

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

SHARED = Path(__file__).parents[2] / "shared" / "tlc"
MONTHS = ((2023, 1), (2023, 2), (2023, 3))  # to train on, to validate on, to test on
TRIPS = 66_000
FEATURES = {"zones": taxi.ZONES, "pair": taxi.PAIR}
CLOSE = 0.10

# Validation and test RMSE in minutes on the published months, from ../shared/tlc/statistics.md; the forest has
# depth 10 and 20 trees, XGBoost its defaults.
RECORDED: dict[tuple[str, str], tuple[float, float]] = {
    ("zones", "LinearRegression"): (7.355, 7.589),
    ("zones", "Lasso(0.01)"): (7.741, 8.000),
    ("zones", "Ridge(1)"): (7.352, 7.586),
    ("zones", "random forest"): (5.270, 5.517),
    ("zones", "XGBoost"): (5.061, 5.331),
    ("pair", "LinearRegression"): (6.039, 6.244),
    ("pair", "Lasso(0.01)"): (8.231, 8.480),
    ("pair", "Ridge(1)"): (6.010, 6.231),
    ("pair", "random forest"): (5.433, 5.661),
    ("pair", "XGBoost"): (5.361, 5.615),
}


def model(name: str) -> Any:
    """Return the untrained regressor of this name."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import Lasso, LinearRegression, Ridge
    from xgboost import XGBRegressor

    return {
        "LinearRegression": LinearRegression(),
        "Lasso(0.01)": Lasso(0.01),
        "Ridge(1)": Ridge(1),
        "random forest": RandomForestRegressor(20, max_depth=10, random_state=0, n_jobs=2),
        "XGBoost": XGBRegressor(n_jobs=2),
    }[name]


def rmse(name: str, features: str, months: Iterable[pd.DataFrame]) -> tuple[float, float]:
    """Return validation and test RMSE of a model that learns from the first of three prepared months."""
    from sklearn.metrics import root_mean_squared_error

    columns = FEATURES[features]
    train, *others = months
    trained = taxi.pipeline(model(name), columns).fit(train[columns], train[taxi.TARGET])
    valid, test = (root_mean_squared_error(other[taxi.TARGET], trained.predict(other[columns])) for other in others)
    return valid, test


def synthetic() -> list[pd.DataFrame]:
    """Return three synthetic months of the size of real ones, prepared."""
    return [taxi.prepare(taxi.month(year, month, trips=TRIPS)) for year, month in MONTHS]


def published() -> list[pd.DataFrame] | None:
    """Return the three published months, prepared, if they are at hand."""
    paths = [SHARED / taxi.file_name(year, month) for year, month in MONTHS]
    return [taxi.prepare(taxi.read(path)) for path in paths] if all(path.is_file() for path in paths) else None


def run(console: Console) -> None:
    """Print the errors of every model on synthetic and real trips with their ratios, then the times."""
    _errors(console)
    _times(console)


def _errors(console: Console) -> None:
    from rich import box
    from rich.table import Table

    made, real = synthetic(), published()
    title = (
        f"RMSE in minutes: {TRIPS:,} synthetic trips a month, the published months of 2023\nas recorded, and again now"
    )
    table = Table("on", "model", "month", title=title, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for heading in ("synthetic", "recorded", "ratio", "now", "ratio"):
        table.add_column(heading, justify="right")
    ratios = []
    for (features, name), recorded in RECORDED.items():
        found = rmse(name, features, made)
        now = rmse(name, features, real) if real else (None, None)
        for month, one, *others in zip(("valid", "test"), found, recorded, now, strict=True):
            ratios += [one / other for other in others if other]
            compared = [text for other in others if other for text in (f"{other:.3f}", f"{one / other:.3f}")]
            table.add_row(features, name, month, f"{one:.3f}", *compared)
    console.print(table)
    if not real:
        console.print("The published months are not in ../shared/tlc, so nothing is measured on them now.")
    farthest = max(ratios, key=lambda ratio: abs(ratio - 1))
    word = "within" if abs(farthest - 1) <= CLOSE else "NOT within"
    console.print(f"All ratios are {word} {CLOSE:.0%} of 1; the farthest is {farthest:.3f}.")


def _times(console: Console) -> None:
    import pandas  # noqa: F401  (what importing costs is not what is measured)
    from rich.table import Table

    three = _seconds(lambda: [taxi.month(year, month) for year, month in MONTHS])
    table = Table("best of five, imports left out", "seconds", "against reading", title="What a month costs")
    path = SHARED / taxi.file_name(*MONTHS[0])
    reading = _seconds(lambda: taxi.read(path)) if path.is_file() else None
    rows = {
        "three synthetic months of 6,000 trips": three,
        f"one synthetic month of {TRIPS:,} trips": _seconds(lambda: taxi.month(*MONTHS[0], trips=TRIPS)),
        f"reading {path.name}": reading,
    }
    for what, seconds in rows.items():
        if seconds is not None:
            table.add_row(what, f"{seconds:.3f}", f"{seconds / reading:.2f}" if reading else "")
    console.print(table)


def _seconds(work: Callable[[], object]) -> float:
    """Return the shortest of five times."""
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return min(times)
