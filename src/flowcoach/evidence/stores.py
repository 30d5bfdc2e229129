"""What every reader of a store can answer. Readers never write, and never create what they do not find."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Protocol

from flowcoach.evidence.artifacts import Artifacts
from flowcoach.evidence.query import RunQuery
from flowcoach.evidence.records import Dataset, ExperimentRecord, LoggedModel, RegisteredModel, Run


def shown(address: str) -> str:
    """A tracking address as messages may show it: without a name and password in it."""
    return re.sub(r"//[^/]*@", "//", address)


class Store(Protocol):
    """One place MLflow keeps runs. `address` is how it is named in messages."""

    address: str

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd about the store, as far as anybody has looked."""
        ...

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        """All experiments, deleted ones too, ordered by id."""
        ...

    def runs(self, query: RunQuery) -> list[Run]:
        """The runs that answer `query`, in its order."""
        ...

    def count(self, query: RunQuery) -> int:
        """How many runs answer `query`, its limit aside."""
        ...

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> Set[tuple[str, ...]]:
        """The different combinations of values that the runs of `query` log for these parameters (all keys present).

        No more than the query's limit need be found.
        """
        ...

    def run_ids(self, among: Set[str] | None = None) -> Set[str]:
        """The ids of all runs, deleted ones too; with `among`, of those only."""
        ...

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        """All registered models with their versions, ordered by name."""
        ...

    def history(self, run_id: str, key: str) -> tuple[tuple[int, float], ...]:
        """Every value that a run logged for a metric, as (step, value) in order, each once; NaN is left out."""
        ...

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """The datasets that a run took in."""
        ...

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        """The models that a run logged (MLflow 3)."""
        ...

    def models_in(self, experiment_id: str) -> tuple[LoggedModel, ...]:
        """The models of an experiment, those logged outside any run too, oldest first."""
        ...

    def served(self, location: str) -> Artifacts | None:
        """The files at a location that only this store reaches; None when it is none of its own."""
        ...

    def close(self) -> None:
        """Give back connections and temporary copies."""
        ...
