"""Break it and see: what survives, and whether a training goes on or ends with a message that the page tells of."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from flowcoach import course
from flowcoach.lab import control, postgres
from flowcoach.lab.control import Lab
from flowcoach.lab.notes import COLLEAGUE, LEARNER
from flowcoach.result import State
from tests.lab.hands import LONG, lines_of, python, until

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


def test_the_check_reads_that_a_training_was_interrupted_and_that_nothing_is_lost(
    team: Lab, training: Callable[..., Training]
) -> None:
    here, running = team.places.workspace, training()
    control.break_(team, "server")
    control.mend(team, "server")
    assert "done: every step" in running.end()
    checked = course.look(("2.6/nothing-lost",), here.folder, here.own_store).sections[0].checks[0]
    assert checked.state is State.PASSED, (checked.message, checked.expected, checked.found)
