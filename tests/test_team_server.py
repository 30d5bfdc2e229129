"""Section 2.6's bonus: which evidence tells that a run came in through a team's server, under another account."""

from __future__ import annotations

import pytest

from flowcoach import course
from flowcoach.evidence import Evidence, Run, Store
from flowcoach.evidence.union import union
from flowcoach.result import CheckResult, State
from tests.evidence.test_union import Held

SERVER = "https://mlflow.example.org"


def run(id: str, experiment_id: str, user: str, artifact_uri: str = "mlflow-artifacts:/1/a/artifacts") -> Run:
    experiment = {"1": "team-server", "2": "one-script"}[experiment_id]
    return Run(
        id, id, experiment_id, experiment, "FINISHED", True, 1000, 2000, artifact_uri, tags={"mlflow.user": user}
    )


def own(user: str = "ada") -> Store:
    return Held("sqlite:///mlflow.db", run("mine", "2", user, "file:///mlartifacts"), experiments={"2": "one-script"})


def served(*runs: Run, address: str = SERVER) -> Store:
    return Held(address, *runs, experiments={"1": "team-server"})


def examine(configured: Store, *discovered: Store) -> CheckResult:
    evidence = Evidence(union(configured, discovered), configured)
    return course.examine(["2.6/team-server"], evidence).sections[0].checks[0]


def test_a_run_through_the_server_under_another_account_passes() -> None:
    result = examine(served(run("theirs", "1", "bob")), own())
    assert (result.state, result.points, result.bonus) == (State.PASSED, 1, True)


def test_one_such_run_is_enough_among_others() -> None:
    result = examine(served(run("a", "1", "ada"), run("b", "1", "bob"), run("c", "1", "ada")), own())
    assert result.state is State.PASSED


def test_where_no_server_was_looked_at_it_is_skipped_and_says_what_to_do() -> None:
    result = examine(own())
    assert result.state is State.SKIPPED
    assert "MLFLOW_TRACKING_URI" in (result.message or "")


def test_a_run_of_the_same_name_on_the_own_disk_does_not_count_as_a_server() -> None:
    result = examine(served(run("theirs", "1", "bob"), address="sqlite:///team.db"), own())
    assert result.state is State.SKIPPED


def test_the_account_of_the_computer_is_not_the_login() -> None:
    result = examine(served(run("again", "1", "ada")), own("ada"))
    assert (result.state, result.misconception) == (State.FAILED, "2.6/team-server/user-taken-for-login")


@pytest.mark.parametrize("user", ["", " "])
def test_a_run_of_nobody_does_not_count(user: str) -> None:
    assert examine(served(run("nameless", "1", user)), own()).state is State.FAILED


def test_files_that_went_past_the_server_do_not_count() -> None:
    result = examine(served(run("past", "1", "bob", "file:///home/bob/mlruns")), own())
    assert (result.state, result.misconception) == (State.FAILED, None)


def test_a_server_without_such_an_experiment_asks_for_it() -> None:
    result = examine(Held(SERVER, experiments={"3": "other"}), own())
    assert result.state is State.FAILED
    assert "team-server" in (result.message or "")
