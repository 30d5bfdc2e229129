"""A question about runs, compiled to SQL over MLflow's tables.

Runs are found by what they logged: the primary keys of `params`, `tags` and `latest_metrics` begin with the key, and
an index on `runs` beyond its id there is none. So a question begins from one of those tables where it can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from flowcoach.evidence.query import Has, RunQuery

_IS_TEXT = "typeof(r.run_uuid) = 'text'"  # a crafted table lets an id be anything
KEYED = {"metric": "latest_metrics", "param": "params", "tag": "tags"}


@dataclass(frozen=True)
class Statement:
    """SQL with the values for its named placeholders."""

    text: str
    values: dict[str, Any]


@dataclass
class Compiler:
    """Compiles one question. `tables` is what to write after FROM for each table (see `schema.sources`).

    `experiment_ids` are the experiments that are not deleted; `clean` the metrics that no run logged as NaN, whose
    runs can be told by the primary key alone. `start` is what the runs must have that few have, to begin from there.
    """

    query: RunQuery
    tables: Mapping[str, str]
    experiment_ids: Set[int]
    clean: Set[str] = frozenset()
    start: Has | None = None
    _values: dict[str, Any] = field(default_factory=dict)

    def runs(self) -> Statement:
        """The rows of `runs`, in order and cut; `sorted_by` is the value they are ordered by."""
        direction = "DESC" if self.query.order.descending else "ASC"
        metric = self.query.order.metric
        source, where = self._source(), self._where()
        if metric is None:
            shown, order = "coalesce(r.start_time, 0)", f"sorted_by {direction}, r.run_uuid"
        else:
            source += f" CROSS JOIN {self.tables['latest_metrics']} o ON o.run_uuid = r.run_uuid"
            where += f' AND o."key" = {self._bind(metric)} AND o.is_nan = 0'
            shown, order = "o.value", f"sorted_by {direction}, coalesce(r.start_time, 0), r.run_uuid"
        text = f"SELECT r.*, {shown} AS sorted_by FROM {source} WHERE {where} ORDER BY {order}"
        return self._statement(text + self._cut(self.query.limit, self.query.skip))

    def ahead(self, n: int) -> Statement:
        """The first `n` (run_uuid, sorted_by) in order among runs that need not have what the question filters by."""
        direction = "DESC" if self.query.order.descending else "ASC"
        metric = self.query.order.metric
        if metric is None:
            shown, source = "coalesce(r.start_time, 0)", f"{self.tables['runs']} r"
            where = self._of_the_run()
        else:  # "+": on the whole, reading all is quicker than looking up the value of each run
            shown, source = "r.value", f"{self.tables['latest_metrics']} r"
            where = f'+r."key" = {self._bind(metric)} AND r.is_nan = 0 AND {_IS_TEXT}'
        text = f"SELECT r.run_uuid, {shown} AS sorted_by FROM {source} WHERE {where} ORDER BY sorted_by {direction}"
        return self._statement(text + self._cut(n))

    def count(self) -> Statement:
        """How many runs there are, the limit aside."""
        return self._statement(f"SELECT count(*) FROM {self._source()} WHERE {self._where()}")

    def distinct(self, keys: Sequence[str]) -> Statement:
        """The different combinations of values that these parameters have among the runs, cut at the limit."""
        joins, wanted, joined = "", [], []
        for key in keys:
            has = Has("param", key)
            joined.append(has)
            if has == self.start:
                wanted.append("d.value")
                continue
            name = f"p{len(joined)}"
            wanted.append(f"{name}.value")
            joins += f" CROSS JOIN {self.tables['params']} {name} ON {name}.run_uuid = r.run_uuid"
            joins += f' AND {name}."key" = {self._bind(key)}'
        text = f"SELECT DISTINCT {', '.join(wanted)} FROM {self._source()}{joins} WHERE {self._where(joined)}"
        return self._statement(text + self._cut(self.query.limit))

    def _source(self) -> str:
        if self.start is None:
            return f"{self.tables['runs']} r"
        table = self.tables[KEYED[self.start.kind]]
        return f"{table} d CROSS JOIN {self.tables['runs']} r ON r.run_uuid = d.run_uuid"

    def _where(self, joined: Sequence[Has] = ()) -> str:
        """What must hold of a run; what it has by a join already (`joined`) is not asked twice."""
        begun = [] if self.start is None else [self._holds(self.start, "d")]
        run = "r" if self.start is None else "d"
        others = [self._has(has, run) for has in self.query.filters if has != self.start and has not in joined]
        return " AND ".join((*begun, *others, self._of_the_run()))

    def _of_the_run(self) -> str:
        chosen = self.experiment_ids
        if self.query.experiment_ids is not None:
            chosen = {id for id in chosen if str(id) in self.query.experiment_ids}
        parts = [
            f"r.experiment_id IN ({', '.join(map(str, sorted(chosen)))})",
            f"r.lifecycle_stage = '{'deleted' if self.query.deleted else 'active'}'",
            _IS_TEXT,
        ]
        if self.query.statuses:
            parts.append(f"r.status IN ({', '.join(map(self._bind, self.query.statuses))})")
        if self.query.started_until is not None:
            until = ", ".join(map(self._bind, self.query.started_until))
            parts.append(f"(coalesce(r.start_time, 0), r.run_uuid) <= ({until})")
        if self.query.ids is not None:
            parts.append(f"r.run_uuid IN ({self._listed(self.query.ids)})")
        if self.query.without:
            parts.append(f"r.run_uuid NOT IN ({self._listed(self.query.without)})")
        return " AND ".join(parts)

    def _has(self, has: Has, run: str) -> str:
        if has.kind in KEYED:
            table = self.tables[KEYED[has.kind]]
            return f"EXISTS (SELECT 1 FROM {table} x WHERE x.run_uuid = {run}.run_uuid AND {self._holds(has, 'x')})"
        return (
            f"EXISTS (SELECT 1 FROM {self.tables['inputs']} i JOIN {self.tables['input_tags']} t"
            " ON t.input_uuid = i.input_uuid"
            f" WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id = {run}.run_uuid"
            f" AND t.name = 'mlflow.data.context' AND t.value = {self._bind(has.key)})"
        )

    def _holds(self, has: Has, row: str) -> str:
        parts = [f'{row}."key" = {self._bind(has.key)}']
        if has.kind == "metric":
            parts += [] if has.key in self.clean else [f"{row}.is_nan = 0"]
        elif has.value is not None:
            parts.append(f"{row}.value = {self._bind(has.value)}")
        return " AND ".join(parts)

    def _listed(self, ids: Iterable[str]) -> str:
        """Any number of ids, as one value: SQLite allows only so many placeholders."""
        return f"SELECT value FROM json_each({self._bind(json.dumps(list(ids)))})"

    def _cut(self, n: int | None, skip: int = 0) -> str:
        if n is None and not skip:
            return ""
        return f" LIMIT {self._bind(-1 if n is None else n)}" + (f" OFFSET {self._bind(skip)}" if skip else "")

    def _bind(self, value: Any) -> str:
        name = f"v{len(self._values)}"
        self._values[name] = value
        return f":{name}"

    def _statement(self, text: str) -> Statement:
        return Statement(text, self._values)
