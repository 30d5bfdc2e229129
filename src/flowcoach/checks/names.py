"""The other names by which learners log a figure, as seen in published homeworks of the original course."""

from __future__ import annotations

from collections.abc import Iterable

from flowcoach.evidence import Run

RMSE = "rmse"
OTHERS = ("RMSE", "val_rmse", "valid_rmse", "validation_rmse", "rmse_val", "Validation RMSE", "mse", "loss")


def misnamed_rmse(runs: Iterable[Run]) -> tuple[Run, str] | None:
    """The first of the runs that logs its RMSE by another name and not as `rmse`, with that name; else None."""
    for run in runs:
        for name in OTHERS:
            if run.has_metric(name) and not run.has_metric(RMSE):
                return run, name
    return None
