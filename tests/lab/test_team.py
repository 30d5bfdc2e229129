"""The team's set-up on real servers: PostgreSQL, an S3 store, and MLflow's server with logins before both."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing

import psutil
import pytest

from flowcoach.lab import bucket, control, postgres
from flowcoach.lab.control import Lab
from flowcoach.lab.notes import ADMIN, COLLEAGUE, LEARNER
from flowcoach.lab.plan import Order
from flowcoach.problem import Problem
from tests.lab.hands import ask, listeners, python, started_by


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


def test_a_second_lab_of_a_workspace_is_refused(team: Lab) -> None:
    with pytest.raises(Problem, match="up already"):
        control.up(team.places.workspace, Order("local"))
