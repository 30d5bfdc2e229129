"""What is read of MLflow's SQLite schema, and what stands in for tables and columns that a store does not have.

The layout is MLflow's own (`mlflow/store/tracking/dbmodels/models.py` and
`mlflow/store/model_registry/dbmodels/models.py`, versions 1.26 to 3.17).
"""

from __future__ import annotations

from collections.abc import Mapping, Set

# Here since MLflow 1.26, the oldest that is read.
FIRST = {
    "experiments": ("experiment_id", "name", "artifact_location", "lifecycle_stage"),
    "experiment_tags": ("key", "value", "experiment_id"),
    "runs": (
        *("run_uuid", "name", "experiment_id", "status", "lifecycle_stage"),
        *("start_time", "end_time", "artifact_uri"),
    ),
    "params": ("key", "value", "run_uuid"),
    "tags": ("key", "value", "run_uuid"),
    "latest_metrics": ("key", "value", "is_nan", "run_uuid"),
    "registered_models": ("name", "description"),
    "registered_model_tags": ("key", "value", "name"),
    "model_versions": ("name", "version", "current_stage", "source", "run_id", "status", "description"),
    "model_version_tags": ("key", "value", "name", "version"),
}

# Came with a later MLflow: a store without them is merely older. (`metrics` is old; hardly any check needs it.)
LATER = {
    "metrics": ("key", "value", "step", "is_nan", "run_uuid"),
    "registered_model_aliases": ("alias", "version", "name"),
    "datasets": ("dataset_uuid", "name", "digest", "dataset_source_type", "dataset_source"),
    "inputs": ("input_uuid", "source_type", "source_id", "destination_type", "destination_id"),
    "input_tags": ("input_uuid", "name", "value"),
    "logged_models": (
        *("model_id", "experiment_id", "name", "artifact_location", "status", "lifecycle_stage"),
        *("source_run_id", "creation_timestamp_ms"),
    ),
    "logged_model_params": ("model_id", "param_key", "param_value"),
    "logged_model_tags": ("model_id", "tag_key", "tag_value"),
    "logged_model_metrics": (
        *("model_id", "metric_name", "metric_timestamp_ms", "metric_step", "metric_value"),
        *("run_id", "dataset_name", "dataset_digest"),
    ),
}

# Without these a database is not a store at all; other programs keep an `alembic_version` too.
MARKS = {"alembic_version", "experiments", "runs"}


def sources(present: Mapping[str, Set[str]]) -> dict[str, str]:
    """What to write after FROM for each table that is read, given the columns that are `present`.

    A whole table is read as it is; of a partial one the missing columns are NULL, and a missing one has no rows.
    """
    found = {}
    for table, columns in {**FIRST, **LATER}.items():
        there = present.get(table, set())
        if there >= set(columns):
            found[table] = table
        else:
            listed = ", ".join(f'"{column}"' if column in there else f'NULL AS "{column}"' for column in columns)
            found[table] = f'(SELECT {listed} FROM "{table}")' if there else f"(SELECT {listed} WHERE 0)"
    return found


def gone(present: Mapping[str, Set[str]]) -> tuple[str, ...]:
    """The tables and columns that every MLflow up to now has had, but this store does not: "tags", "runs.name"."""
    lost = [table for table in FIRST if table not in present]
    for table, columns in {**FIRST, **LATER}.items():
        if table in present:
            lost += [f"{table}.{column}" for column in columns if column not in present[table]]
    return tuple(lost)
