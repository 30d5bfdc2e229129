"""The portfolio: one file that loads nothing, honest about what it shows, and safe whatever stands in the store."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
import time
from contextlib import closing
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from mlflow import MlflowClient

from flowcoach import workspace
from flowcoach.coach.portfolio import write
from flowcoach.coach.portfolio.page import anonymous
from flowcoach.coach.start import prepare_store
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace
from tests.prove import stage

VOID = {"meta", "br", "hr", "img", "link", "input", "use", "path"}
HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>"


@pytest.fixture
def here(prepared: Workspace, tmp_path: Path) -> Workspace:
    """A new learner's workspace."""
    made = workspace.load(shutil.copytree(prepared.folder, tmp_path / "course"))
    (made.folder / "mlflow.db").unlink()
    prepare_store(made, prepared.folder / "mlflow.db")
    return made


@pytest.fixture(scope="module")
def registered(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with a search of eight trials, and a model in two versions. Only to be looked at."""
    import mlflow.sklearn
    import pandas as pd
    from mlflow.data.pandas_dataset import from_pandas
    from mlflow.models import infer_signature
    from sklearn.linear_model import LinearRegression

    here = workspace.load(shutil.copytree(prepared.folder, tmp_path_factory.mktemp("registered") / "course"))
    (here.folder / "mlflow.db").unlink()
    prepare_store(here, prepared.folder / "mlflow.db")
    for number in range(8):
        log(here, "search", f"trial-{number}", {"rmse": 6.5 - number / 10}, {"max_depth": str(number), "model": "tree"})
    trips = pd.DataFrame({"trip_distance": [1.0, 2.0, 4.0], "duration": [5.0, 8.0, 15.0]})
    with stage.inside(here):
        mlflow.create_experiment("final", artifact_location=f"{here.artifacts}/final")
        mlflow.set_experiment("final")
        for _ in range(2):
            with mlflow.start_run(run_name="line", tags={"mlflow.source.git.commit": "0123456789abcdef"}):
                model = LinearRegression().fit(trips[["trip_distance"]], trips["duration"])
                mlflow.log_input(from_pandas(trips, name="january"), context="training")
                mlflow.log_metric("rmse", 5.25)
                mlflow.sklearn.log_model(
                    model,
                    name="model",
                    serialization_format="cloudpickle",
                    pip_requirements=["scikit-learn==1.7.0"],
                    signature=infer_signature(trips[["trip_distance"]], trips["duration"]),
                    registered_model_name="taxi-duration",
                )
        version = MlflowClient().get_model_version("taxi-duration", "2")
        logged = MlflowClient().get_run(version.run_id or "").outputs
        assert logged is not None
        for output in logged.model_outputs:
            with mlflow.start_run(run_name="unseen"):
                february = from_pandas(trips * 2, name="february")
                mlflow.log_metric("test_rmse", 5.5, model_id=output.model_id, dataset=february)
        MlflowClient().set_registered_model_alias("taxi-duration", "champion", "2")
        MlflowClient().update_registered_model("taxi-duration", description="Minutes of a trip.")
    return here


def test_it_shows_the_learners_models_with_all_that_is_known_of_them(registered: Workspace) -> None:
    text = words(page(registered))
    assert "champion: version 2" in text
    assert "Minutes of a trip." in text
    assert "takes trip_distance double" in text
    assert "data january" in text
    assert "rmse 5.25" in text
    assert "test_rmse 5.5 on february" in text
    assert "commit 0123456789ab" in text
    assert "scikit-learn==1.7.0" in text
    assert "1 other version" in text


def test_it_shows_experiments_with_plots_of_the_runs(registered: Workspace) -> None:
    text = page(registered)
    assert "8 runs with rmse" in words(text)
    assert "best run trial-7" in words(text)
    assert re.findall(r'aria-label="([^"]*8 runs[^"]*)"', text) == [
        "rmse of 8 runs, in the order they were made; the best is 5.8"
    ]
    assert 'aria-label="rmse of the runs against max_depth"' in text


def test_figures_of_different_data_run_no_race(registered: Workspace, tmp_path: Path) -> None:
    here = copy(registered, tmp_path)
    (first, second) = MlflowClient(here.own_store).search_logged_models([experiment(here, "final")])
    for number in range(6):
        measured(here, "unseen", f"look-{number}", 6.0 - number / 10, first.model_id, ("february", "one"))
    text = words(page(here))
    assert "best run look-5" in text
    measured(here, "unseen", "another", 1.5, second.model_id, ("march", "two"))
    text = words(page(here))
    assert "best run look-5" not in text
    assert "best run another" not in text
    assert "look-5 " in text
    assert re.search(r"another \(\w+\) 1\.5 march", text)
    assert "Measured on different data" in text
    assert "7 runs, in the order" not in page(here)


def test_a_card_opens_with_the_champion_then_with_other_aliases(registered: Workspace, tmp_path: Path) -> None:
    here = copy(registered, tmp_path)
    client = MlflowClient(here.own_store)
    client.set_registered_model_alias("taxi-duration", "champion", "1")
    assert re.search(r"champion: version 1 .*?version 1 · champion.*?1 other version", words(page(here)))
    client.delete_registered_model_alias("taxi-duration", "champion")
    client.set_registered_model_alias("taxi-duration", "old", "1")
    assert re.search(r"version 1 · old.*?1 other version", words(page(here)))
    for _ in range(12):
        client.create_model_version("taxi-duration", "runs:/none/model")
    assert "version 1 · old" in words(page(here))


def test_the_kernels_launcher_is_called_a_notebook(registered: Workspace, tmp_path: Path) -> None:
    here = copy(registered, tmp_path)
    client = MlflowClient(here.own_store)
    run = client.get_model_version("taxi-duration", "2").run_id or ""
    client.set_tag(run, "mlflow.source.name", "/lib/python/site-packages/ipykernel_launcher.py")
    assert "code a notebook" in words(page(here))
    assert "launcher" not in page(here)


def test_it_says_that_figures_are_as_logged(registered: Workspace) -> None:
    assert "basis logged: figures are as they were logged; nothing was trained again" in words(page(registered))


def test_it_loads_nothing_from_anywhere(registered: Workspace) -> None:
    text = page(registered)
    found = Elements(text)
    assert not {"script", "link", "img", "iframe", "object", "embed", "base", "image", "form"} & set(found.names)
    assert all(value.startswith("#") for name, value in found.attributes if name in ("href", "xlink:href", "src"))
    assert not re.search(r"@import|url\((?!#)", text)
    assert "http" not in text


def test_it_is_whole_html_with_ids_that_are_there_once(registered: Workspace) -> None:
    found = Elements(page(registered))
    ids = [value for name, value in found.attributes if name == "id"]
    assert found.open == []
    assert len(ids) == len(set(ids))
    assert found.names.count("h1") == found.names.count("main") == 1
    assert all(label in ids for name, label in found.attributes if name == "aria-labelledby")


def test_its_colours_follow_the_reader(registered: Workspace) -> None:
    text = page(registered)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    drawings = "".join(re.findall(r"<svg.*?</svg>", text, flags=re.DOTALL))
    assert "currentColor" in drawings
    assert not re.search(r"(fill|stroke): #", drawings)


def test_whatever_a_store_says_stays_text(here: Workspace) -> None:
    for number in range(6):
        log(here, HOSTILE, HOSTILE, {"rmse": 5.0 + number}, {"depth": str(number), "data": HOSTILE})
    client = MlflowClient(here.own_store)
    client.create_registered_model("taxi", description=HOSTILE)
    client.create_model_version("taxi", "runs:/none/model", description=HOSTILE, tags={"reason": HOSTILE})
    with closing(sqlite3.connect(here.folder / "mlflow.db")) as store, store:
        store.execute("UPDATE params SET key = ? WHERE key = 'depth'", (f"$x_{HOSTILE}",))
        store.execute("UPDATE latest_metrics SET key = ?", (f"{HOSTILE}_rmse",))
        store.execute("UPDATE registered_models SET name = ?", (HOSTILE,))
        store.execute("UPDATE model_versions SET name = ?", (HOSTILE,))
        store.execute("UPDATE model_version_tags SET name = ?", (HOSTILE,))
    found = Elements(page(here))
    assert "script" not in found.names
    assert "img" not in found.names
    assert not any(name.startswith("on") for name, _ in found.attributes)
    assert found.open == []


def test_nothing_on_it_tells_who_somebody_is_or_where_their_files_lie(here: Workspace) -> None:
    params = {
        "path": "/home/ada-login/trips.parquet",
        "mac": "/Users/ada-login/x",
        "own": f"{here.folder}/data/x.parquet",
    }
    run = log(here, "mine", "first", {"rmse": 5.0}, params)
    client = MlflowClient(here.own_store)
    client.create_registered_model("taxi")
    client.create_model_version("taxi", f"runs:/{run}/model", run)
    client.set_tag(run, "mlflow.source.name", "C:\\Users\\ada-login\\train.py")
    text = page(here)
    assert "ada-login" not in text
    assert str(here.folder.parent) not in text
    assert "./data/x.parquet" in text


def test_a_home_that_is_the_root_takes_no_slash_away(here: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    monkeypatch.setenv("USERPROFILE", "C:\\")
    assert anonymous("a/b", here.folder) == "a/b"


def test_what_the_courses_scripts_or_other_people_logged_is_left_out(here: Workspace) -> None:
    theirs = log(here, "given", "run of a script", {"rmse": 1.0}, {})
    MlflowClient(here.own_store).set_tag(theirs, "mlflow.source.name", "/course/modules/2.3-experiment-tracking/run.py")
    others = log(here, "given", "run of a colleague", {"rmse": 2.0}, {})
    MlflowClient(here.own_store).set_tag(others, "mlflow.user", "a colleague")
    assert "No run of my own has a figure yet" in words(page(here))


def test_other_stores_of_the_workspace_are_no_work_of_the_learners(here: Workspace) -> None:
    log(here, "mine", "first", {"rmse": 5.0}, {})
    (here.folder / "backup").mkdir()
    shutil.copy(here.folder / "mlflow.db", here.folder / "backup" / "mlflow.db")
    backup = replace(here, address="sqlite:///backup/mlflow.db")
    log(backup, "thrown away", "second", {"rmse": 1.0}, {})
    MlflowClient(backup.own_store).create_registered_model("forgotten")
    MlflowClient(backup.own_store).create_model_version("forgotten", "runs:/none/model")
    text = words(page(here))
    assert "mine" in text
    assert "thrown away" not in text
    assert "forgotten" not in text


def test_a_model_of_which_every_version_is_somebody_elses_is_left_out(here: Workspace) -> None:
    client = MlflowClient(here.own_store)
    for name, user in (("taxi-theirs", "a colleague"), ("taxi-mine", "")):
        run = log(here, "given", "run", {"rmse": 2.0}, {})
        client.set_tag(run, "mlflow.user", user)
        client.create_registered_model(name)
        client.create_model_version(name, f"runs:/{run}/model", run)
    text = words(page(here))
    assert "taxi-mine" in text
    assert "taxi-theirs" not in text


def test_an_empty_workspace_gets_a_kind_page(here: Workspace) -> None:
    text = words(page(here))
    assert "that is how every portfolio begins" in text
    assert "No model is registered yet" in text


def test_it_names_the_commit_of_the_workspace(here: Workspace) -> None:
    for words_ in (["init", "-q"], ["add", "flowcoach.toml"], ["commit", "-q", "-m", "Begin"]):
        identity = ["-c", "user.name=learner", "-c", "user.email=learner@example.org"]
        subprocess.run(["git", *identity, *words_], cwd=here.folder, check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=here.folder, check=True, capture_output=True, text=True)
    assert f"{commit.stdout.strip()}" in page(here)


def test_it_does_not_take_the_commit_of_a_repository_around_it(here: Workspace) -> None:
    subprocess.run(["git", "init", "-q"], cwd=here.folder.parent, check=True)
    assert "commit of the workspace" not in page(here)


@pytest.mark.parametrize("name", ["mlflow.db", "nowhere/portfolio.html", "exercises"])
def test_it_is_never_written_over_something_else(here: Workspace, name: str) -> None:
    with pytest.raises(Problem):
        write(here, here.folder / name)
    assert (here.folder / "mlflow.db").read_bytes().startswith(b"SQLite format 3\0")


def page(here: Workspace) -> str:
    """The portfolio's text; it is written outside the workspace, and nothing in that changes."""
    before = {path: path.stat().st_mtime_ns for path in here.folder.rglob("*")}
    path = here.folder.parent / "portfolio.html"
    write(here, path)
    assert {path: path.stat().st_mtime_ns for path in here.folder.rglob("*")} == before
    return path.read_text(encoding="utf-8")


def log(here: Workspace, experiment: str, name: str, metrics: dict[str, float], params: dict[str, str]) -> str:
    """Log a finished run; its id comes back."""
    client = MlflowClient(here.own_store)
    found = client.get_experiment_by_name(experiment)
    id = found.experiment_id if found else client.create_experiment(experiment, artifact_location=f"{here.artifacts}/x")
    run = client.create_run(id, run_name=name, start_time=int(time.time() * 1000))
    for key, value in metrics.items():
        client.log_metric(run.info.run_id, key, value)
    for key, text in params.items():
        client.log_param(run.info.run_id, key, text)
    client.set_terminated(run.info.run_id)
    return run.info.run_id


def copy(here: Workspace, folder: Path) -> Workspace:
    """The same workspace in another folder, to be changed."""
    return workspace.load(shutil.copytree(here.folder, folder / "course"))


def experiment(here: Workspace, name: str) -> str:
    found = MlflowClient(here.own_store).get_experiment_by_name(name)
    assert found is not None
    return found.experiment_id


def measured(here: Workspace, name: str, run_name: str, rmse: float, model: str, data: tuple[str, str]) -> None:
    """Log a run that measures a model on data of this name and digest."""
    run = log(here, name, run_name, {}, {})
    dataset, digest = data
    MlflowClient(here.own_store).log_metric(
        run, "rmse", rmse, model_id=model, dataset_name=dataset, dataset_digest=digest
    )


def words(text: str) -> str:
    """What one reads on a page, without its drawings, with single blanks."""
    body = re.sub(r"<(svg|style).*?</\1>", "", text, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]*>", " ", body.replace("&nbsp;", " ")).split())


class Elements(HTMLParser):
    """The elements and attributes of a page; `open` are those that were not closed, or not in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()
