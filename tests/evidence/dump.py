"""What MLflow's own client reads from a store, as JSON: the yardstick for our readers.

Run as a program of its own, `dump.py OUT ADDRESS...`; it opens the stores, so it migrates older ones: give it copies.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any


def dump(address: str) -> dict[str, Any]:
    """Experiments, runs, models and versions of one store, as plain data."""
    from mlflow import MlflowClient
    from mlflow.entities import ViewType

    client = MlflowClient(address, address)
    experiments = client.search_experiments(ViewType.ALL, max_results=1000)
    ids = [experiment.experiment_id for experiment in experiments]
    runs = client.search_runs(ids, run_view_type=ViewType.ALL, max_results=50_000)
    names = [model.name for model in client.search_registered_models(max_results=1000)]
    versions = client.search_model_versions(max_results=1000)
    return {
        "experiments": {
            one.experiment_id: [one.name, one.lifecycle_stage == "active", one.artifact_location, one.tags]
            for one in experiments
        },
        "runs": {
            run.info.run_id: {
                "name": run.info.run_name or "",
                "experiment": run.info.experiment_id,
                "status": run.info.status,
                "active": run.info.lifecycle_stage == "active",
                "times": [run.info.start_time, run.info.end_time],
                "artifacts": run.info.artifact_uri,
                "params": run.data.params,
                "metrics": run.data.metrics,
                "tags": run.data.tags,
                "datasets": sorted(
                    [
                        one.dataset.name,
                        one.dataset.digest,
                        next((tag.value for tag in one.tags if tag.key == "mlflow.data.context"), ""),
                        one.dataset.source_type,
                        one.dataset.source,
                    ]
                    for one in (run.inputs.dataset_inputs if run.inputs else ())
                ),
            }
            for run in runs
        },
        "models": {name: _model(client.get_registered_model(name)) for name in names},
        "versions": {
            f"{one.name}/{one.version}": [
                one.current_stage,
                one.source or "",
                one.run_id or "",
                one.status,
                one.description or "",
                one.tags,
            ]
            for one in versions
        },
    }


def _model(model: Any) -> list[Any]:
    return [model.description or "", model.tags, {alias: int(version) for alias, version in model.aliases.items()}]


if __name__ == "__main__":
    os.environ |= {"MLFLOW_ALLOW_FILE_STORE": "true", "MLFLOW_DISABLE_TELEMETRY": "true"}
    out, *addresses = sys.argv[1:]
    Path(out).write_text(json.dumps({address: dump(address) for address in addresses}), encoding="utf-8")
