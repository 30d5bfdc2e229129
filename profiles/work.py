"""What lies in the stores of a homework: its experiments, and which of them play which part."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flowcoach.evidence import Evidence, ExperimentRecord, ModelVersion, Run, RunQuery, Store
from flowcoach.profiles import Profile

from .names import has_knobs, knobs, test, validation
from .words import listed

ENOUGH = 5  # trials that make a search
TUNING = re.compile(r"hyper|hpo|optuna", re.IGNORECASE)
FINALISTS = re.compile(r"best", re.IGNORECASE)
_SURELY_FINALISTS = re.compile(r"best.?model", re.IGNORECASE)
_RUN_ID = re.compile(r"[0-9a-f]{32}")
_MOST = 20_000  # runs of one experiment that are looked at


@dataclass(frozen=True)
class Place:
    """An experiment of one store: another store may have one of the same name and of a different kind.

    `store` is how messages name the store; `runs` are those that were not deleted, `deleted` those that were.
    """

    record: ExperimentRecord
    store: str
    runs: tuple[Run, ...]
    deleted: tuple[Run, ...]

    @property
    def label(self) -> str:
        """How messages name it."""
        return f"“{self.record.name}” ({self.store})"

    @cached_property
    def finished(self) -> tuple[Run, ...]:
        """The runs that came to an orderly end."""
        return tuple(run for run in self.runs if run.finished)

    @cached_property
    def trials(self) -> tuple[Run, ...]:
        """The finished runs that log the four hyper-parameters and a validation RMSE."""
        return tuple(run for run in self.finished if has_knobs(run) and validation(run))

    @cached_property
    def scored(self) -> tuple[Run, ...]:
        """The finished runs that log a test RMSE."""
        return tuple(run for run in self.finished if test(run))

    @property
    def named_tuning(self) -> bool:
        """Whether it is called as tuning experiments are."""
        return bool(TUNING.search(self.record.name))

    @property
    def surely_finalists(self) -> bool:
        """Whether its name leaves no doubt that it is of the best models."""
        return bool(_SURELY_FINALISTS.search(self.record.name)) and not self.named_tuning

    @property
    def named_finalists(self) -> bool:
        """Whether it is called as experiments of the best models are; “best” alone does not do against its runs."""
        called = bool(FINALISTS.search(self.record.name)) and not self.named_tuning
        return self.surely_finalists or (called and (bool(self.scored) or not self.finished))

    @cached_property
    def is_tuning(self) -> bool:
        """Whether it is a tuning experiment beyond doubt: by its name, or by trials that differ in what they try."""
        if self.named_tuning or self.named_finalists:
            return self.named_tuning
        return len({knobs(run) for run in self.trials if not test(run)}) >= ENOUGH


class Work:
    """What lies in all stores of a homework, read once. `place_of` is the experiment of each run, by its id."""

    def __init__(self, evidence: Evidence, profile: Profile) -> None:
        self.evidence = evidence
        self.profile = profile
        self._records = [record for store in evidence.stores for record in store.experiments()]
        self.places = tuple(self._place(record) for record in self._records if record.active)
        self.runs = tuple(run for place in self.places for run in place.runs)
        self.place_of = {run.id: place for place in self.places for run in place.runs}

    def _place(self, record: ExperimentRecord) -> Place:
        store, here = record.store, (record.id,)
        if store is None:
            return Place(record, "", (), ())
        runs = store.runs(RunQuery(experiment_ids=here, limit=_MOST))
        deleted = store.runs(RunQuery(experiment_ids=here, limit=_MOST, deleted=True))
        return Place(record, self.shown(store), tuple(runs), tuple(deleted))

    @cached_property
    def finalists(self) -> tuple[Place, ...]:
        """The experiments of the best models: those called so, and where none of these is scored, those that are."""
        named = [place for place in self.places if place.named_finalists]
        if not any(place.scored for place in named):
            named += [place for place in self.places if place.scored and not place.named_finalists]
        return tuple(named)

    def is_outside(self, run: Run) -> bool:
        """Whether a run is neither of the tuning nor of the best models. In doubt it is outside."""
        place = self.place_of[run.id]
        if place.is_tuning or place.named_finalists:
            return False
        return not (test(run) and place in self.finalists)

    def run_of(self, version: ModelVersion) -> Run | None:
        """The run of a version: by the id it names, else by the one in its source; None when it is not here."""
        for id in (version.run_id, *reversed(_RUN_ID.findall(version.source))):
            if id in self.place_of:
                return next(run for run in self.place_of[id].runs if run.id == id)
        return None

    def lowest(self, run: Run | None = None) -> list[Run]:
        """The runs that share the lowest test RMSE, oldest first; with `run`, of the store that this one is in.

        A registry knows the runs of its own store, and no others.
        """
        store = self.place_of[run.id].record.store if run else None
        scored = [
            (one.metric(name), one)
            for place in self.places
            if store is None or place.record.store is store
            for one in place.runs
            if (name := test(one))
        ]
        low = min((value for value, _ in scored), default=None)
        return sorted((one for value, one in scored if value == low), key=lambda one: (one.start_time or 0, one.id))

    def shown(self, store: Store | None) -> str:
        """A store as a learner names it: by its path in the homework."""
        path = Path(store.address.removeprefix("sqlite:///")) if store else Path()
        folder = self.evidence.shelves.folder if self.evidence.shelves else Path()
        return (path.relative_to(folder) if path.is_relative_to(folder) else path).as_posix()

    def address(self, store: Store | None) -> str:
        """The tracking address of a store, for somebody who stands in the folder of the homework."""
        sqlite = store is not None and store.address.startswith("sqlite:")
        return f"{'sqlite:///' if sqlite else ''}{self.shown(store)}"

    def deleted(self, named: re.Pattern[str], fits: Callable[[Run], object]) -> str:
        """A sentence for a deleted run that fits, or else a deleted experiment that is called like this; "" for none.

        It says what to type to bring it back.
        """
        for place in self.places:
            for run in filter(fits, reversed(place.deleted)):
                command = f"mlflow runs restore --run-id {run.id}"
                return f" The run {run.label} in {place.label} was deleted: {self._to_type(command, place.record)}."
        for one in self._records:
            if not one.active and named.search(one.name):
                command = f"mlflow experiments restore --experiment-id {one.id}"
                where = f"“{one.name}” ({self.shown(one.store)})"
                return f" The experiment {where} was deleted. If your runs are in it: {self._to_type(command, one)}."
        return ""

    def _to_type(self, command: str, record: ExperimentRecord) -> str:
        return f"`{command}`, with MLFLOW_TRACKING_URI={self.address(record.store)}, brings it back"

    @property
    def stores(self) -> str:
        """Where everything was looked for, in words, and whether something of it could not be read."""
        found = listed([self.shown(store) for store in self.evidence.stores])
        missed = " (not all could be read: see the warnings)" if self.evidence.warnings else ""
        return f"{found or 'this folder, which holds no store of MLflow'}{missed}"

    def where(self, runs: list[Run]) -> str:
        """The experiments of these runs in words."""
        return listed(list(dict.fromkeys(self.place_of[run.id].label for run in runs)))
