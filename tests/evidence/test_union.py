"""Many stores taken together: each run once, the configured store's word first, and one bad store spoils nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowcoach.evidence import Evidence, ExperimentRecord, Has, NotFound, Order, RegisteredModel, Run, RunQuery
from flowcoach.evidence.records import Dataset, LoggedModel, ModelVersion
from flowcoach.evidence.union import union
from flowcoach.problem import Problem


class Held:
    """A store of runs at hand; `broken` makes it one that can no longer be read."""

    def __init__(self, address: str, *runs: Run, experiments: dict[str, str] | None = None) -> None:
        self.address = address
        self.warnings: tuple[str, ...] = ()
        self.broken = False
        self.closed = False
        names = experiments or {"1": "tuning"}
        self._experiments = tuple(ExperimentRecord(id, name, True, "", store=self) for id, name in names.items())
        self._runs = tuple(replace(run, store=self) for run in runs)
        self.models: tuple[RegisteredModel, ...] = ()

    def _answer(self) -> None:
        if self.broken:
            raise Problem(f"{self.address} broke.", "mend it")

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        self._answer()
        return self._experiments

    def runs(self, query: RunQuery) -> list[Run]:
        self._answer()
        return query.apply(self._runs)

    def count(self, query: RunQuery) -> int:
        return len(self.runs(replace(query, skip=0, limit=None)))

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> set[tuple[str, ...]]:
        found = [run.params for run in self.runs(replace(query, skip=0, limit=None))]
        return {tuple(params[key] for key in keys) for params in found if params.keys() >= set(keys)}

    def run_ids(self, among: object = None) -> frozenset[str]:
        self._answer()
        return frozenset(run.id for run in self._runs)

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        self._answer()
        return self.models

    def history(self, run_id: str, key: str) -> tuple[tuple[int, float], ...]:
        self._answer()
        return tuple((0, run.metrics[key]) for run in self._runs if run.id == run_id and key in run.metrics)

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        self._answer()
        return (Dataset(run_id, self.address, "", "", ""),)

    def models_in(self, experiment_id: str) -> tuple[LoggedModel, ...]:
        return ()

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        self._answer()
        return ()

    def served(self, location: str) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def run(id: str, rmse: float, start: int = 1, **changes: object) -> Run:
    made = Run(id, id, "1", "tuning", "FINISHED", True, start, 2, "", params={"depth": id}, metrics={"rmse": rmse})
    return replace(made, **changes)


def together(*stores: Held) -> Evidence:
    first, *others = stores
    return Evidence(union(first, tuple(others)), configured=first)


def names(runs: list[Run]) -> list[str]:
    return [run.id for run in runs]


def test_runs_of_all_stores_come_in_one_order() -> None:
    evidence = together(Held("a", run("x", 3), run("y", 1)), Held("b", run("z", 2)))
    assert names(list(evidence.runs.by_metric("rmse"))) == ["y", "z", "x"]
    assert evidence.runs.lowest("rmse").id == "y"
    assert evidence.runs.count() == 3
    assert evidence.runs.distinct("depth") == 3


def test_experiments_of_one_name_merge_and_each_run_knows_its_store() -> None:
    first, second = Held("a", run("x", 3)), Held("b", run("z", 2))
    (experiment,) = together(first, second).experiments
    assert [(one.id, one.store.address) for one in experiment.runs if one.store] == [("x", "a"), ("z", "b")]


def test_a_run_that_lies_in_two_stores_is_the_configured_one() -> None:
    evidence = together(Held("a", run("x", 3)), Held("b", run("x", 1), run("z", 2)))
    assert names(list(evidence.runs.by_metric("rmse"))) == ["z", "x"]
    assert evidence.runs.lowest("rmse").id == "z"
    assert evidence.runs.count() == 2
    assert evidence.runs.distinct("depth") == 2


def test_a_filter_that_only_a_copy_fulfils_finds_nothing() -> None:
    evidence = together(Held("a", run("x", 3)), Held("b", run("x", 3, tags={"best": "yes"})))
    assert not evidence.runs.with_tag("best")


def test_a_run_deleted_in_the_configured_store_is_not_brought_back_by_a_copy() -> None:
    evidence = together(Held("a", run("x", 3, active=False)), Held("b", run("x", 3)))
    assert evidence.runs.count() == 0
    assert names(list(evidence.runs.deleted())) == ["x"]


def test_runs_that_are_not_its_own_do_not_fill_a_stores_limit() -> None:
    copies = [run(f"copy{number}", 1) for number in range(5)]
    evidence = together(Held("a", *copies), Held("b", *copies, run("own", 2)))
    query = RunQuery(order=Order("rmse"), limit=1)
    assert names(evidence.stores[1].runs(query)) == ["own"]
    assert evidence.stores[1].runs(replace(query, skip=1)) == []


def test_of_three_stores_each_stands_behind_all_before_it() -> None:
    evidence = together(Held("a"), Held("b", run("x", 1)), Held("c", run("x", 1), run("y", 2)))
    assert [names(store.runs(RunQuery())) for store in evidence.stores] == [[], ["x"], ["y"]]
    assert [store.run_ids() for store in evidence.stores] == [set(), {"x"}, {"y"}]


def test_a_discovered_store_gives_datasets_and_models_of_its_runs() -> None:
    evidence = together(Held("a"), Held("b", run("x", 1)))
    (found,) = evidence.runs
    assert found.datasets[0].digest == "b"
    assert found.models == ()


def test_of_models_with_one_name_the_configured_stores_is_given() -> None:
    first, second = Held("a"), Held("b")
    second.models = (RegisteredModel("duration", "copy", versions=(ModelVersion("duration", 1, "", "", "", "", ""),)),)
    evidence = together(first, second)
    assert evidence.model("duration").description == "copy"
    assert evidence.model("duration").latest.store is evidence.stores[1]
    first.models = (RegisteredModel("duration", "own", store=first),)
    assert evidence.model("duration").description == "own"


def test_a_discovered_store_that_breaks_is_empty_and_says_why() -> None:
    first, second = Held("a", run("x", 1)), Held("b", run("y", 2))
    evidence = together(first, second)
    second.broken = True
    assert names(list(evidence.runs)) == ["x"]
    assert evidence.runs.count() == 1
    assert evidence.models == ()
    assert evidence.stores[1].datasets("y") == ()
    assert evidence.warnings == ("b broke. Its runs are left out; mend it.",)


def test_the_configured_store_that_breaks_ends_the_look() -> None:
    first = Held("a")
    evidence = together(first, Held("b"))
    first.broken = True
    with pytest.raises(Problem):
        evidence.runs.count()


def test_warnings_of_every_store_are_told() -> None:
    first, second = Held("a"), Held("b")
    first.warnings, second.warnings = ("odd",), ("odder",)
    assert replace(together(first, second), unread=("gone",)).warnings == ("gone", "odd", "odder")


def test_closing_closes_every_store() -> None:
    stores = Held("a"), Held("b")
    together(*stores).close()
    assert [store.closed for store in stores] == [True, True]


def test_a_run_is_found_by_its_id_in_any_store() -> None:
    evidence = together(Held("a", run("x", 1)), Held("b", run("y", 2)))
    found = evidence.runs.with_id("y")
    assert found is not None
    assert found.store is evidence.stores[1]
    assert evidence.runs.with_id("z") is None


def test_the_run_of_a_version_is_found_in_another_store_or_told_missing() -> None:
    evidence = together(Held("a"), Held("b", run("y", 2)))
    version = ModelVersion("duration", 1, "None", "", "y", "READY", "")
    assert evidence.run_of(version).id == "y"
    with pytest.raises(NotFound, match="points at no run"):
        evidence.run_of(replace(version, run_id="gone"))


def test_metrics_that_are_missing_or_nan_are_never_the_lowest() -> None:
    store = Held("a", run("x", float("nan")), run("y", 2), run("z", 1, metrics={"mae": 0.1}))
    evidence = together(store, Held("b"))
    assert evidence.runs.lowest("rmse").id == "y"
    assert evidence.runs.with_metric("rmse").count() == 1
    assert store.runs(RunQuery(filters=(Has("metric", "mae"),)))[0].id == "z"


@pytest.mark.parametrize(("more", "where"), [("", "a"), ("b", "a and 1 more"), ("bcd", "a and 3 more")])
def test_what_is_missing_is_told_with_the_configured_store_and_how_many_more(more: str, where: str) -> None:
    evidence = together(Held("a"), *(Held(address) for address in more))
    for look in (evidence.experiment, evidence.model):
        with pytest.raises(NotFound) as raised:
            look("other")
        assert raised.value.where == where


@pytest.mark.parametrize(
    ("made", "sought"),
    [
        ("tunning", "tuning"),
        ("ridge_by_hand", "ridge-by-hand"),
        ("forest-serch", "forest-search"),
        ("Forest Models", "forest-models"),
        ("Duo", "duo"),
    ],
)
def test_a_slip_of_the_pen_is_told_with_the_name_that_was_meant(made: str, sought: str) -> None:
    with pytest.raises(NotFound) as raised:
        together(Held("a", experiments={"1": made})).experiment(sought)
    assert raised.value.advice == f"“{made}” is nearly it: to MLflow it is another name. Write it exactly as “{sought}”"


@pytest.mark.parametrize(
    ("made", "sought"), [("tree-models", "forest-models"), ("duos", "duo"), ("final", "finalists")]
)
def test_a_name_of_something_else_is_no_slip_of_the_pen(made: str, sought: str) -> None:
    with pytest.raises(NotFound) as raised:
        together(Held("a", experiments={"1": made})).experiment(sought)
    assert "nearly" not in raised.value.advice


def test_of_several_misspelt_names_the_nearest_is_told() -> None:
    with pytest.raises(NotFound, match="tuning") as raised:
        together(Held("a", experiments={"1": "tunnning", "2": "tunning"})).experiment("tuning")
    assert raised.value.advice.startswith("“tunning” is nearly it")
