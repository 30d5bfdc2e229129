"""Looking after a team's store: backed up and restored, emptied of its trash, moved into."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.lab import bucket, control, postgres
from flowcoach.lab.control import Lab
from flowcoach.lab.notes import ADMIN, COLLEAGUE, LEARNER, OPERATOR
from tests.lab.hands import ask, python

SCRIPTS = course.root() / "solutions" / "2.6-in-practice"
READ = "import mlflow, sys; print(mlflow.artifacts.load_text(f'runs:/{sys.argv[1]}/hello.txt'))"


def script(lab: Lab, account: str, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A script of the section, run through the lab."""
    return subprocess.run(
        [sys.executable, str(SCRIPTS / name), *arguments],
        cwd=lab.places.workspace.folder,
        env=lab.environment(account),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def database(lab: Lab, name: str = "mlflow") -> str:
    """The address of one of the lab's databases."""
    return postgres.uri(lab.secrets, port(lab, postgres.NAME), name)


def port(lab: Lab, server: str) -> int:
    """Where one of the lab's servers listens."""
    return next(one.port for one in lab.state.services if one.name == server)


def keys(lab: Lab) -> set[str]:
    """The names of the files in the bucket."""
    s3 = bucket.client(f"http://127.0.0.1:{port(lab, bucket.NAME)}", lab.secrets)
    return {one["Key"] for one in s3.list_objects_v2(Bucket=bucket.BUCKET).get("Contents", ())}


def lose(lab: Lab) -> None:
    """Lose every row and every file."""
    import psycopg

    for name in postgres.DATABASES:
        with closing(psycopg.connect(database(lab, name), autocommit=True)) as connection:
            connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    s3 = bucket.client(f"http://127.0.0.1:{port(lab, bucket.NAME)}", lab.secrets)
    for key in keys(lab):
        s3.delete_object(Bucket=bucket.BUCKET, Key=key)


def test_what_was_lost_comes_back_from_a_backup_rows_files_and_accounts(team: Lab, logged: str, tmp_path: Path) -> None:
    backup, before = tmp_path / "backup", keys(team)
    made = script(team, OPERATOR, "keep.py", "backup", str(backup))
    assert made.returncode == 0, made.stderr
    control.break_(team, "server")
    lose(team)
    restored = script(team, OPERATOR, "keep.py", "restore", str(backup))
    control.mend(team, "server")
    assert restored.returncode == 0, restored.stderr
    assert keys(team) >= before - {".ready"}
    assert ask(team, f"/api/2.0/mlflow/runs/get?run_id={logged}", LEARNER)[0] == 200
    assert python(team, COLLEAGUE, READ, logged).stdout.split()[-1] == "hello"


def test_nothing_is_restored_while_people_may_be_logging(team: Lab, tmp_path: Path) -> None:
    for name in postgres.DATABASES:
        (tmp_path / f"{name}.dump").touch()
    refused = script(team, OPERATOR, "keep.py", "restore", str(tmp_path))
    assert (refused.returncode, "flowcoach lab break server" in refused.stderr) == (1, True)


def test_a_backup_goes_into_an_empty_folder_only(team: Lab, tmp_path: Path) -> None:
    (tmp_path / "older").touch()
    refused = script(team, OPERATOR, "keep.py", "backup", str(tmp_path))
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)


def test_without_the_keys_it_is_said_how_to_come_by_them(team: Lab, tmp_path: Path) -> None:
    refused = script(team, LEARNER, "keep.py", "backup", str(tmp_path / "backup"))
    assert (refused.returncode, "--as operator" in refused.stderr) == (1, True)


def test_gc_removes_deleted_runs_from_database_and_bucket_and_nothing_else(team: Lab, logged: str) -> None:
    import psycopg

    text = (
        "import mlflow; mlflow.set_experiment('team-server'); run = mlflow.start_run(); mlflow.log_text('x', 'x.txt');"
        "mlflow.end_run(); print(run.info.run_id)"
    )
    deleted = python(team, COLLEAGUE, text).stdout.split()[-1]
    delete = f"import mlflow; mlflow.delete_run({deleted!r})"
    assert "Permission denied" in python(team, COLLEAGUE, delete).stderr  # who may edit may not delete
    assert python(team, ADMIN, delete).returncode == 0
    assert any(deleted in key for key in keys(team))
    done = script(team, OPERATOR, "keep.py", "gc")
    assert done.returncode == 0, done.stderr
    assert not any(deleted in key for key in keys(team))
    assert any(logged in key for key in keys(team))
    with closing(psycopg.connect(database(team))) as connection:
        ids = connection.execute("SELECT run_uuid FROM runs WHERE run_uuid IN (%s, %s)", (deleted, logged)).fetchall()
    assert ids == [(logged,)]


@pytest.mark.parametrize("account", [LEARNER, COLLEAGUE])
def test_nobody_but_the_operator_gets_the_keys_to_database_and_bucket(team: Lab, account: str) -> None:
    secret = {team.secrets.postgres, team.secrets.s3_secret}
    assert not secret & set(team.environment(account).values())
    assert secret < set(team.environment(OPERATOR).values())


def test_runs_move_from_the_own_file_to_the_server_with_all_that_was_logged_and_once_only(team: Lab) -> None:
    import mlflow

    here = team.places.workspace
    client = mlflow.MlflowClient(here.own_store)
    place = client.create_experiment("to move", artifact_location=f"{here.artifacts}/to-move")
    run = client.create_run(place, run_name="old", start_time=1000)
    client.log_param(run.info.run_id, "depth", "5")
    for step, value in enumerate((3.0, 2.0, 1.0)):
        client.log_metric(run.info.run_id, "rmse", value, timestamp=2000 + step, step=step)
    client.log_text(run.info.run_id, "hello", "notes/hello.txt")
    client.set_terminated(run.info.run_id, "FAILED", end_time=3000)
    moved, again = (script(team, LEARNER, "move.py", "to move") for _ in range(2))
    assert moved.returncode == 0, moved.stderr
    assert "is there already" in again.stdout
    text = (
        "import json, mlflow; found = mlflow.search_runs(experiment_names=['to move'], output_format='list');"
        "run = found[0]; history = mlflow.MlflowClient().get_metric_history(run.info.run_id, 'rmse');"
        "print(json.dumps([len(found), run.info.run_name, run.info.status, run.info.start_time, run.info.end_time,"
        "run.data.params, [[one.step, one.value, one.timestamp] for one in history], run.data.tags['moved_from'],"
        "mlflow.artifacts.load_text(f'runs:/{run.info.run_id}/notes/hello.txt')]))"
    )
    assert json.loads(python(team, LEARNER, text).stdout.splitlines()[-1]) == [
        *(1, "old", "FAILED", 1000, 3000),
        {"depth": "5"},
        [[0, 3.0, 2000], [1, 2.0, 2001], [2, 1.0, 2002]],
        run.info.run_id,
        "hello",
    ]


def test_moving_needs_a_server(team: Lab) -> None:
    here = team.places.workspace
    alone = {**team.environment(), "MLFLOW_TRACKING_URI": here.own_store}
    done = subprocess.run(
        [sys.executable, str(SCRIPTS / "move.py"), "one-script"],
        cwd=here.folder,
        env=alone,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert (done.returncode, "flowcoach lab up team" in done.stderr) == (1, True)
