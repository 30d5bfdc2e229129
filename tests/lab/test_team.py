"""The team's set-up on real servers: PostgreSQL, an S3 store, and MLflow's server with logins before both."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psutil
import pytest

from flowcoach import course
from flowcoach.lab import bucket, control, notes, postgres
from flowcoach.lab.control import Lab
from flowcoach.lab.notes import ADMIN, COLLEAGUE, LEARNER
from flowcoach.lab.plan import Order
from flowcoach.problem import Problem
from flowcoach.result import State
from tests.lab.conftest import LONG, lines_of, started_by, until

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


def python(lab: Lab, account: str, text: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script in the workspace, logged in to the lab as `account`, without waiting long for a server."""
    variables = {**lab.environment(account), "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", **more}
    return subprocess.run(
        [sys.executable, "-c", text, *arguments],
        cwd=lab.places.workspace.folder,
        env=variables,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def ask(
    lab: Lab, path: str, account: str | None = None, password: str | None = None, **headers: str
) -> tuple[int, str]:
    """The status and the words with which the server answers."""
    if account is not None:
        pair = f"{account}:{lab.secrets.passwords[account] if password is None else password}"
        headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(lab.state.address + path, headers=headers), timeout=30
        ) as it:
            return it.status, it.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode(errors="replace")


def listeners() -> list[tuple[str, int, int | None]]:
    """Host, port and process of everything that listens on this machine."""
    found = [one for one in psutil.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return [(one.laddr[0], one.laddr[1], one.pid) for one in found if one.laddr]


@pytest.fixture(scope="module")
def logged(team: Lab) -> str:
    """The id of a run that the colleague logged, with a file and a registered model."""
    done = python(team, COLLEAGUE, HELLO)
    assert done.returncode == 0, done.stderr
    id, version = done.stdout.split()[-2:]
    assert version == "1"
    return id


class TestWhatItTakes:
    def test_all_processes_together_stay_below_a_gigabyte_and_a_half(
        self, team: Lab, logged: str, record_property: Callable[[str, object], None]
    ) -> None:
        processes = [*started_by(team), psutil.Process(team.state.keeper)]
        taken = sum(getattr(one.memory_full_info(), "pss", one.memory_info().rss) for one in processes)
        record_property("megabytes of the lab's team set-up", taken // 2**20)
        assert taken < 1.5 * 2**30

    def test_it_listens_on_this_machine_only(self, team: Lab) -> None:
        ids = {one.pid for one in started_by(team)}
        listening = {host for host, _, pid in listeners() if pid in ids}
        assert listening == {"127.0.0.1"}

    @pytest.mark.skipif(os.name != "posix", reason="Windows keeps rights on files in another way")
    def test_nobody_else_may_read_its_secrets(self, team: Lab) -> None:
        assert team.places.own.stat().st_mode & 0o077 == 0
        assert (team.places.own / "secrets.json").stat().st_mode & 0o077 == 0

    def test_no_secret_stands_in_a_command_line(self, team: Lab) -> None:
        known = [*team.secrets.passwords.values(), team.secrets.postgres, team.secrets.s3_secret, team.secrets.session]
        said = " ".join(word for one in started_by(team) for word in one.cmdline())
        assert [secret for secret in known if secret in said] == []


class TestWhereBytesLie:
    def test_what_was_written_is_in_postgresql(self, team: Lab, logged: str) -> None:
        import psycopg

        port = next(one.port for one in team.state.services if one.name == postgres.NAME)
        with closing(psycopg.connect(postgres.uri(team.secrets, port, "mlflow"))) as database:
            found = database.execute("SELECT key, value FROM metrics WHERE run_uuid = %s", (logged,)).fetchall()
        assert found == [("rmse", 5.4)]

    def test_files_and_models_are_in_the_bucket(self, team: Lab, logged: str) -> None:
        port = next(one.port for one in team.state.services if one.name == bucket.NAME)
        s3 = bucket.client(f"http://127.0.0.1:{port}", team.secrets)
        keys = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket.BUCKET)["Contents"]]
        assert any(key.endswith(f"{logged}/artifacts/hello.txt") for key in keys)
        assert any(key.endswith("/artifacts/MLmodel") for key in keys)

    def test_a_script_needs_no_key_to_the_bucket(self, team: Lab) -> None:
        keys = {team.secrets.s3_key, team.secrets.s3_secret}
        assert [name for name, text in team.environment().items() if text in keys] == []


class TestWhoMaySeeWhat:
    def test_one_who_may_look_may_not_write(self, team: Lab, logged: str) -> None:
        assert ask(team, f"/api/2.0/mlflow/runs/get?run_id={logged}", LEARNER)[0] == 200
        write = f"import mlflow; mlflow.MlflowClient().set_tag({logged!r}, 'seen', 'yes')"
        done = python(team, LEARNER, write)
        assert (done.returncode, "403" in done.stderr) == (1, True)

    def test_nobody_sees_what_they_were_not_allowed_to(self, team: Lab) -> None:
        made = python(team, LEARNER, "import mlflow; print(mlflow.create_experiment('my own'))")
        id = made.stdout.split()[-1]
        assert ask(team, f"/api/2.0/mlflow/experiments/get?experiment_id={id}", LEARNER)[0] == 200
        assert ask(team, f"/api/2.0/mlflow/experiments/get?experiment_id={id}", COLLEAGUE)[0] == 403

    def test_without_a_password_nobody_comes_in(self, team: Lab) -> None:
        assert ask(team, "/api/2.0/mlflow/experiments/get?experiment_id=0")[0] == 401

    def test_a_wrong_password_is_refused(self, team: Lab) -> None:
        assert ask(team, "/api/2.0/mlflow/experiments/get?experiment_id=0", ADMIN, "password1234")[0] == 401

    def test_a_foreign_host_name_is_refused(self, team: Lab) -> None:
        path = "/api/2.0/mlflow/experiments/get?experiment_id=0"
        status, words = ask(team, path, ADMIN, Host="elsewhere.example.org")
        assert (status, "Invalid Host header" in words) == (403, True)

    @pytest.mark.parametrize("path", ["../../secrets", "%2e%2e/%2e%2e/secrets", "a/../../b", "%252e%252e/secrets"])
    def test_a_path_that_climbs_out_of_the_artifacts_is_refused(self, team: Lab, path: str) -> None:
        status, _ = ask(team, f"/api/2.0/mlflow-artifacts/artifacts/{path}", ADMIN)
        assert status in (400, 403, 404)


def test_the_checks_read_it_and_say_what_they_read(team: Lab, logged: str) -> None:
    here = team.places.workspace
    alone = "import mlflow; mlflow.set_experiment('one-script'); mlflow.start_run(); mlflow.end_run()"
    assert python(team, LEARNER, alone, MLFLOW_TRACKING_URI=here.own_store, LOGNAME="me").returncode == 0
    result = course.look(("2.6/team-server",), here.folder, here.own_store)
    checked = result.sections[0].checks[0]
    assert checked.state is State.PASSED, (checked.message, checked.expected, checked.found)
    assert f"{team.state.address} (the lab's team server)" in result.stores


def test_a_second_lab_of_a_workspace_is_refused(team: Lab) -> None:
    with pytest.raises(Problem, match="up already"):
        control.up(team.places.workspace, Order("local"))


STEPS = course.root() / "solutions" / "2.6-in-practice" / "steps.py"


@pytest.fixture
def training(team: Lab) -> Iterator[Callable[..., Training]]:
    """Starts a training through the lab, as the learner, and waits until some of its steps are confirmed."""
    started: list[Training] = []

    def start(steps: int = 30, **variables: str) -> Training:
        started.append(Training(team, steps, variables))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


class Training:
    """steps.py, while it runs."""

    def __init__(self, lab: Lab, steps: int, variables: dict[str, str]) -> None:
        self._book = lab.places.workspace.folder / "confirmed.jsonl"
        self._book.unlink(missing_ok=True)
        self._lab = lab
        self.process = subprocess.Popen(
            [sys.executable, str(STEPS), str(steps)],
            cwd=lab.places.workspace.folder,
            env={**lab.environment(), "MLFLOW_HTTP_REQUEST_TIMEOUT": "5", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        until(lambda: len(self.confirmed) >= 5, "five steps are confirmed")

    @property
    def confirmed(self) -> list[dict[str, Any]]:
        """What the store confirmed, in order."""
        import json

        return [json.loads(line) for line in lines_of(self._book)]

    def end(self) -> str:
        """What it said by its end."""
        return self.process.communicate(timeout=LONG * 2)[0]

    def lost(self) -> list[dict[str, Any]]:
        """What was confirmed and is not in PostgreSQL."""
        import psycopg

        port = next(one.port for one in self._lab.state.services if one.name == postgres.NAME)
        with closing(psycopg.connect(postgres.uri(self._lab.secrets, port, "mlflow"))) as database:
            rows = database.execute("SELECT run_uuid, step, value FROM metrics WHERE key = 'rmse'").fetchall()
        return [one for one in self.confirmed if (one["run"], one["step"], one["rmse"]) not in rows]


class TestBreakItAndSee:
    """What survives, and whether the training goes on or ends with a message that the page tells of."""

    @pytest.mark.parametrize("what", ["database", "server"])
    def test_without_database_or_server_a_patient_training_waits_and_goes_on(
        self, team: Lab, training: Callable[..., Training], what: str
    ) -> None:
        running = training()
        control.break_(team, what)
        told = len(running.confirmed)
        assert control.broken_in(team) == (what,)
        control.mend(team, what)
        assert running.end().rstrip().endswith("done: every step and the file are in the store")
        assert (len(running.confirmed) > told, running.lost()) == (True, [])

    def test_without_database_an_impatient_training_fails_and_loses_nothing_that_was_confirmed(
        self, team: Lab, training: Callable[..., Training]
    ) -> None:
        running = training(MLFLOW_HTTP_REQUEST_MAX_RETRIES="0")
        control.break_(team, "database")
        said = running.end()
        control.mend(team, "database")
        assert (running.process.returncode, "API request" in said, running.lost()) == (1, True, [])

    def test_without_the_bucket_metrics_go_on_the_file_fails_and_earlier_files_come_back(
        self, team: Lab, training: Callable[..., Training], logged: str
    ) -> None:
        running = training(12, MLFLOW_HTTP_REQUEST_MAX_RETRIES="1")
        control.break_(team, "files")
        said = running.end()
        control.mend(team, "files")
        assert (running.process.returncode, len(running.confirmed), running.lost()) == (1, 12, [])
        assert "/mlflow-artifacts/artifacts/" in said, said[-600:]
        read = f"import mlflow; print(mlflow.artifacts.load_text('runs:/{logged}/hello.txt'))"
        assert python(team, COLLEAGUE, read).stdout.split()[-1] == "hello"

    def test_a_right_that_was_revoked_is_refused_and_comes_back(self, team: Lab, logged: str) -> None:
        write = f"import mlflow; mlflow.MlflowClient().set_tag({logged!r}, 'again', 'yes')"
        control.break_(team, "rights")
        refused = python(team, COLLEAGUE, write)
        control.mend(team, "rights")
        assert (refused.returncode, "Permission denied" in refused.stderr) == (1, True)
        assert python(team, COLLEAGUE, write).returncode == 0

    def test_under_another_host_name_the_server_does_not_answer(self, team: Lab) -> None:
        control.break_(team, "name")
        refused = python(team, LEARNER, "import mlflow; mlflow.set_experiment('named')")
        control.mend(team, "name")
        assert (refused.returncode, "Invalid Host header" in refused.stderr) == (1, True)


def test_what_was_kept_is_there_after_the_next_up_and_nothing_is_left_after_a_down(team: Lab, logged: str) -> None:
    here, before = team.places.workspace, team
    assert control.down(here)
    left = [
        *started_by(before),
        *([psutil.Process(before.state.keeper)] if psutil.pid_exists(before.state.keeper) else []),
    ]
    assert [one for one in left if one.status() != psutil.STATUS_ZOMBIE] == []
    ports = notes.read_ports(before.places).values()
    assert [port for _, port, _ in listeners() if port in ports] == []
    assert [path.name for path in before.places.own.iterdir() if path.suffix in (".lock", ".pid", ".sock")] == []
    assert notes.read_state(before.places) is None
    again, keeper = control.up(here, Order("team"))
    try:
        assert again.state.address == before.state.address
        assert ask(again, f"/api/2.0/mlflow/runs/get?run_id={logged}", LEARNER)[0] == 200
        psutil.Process(keeper.pid).kill()  # a crash of ours
        until(lambda: not started_by(again), "everything ends when the keeper is killed", seconds=30)
    finally:
        control.end(keeper)
    assert control.find(here) is None
