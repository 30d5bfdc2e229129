"""A figure is believed after its own model gave it again; what cannot be asked again is said, and why."""

from __future__ import annotations

import dataclasses
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowcoach import isolation, rescore, taxi, workspace
from flowcoach.checks import Failed, expect_reproduced
from flowcoach.evidence import Evidence, NotFound, Outcome, Unavailable, Verdict
from flowcoach.workspace import Workspace
from tests.rescore.conftest import Logged

HONEST = ("skops", "cloudpickle", "rounded", "model and vectorizer")


def ask(logged: Logged, rescorer: rescore.Reproducer, *names: str) -> dict[str, Verdict | None]:
    evidence = logged.evidence
    return dict(zip(names, rescorer(evidence, [logged.figure(name, evidence) for name in names]), strict=True))


def test_honest_figures_come_out_again_however_their_model_was_written(copied: Logged) -> None:
    verdicts = ask(copied, rescore.own(copied.here, compute=True), *HONEST)
    assert {name: verdict and verdict.outcome for name, verdict in verdicts.items()} == dict.fromkeys(
        HONEST, Outcome.REPRODUCED
    )


def test_a_figure_better_than_its_model_differs_and_both_numbers_are_told(copied: Logged) -> None:
    (verdict,) = ask(copied, rescore.own(copied.here, compute=True), "better than its model").values()
    assert verdict is not None
    assert verdict.outcome is Outcome.DIFFERS
    assert verdict.recomputed == pytest.approx(verdict.logged + 1, abs=1e-9)


def test_a_model_of_another_fit_gives_its_own_figure(copied: Logged) -> None:
    (verdict,) = ask(copied, rescore.own(copied.here, compute=True), "of another fit").values()
    assert verdict is not None
    assert verdict.outcome is Outcome.DIFFERS


def test_a_figure_without_a_model_cannot_be_reproduced(copied: Logged) -> None:
    (verdict,) = ask(copied, rescore.own(copied.here, compute=True), "without a model").values()
    assert verdict is not None
    assert (verdict.outcome, verdict.reason) == (Outcome.IRREPRODUCIBLE, "the run logged no model")


def test_a_model_of_another_run_is_not_asked_and_that_run_is_named(copied: Logged) -> None:
    evidence = copied.evidence
    other = copied.figure("skops", evidence).run.id
    mine = copied.figure("without a model", evidence).run.id
    with closing(sqlite3.connect(copied.here.folder / "mlflow.db")) as store, store:
        store.execute("UPDATE logged_models SET source_run_id = ? WHERE source_run_id = ?", (mine, other))
    (verdict,) = ask(copied, rescore.own(copied.here, compute=True), "without a model").values()
    assert verdict is not None
    assert verdict.outcome is Outcome.IRREPRODUCIBLE
    assert f"another run logged them ({other})" in verdict.reason


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("mlartifacts/models", "gone"),
        ("MLmodel", "its file “MLmodel” is missing"),
        ("model.skops", "“model.skops” is missing"),
    ],
)
def test_a_model_whose_files_are_gone_says_so(copied: Logged, gone: str, words: str) -> None:
    for description in list(copied.here.folder.rglob(gone)):
        if description.is_dir():
            workspace.remove(description)
        else:
            description.unlink()
    (verdict,) = ask(copied, rescore.own(copied.here, compute=True), "skops").values()
    assert verdict is not None
    assert verdict.outcome is Outcome.IRREPRODUCIBLE
    assert words in verdict.reason


@pytest.mark.parametrize("name", ["without a model", "better than its model", "skops"])
def test_what_nobody_asked_to_compute_is_as_logged(copied: Logged, name: str) -> None:
    assert ask(copied, rescore.own(copied.here, compute=False), name) == {name: None}
    assert not (copied.here.folder / ".flowcoach" / "rescored").exists()


def test_a_model_whose_vectorizer_was_left_behind_says_so(copied: Logged) -> None:
    (verdict,) = ask(copied, rescore.own(copied.here, compute=True), "vectorizer left behind").values()
    assert verdict is not None
    assert verdict.outcome is Outcome.IRREPRODUCIBLE
    assert "no vectorizer lies beside it" in verdict.reason


def test_a_month_that_is_not_here_is_named(copied: Logged) -> None:
    copied.here.months[1].unlink()
    (verdict,) = ask(copied, rescore.own(copied.here, compute=True), "skops").values()
    assert verdict is not None
    assert verdict.outcome is Outcome.IRREPRODUCIBLE
    assert "2023-02" in verdict.reason


class TestMemory:
    def test_what_was_computed_once_is_told_without_loading_anything(self, copied: Logged) -> None:
        assert ask(copied, rescore.own(copied.here, compute=False), "skops") == {"skops": None}
        ask(copied, rescore.own(copied.here, compute=True), "skops")
        (verdict,) = ask(copied, rescore.own(copied.here, compute=False), "skops").values()
        assert verdict is not None
        assert verdict.outcome is Outcome.REPRODUCED

    def test_another_model_or_month_is_not_what_was_computed(self, copied: Logged) -> None:
        ask(copied, rescore.own(copied.here, compute=True), "skops")
        copied.here.months[1].write_bytes(copied.here.months[2].read_bytes())
        assert ask(copied, rescore.own(copied.here, compute=False), "skops") == {"skops": None}

    def test_nobody_elses_memory_is_believed(self, copied: Logged, tmp_path: Path) -> None:
        ask(copied, rescore.own(copied.here, compute=True), "better than its model")
        foreign = rescore.foreign(copied.here, tmp_path)
        assert foreign.memory is None


class TestForeign:
    """Somebody else's models are asked in the sandbox, on trips made anew from their learner id."""

    @pytest.fixture(autouse=True)
    def _needs_a_sandbox(self) -> None:
        able = isolation.probe()
        if not able.sandbox:
            pytest.skip(able.reason)

    def test_honest_figures_come_out_again(self, stranger: Workspace, tmp_path: Path) -> None:
        verdicts = ask(Logged(stranger), rescore.foreign(stranger, tmp_path), "skops", "model and vectorizer")
        assert [verdict and verdict.outcome for verdict in verdicts.values()] == [Outcome.REPRODUCED] * 2

    def test_trips_that_came_along_count_for_nothing(self, stranger: Workspace, tmp_path: Path) -> None:
        stranger.data.mkdir()
        stranger.months[1].write_bytes(b"not the learner's trips")
        (verdict,) = ask(Logged(stranger), rescore.foreign(stranger, tmp_path), "cloudpickle").values()
        assert verdict is not None
        assert verdict.outcome is Outcome.REPRODUCED


def test_figures_on_real_months_are_asked_again_on_the_publishers_own_only(stranger: Workspace, tmp_path: Path) -> None:
    fetched = workspace.note_real(stranger)
    (unknown,) = ask(Logged(fetched), rescore.foreign(fetched, tmp_path), "skops").values()
    assert unknown is not None
    assert (unknown.outcome, "real trips of 2023-02" in unknown.reason) == (Outcome.IRREPRODUCIBLE, True)
    taxi.write(taxi.month(2023, 2, trips=200), workspace.month_file(tmp_path / "given", "2023-02"))
    (other,) = ask(Logged(fetched), rescore.foreign(fetched, tmp_path, published=tmp_path / "given"), "skops").values()
    assert other is not None
    assert "is not the publisher's file" in other.reason


def test_without_a_sandbox_nothing_of_a_stranger_is_loaded(
    stranger: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (verdict,) = ask(Logged(stranger), rescore.foreign(stranger, tmp_path), "skops").values()
    assert verdict is not None
    assert verdict.outcome is Outcome.NOT_ALLOWED
    assert "bubblewrap is not installed" in verdict.reason


class TestTheWordInAChek:
    def with_memory_of(self, logged: Logged, verdict: Verdict | None) -> Evidence:
        return dataclasses.replace(logged.evidence, rescorer=lambda *_: (verdict,))

    def test_a_figure_that_differs_fails_with_both_numbers(self, logged: Logged) -> None:
        evidence = logged.evidence
        figure = logged.figure("skops", evidence)
        differs = Verdict(figure, Outcome.DIFFERS, 5.01, 5.43)
        with pytest.raises(Failed, match=r"logged `rmse` 5\.01; its own model gives 5\.43 on 2023-02"):
            expect_reproduced(self.with_memory_of(logged, differs), figure)

    @pytest.mark.parametrize("outcome", [Outcome.IRREPRODUCIBLE, Outcome.NOT_ALLOWED])
    def test_what_cannot_be_asked_again_skips_with_the_reason(self, logged: Logged, outcome: Outcome) -> None:
        figure = logged.figure("skops", logged.evidence)
        verdict = Verdict(figure, outcome, 5.0, reason="the run logged no model")
        with pytest.raises(Unavailable, match=f"{outcome}: the run logged no model"):
            expect_reproduced(self.with_memory_of(logged, verdict), figure)

    def test_nothing_is_said_where_nobody_asked_and_nothing_is_remembered(self, logged: Logged) -> None:
        expect_reproduced(self.with_memory_of(logged, None), logged.figure("skops", logged.evidence))
        expect_reproduced(logged.evidence, logged.figure("skops", logged.evidence))

    def test_a_metric_that_was_not_logged_is_not_found(self, logged: Logged) -> None:
        evidence = logged.evidence
        figure = dataclasses.replace(logged.figure("skops", evidence), metric="mae")
        with pytest.raises(NotFound, match="no metric `mae`"):
            expect_reproduced(dataclasses.replace(evidence, rescorer=rescore.own(logged.here, compute=False)), figure)
