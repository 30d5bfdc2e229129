"""What a busy learner leaves beside the evidence: failed tries, half runs, odd values, deleted things."""

from __future__ import annotations

import time
from contextlib import suppress

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run


def litter(client: MlflowClient) -> None:
    """Add junk runs to every experiment, each newer than the evidence and tempting in its own way."""
    for experiment in client.search_experiments():
        _run(client, experiment.experiment_id, "FAILED", rmse=0.001)
        _run(client, experiment.experiment_id, "RUNNING", rmse=0.002)
        _run(client, experiment.experiment_id, "KILLED")
        _run(client, experiment.experiment_id, "FINISHED", rmse=float("nan"))
        _run(client, experiment.experiment_id, "FINISHED", RMSE=0.5)
        _run(client, experiment.experiment_id, "FINISHED", rmse=99.0)
        empty = _run(client, experiment.experiment_id, "FINISHED")
        client.set_tag(empty.info.run_id, "note to self", "try again")
        gone = _run(client, experiment.experiment_id, "FINISHED", rmse=0.0)
        client.delete_run(gone.info.run_id)
    trash = client.create_experiment("a try that was thrown away")
    _run(client, trash, "FINISHED", rmse=1.0)
    client.delete_experiment(trash)


def _run(client: MlflowClient, experiment_id: str, status: str, start: int | None = None, **metrics: float) -> Run:
    run = client.create_run(experiment_id, start_time=start, run_name="junk")
    values = [Metric(key, value, timestamp=0, step=0) for key, value in metrics.items()]
    client.log_batch(run.info.run_id, metrics=values)
    client.set_terminated(run.info.run_id, status)
    return run


def retype_tags(client: MlflowClient) -> None:
    """Type every tag anew in the UI, with the blanks that slip in when text is pasted."""
    for experiment in client.search_experiments():
        for run in client.search_runs([experiment.experiment_id], max_results=1000):
            for key, text in run.data.tags.items():
                if not key.startswith("mlflow."):
                    client.set_tag(run.info.run_id, key, f" {text} ")


def tidy_up_trials(client: MlflowClient) -> None:
    """Search five trials more, tag the best of all, then delete the last five and search again, with more luck."""
    found = client.get_experiment_by_name("forest-search")
    assert found
    trials = client.search_runs([found.experiment_id], "params.max_depth != ''", order_by=["metrics.rmse ASC"])
    extra = [_trial(client, trials[-1], rmse=20.0) for _ in range(5)]
    client.set_tag(trials[0].info.run_id, "best_of", f"{len(trials) + len(extra)}.0")
    for run in extra:
        client.delete_run(run.info.run_id)
    for _ in range(5):
        _trial(client, trials[-1], rmse=1.0)


def tidy_up_early_trials(client: MlflowClient) -> None:
    """Search on with more luck than in the trials that were compared, then delete three bad ones of those."""
    found = client.get_experiment_by_name("forest-search")
    assert found
    trials = client.search_runs([found.experiment_id], "params.max_depth != ''", order_by=["metrics.rmse ASC"])
    for _ in range(5):
        _trial(client, trials[-1], rmse=1.0)
    for run in trials[-3:]:
        client.delete_run(run.info.run_id)


def fail_in_reopened_runs(client: MlflowClient) -> None:
    """Open every final run again to add something, and meet an error inside: MLflow then calls the run failed."""
    found = mlflow.set_experiment("forest-final")
    for run in client.search_runs([found.experiment_id]):
        with suppress(NameError), mlflow.start_run(run_id=run.info.run_id):
            raise NameError("name 'validation' is not defined")
        assert client.get_run(run.info.run_id).info.status == "FAILED"


def search_in_vain_once_more(client: MlflowClient) -> None:
    """Search in vain, repair it by the search that is there, and run the old cell again: its figures are all one."""
    found = client.get_experiment_by_name("forest-search")
    assert found
    trials = client.search_runs([found.experiment_id], "params.max_depth != ''", order_by=["start_time ASC"])
    worst = max(run.data.metrics["rmse"] for run in trials)
    for number, start in enumerate([1, int(time.time() * 1000)] * len(trials)):
        _trial(client, trials[number // 2], rmse=worst, start=start)


def _trial(client: MlflowClient, like: Run, *, rmse: float, start: int | None = None) -> Run:
    run = _run(client, like.info.experiment_id, "FINISHED", start=start, rmse=rmse)
    client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in like.data.params.items()])
    return run
