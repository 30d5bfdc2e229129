"""Judge a homework of the original course by what lies in its stores. The rules are those of README.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from flowcoach.evidence import Evidence, ExperimentRecord, ModelVersion, RegisteredModel, Run, RunQuery
from flowcoach.profiles import NOT_ASKED, Finding, Profile, Question

KNOBS = ("max_depth", "n_estimators", "min_samples_split", "min_samples_leaf")
ENOUGH = 5  # trials that make a search
_MOST = 20_000  # runs of one experiment that are looked at
_TUNING = re.compile(r"hyper|hpo|optuna", re.IGNORECASE)
_FINALISTS = re.compile(r"best", re.IGNORECASE)
_RUN_ID = re.compile(r"[0-9a-f]{32}")


# What was logged, under whatever name.


def validation(run: Run) -> str | None:
    """The name under which the run logs a validation RMSE; None when it logs none."""
    return _first_metric(run, "rmse", is_validation_rmse)


def test(run: Run) -> str | None:
    """The name under which the run logs a test RMSE; None when it logs none."""
    return _first_metric(run, "test_rmse", is_test_rmse)


def is_validation_rmse(metric: str) -> bool:
    """Whether a metric is called as RMSEs of the validation month are: `rmse`, `Validation RMSE`, `valid-rmse`, …"""
    return _is_rmse(metric) and not is_test_rmse(metric) and not re.search(r"train|oob", _plain(metric))


def is_test_rmse(metric: str) -> bool:
    """Whether a metric is called as RMSEs of the test month are: `test_rmse`, `RMSE test`, `testRMSE`, …"""
    return _is_rmse(metric) and bool(re.search(r"\btest|(?<!la)test\b", _plain(metric)))


def is_autologged(run: Run) -> bool:
    """Whether autolog wrote the run, by the signs that it leaves in MLflow 1.26 to 3.17."""
    signs = ("estimator_class", "estimator_name", "mlflow.autologging")
    return any(sign in run.tags for sign in signs) or sum(key.startswith("training_") for key in run.metrics) > 1


def _is_rmse(metric: str) -> bool:
    return bool(re.search(r"rmse|rootmeansquarederror", _plain(metric).replace(" ", "")))


def _plain(metric: str) -> str:
    """A metric's name as lower-case words: `valRMSE`, `Val-RMSE` and `val_rmse` are all `val rmse`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", metric[:300])
    return re.sub(r"[^a-z0-9]+", " ", words.lower()).strip()


def _first_metric(run: Run, usual: str, fits: Callable[[str], bool]) -> str | None:
    """The usual name when the run has it, else the first in order that fits; only with a usable value."""
    names = (name for name in (usual, *sorted(run.metrics)) if run.has_metric(name) and fits(name))
    return next(names, None)


# Where it was logged.


@dataclass(frozen=True)
class Place:
    """An experiment of one store: another store may have one of the same name and of a different kind.

    `store` is how messages name the store; `runs` are those that were not deleted, `deleted` is how many were.
    """

    record: ExperimentRecord
    store: str
    runs: tuple[Run, ...]
    deleted: int

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
        return tuple(run for run in self.finished if _has_knobs(run) and validation(run))

    @cached_property
    def scored(self) -> tuple[Run, ...]:
        """The finished runs that log a test RMSE."""
        return tuple(run for run in self.finished if test(run))

    @property
    def named_tuning(self) -> bool:
        """Whether it is called as tuning experiments are."""
        return bool(_TUNING.search(self.record.name))

    @property
    def named_finalists(self) -> bool:
        """Whether it is called as experiments of the best models are."""
        return bool(_FINALISTS.search(self.record.name)) and not self.named_tuning

    @cached_property
    def is_tuning(self) -> bool:
        """Whether it is a tuning experiment beyond doubt: by its name, or by trials that differ in what they try."""
        tried = {_knobs(run) for run in self.trials if not test(run)}
        return self.named_tuning or (not self.named_finalists and len(tried) >= ENOUGH)


class Work:
    """What lies in all stores of a homework, read once."""

    def __init__(self, evidence: Evidence, profile: Profile) -> None:
        self.evidence = evidence
        self.profile = profile
        self.places = tuple(self._place(one) for one in self._records if one.active)
        self.place_of = {run.id: place for place in self.places for run in place.runs}
        self.runs = tuple(run for place in self.places for run in place.runs)

    @property
    def _records(self) -> list[ExperimentRecord]:
        return [record for store in self.evidence.stores for record in store.experiments()]

    def _place(self, record: ExperimentRecord) -> Place:
        store = record.store
        if store is None:
            return Place(record, "", (), 0)
        query = RunQuery(experiment_ids=(record.id,))
        runs = store.runs(RunQuery(experiment_ids=(record.id,), limit=_MOST))
        return Place(record, self.shown(record), tuple(runs), store.count(RunQuery(query.experiment_ids, deleted=True)))

    def shown(self, of: ExperimentRecord | ModelVersion | RegisteredModel) -> str:
        """The store that something is in, as a learner names it: by its path in the homework."""
        path = of.store.address.removeprefix("sqlite:///") if of.store else ""
        folder = self.evidence.shelves.folder.as_posix() if self.evidence.shelves else ""
        return path.replace("\\", "/").removeprefix(folder).lstrip("/") or path

    def deleted(self, fits: re.Pattern[str]) -> list[str]:
        """The deleted experiments whose name fits, each with its store and the command that brings it back."""
        return [
            f"“{one.name}” ({self.shown(one)}) was deleted; {_to_restore(one, self.shown(one))} brings it back"
            for one in self._records
            if not one.active and fits.search(one.name)
        ]

    @cached_property
    def finalists(self) -> tuple[Place, ...]:
        """The experiments of the best models: those called so, and where none of these is scored, those that are."""
        named = [place for place in self.places if place.named_finalists]
        if not any(place.scored for place in named):
            named += [place for place in self.places if place.scored and not place.named_finalists]
        return tuple(named)

    @property
    def stores(self) -> str:
        """The stores in words."""
        found = [_relative(self.evidence, store.address) for store in self.evidence.stores]
        return _listed(found) if found else "no store of MLflow"


def _has_knobs(run: Run) -> bool:
    return run.params.keys() >= set(KNOBS)


def _knobs(run: Run) -> tuple[str, ...]:
    return tuple(run.params[knob] for knob in KNOBS)


# The questions.


def autolog(work: Work) -> Finding:
    """Whether a finished run of autolog lies outside the tuning and the best models."""
    found = [run for place in work.places for run in place.finished if is_autologged(run)]
    outside = [run for run in found if _is_outside(work, run)]
    if outside:
        run = outside[-1]
        name = run.tags.get("estimator_name", "a model")
        return Finding(
            "yes",
            1,
            f"{_runs(outside, 'finished autologged run')} in {_where(work, outside)}, as {run.label}:"
            f" {name} with {len(run.params)} parameters and {len(run.metrics)} metrics.",
        )
    begun = [run for run in work.runs if is_autologged(run) and not run.finished]
    mend = (
        "in train.py, call mlflow.sklearn.autolog() before `with mlflow.start_run():`, in an experiment of its own,"
        " and run python train.py to its end"
    )
    if found:
        only_finalists = all(not work.place_of[run.id].is_tuning for run in found)
        status = "best-models-only" if only_finalists else "hpo/best-only"
        which = "register_model.py" if only_finalists else "the tuning or of register_model.py"
        also = f" {begun[0].label} in {work.place_of[begun[0].id].label} was begun, and not finished." if begun else ""
        return Finding(
            status,
            0.5,
            f"{_runs(found, 'autologged run')}, all in {_where(work, found)}.",
            f"Autolog works, but every run it wrote is one of {which}: the run of train.py is in none of these stores"
            f" ({work.stores}).{also}",
            advice="if train.py wrote to another store (a server, an mlruns folder elsewhere), bring that along; else"
            f" {mend}",
            misconception="train-run-elsewhere",
        )
    if begun:
        run = begun[-1]
        return Finding(
            "unfinished",
            0.5,
            f"{_runs(begun, 'autologged run')} in {_where(work, begun)}, none finished.",
            f"Autolog was on, but its run {run.label} ended as {run.status}: the script stopped before its end.",
            where=work.place_of[run.id].label,
            advice="run python train.py again and read what it stops at; with a newer scikit-learn,"
            " mean_squared_error(…, squared=False) is now root_mean_squared_error(…)",
            misconception="stopped-on-the-way",
        )
    by_hand = [
        run for place in work.places for run in place.finished if (run.metrics or run.params) and _is_outside(work, run)
    ]
    if by_hand:
        run = by_hand[-1]
        return Finding(
            "manual",
            0.5,
            f"{_runs(by_hand, 'run')} logged by hand in {_where(work, by_hand)}; {run.label} has {_logged(run)}.",
            f"The run {run.label} is logged, but by hand: it has none of the parameters and `training_…` metrics that"
            " autolog writes down by itself.",
            where=work.place_of[run.id].label,
            advice=mend,
            misconception="logged-by-hand",
        )
    return Finding(
        "no",
        0,
        f"No autologged run in {work.stores}.",
        f"A run that autolog wrote is in none of the stores that lie here ({work.stores}).",
        advice=f"{mend}; if you did, its store did not come along: it is mlflow.db or mlruns/ in the folder that"
        " train.py was run in",
    )


def hpo(work: Work) -> Finding:
    """Whether a tuning experiment has five finished trials with hyper-parameters and validation RMSE."""
    searches = [place for place in work.places if place.named_tuning or not place.named_finalists]
    done = [(place, [run for run in place.trials if place.named_tuning or not test(run)]) for place in searches]
    enough = [(place, trials) for place, trials in done if len(trials) >= ENOUGH]
    if enough:
        return _tuned(work, *max(enough, key=lambda found: len(found[1])))
    named = [place for place in work.places if place.named_tuning]
    without = [(place, runs) for place in searches if (runs := _without_rmse(place))]
    if without:
        return _no_validation(*max(without, key=lambda found: (found[0].named_tuning, len(found[1]))))
    for place in named:
        if place.runs:
            return _unfinished_search(place)
    both = [place for place in work.places if not place.named_finalists and len(place.trials) >= ENOUGH]
    if both:  # trials that are scored on the test month at once
        return _tuned(work, both[0], list(both[0].trials))
    script = 'in hpo.py, open a run in the objective, mlflow.log_params(params), mlflow.log_metric("rmse", rmse)'
    if named:
        place = named[0]
        trash = f" Its {_many(place.deleted, 'run')} were deleted." if place.deleted else ""
        return Finding(
            "empty",
            0,
            f"The experiment {place.label} is there and has no runs.",
            f"The experiment {place.label} holds no trial.{trash}",
            where=place.label,
            advice=f"{script}, then python hpo.py; if you did, hpo.py wrote to another store: bring that along",
        )
    gone = work.deleted(_TUNING)
    return Finding(
        "no",
        0,
        f"No tuning experiment in {work.stores}.",
        f"No experiment in {work.stores} has trials of the four hyper-parameters ({', '.join(KNOBS)}) with a validation"
        f" RMSE.{_also(gone)}",
        advice=f"{script}, then python hpo.py; a server's store must come along: it is the file of --backend-store-uri",
    )


def _tuned(work: Work, place: Place, trials: list[Run]) -> Finding:
    name = Counter(_named(validation, trials)).most_common(1)[0][0]
    low = min(run.metric(str(validation(run))) for run in trials)
    note = ""
    if name != "rmse":
        note = (
            f" A note: register_model.py of the homework orders the trials by `rmse`; these log `{name}`, so write"
            f" order_by=['metrics.\"{name}\" ASC'] there, or log it as `rmse`."
        )
    published = _beside(work.profile, "validation", low)
    return Finding(
        "yes",
        1,
        f"{_many(len(trials), 'finished trial')} in {place.label} with the four hyper-parameters and `{name}`; the"
        f" lowest is {low:.4f}{published}.{note}",
    )


def _without_rmse(place: Place) -> list[Run]:
    """The finished trials of a place that no validation RMSE was logged for, if that is what it is all about."""
    if any(validation(run) or test(run) for run in place.finished):
        return []
    runs = [run for run in place.finished if _has_knobs(run)]
    if place.named_tuning:
        return runs or (list(place.finished) if len(place.finished) >= ENOUGH else [])
    return runs if len({_knobs(run) for run in runs}) >= ENOUGH else []


def _no_validation(place: Place, runs: list[Run]) -> Finding:
    auto = any(map(is_autologged, runs))
    seen = f"{_many(len(runs), 'finished trial')} in {place.label}; they log {_logged(runs[-1])}."
    advice = (
        'after predicting on the validation data in hpo.py\'s objective, mlflow.log_metric("rmse", rmse); then python'
        " hpo.py and python register_model.py again"
    )
    if auto:
        return Finding(
            "partial: no val rmse",
            0.5,
            seen,
            "Autolog was on during the tuning, which the homework asks to leave off: it logs how well each forest knows"
            " its own training month (`training_…`), and not the RMSE on the validation month that trials are compared"
            " by.",
            where=place.label,
            advice=f"take the autolog line out of hpo.py; {advice}",
            misconception="autolog-instead-of-validation",
        )
    return Finding(
        "partial: no val rmse",
        0.5,
        seen,
        "The trials are there, but not the validation RMSE: nothing tells which of them is the best.",
        where=place.label,
        advice=advice,
        misconception="no-validation-rmse",
    )


def _unfinished_search(place: Place) -> Finding:
    ends = Counter(run.status for run in place.runs)
    told = _listed([f"{number} {status}" for status, number in sorted(ends.items())])
    with_rmse = sum(1 for run in place.finished if validation(run))
    if with_rmse and not any(_has_knobs(run) for run in place.finished):
        message = (
            f"{_many(with_rmse, 'run')} log an RMSE but not the hyper-parameters that were tried: nobody can train the"
            " best one again, and register_model.py stops at `max_depth`."
        )
        advice = "in hpo.py's objective, mlflow.log_params(params) inside the run; then python hpo.py again"
    else:
        message = (
            f"The tuning was begun: {_many(len(place.trials), 'finished trial')} with the four hyper-parameters and a"
            f" validation RMSE, of at least {ENOUGH}."
        )
        advice = "run python hpo.py again, to its end; a FAILED run says in its log what stopped it"
    return Finding(
        "unfinished",
        0.25,
        f"{_many(len(place.runs), 'run')} in {place.label}: {told}.",
        message,
        where=place.label,
        advice=advice,
    )


def best_models(work: Work) -> Finding:
    """Whether finalists were scored on the test month."""
    scored = [run for place in work.places for run in place.scored]
    if scored:
        name = Counter(_named(test, scored)).most_common(1)[0][0]
        low = min(run.metric(str(test(run))) for run in scored)
        return Finding(
            "yes",
            1,
            f"{_many(len(scored), 'finished run')} in {_where(work, scored)} with `{name}`; the lowest is"
            f" {low:.4f}{_beside(work.profile, 'test', low)}.",
        )
    named = [place for place in work.places if place.named_finalists]
    begun = [place for place in work.places if (place.named_finalists and place.runs) or any(map(test, place.runs))]
    script = "python register_model.py, to its end: it scores the five best trials on the test month"
    if begun:
        place = begun[0]
        last = place.runs[-1]
        if place.finished:
            message = f"The runs in {place.label} log {_logged(place.finished[-1])}, and no RMSE of the test month."
            advice = 'log it in register_model.py: mlflow.log_metric("test_rmse", test_rmse); then run it again'
        else:
            message = (
                f"The scoring was begun in {place.label}, but no run came to its end: {last.label} is {last.status}."
            )
            advice = f"run {script}; it stops at `max_depth` when the trials did not log their hyper-parameters"
        return Finding(
            "unfinished",
            0.25,
            f"{_many(len(place.runs), 'run')} in {place.label}, none finished with a test RMSE.",
            message,
            where=place.label,
            advice=advice,
        )
    if named:
        place = named[0]
        trash = f" Its {_many(place.deleted, 'run')} were deleted." if place.deleted else ""
        return Finding(
            "empty",
            0,
            f"The experiment {place.label} is there and has no runs.",
            f"The experiment {place.label} holds no run.{trash}",
            where=place.label,
            advice=f"run {script}; it needs the trials of hpo.py in the same store",
        )
    return Finding(
        "no",
        0,
        f"No run with a test RMSE in {work.stores}.",
        f"No run in {work.stores} logs the RMSE of the test month ({work.profile.months[2]})."
        f"{_also(work.deleted(_FINALISTS))}",
        advice=f"after the tuning, run {script}",
    )


def registered(work: Work) -> Finding:
    """Whether the registry has a version of a model."""
    models = work.evidence.models
    versions = [version for model in models for version in model.versions]
    if versions:
        told = _listed([f"“{one.name}” with {_many(len(one.versions), 'version')}" for one in models if one.versions])
        return Finding("yes", 1, f"{told}, in {_listed(sorted({work.shown(one) for one in versions}))}.{_ghost(work)}")
    best = _lowest(work)
    run = best[0].id if best else "RUN_ID"
    if models:
        model = models[0]
        return Finding(
            "empty model",
            0.5,
            f"“{model.name}” in {work.shown(model)}, without versions.",
            f"The registered model “{model.name}” ({work.shown(model)}) has a name, but no version: nothing stands"
            " behind it yet. That is how it looks when registering stopped half-way, or the name was made in the UI.",
            where=f"registered model “{model.name}”",
            advice=f'mlflow.register_model("runs:/{run}/model", "{model.name}"); the model must have been logged in'
            " that run under the name `model`",
            misconception="name-without-version",
        )
    return Finding(
        "no",
        0,
        f"No registered model in {work.stores}.",
        f"The registries of the stores here ({work.stores}) are empty."
        if work.evidence.stores
        else "There is no store here, and so no registry.",
        advice=f'at the end of register_model.py: mlflow.register_model("runs:/{run}/model", "green-taxi-forest")'
        + (" (that is your best finalist)" if best else ", with the run of the lowest test RMSE"),
    )


def registered_is_best(work: Work) -> Finding:
    """Whether the latest version is of the run with the lowest test RMSE."""
    latest = [model.versions[-1] for model in work.evidence.models if model.versions]
    if not latest:
        return Finding(
            NOT_ASKED,
            0,
            "No version is registered.",
            "No version of a model is registered yet, so there is none to compare.",
            where="registered",
        )
    best = _lowest(work)
    for version in latest:
        run = _run_of(work, version)
        if run is None or run not in best:
            continue
        one = run.metric(str(test(run)))
        tie = len(best) > 1
        shares = f", which {len(best)} runs share" if tie else ""
        return Finding(
            "tie" if tie else "yes",
            1,
            f"Version {version.version} of “{version.name}” is of {run.label} in {work.place_of[run.id].label}; its"
            f" test RMSE {one:.4f} is the lowest{shares}.",
        )
    version = max(latest, key=lambda one: (_scored(work, one), _run_of(work, one) is not None))
    return _not_best(work, version, best)


def _not_best(work: Work, version: ModelVersion, best: list[Run]) -> Finding:
    run = _run_of(work, version)
    where = f"registered model “{version.name}”, version {version.version} ({work.shown(version)})"
    if not best:
        return Finding(
            "no",
            0,
            f"Version {version.version} of “{version.name}”; no run here logs a test RMSE.",
            "A model is registered, but no run here logs a test RMSE, so nothing says that it is the best.",
            where=where,
            advice="run python register_model.py: it scores the five best trials on the test month, and then registers"
            " the one with the lowest `test_rmse`",
            misconception="chosen-without-a-test",
        )
    winner = best[0]
    low = winner.metric(str(test(winner)))
    mend = f'mlflow.register_model("runs:/{winner.id}/model", "{version.name}")'
    their = f"the lowest test RMSE is {low:.4f}, of {winner.label} in {work.place_of[winner.id].label}"
    if run is None:
        gone = _known(work, version)
        return Finding(
            "no",
            0,
            f"Version {version.version} of “{version.name}” points at {version.source or 'nothing'}; {their}.",
            f"The run behind version {version.version} of “{version.name}” {gone}, so its test RMSE cannot be told;"
            f" {their}.",
            where=where,
            advice=mend,
            misconception="run-is-not-there",
        )
    place = work.place_of[run.id]
    name = test(run)
    if name is None:
        tuning = place.is_tuning
        kind = "a trial of the tuning" if tuning else "a run"
        return Finding(
            "no",
            0,
            f"Version {version.version} of “{version.name}” is of {run.label} in {place.label}; {their}.",
            f"Registered is {kind} ({run.label} in {place.label}), which was never scored on the test month; {their}.",
            where=where,
            advice=f"{mend}; in register_model.py, search the experiment “{work.profile.finalists}”, ordered by"
            ' ["metrics.test_rmse ASC"]',
            misconception="a-trial-instead-of-a-finalist" if tuning else "",
        )
    value = run.metric(name)
    rank = 1 + len({other.metric(str(test(other))) for other in work.runs if test(other)} & _below(work, value))
    seen = (
        f"Version {version.version} of “{version.name}” is of {run.label} in {place.label}: test RMSE {value:.4f},"
        f" number {rank} from below; {their}."
    )
    earlier = [one for one in _versions(work, version) if _run_of(work, one) in best]
    before = f" Version {earlier[-1].version} had been the right one." if earlier else ""
    others = [one for one in place.scored if one.id != run.id]
    fallback = (
        test(run) == "test_rmse"
        and not any(one.has_metric("rmse") for one in place.scored)
        and all((one.start_time or 0) < (run.start_time or 0) for one in others)
    )
    advice = f'{mend}; in register_model.py, order_by=["metrics.{name} ASC"]'
    if fallback:
        return Finding(
            "no",
            0.5,
            seen,
            f"Registered is the newest of the finalists ({value:.4f}), and not the best: {their}. That happens with"
            ' order_by=["metrics.rmse ASC"]: these runs log no `rmse`, and MLflow then silently hands back the newest'
            f" run first.{before}",
            where=where,
            advice=advice,
            misconception="ordered-by-a-missing-metric",
        )
    return Finding(
        "no",
        0.5,
        seen,
        f"Registered is a finalist with the test RMSE {value:.4f}; {their}.{before}",
        where=where,
        advice=advice,
    )


QUESTIONS = (
    Question("autolog", 2, autolog),
    Question("hpo", 2, hpo),
    Question("best_models", 2, best_models),
    Question("registered", 2, registered),
    Question("registered_is_best", 2, registered_is_best),
)


def _is_outside(work: Work, run: Run) -> bool:
    """Whether a run is neither of the tuning nor one of the finalists. In doubt it is outside."""
    place = work.place_of[run.id]
    if place.is_tuning or place.named_finalists:
        return False
    return not (test(run) and place in work.finalists)


def _lowest(work: Work) -> list[Run]:
    """The runs that share the lowest test RMSE, oldest first; all those that were not deleted take part."""
    scored = [(run.metric(name), run) for run in work.runs if (name := test(run))]
    low = min((value for value, _ in scored), default=None)
    return sorted((run for value, run in scored if value == low), key=lambda run: run.start_time or 0)


def _below(work: Work, value: float) -> set[float]:
    return {found for run in work.runs if (name := test(run)) and (found := run.metric(name)) < value}


def _run_of(work: Work, version: ModelVersion) -> Run | None:
    """The run of a version: by the id it names, else by the one in the path of its source."""
    ids = [version.run_id, *reversed(_RUN_ID.findall(version.source))]
    place = next((work.place_of[id] for id in ids if id in work.place_of), None)
    return next((run for run in place.runs if run.id in ids), None) if place else None


def _scored(work: Work, version: ModelVersion) -> bool:
    run = _run_of(work, version)
    return run is not None and test(run) is not None


def _versions(work: Work, version: ModelVersion) -> tuple[ModelVersion, ...]:
    models = (one for one in work.evidence.models if one.name == version.name and one.store is version.store)
    return next((one.versions for one in models), ())


def _known(work: Work, version: ModelVersion) -> str:
    """What became of a version's run that is not here."""
    if not version.run_id:
        return "is not named in it"
    if any(store.run_ids({version.run_id}) for store in work.evidence.stores):
        return f"({version.run_id[:8]}) was deleted, or its experiment was"
    return f"({version.run_id[:8]}) is in none of the stores here"


def _ghost(work: Work) -> str:
    """A note when nothing says that a model was logged behind the latest version."""
    for model in work.evidence.models:
        run = _run_of(work, model.versions[-1]) if model.versions else None
        if run and "mlflow.log-model.history" not in run.tags and not run.models:
            return (
                f" A note: no model was logged in its run {run.label}, so “{model.name}” cannot be loaded; log it there"
                ' with mlflow.sklearn.log_model(rf, "model"), or switch autolog on.'
            )
    return ""


# In words.


def _beside(profile: Profile, month: str, value: float) -> str:
    known = profile.figures.get(month)
    if known is None:
        return ""
    same = abs(value - known) < 0.006
    return f" (as known: {known:g})" if same else f" (known: {known:g})"


def _where(work: Work, runs: Iterable[Run]) -> str:
    return _listed(list(dict.fromkeys(work.place_of[run.id].label for run in runs)))


def _logged(run: Run) -> str:
    names = [f"`{name}`" for name in (*sorted(run.metrics), *sorted(run.params))]
    return _listed(names) if names else "nothing"


def _named(name: Callable[[Run], str | None], runs: Iterable[Run]) -> list[str]:
    return [found for run in runs if (found := name(run))]


def _runs(runs: list[Run], noun: str) -> str:
    return _many(len(runs), noun)


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(texts: list[str], most: int = 4) -> str:
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def _also(sentences: list[str]) -> str:
    return "".join(f" {sentence}." for sentence in sentences[:2])


def _to_restore(record: ExperimentRecord, store: str) -> str:
    address = f"sqlite:///{store}" if record.store and record.store.address.startswith("sqlite:") else store
    return f"`mlflow experiments restore --experiment-id {record.id}` with MLFLOW_TRACKING_URI={address}"


def _relative(evidence: Evidence, address: str) -> str:
    path = address.removeprefix("sqlite:///").replace("\\", "/")
    folder = evidence.shelves.folder.as_posix() if evidence.shelves else ""
    return path.removeprefix(folder).lstrip("/") or path
