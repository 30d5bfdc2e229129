"""One workspace in which models were logged for real, honestly and otherwise; made once, for MLflow takes seconds."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowcoach import taxi, workspace
from flowcoach.evidence import Evidence, Figure
from flowcoach.evidence.discover import gather
from flowcoach.workspace import Workspace
from tests.prove import stage

TRAIN, VALID = "2023-01", "2023-02"
PINNED = ["scikit-learn==1.9.1"]


@dataclass(frozen=True)
class Logged:
    """The workspace, and what the runs in it are for, by name."""

    here: Workspace

    @property
    def evidence(self) -> Evidence:
        """All of it, read anew."""
        return gather(self.here.folder, self.here.own_store)

    def figure(self, name: str, evidence: Evidence) -> Figure:
        """The figure of the run of this name."""
        run = next(run for run in evidence.experiment("models").runs if run.name == name)
        return Figure(run, "rmse", VALID)


@pytest.fixture(scope="session")
def logged(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    here = stage.copy(prepared, tmp_path_factory.mktemp("rescore") / "course")
    with stage.inside(here):
        _log(here)
    return Logged(here)


def _log(here: Workspace) -> None:
    import mlflow
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.feature_extraction import DictVectorizer
    from sklearn.linear_model import LinearRegression, Ridge
    from sklearn.metrics import root_mean_squared_error

    train, valid = (taxi.prepare(taxi.read(path)) for path in here.months[:2])
    mlflow.create_experiment("models", f"{here.artifacts}/models")
    mlflow.set_experiment("models")

    def off(model: Any, features: Any) -> float:
        return float(root_mean_squared_error(valid[taxi.TARGET], model.predict(features)))

    def log(name: str, figure: float, log_model: Callable[[], object] = lambda: None) -> None:
        with mlflow.start_run(run_name=name):
            mlflow.log_metric("rmse", figure)
            log_model()

    forest = taxi.pipeline(RandomForestRegressor(5, max_depth=6, random_state=1), taxi.PAIR)
    forest.fit(train[taxi.PAIR], train[taxi.TARGET])
    honest = off(forest, valid[taxi.PAIR])

    def as_skops() -> None:
        trusted = ["sklearn.tree._tree.Tree"]
        mlflow.sklearn.log_model(forest, name="model", skops_trusted_types=trusted, pip_requirements=PINNED)

    def as_pickle(model: Any = forest) -> None:
        mlflow.sklearn.log_model(model, name="model", serialization_format="cloudpickle", pip_requirements=PINNED)

    log("skops", honest, as_skops)
    log("cloudpickle", honest, as_pickle)
    log("rounded", round(honest, 3), as_pickle)
    log("better than its model", honest - 1, as_pickle)
    log("without a model", honest)
    zones = taxi.pipeline(LinearRegression()).fit(train[taxi.ZONES], train[taxi.TARGET])
    log("of another fit", honest, lambda: as_pickle(zones))

    vectorizer = DictVectorizer()
    given = vectorizer.fit_transform(_records(train))
    bare = Ridge().fit(given, train[taxi.TARGET])

    def pair() -> None:
        (here.folder / "dv.pkl").write_bytes(pickle.dumps(vectorizer))
        mlflow.log_artifact(str(here.folder / "dv.pkl"), "preprocessor")
        (here.folder / "dv.pkl").unlink()
        as_pickle(bare)

    log("model and vectorizer", off(bare, vectorizer.transform(_records(valid))), pair)
    log("vectorizer left behind", 5.0, lambda: as_pickle(bare))


def _records(trips: Any) -> list[dict[str, Any]]:
    return trips[taxi.PAIR].to_dict(orient="records")


@pytest.fixture
def copied(logged: Logged, tmp_path: Path) -> Logged:
    """A copy to spoil."""
    return Logged(stage.copy(logged.here, tmp_path / "course"))


@pytest.fixture
def stranger(logged: Logged, tmp_path: Path) -> Workspace:
    """The same workspace as somebody else's, without the months, which are made anew."""
    copy = stage.copy(logged.here, tmp_path / "stranger")
    workspace.remove(copy.data)
    return copy
