"""A lab of real servers, for as long as the tests of this folder run: they all share one worker."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.util import find_spec

import pytest

from flowcoach import course
from flowcoach.lab import control
from flowcoach.lab.control import Lab
from flowcoach.lab.notes import COLLEAGUE
from flowcoach.lab.plan import Order
from flowcoach.workspace import Workspace
from tests.lab.hands import python
from tests.prove import stage

HELLO = """
import mlflow
from mlflow.models import Model
mlflow.set_experiment("team-server")
with mlflow.start_run(run_name="hello") as run:
    mlflow.log_param("who", "colleague")
    mlflow.log_metric("rmse", 5.4)
    mlflow.log_text("hello", "hello.txt")
    class Five(mlflow.pyfunc.PythonModel):
        def predict(self, model_input: list[str]) -> list[str]:
            return model_input
    mlflow.pyfunc.log_model(name="model", python_model=Five(), registered_model_name="five")
client = mlflow.MlflowClient()
client.set_registered_model_alias("five", "champion", 1)
print(run.info.run_id, client.get_model_version_by_alias("five", "champion").version)
"""


@pytest.fixture(scope="session")
def desk(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which section 2.6 was solved without a lab."""
    folder = tmp_path_factory.mktemp("lab")
    here = stage.copy(prepared, folder / "course")
    stage.run_notebook(stage.solution_notebook(course.section("2.6"), folder), here)
    return here


@pytest.fixture(scope="session")
def team(desk: Workspace) -> Iterator[Lab]:
    """The team's servers, up."""
    if any(find_spec(name) is None for name in control.NEEDS):
        pytest.skip("the extra flowcoach[lab] is not installed")
    lab, keeper = control.up(desk, Order("team"))
    try:
        yield lab
    finally:
        control.end(keeper)
        shutil.rmtree(lab.places.postgres, ignore_errors=True)  # for root, it lies outside of the workspace


@pytest.fixture(scope="session")
def logged(team: Lab) -> str:
    """The id of a run that the colleague logged, with a file and a registered model."""
    done = python(team, COLLEAGUE, HELLO)
    assert done.returncode == 0, done.stderr
    id, version = done.stdout.split()[-2:]
    assert version == "1"
    return id
