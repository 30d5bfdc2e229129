"""One piece of work logged through MLflow into a file store, then moved by MLflow itself into a SQLite store.

Run as a program of its own, `work.py FOLDER`, because it stands in that folder and opens file stores: it leaves
`FOLDER/mlruns` and `FOLDER/mlflow.db`, with the same ids in both.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

NAN, INFINITY = float("nan"), float("inf")


def log_work(address: str) -> None:
    """Runs in every state, tricky values, deleted things, datasets, logged models and a registry."""
    import mlflow
    from mlflow.data.code_dataset_source import CodeDatasetSource
    from mlflow.data.meta_dataset import MetaDataset
    from mlflow.entities import LoggedModelStatus, Metric

    mlflow.set_tracking_uri(address)
    client = mlflow.MlflowClient()
    search = client.create_experiment("search “für alle”", tags={"team": "taxi"})
    other = client.create_experiment("other", artifact_location="s3://bucket/mlruns/other")
    gone = client.create_experiment("gone")
    runs = []
    for number in range(4):
        run = client.create_run(search, start_time=1000 + number, run_name=f"trial {number}", tags={"n": str(number)})
        id = run.info.run_id
        client.log_param(id, "max_depth", 5 + number % 2)
        client.log_param(id, "group/knob", "a\nb, 'c' \"d\" ü")
        client.log_metric(id, "rmse", 5.5 - number % 2, timestamp=2000)
        client.set_terminated(id, "FAILED" if number == 3 else "FINISHED", end_time=3000 + number)
        runs.append(id)
    client.log_batch(runs[0], [Metric("steps", value, 2000, step) for value, step in ((3.0, 2), (9.0, 1), (1.0, 0))])
    client.log_batch(runs[0], [Metric("times", value, time, 0) for value, time in ((3.0, 200), (9.0, 100))])
    client.log_metric(runs[0], "broken", NAN)
    client.log_metric(runs[1], "broken", 1.0, step=1)
    client.log_metric(runs[1], "endless", -INFINITY)
    client.log_metric(runs[1], "nested/key", 0.1)
    client.set_tag(runs[1], "empty", "")
    client.set_tag(runs[1], "mlflow.note.content", "a\nlonger note")
    client.create_run(other, start_time=5000, run_name="still running")
    client.delete_run(client.create_run(search, start_time=4000, run_name="deleted").info.run_id)
    client.create_run(gone, start_time=6000)
    client.delete_experiment(gone)
    for context in ("training", "validation"):
        dataset = MetaDataset(CodeDatasetSource({"made": "here"}), name="trips", digest=context)
        with mlflow.start_run(run_id=runs[2]):
            mlflow.log_input(dataset, context=context)
    model = client.create_logged_model(search, "model", runs[1], params={"depth": "6"}, tags={"kind": "forest"})
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)

    def figure(value: float, run: str, **where: Any) -> None:
        client.log_metric(run, "test_rmse", value, timestamp=2000, model_id=model.model_id, **where)

    trips = {"dataset_name": "trips", "dataset_digest": "3f2a"}
    figure(6.5, runs[0], step=1, **trips)
    figure(6.0, runs[0], step=2, **trips)
    figure(7.0, runs[1])
    failed = client.create_logged_model(search, "model", runs[1])
    client.finalize_logged_model(failed.model_id, LoggedModelStatus.FAILED)
    alone = client.create_logged_model(search, "outside")
    client.finalize_logged_model(alone.model_id, LoggedModelStatus.READY)
    deleted = client.create_logged_model(search, "model", runs[1])
    client.delete_logged_model(deleted.model_id)
    client.create_registered_model("duration", tags={"city": "New York"}, description="of a trip")
    client.create_registered_model("without versions")
    for run in (*runs[:3], None):
        client.create_model_version("duration", f"runs:/{run}/model", run, tags={"of": str(run)}, description="one")
    client.set_registered_model_alias("duration", "champion", "2")
    client.set_registered_model_alias("duration", "best", "2")
    client.transition_model_version_stage("duration", "1", "Staging")
    client.delete_model_version("duration", "3")
    mlflow.register_prompt("a-prompt", "Say {{ this }}")


def main(folder: Path) -> None:
    """Leave both stores in `folder`."""
    os.environ |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    os.chdir(folder)
    from mlflow.store.fs2db import migrate

    log_work((folder / "mlruns").as_uri())
    migrate(folder, f"sqlite:///{(folder / 'mlflow.db').as_posix()}", progress=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
