"""Many stores taken together: one is configured, the others were discovered and stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import replace
from functools import cached_property
from typing import TypeVar

from flowcoach.evidence.artifacts import Artifacts
from flowcoach.evidence.query import RunQuery
from flowcoach.evidence.records import Dataset, ExperimentRecord, LoggedModel, RegisteredModel, Run
from flowcoach.evidence.stores import Store
from flowcoach.problem import Problem

Answer = TypeVar("Answer")


class Behind:
    """A discovered store as it looks from behind others: a run that one of those holds too is theirs, not its own.

    So runs are unique by id, and a forgotten copy of a store brings no deleted run back. When the store can no longer
    be read it is empty, and its warnings say why: only the configured store may end a look.
    """

    def __init__(self, store: Store, others: tuple[Store, ...]) -> None:
        self.address = store.address
        self._store = store
        self._others = others
        self._fault: str | None = None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was odd about the store, and why it could not be read any further."""
        return self._store.warnings if self._fault is None else (*self._store.warnings, self._fault)

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        """All experiments, deleted ones too, ordered by id."""
        return self._ask(lambda: tuple(replace(one, store=self) for one in self._store.experiments()), ())

    def runs(self, query: RunQuery) -> list[Run]:
        """The runs that answer `query`, in its order."""
        return self._ask(lambda: [replace(run, store=self) for run in self._store.runs(self._of_its_own(query))], [])

    def count(self, query: RunQuery) -> int:
        """How many runs answer `query`, its limit aside."""
        return self._ask(lambda: self._store.count(self._of_its_own(query)), 0)

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> Set[tuple[str, ...]]:
        """The different combinations of values that the runs of `query` log for these parameters (all keys present).

        No more than the query's limit need be found.
        """
        return self._ask(lambda: self._store.distinct_params(self._of_its_own(query), keys), frozenset())

    def run_ids(self, among: Set[str] | None = None) -> Set[str]:
        """The ids of all runs of its own, deleted ones too; with `among`, of those only."""
        return self._own if among is None else self._own & among

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        """All registered models with their versions, ordered by name."""
        return self._ask(lambda: tuple(self._as_own(model) for model in self._store.registered_models()), ())

    def history(self, run_id: str, key: str) -> tuple[tuple[int, float], ...]:
        """Every value that a run logged for a metric, as (step, value) in order, each once; NaN is left out."""
        return self._ask(lambda: self._store.history(run_id, key), ())

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """The datasets that a run took in."""
        return self._ask(lambda: self._store.datasets(run_id), ())

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        """The models that a run logged (MLflow 3)."""
        return self._ask(lambda: self._store.logged_models(run_id), ())

    def models_in(self, experiment_id: str) -> tuple[LoggedModel, ...]:
        """The models of an experiment, those logged outside any run too, oldest first."""
        return self._ask(lambda: self._store.models_in(experiment_id), ())

    def served(self, location: str) -> Artifacts | None:
        """The files at a location that only this store reaches; None when it is none of its own."""
        return self._ask(lambda: self._store.served(location), None)

    def close(self) -> None:
        """Give back what the reader holds."""
        self._store.close()

    @cached_property
    def _all(self) -> Set[str]:
        return self._ask(self._store.run_ids, frozenset[str]())

    @cached_property
    def _shared(self) -> frozenset[str]:
        """The runs that an earlier store holds too."""
        return frozenset().union(*(other.run_ids(self._all) for other in self._others)) if self._all else frozenset()

    @cached_property
    def _own(self) -> Set[str]:
        return self._all - self._shared

    def _of_its_own(self, query: RunQuery) -> RunQuery:
        """The same question about its own runs alone, in the fewer words: often it is a copy, and has hardly any."""
        if not self._shared:
            return query
        if len(self._own) > len(self._shared):
            return replace(query, without=self._shared)
        return replace(query, ids=tuple(sorted(self._own if query.ids is None else self._own & set(query.ids))))

    def _as_own(self, model: RegisteredModel) -> RegisteredModel:
        return replace(model, store=self, versions=tuple(replace(version, store=self) for version in model.versions))

    def _ask(self, question: Callable[[], Answer], nothing: Answer) -> Answer:
        if self._fault is not None:
            return nothing
        try:
            return question()
        except Problem as problem:
            self._fault = f"{problem.cause} Its runs are left out; {problem.next_step}."
            return nothing


def union(configured: Store | None, discovered: tuple[Store, ...]) -> tuple[Store, ...]:
    """All stores with no run in two of them: the configured one first and whole, then each other behind those."""
    stores: tuple[Store, ...] = () if configured is None else (configured,)
    for store in discovered:
        stores = (*stores, Behind(store, stores))
    return stores
