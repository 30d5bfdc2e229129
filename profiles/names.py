"""What a run logged, under whatever name people use. The rules are those of README.md."""

from __future__ import annotations

import re
from collections.abc import Callable

from flowcoach.evidence import Run

KNOBS = ("max_depth", "n_estimators", "min_samples_split", "min_samples_leaf")


def validation(run: Run) -> str | None:
    """The name under which the run logs a validation RMSE; None when it logs none."""
    return _first(run, "rmse", is_validation_rmse)


def test(run: Run) -> str | None:
    """The name under which the run logs a test RMSE; None when it logs none."""
    return _first(run, "test_rmse", is_test_rmse)


def is_validation_rmse(metric: str) -> bool:
    """Whether a metric is called as RMSEs of the validation month are: `rmse`, `Validation RMSE`, `valid-rmse`, …"""
    return _is_rmse(metric) and not is_test_rmse(metric) and not re.search(r"train|oob", _plain(metric))


def is_test_rmse(metric: str) -> bool:
    """Whether a metric is called as RMSEs of the test month are: `test_rmse`, `RMSE test`, `testRMSE`, …"""
    return _is_rmse(metric) and bool(re.search(r"\btest|(?<!la)test\b", _plain(metric)))


def is_nan(run: Run, fits: Callable[[str], bool]) -> bool:
    """Whether the run has a metric that is called so, but not a number."""
    return any(fits(name) and not run.has_metric(name) for name in run.metrics)


def is_autologged(run: Run) -> bool:
    """Whether autolog wrote the run, by the signs that it leaves in MLflow 1.26 to 3.17."""
    signs = ("estimator_class", "estimator_name", "mlflow.autologging")
    return any(sign in run.tags for sign in signs) or sum(key.startswith("training_") for key in run.metrics) > 1


def has_knobs(run: Run) -> bool:
    """Whether the run logs the four hyper-parameters."""
    return run.params.keys() >= set(KNOBS)


def knobs(run: Run) -> tuple[str, ...]:
    """The values of the four hyper-parameters, of a run that has them."""
    return tuple(run.params[knob] for knob in KNOBS)


def _first(run: Run, usual: str, fits: Callable[[str], bool]) -> str | None:
    """The usual name when the run has it, else the first in order that fits; NaN is no value."""
    return next((name for name in (usual, *sorted(run.metrics)) if run.has_metric(name) and fits(name)), None)


def _is_rmse(metric: str) -> bool:
    return bool(re.search(r"rmse|rootmeansquarederror", _plain(metric).replace(" ", "")))


def _plain(metric: str) -> str:
    """A metric's name as lower-case words: `valRMSE`, `Val-RMSE` and `val_rmse` are all `val rmse`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", metric[:300])
    return re.sub(r"[^a-z0-9]+", " ", words.lower()).strip()
