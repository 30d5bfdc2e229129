"""What a busy learner leaves beside the evidence: failed tries, half runs, odd values, deleted things."""

from __future__ import annotations

from mlflow import MlflowClient
from mlflow.entities import Metric, Run


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


def _run(client: MlflowClient, experiment_id: str, status: str, **metrics: float) -> Run:
    run = client.create_run(experiment_id, run_name="junk")
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
