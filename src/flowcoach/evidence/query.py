"""A question about runs, as data: readers compile it (to SQL, say) or apply it to runs they hold."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from flowcoach.evidence.records import Run


@dataclass(frozen=True)
class Has:
    """Runs that logged `key`; with `value`, exactly this text.

    `kind` is "metric", "param" or "tag"; for "dataset", `key` is the context in which a dataset was taken in.
    """

    kind: str
    key: str
    value: str | None = None

    def matches(self, run: Run) -> bool:
        """Whether `run` is in. A metric that is NaN counts as missing."""
        if self.kind == "metric":
            return run.has_metric(self.key)
        if self.kind == "dataset":
            return any(dataset.context == self.key for dataset in run.datasets)
        values = run.params if self.kind == "param" else run.tags
        return self.key in values and (self.value is None or values[self.key] == self.value)


@dataclass(frozen=True)
class Order:
    """How to sort: by a metric, or by start time when `metric` is None. Ties go to the older run, then by id."""

    metric: str | None = None
    descending: bool = False

    def key(self, run: Run) -> tuple[float, float, str]:
        """The sort key of `run`; runs without a start time count as oldest."""
        start = float(run.start_time or 0)
        if self.metric is None:
            return (-start if self.descending else start, 0.0, run.id)
        value = run.metrics[self.metric]
        return (-value if self.descending else value, start, run.id)


@dataclass(frozen=True)
class RunQuery:
    """Runs of some experiments of one store (None: of all), filtered, ordered and cut.

    With `ids`, only the runs with one of these ids; those in `without` are left out; with `started_until`, the (start
    time, id) of a run, only that one and those started before it. Deleted runs and runs of deleted experiments are
    left out unless `deleted` is true, which asks for just the deleted runs. Ordering by a metric keeps only the runs
    that have it: a missing value is never the lowest. In order, `skip` runs are left out, and at most `limit` taken.
    """

    experiment_ids: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    without: frozenset[str] = frozenset()
    filters: tuple[Has, ...] = ()
    statuses: tuple[str, ...] = ()
    deleted: bool = False
    started_until: tuple[int, str] | None = None
    order: Order = Order()
    skip: int = 0
    limit: int | None = None

    def apply(self, runs: Iterable[Run]) -> list[Run]:
        """Answer the question from runs at hand: the meaning that every reader's answer must equal."""
        chosen = [run for run in runs if self.includes(run)]
        chosen.sort(key=self.order.key)
        return chosen[self.skip :] if self.limit is None else chosen[self.skip : self.skip + self.limit]

    def includes(self, run: Run) -> bool:
        """Whether `run` is among the runs asked for, skip and limit aside."""
        metric = self.order.metric
        return (
            (self.experiment_ids is None or run.experiment_id in self.experiment_ids)
            and (self.ids is None or run.id in self.ids)
            and run.id not in self.without
            and run.active is not self.deleted
            and (self.started_until is None or (run.start_time or 0, run.id) <= self.started_until)
            and (not self.statuses or run.status in self.statuses)
            and all(has.matches(run) for has in self.filters)
            and (metric is None or (metric in run.metrics and not math.isnan(run.metrics[metric])))
        )
