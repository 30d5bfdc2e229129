"""The doctor finds each trouble by its evidence, that one alone, none in a healthy workspace, and changes no byte."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus

from flowcoach import course, workspace
from flowcoach.coach.doctor import TROUBLES, Diagnosis, Patient, examine
from flowcoach.coach.doctor.addresses import UNSET
from flowcoach.coach.start import prepare_store
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace


@pytest.fixture
def well(prepared: Workspace, tmp_path: Path) -> Patient:
    """A healthy workspace: as `flowcoach start` makes it, with a first run in it, and a kernel that is this Python."""
    here = workspace.load(shutil.copytree(prepared.folder, tmp_path / "my course"))
    (here.folder / "mlflow.db").unlink()
    prepare_store(here, prepared.folder / "mlflow.db")
    log(here, "first")
    kernel(tmp_path / "kernels", "flowcoach", sys.executable)
    return Patient(here, here.folder, port=closed_port(), kernels=(tmp_path / "kernels",))


def test_a_healthy_workspace_has_none(well: Patient) -> None:
    assert look(well) == []


def test_every_trouble_is_explained_in_one_sentence() -> None:
    for trouble in TROUBLES:
        assert trouble.sentence.endswith(".")
        assert len(trouble.sentence) < 250, trouble.id
    assert len({trouble.id for trouble in TROUBLES}) == len(TROUBLES)


def test_every_trouble_is_found_in_some_test() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [trouble.id for trouble in TROUBLES if f'["{trouble.id}"]' not in text] == []


def test_a_port_that_another_program_holds_is_found(well: Patient) -> None:
    with serving({}) as port:
        assert look(replace(well, port=port)) == ["port-busy"]


def test_a_ui_of_another_store_is_found(well: Patient) -> None:
    theirs = {"experiments": [{"experiment_id": "0", "name": "Default", "artifact_location": "file:///theirs/0"}]}
    with serving({"/version": "3.17.2", "/api/2.0/mlflow/experiments/search": json.dumps(theirs)}) as port:
        assert look(replace(well, port=port)) == ["two-stores"]


def test_a_ui_of_ones_own_store_is_no_trouble(well: Patient) -> None:
    mine = [
        {"experiment_id": one.experiment_id, "name": one.name, "artifact_location": one.artifact_location}
        for one in client(well.here).search_experiments()
    ]
    with serving(
        {"/version": "3.17.2", "/api/2.0/mlflow/experiments/search": json.dumps({"experiments": mine})}
    ) as port:
        assert look(replace(well, port=port)) == []


def test_a_store_that_is_gone_is_found_and_the_cure_makes_a_new_one(well: Patient) -> None:
    (well.here.folder / "mlflow.db").rename(well.here.folder.parent / "moved.db")
    found = sick(well)
    assert list(found) == ["no-store"]
    type_in(found["no-store"][0].cure.replace("flowcoach", "python -m flowcoach"), well)
    assert look(well) == []


def test_a_terminal_that_names_a_store_that_is_not_there_is_found(well: Patient) -> None:
    found = sick(replace(well, variable=f"sqlite:///{well.here.folder / 'mine.db'}"))
    assert {id: [finding.cure for finding in findings] for id, findings in found.items()} == {"no-store": [UNSET]}


def test_newest_runs_in_another_store_are_found(well: Patient) -> None:
    shutil.copy(well.here.folder / "mlflow.db", well.here.folder / "exercises" / "mlflow.db")
    log(replace(well.here, address="sqlite:///exercises/mlflow.db"), "second")
    assert look(well) == ["two-stores"]


def test_runs_that_a_script_made_elsewhere_are_cured_in_the_terminal_and_those_of_a_notebook_in_it(
    well: Patient,
) -> None:
    shutil.copy(well.here.folder / "mlflow.db", well.here.folder / "exercises" / "mlflow.db")
    elsewhere = replace(well.here, address="sqlite:///exercises/mlflow.db")
    log(elsewhere, "second")
    (cure,) = (finding.cure for finding in sick(well)["two-stores"])
    assert cure.endswith(f'MLFLOW_TRACKING_URI="{well.here.own_store}"')
    (run,) = client(elsewhere).search_runs(["0"], order_by=["start_time DESC"], max_results=1)
    client(elsewhere).set_tag(run.info.run_id, "mlflow.source.name", "/lib/ipykernel_launcher.py")
    (cure,) = (finding.cure for finding in sick(well)["two-stores"])
    assert cure == "mlflow.set_tracking_uri(workspace.find().store)"


def test_runs_in_another_store_are_no_trouble_once_the_work_goes_on_in_ones_own(well: Patient) -> None:
    shutil.copy(well.here.folder / "mlflow.db", well.here.folder / "exercises" / "mlflow.db")
    log(replace(well.here, address="sqlite:///exercises/mlflow.db"), "second")
    log(well.here, "third")
    assert look(well) == []


def test_a_store_that_lies_in_a_folder_of_its_own_is_there_on_purpose(well: Patient, prepared: Workspace) -> None:
    for name in ("empty", "server"):
        (well.here.folder / name).mkdir()
        shutil.copy(prepared.folder / "mlflow.db", well.here.folder / name / "mlflow.db")
    log(replace(well.here, address="sqlite:///server/mlflow.db"), "behind a server")
    assert look(well) == []


def test_an_empty_store_in_a_folder_below_is_found(well: Patient, prepared: Workspace) -> None:
    shutil.copy(prepared.folder / "mlflow.db", well.here.folder / "exercises" / "mlflow.db")
    assert look(well) == ["wrong-folder"]


def test_an_empty_store_where_one_stands_outside_is_found(well: Patient, prepared: Workspace, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(prepared.folder / "mlflow.db", tmp_path / "elsewhere" / "mlflow.db")
    assert look(replace(well, stands_in=tmp_path / "elsewhere")) == ["wrong-folder"]


def test_a_file_store_in_the_way_is_found(well: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    MlflowClient((well.here.folder / "mlruns").as_uri()).create_experiment("of old")
    assert look(well) == ["old-mlruns"]


@pytest.mark.parametrize(
    ("address", "better"),
    [
        ("mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite://mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:/home/ada/mlflow.db", "sqlite:////home/ada/mlflow.db"),
        ("localhost:5000", "http://localhost:5000"),
        ("http:/localhost:5000", "http://localhost:5000"),
    ],
)
def test_a_malformed_address_in_the_terminal_is_found(well: Patient, address: str, better: str) -> None:
    sick = replace(well, variable=address)
    assert look(sick) == ["malformed-address"]
    assert examine(again(sick))[0].findings[0].cure.endswith(f'MLFLOW_TRACKING_URI="{better}"')


def test_a_malformed_address_in_the_settings_is_found(well: Patient) -> None:
    assert look(replace(well, here=replace(well.here, address="mlflow.db"))) == ["malformed-address"]


def test_a_malformed_address_in_a_script_is_found(well: Patient) -> None:
    script(well, 'import mlflow\n\nmlflow.set_tracking_uri("sqlite://mlflow.db")\n')
    assert [finding.where for finding in sick(well)["malformed-address"]] == ["train.py, line 3"]


def test_a_folder_that_came_of_a_malformed_address_is_found(well: Patient) -> None:
    (well.here.folder / "sqlite:").mkdir()
    assert look(well) == ["malformed-address"]


@pytest.mark.parametrize("revision", ["bd07f7e963c5", "ffffffffffff"])
def test_a_store_of_another_version_is_found(well: Patient, revision: str) -> None:
    with closing(sqlite3.connect(well.here.folder / "mlflow.db")) as store, store:
        store.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    assert look(well) == ["schema"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell who holds a lock")
def test_a_store_that_another_program_keeps_to_itself_is_found(well: Patient) -> None:
    code = (
        "import sqlite3, sys; store = sqlite3.connect('mlflow.db', isolation_level=None);"
        "store.execute('BEGIN IMMEDIATE'); print('ready', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, cwd=well.here.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        findings = sick(well)
        other.communicate()
    assert list(findings) == ["locked"]
    assert findings["locked"][0].cure.endswith(str(other.pid))


def test_a_saved_error_of_a_locked_store_is_found(well: Patient) -> None:
    notebook(well, error="(sqlite3.OperationalError) database is locked")
    assert look(well) == ["locked"]


def test_a_deleted_experiment_whose_name_the_course_wants_is_found_and_can_be_cured(well: Patient) -> None:
    id = client(well.here).create_experiment("forest-search")
    client(well.here).delete_experiment(id)
    assert look(well) == ["deleted-experiment"]
    type_in(sick(well)["deleted-experiment"][0].cure, well)
    assert look(well) == []


def test_a_deleted_experiment_that_nobody_asks_for_is_no_trouble(well: Patient) -> None:
    id = client(well.here).create_experiment("an odd try")
    client(well.here).delete_experiment(id)
    assert look(well) == []


def test_a_server_that_refuses_the_host_name_is_found(well: Patient) -> None:
    refusal = "Invalid Host header - possible DNS rebinding attack detected"
    with serving({"/api/2.0/mlflow/experiments/search": refusal}, status=403) as port:
        assert look(at_server(well, port)) == ["host-refused"]


def test_a_server_that_is_down_is_found(well: Patient) -> None:
    assert look(at_server(well, closed_port())) == ["server-down"]


def test_a_terminal_that_does_not_know_the_store_is_found(well: Patient) -> None:
    (well.here.folder / "mlflow.db").rename(well.here.folder / "runs.db")
    assert look(replace(well, here=replace(well.here, address="sqlite:///runs.db"))) == ["address-unset"]


@pytest.mark.parametrize(
    "location", ["file:///gone/course/mlartifacts/trips", "file:///C:/ada/mlartifacts/trips", "./mlruns/1"]
)
def test_files_that_are_elsewhere_are_found_and_the_cure_brings_them_here(well: Patient, location: str) -> None:
    experiment = client(well.here).create_experiment("trips", artifact_location="file:///gone/course/mlartifacts/trips")
    run = client(well.here).create_run(experiment)
    client(well.here).set_terminated(run.info.run_id)
    with closing(sqlite3.connect(well.here.folder / "mlflow.db")) as store, store:
        store.execute("UPDATE experiments SET artifact_location = ? WHERE name = 'trips'", (location,))
    assert look(well) == ["moved-artifacts"]
    type_in(sick(well)["moved-artifacts"][0].cure, well)
    assert look(well) == []


def test_autolog_after_the_fit_is_found(well: Patient) -> None:
    code = "with mlflow.start_run():\n    model.fit(X, y)\n    mlflow.sklearn.autolog()\n"
    script(well, f"import mlflow\n{code}")
    assert look(well) == ["autolog-too-late"]


@pytest.mark.parametrize(
    "code",
    [
        "mlflow.autolog()\nmodel.fit(X, y)\n",
        "model.fit(X, y)\nmlflow.sklearn.autolog()\nother.fit(X, y)\n",
        "def train():\n    model.fit(X, y)\n\nmlflow.sklearn.autolog()\ntrain()\n",
        "mlflow.sklearn.autolog()\nmodel.fit(X, y)\nmlflow.sklearn.autolog(disable=True)\n",
    ],
)
def test_autolog_in_time_is_no_trouble(well: Patient, code: str) -> None:
    script(well, f"import mlflow\n{code}")
    assert look(well) == []


def test_a_run_that_was_killed_under_autolog_is_found_and_can_be_cured(well: Patient) -> None:
    run = client(well.here).create_run("0", start_time=int(time.time() * 1000), run_name="dense")
    client(well.here).set_tag(run.info.run_id, "estimator_class", "sklearn.linear_model.Lasso")
    assert look(well) == ["killed-under-autolog"]
    type_in(sick(well)["killed-under-autolog"][0].cure.partition(", and")[0], well)
    assert look(well) == []


def test_a_run_at_which_somebody_is_still_at_work_is_no_trouble(well: Patient) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], cwd=well.here.folder, stdin=subprocess.PIPE) as other:
        run = client(well.here).create_run("0", start_time=int(time.time() * 1000) + 1000, run_name="at work")
        client(well.here).set_tag(run.info.run_id, "estimator_class", "sklearn.linear_model.Lasso")
        assert look(well) == []
        other.communicate(b"\n")


def test_a_model_that_was_left_failed_is_found(well: Patient) -> None:
    model(well.here, LoggedModelStatus.FAILED)
    assert look(well) == ["untrusted-types"]


def test_a_failed_model_that_was_logged_again_is_no_trouble(well: Patient) -> None:
    model(well.here, LoggedModelStatus.FAILED)
    model(well.here, LoggedModelStatus.READY)
    assert look(well) == []


def test_trials_without_parameters_are_found(well: Patient) -> None:
    trials(well.here, with_params=False)
    assert look(well) == ["no-parameters"]


def test_trials_that_were_repeated_with_parameters_are_no_trouble(well: Patient) -> None:
    trials(well.here, with_params=False)
    trials(well.here, with_params=True)
    assert look(well) == []


def test_lasso_on_the_matrix_of_a_dictvectorizer_is_found(well: Patient) -> None:
    script(well, "X = DictVectorizer().fit_transform(rows)\nLasso(0.1).fit(X, y)\n")
    assert look(well) == ["sparse-indices"]


@pytest.mark.parametrize(
    "code",
    [
        "rmse = mean_squared_error(y, p, squared=False)",
        'mlflow.sklearn.log_model(model, artifact_path="model")',
        "client.list_experiments()",
    ],
)
def test_what_was_removed_is_found(well: Patient, code: str) -> None:
    script(well, code)
    assert look(well) == ["removed"]


@pytest.mark.parametrize(
    ("error", "id"),
    [
        ("Only sparse matrices with 32-bit integer indices are accepted.", ["sparse-indices"]),
        ("The saved sklearn model references untrusted types. ['sklearn.tree._tree.Tree']", ["untrusted-types"]),
        ("Run with UUID 0a1b is already active. To start a new run, …", ["run-still-active"]),
        ("Changing param values is not allowed. Param with key='alpha'", ["parameter-changed"]),
        ("No module named 'mlflow'", ["wrong-kernel"]),
    ],
)
def test_an_error_that_a_notebook_keeps_is_found(well: Patient, error: str, id: list[str]) -> None:
    notebook(well, error=error)
    assert look(well) == id


def test_a_malformed_model_address_is_found(well: Patient) -> None:
    script(well, 'mlflow.register_model(f"runs/{run_id}/model", "taxi")\n')
    assert look(well) == ["model-address"]


def test_a_version_without_a_model_is_found(well: Patient) -> None:
    run = log(well.here, "without a model")
    client(well.here).create_registered_model("taxi")
    client(well.here).create_model_version("taxi", f"runs:/{run}/models", run)
    assert look(well) == ["model-address"]


def test_a_kernel_that_jupyter_does_not_know_is_found(well: Patient, tmp_path: Path) -> None:
    assert look(replace(well, kernels=(tmp_path / "none",))) == ["wrong-kernel"]


def test_a_kernel_whose_python_is_gone_is_found(well: Patient, tmp_path: Path) -> None:
    kernel(tmp_path / "other", "flowcoach", str(tmp_path / "gone" / "bin" / "python"))
    assert look(replace(well, kernels=(tmp_path / "other",))) == ["wrong-kernel"]


def test_a_kernel_without_mlflow_is_found(well: Patient, tmp_path: Path) -> None:
    python = tmp_path / "env" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    kernel(tmp_path / "other", "flowcoach", str(python))
    assert look(replace(well, kernels=(tmp_path / "other",))) == ["wrong-kernel"]


def test_what_cannot_be_looked_at_is_said(well: Patient) -> None:
    (well.here.folder / "mlflow.db").write_bytes(b"SQLite format 3\0 and no more")
    with pytest.raises(Problem, match="damaged"):
        examine(well)


def test_the_courses_own_code_has_no_trouble(well: Patient) -> None:
    for kind in ("modules", "solutions"):
        for path in (course.root() / kind).glob("*/*.py"):
            shutil.copy(path, well.here.folder / f"{kind}-{path.parent.name}-{path.name}".replace(".", "_", 1))
    assert look(well) == []


def look(patient: Patient) -> list[str]:
    """The ids of the troubles that are found."""
    return list(sick(patient))


def sick(patient: Patient) -> dict[str, tuple[Any, ...]]:
    """The findings of a fresh look, by trouble; the look changes nothing."""
    before = state(patient.here.folder)
    diagnoses: tuple[Diagnosis, ...] = examine(again(patient))
    assert state(patient.here.folder) == before
    return {diagnosis.id: diagnosis.findings for diagnosis in diagnoses}


def again(patient: Patient) -> Patient:
    """The same patient, of whom nothing is known yet."""
    return replace(patient)


def state(folder: Path) -> dict[str, tuple[int, str]]:
    """Every file and folder, with its time and its bytes."""
    return {
        str(path): (
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in (folder, *folder.rglob("*"))
    }


def client(here: Workspace) -> MlflowClient:
    return MlflowClient(here.own_store)


def log(here: Workspace, name: str, experiment: str = "0", **params: str) -> str:
    """Log a finished run with a metric; its id comes back."""
    run = client(here).create_run(experiment, run_name=name)
    client(here).log_metric(run.info.run_id, "rmse", 6.5)
    for key, text in params.items():
        client(here).log_param(run.info.run_id, key, text)
    client(here).set_terminated(run.info.run_id)
    return run.info.run_id


def model(here: Workspace, status: LoggedModelStatus) -> None:
    """Leave a logged model in this state."""
    run = log(here, "with a model")
    made = client(here).create_logged_model("0", "model", run)
    client(here).finalize_logged_model(made.model_id, status)


def trials(here: Workspace, *, with_params: bool) -> None:
    """Log five trials of a search."""
    found = client(here).get_experiment_by_name("my-tuning")
    experiment = found.experiment_id if found else client(here).create_experiment("my-tuning", f"{here.artifacts}/my")
    for number in range(5):
        log(here, f"trial-{number}", experiment, **({"max_depth": str(number)} if with_params else {}))


def script(patient: Patient, code: str) -> None:
    (patient.here.folder / "train.py").write_text(code, encoding="utf-8")


def notebook(patient: Patient, *, error: str) -> None:
    """Leave a notebook with one cell, which ended with this error."""
    output = {"output_type": "error", "ename": "Error", "evalue": error, "traceback": []}
    cell = {"cell_type": "code", "source": ["pass"], "outputs": [output], "metadata": {}, "execution_count": 1}
    text = json.dumps({"cells": [cell], "metadata": {"kernelspec": {"name": "flowcoach"}}, "nbformat": 4})
    (patient.here.folder / "mine.ipynb").write_text(text, encoding="utf-8")


def kernel(folder: Path, name: str, python: str) -> None:
    """Register a kernel in this folder."""
    (folder / name).mkdir(parents=True)
    (folder / name / "kernel.json").write_text(json.dumps({"argv": [python, "-m", "ipykernel_launcher"]}))


def type_in(command: str, patient: Patient) -> None:
    """Type a cure into a shell that stands in the workspace."""
    assert command.startswith("python ")
    subprocess.run(
        command.replace("python", f'"{sys.executable}"', 1), cwd=patient.here.folder, shell=True, check=True, text=True
    )


def at_server(patient: Patient, port: int) -> Patient:
    address = f"http://127.0.0.1:{port}"
    return replace(patient, here=replace(patient.here, address=address), variable=address)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(pages: dict[str, str], *, status: int = 200) -> Iterator[int]:
    """A server that answers these paths, and 404 to others; its port comes back."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = pages.get(self.path.partition("?")[0])
            self.send_response(404 if text is None else status)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, format: str, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
