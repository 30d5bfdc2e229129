"""Evidence: a read-only look at what a learner left behind. Nothing here writes to a learner's folder."""

from flowcoach.evidence.answers import Answers
from flowcoach.evidence.artifacts import Artifacts
from flowcoach.evidence.figures import Figure, Outcome, Rescorer, Verdict
from flowcoach.evidence.mlmodel import MLmodel
from flowcoach.evidence.query import Has, Order, RunQuery
from flowcoach.evidence.records import (
    Dataset,
    ExperimentRecord,
    LoggedModel,
    ModelMetric,
    ModelVersion,
    NotFound,
    RegisteredModel,
    Run,
    Unavailable,
)
from flowcoach.evidence.stores import Store
from flowcoach.evidence.view import Evidence, Experiment, Runs

__all__ = [
    "Answers",
    "Artifacts",
    "Dataset",
    "Evidence",
    "Experiment",
    "ExperimentRecord",
    "Figure",
    "Has",
    "LoggedModel",
    "MLmodel",
    "ModelMetric",
    "ModelVersion",
    "NotFound",
    "Order",
    "Outcome",
    "RegisteredModel",
    "Rescorer",
    "Run",
    "RunQuery",
    "Runs",
    "Store",
    "Unavailable",
    "Verdict",
]
