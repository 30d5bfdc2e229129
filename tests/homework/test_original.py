"""On the real months our preprocessing, forest and search give the figures that the original course publishes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from flowcoach import course, taxi, workspace
from flowcoach.workspace import Workspace
from tests.prove import stage

TLC = Path(__file__).parents[3] / "shared" / "tlc"
SECTION = course.section("2.7")

pytestmark = [
    pytest.mark.skipif(not TLC.is_dir(), reason="the real months are not here: ../shared/tlc"),
    pytest.mark.timeout(600),
]


@dataclass(frozen=True)
class Months:
    """The three months as the homework's first script left them, encoded once for all forests."""

    output: Path
    features: Mapping[str, Any]
    durations: Mapping[str, np.ndarray]

    def off(self, forest: Any, month: str) -> float:
        """The RMSE of a forest on a month, in minutes."""
        error = forest.predict(self.features[month]) - self.durations[month]
        return float(np.sqrt(np.mean(error**2)))

    def forest(self, **knobs: Any) -> Any:
        """A forest of these settings, trained on the training month."""
        from sklearn.ensemble import RandomForestRegressor

        return RandomForestRegressor(**knobs, n_jobs=-1).fit(self.features["train"], self.durations["train"])


@pytest.fixture(scope="module")
def months(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Months:
    here = stage.copy(prepared, tmp_path_factory.mktemp("original") / "course")
    settings = here.folder / workspace.SETTINGS
    settings.write_text(f'learner = "prove"\n[data]\nfolder = "{TLC.as_posix()}"\n', encoding="utf-8")
    stage.hand_out(SECTION, here)
    with stage.inside(here):
        assert stage.run_script(here.folder / "homework" / "preprocess_data.py", []) == 0
    output = here.folder / "homework" / "output"
    trips = {name: pd.read_parquet(output / f"{name}.parquet") for name in ("train", "valid", "test")}
    encoder = taxi.pipeline(None, taxi.PAIR)[:-1].fit(trips["train"][taxi.PAIR])
    return Months(
        output,
        {name: encoder.transform(month[taxi.PAIR]) for name, month in trips.items()},
        {name: month[taxi.TARGET].to_numpy() for name, month in trips.items()},
    )


def test_preprocessing_keeps_the_published_trips_in_four_files(months: Months) -> None:
    assert len(list(months.output.iterdir())) == 4
    summary = json.loads((months.output / "summary.json").read_text(encoding="utf-8"))
    assert summary["trips"] == {"train": 65_946, "valid": 62_574, "test": 69_392}
    assert months.features["train"].shape == (65_946, 5_702)


def test_the_forest_of_depth_ten_has_the_published_figure(months: Months) -> None:
    assert months.off(months.forest(max_depth=10, random_state=0), "valid") == pytest.approx(5.4312, abs=5e-5)


def test_the_original_search_ends_at_the_published_trial(months: Months) -> None:
    """Its space, its seed and its library: hyperopt is here for this comparison only."""
    from hyperopt import Trials, fmin, hp, tpe
    from hyperopt.pyll import scope

    tried: list[tuple[float, dict[str, Any]]] = []

    def objective(knobs: dict[str, Any]) -> float:
        tried.append((months.off(months.forest(**knobs), "valid"), knobs))
        return tried[-1][0]

    fmin(
        objective,
        {
            "max_depth": scope.int(hp.quniform("max_depth", 1, 20, 1)),
            "n_estimators": scope.int(hp.quniform("n_estimators", 10, 50, 1)),
            "min_samples_split": scope.int(hp.quniform("min_samples_split", 2, 10, 1)),
            "min_samples_leaf": scope.int(hp.quniform("min_samples_leaf", 1, 4, 1)),
            "random_state": 42,
        },
        algo=tpe.suggest,
        max_evals=15,
        trials=Trials(),
        rstate=np.random.default_rng(42),
        show_progressbar=False,
    )
    figure, knobs = min(tried, key=lambda pair: pair[0])
    assert figure == pytest.approx(5.335, abs=5e-4)
    assert months.off(months.forest(**knobs), "test") == pytest.approx(5.567, abs=5e-4)
