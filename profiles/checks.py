"""Judge a homework of the original course by what lies in its stores. The rules are those of README.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable

from flowcoach.evidence import ModelVersion, Run
from flowcoach.profiles import NOT_ASKED, Finding, Question

from .names import KNOBS, has_knobs, is_autologged, is_nan, is_test_rmse, is_validation_rmse, knobs, test, validation
from .words import listed, logged, many
from .work import ENOUGH, FINALISTS, TUNING, Place, Work

_ANY = re.compile("")
_TRAIN = (
    "in train.py, call mlflow.sklearn.autolog() before `with mlflow.start_run():`, and run python train.py to its end"
)
_TUNE = (
    'in hpo.py\'s objective, open a run, mlflow.log_params(params), mlflow.log_metric("rmse", rmse); then python hpo.py'
)
_SCORE = "run python register_model.py to its end: it scores the five best trials on the test month"
_BRING = (
    "if you did: its store did not come along (does .gitignore leave out *.db or mlruns?), it lies in the folder that"
    " the script or the server was started in"
)


def autolog(work: Work) -> Finding:
    """Whether a finished run of autolog lies outside the tuning and the best models."""
    found = [run for place in work.places for run in place.finished if is_autologged(run)]
    outside = [run for run in found if work.is_outside(run)]
    if outside:
        run = outside[-1]
        model = run.tags.get("estimator_name", "a model")
        return Finding(
            "yes",
            1,
            f"{many(len(outside), 'finished autologged run')} in {work.where(outside)}. {run.label} is {model} with"
            f" {many(len(run.params), 'parameter')} and {many(len(run.metrics), 'metric')}.",
        )
    begun = [run for run in work.runs if is_autologged(run) and not run.finished]
    if found:
        return _autolog_elsewhere(work, found, begun)
    if begun:
        run = begun[-1]
        return Finding(
            "unfinished",
            0.5,
            f"{many(len(begun), 'autologged run')} in {work.where(begun)}, none finished.",
            f"Autolog was on, but its run {run.label} is {run.status}: train.py did not come to its end.",
            where=work.place_of[run.id].label,
            advice="run python train.py again and read what it stops at: in a newer scikit-learn,"
            " mean_squared_error(…, squared=False) has become root_mean_squared_error(…)",
            misconception="stopped-on-the-way",
        )
    by_hand = [
        run for place in work.places for run in place.finished if (run.metrics or run.params) and work.is_outside(run)
    ]
    if by_hand:
        run = by_hand[-1]
        return Finding(
            "manual",
            0.5,
            f"{many(len(by_hand), 'run')} logged by hand in {work.where(by_hand)}.",
            f"The run {run.label} is there, but logged by hand: it has {logged(run)}. Autolog would have written down"
            " all parameters of the forest and its `training_…` metrics by itself.",
            where=work.place_of[run.id].label,
            advice=_TRAIN,
            misconception="logged-by-hand",
        )
    return Finding(
        "no",
        0,
        f"No autologged run in {work.stores}.",
        f"There is no run that autolog wrote in {work.stores}.{work.deleted(_ANY, is_autologged)}",
        advice=f"{_TRAIN}; {_BRING}",
    )


def _autolog_elsewhere(work: Work, found: list[Run], begun: list[Run]) -> Finding:
    finalists_only = not any(work.place_of[run.id].is_tuning for run in found)
    which = "register_model.py" if finalists_only else "the tuning or of register_model.py"
    also = f" {begun[0].label} in {work.place_of[begun[0].id].label} was begun and not finished." if begun else ""
    return Finding(
        "best-models-only" if finalists_only else "hpo/best-only",
        0.5,
        f"{many(len(found), 'finished autologged run')}, only in {work.where(found)}.",
        f"Autolog works, but every run it wrote is one of {which}; the one of train.py is not in {work.stores}.{also}",
        where=work.where(found),
        advice="if train.py wrote to another store (an mlruns folder, say), bring that along; else run python train.py"
        " once more, in an experiment of its own",
        misconception="train-run-elsewhere",
    )


def hpo(work: Work) -> Finding:
    """Whether a tuning experiment has five finished trials with hyper-parameters and validation RMSE."""
    searches = [place for place in work.places if not place.named_finalists]
    done = [(place, [run for run in place.trials if place.named_tuning or not test(run)]) for place in searches]
    place, trials = max(done, key=lambda one: len(one[1]), default=(None, []))
    if place and len(trials) >= ENOUGH:
        return _tuned(work, place, trials)
    without = [(place, runs) for place in searches if (runs := _without_rmse(place))]
    if without:
        return _no_validation(*max(without, key=lambda one: (one[0].named_tuning, len(one[1]))))
    begun = next((place for place in searches if place.named_tuning and place.runs), None)
    if begun:
        return _unfinished_search(begun)
    both = next((place for place in work.places if len(place.trials) >= ENOUGH and not place.surely_finalists), None)
    if both:  # each is scored on the test month at once
        return _tuned(work, both, list(both.trials))
    empty = next((place for place in searches if place.named_tuning), None)
    if empty:
        return _empty(empty, f"{_TUNE}; {_BRING}")
    return Finding(
        "no",
        0,
        f"No tuning experiment in {work.stores}.",
        f"There is no experiment with trials in {work.stores}: runs that log {', '.join(KNOBS)} and the RMSE on the"
        f" validation month ({work.profile.months[1]}).{work.deleted(TUNING, _is_trial)}",
        advice=f"{_TUNE}; {_BRING}",
    )


def _tuned(work: Work, place: Place, trials: list[Run]) -> Finding:
    name = _usual(validation, trials)
    low = min(run.metric(validation(run) or "") for run in trials)
    note = ""
    if name != "rmse":
        note = (
            " A note: register_model.py orders the trials by `metrics.rmse`, which these do not log, and so takes the"
            f" newest five instead of the best: write order_by=['metrics.\"{name}\" ASC'] there, or log it as `rmse`."
        )
    of_all = f"{many(len(trials), 'finished trial')} of {many(len(place.runs), 'run')}"
    return Finding(
        "yes",
        1,
        f"{of_all} in {place.label} with the four hyper-parameters and `{name}`; the lowest is {low:.4f}"
        f"{_known(work, 'validation')}.{note}",
    )


def _without_rmse(place: Place) -> list[Run]:
    """The finished trials of a place where nobody logged a validation RMSE; none of a place that is no tuning."""
    if any(validation(run) or test(run) for run in place.finished):
        return []
    runs = [run for run in place.finished if has_knobs(run)]
    if place.named_tuning:
        return runs or (list(place.finished) if len(place.finished) >= ENOUGH else [])
    return runs if len({knobs(run) for run in runs}) >= ENOUGH else []


def _no_validation(place: Place, runs: list[Run]) -> Finding:
    nan = " Their RMSE is NaN, which is no number." if is_nan(runs[-1], is_validation_rmse) else ""
    seen = f"{many(len(runs), 'finished trial')} in {place.label}, which log {logged(runs[-1])}.{nan}"
    mend = (
        'in hpo.py\'s objective, after predicting the validation month, mlflow.log_metric("rmse", rmse); then python'
        " hpo.py again"
    )
    if any(map(is_autologged, runs)):
        return Finding(
            "partial: no val rmse",
            0.5,
            seen,
            "The trials are there, but autolog was on, which the homework asks to leave off here: its `training_…`"
            " figures say how well each forest knows the month it was trained on. The RMSE on the validation month, by"
            " which trials are compared, is missing.",
            where=place.label,
            advice=f"take the autolog line out of hpo.py; {mend}",
            misconception="autolog-instead-of-validation",
        )
    return Finding(
        "partial: no val rmse",
        0.5,
        seen,
        "The trials are there, but without the RMSE on the validation month: nothing tells which of them is the best.",
        where=place.label,
        advice=mend,
        misconception="no-validation-rmse",
    )


def _unfinished_search(place: Place) -> Finding:
    ends = Counter(run.status for run in place.runs)
    seen = (
        f"{many(len(place.runs), 'run')} in {place.label}: {listed([f'{n} {end}' for end, n in sorted(ends.items())])}."
    )
    figures = [run for run in place.finished if validation(run)]
    if figures and not any(map(has_knobs, place.finished)):
        missing = [f"`{knob}`" for knob in KNOBS if knob not in figures[-1].params]
        return Finding(
            "unfinished",
            0.25,
            seen,
            f"{many(len(figures), 'finished run')} log an RMSE, but not all four hyper-parameters that gave it:"
            f" {listed(missing)} {'is' if len(missing) == 1 else 'are'} missing. Nobody can train the best one again,"
            " and register_model.py stops there.",
            where=place.label,
            advice="in hpo.py's objective, mlflow.log_params(params) inside the run; then python hpo.py again",
            misconception="no-hyper-parameters",
        )
    return Finding(
        "unfinished",
        0.25,
        seen,
        f"The tuning was begun: {len(place.trials)} of at least {ENOUGH} finished trials with the four hyper-parameters"
        " and a validation RMSE.",
        where=place.label,
        advice="run python hpo.py again, to its end; each trial logs mlflow.log_params(params) and"
        ' mlflow.log_metric("rmse", rmse)',
    )


def best_models(work: Work) -> Finding:
    """Whether finalists were scored on the test month."""
    scored = [run for place in work.places for run in place.scored]
    if scored:
        low = min(run.metric(test(run) or "") for run in scored)
        return Finding(
            "yes",
            1,
            f"{many(len(scored), 'finished run')} with `{_usual(test, scored)}` in {work.where(scored)}; the lowest is"
            f" {low:.4f}{_known(work, 'test')}.",
        )
    begun = [place for place in work.places if (place.named_finalists and place.runs) or any(map(test, place.runs))]
    if begun:
        return _unfinished_scoring(work, begun[0])
    tuned = hpo(work).share == 1
    named = [place for place in work.places if place.named_finalists]
    if tuned and named and (apart := _in_two_stores(work, named[0])):
        return apart
    advice = _SCORE if tuned else f"first the tuning, for it takes the five best trials; then {_SCORE}"
    if named:
        return _empty(named[0], advice)
    return Finding(
        "no",
        0,
        f"No run with a test RMSE in {work.stores}.",
        f"There is no run with an RMSE on the test month ({work.profile.months[2]}) in {work.stores}."
        f"{work.deleted(FINALISTS, test)}",
        advice=advice,
    )


def _unfinished_scoring(work: Work, place: Place) -> Finding:
    seen = f"{many(len(place.runs), 'run')} in {place.label}, none finished with a test RMSE."
    if place.finished:
        run = place.finished[-1]
        fault = "is NaN, which is no number" if is_nan(run, is_test_rmse) else "is not among it"
        message = (
            f"The finished runs in {place.label} log {logged(run)}; the RMSE on the test month"
            f" ({work.profile.months[2]}) {fault}."
        )
        advice = 'in register_model.py, mlflow.log_metric("test_rmse", test_rmse); then run it again'
    else:
        run = place.runs[-1]
        why = "what it stopped at stands in the terminal" if run.status == "FAILED" else "it was stopped on the way"
        message = f"The scoring was begun in {place.label}, but its run {run.label} is {run.status}: {why}."
        advice = f"{_SCORE}; it stops at `max_depth` when the trials did not log their hyper-parameters"
    return Finding("unfinished", 0.25, seen, message, where=place.label, advice=advice)


def _in_two_stores(work: Work, place: Place) -> Finding | None:
    """What happened when the trials lie in another store than the empty experiment of the best models."""
    trials = [one for one in work.places if len(one.trials) >= ENOUGH]
    if any(one.record.store is place.record.store for one in trials):
        return None
    address = work.address(trials[0].record.store)
    return Finding(
        "empty",
        0,
        f"{place.label} is there and has no runs; {many(len(trials[0].trials), 'trial')} in {trials[0].label}.",
        f"register_model.py looked for trials in {place.store}, where there are none: they lie in {trials[0].store}.",
        where=place.label,
        advice=f'let all scripts use one store: mlflow.set_tracking_uri("{address}"), or one server; then {_SCORE}',
        misconception="two-stores",
    )


def _empty(place: Place, advice: str) -> Finding:
    trash = ""
    if place.deleted:
        command = f"mlflow runs restore --run-id {place.deleted[-1].id}"
        trash = f" {many(len(place.deleted), 'run')} in the trash; `{command}` brings one back."
    return Finding(
        "empty",
        0,
        f"{place.label} is there and has no runs.{trash}",
        f"The experiment {place.label} was made, but holds no run.{trash}",
        where=place.label,
        advice=advice,
    )


def registered(work: Work) -> Finding:
    """Whether the registry has a version of a model."""
    models = work.evidence.models
    full = [model for model in models if model.versions]
    if full:
        told = [f"“{one.name}” ({work.shown(one.store)}) with {many(len(one.versions), 'version')}" for one in full]
        return Finding("yes", 1, f"{listed(told)}.{_ghost(work, [one.versions[-1] for one in full])}")
    best = next(iter(work.lowest()), None)
    if models:
        model = models[0]
        run, first = (best.id, "") if best else ("RUN_ID", "first score the finalists; then ")
        return Finding(
            "empty model",
            0.5,
            f"“{model.name}” ({work.shown(model.store)}) without versions.",
            f"The registered model “{model.name}” ({work.shown(model.store)}) has a name, but no version, so no model"
            " stands behind it. So it looks when registering stopped half-way, or when the name was made by hand.",
            where=f"registered model “{model.name}”",
            advice=f'{first}mlflow.register_model("runs:/{run}/model", "{model.name}"), where the last part of the'
            " address is the name under which that run logged its model",
            misconception="name-without-version",
        )
    if best:
        advice = f'mlflow.register_model("runs:/{best.id}/model", "green-taxi-forest"): that is your best finalist'
    else:
        advice = (
            "first score the finalists; then, at the end of register_model.py, with the run of the lowest `test_rmse`,"
            ' mlflow.register_model(f"runs:/{run_id}/model", "green-taxi-forest")'
        )
    return Finding(
        "no",
        0,
        f"No registered model in {work.stores}.",
        f"There is no registered model in {work.stores}.",
        advice=advice,
    )


def registered_is_best(work: Work) -> Finding:
    """Whether the latest version is of the run with the lowest test RMSE."""
    latest = [model.versions[-1] for model in work.evidence.models if model.versions]
    if not latest:
        return Finding(
            NOT_ASKED,
            0,
            "No version of a model is registered.",
            "No version of a model is registered yet, so there is none to compare.",
            where="registered",
        )
    pairs = [(version, work.run_of(version)) for version in latest]
    for version, run in pairs:
        best = work.lowest(run) if run else []
        if run and run in best:
            return _best(work, version, run, len(best))
    version, run = max(pairs, key=lambda pair: (pair[1] is not None and test(pair[1]) is not None, pair[1] is not None))
    best = next(iter(work.lowest(run)), None)
    if best is None:
        return Finding(
            "no",
            0,
            f"{_titled(version, 'Version')} is registered; no run in {work.stores} logs a test RMSE.",
            "A model is registered, but no run here was scored on the test month: nothing tells that it is the best.",
            where=_titled(version),
            advice=f"{_SCORE}, and then registers the one with the lowest `test_rmse`",
            misconception="chosen-without-a-test",
        )
    return _not_best(work, version, run, best)


def _best(work: Work, version: ModelVersion, run: Run, sharing: int) -> Finding:
    shared = f", which {sharing} runs share" if sharing > 1 else ""
    return Finding(
        "tie" if sharing > 1 else "yes",
        1,
        f"{_titled(version, 'Version')} is of {run.label} in {work.place_of[run.id].label}; its test RMSE,"
        f" {run.metric(test(run) or ''):.4f}, is the lowest{shared}.",
    )


def _not_best(work: Work, version: ModelVersion, run: Run | None, best: Run) -> Finding:
    low = f"{best.metric(test(best) or ''):.4f}, of {best.label} in {work.place_of[best.id].label}"
    mend = f'mlflow.register_model("runs:/{best.id}/model", "{version.name}")'
    if run is None:
        return Finding(
            "no",
            0,
            f"{_titled(version, 'Version')} points at {version.source[:200] or 'nothing'}.",
            f"The run behind {_titled(version)} {_gone(work, version)}, so it cannot be compared. The lowest test RMSE"
            f" is {low}.",
            where=_titled(version),
            advice=mend,
            misconception="run-is-not-there",
        )
    place, name = work.place_of[run.id], test(run)
    if name is None:
        what = "a trial of the tuning" if place.is_tuning else "a run"
        return Finding(
            "no",
            0,
            f"{_titled(version, 'Version')} is of {run.label} in {place.label}.",
            f"Registered is {what}, {run.label} in {place.label}, which was not scored on the test month. The lowest"
            f" test RMSE is {low}.",
            where=_titled(version),
            advice=f"{mend}; in register_model.py, the last search is of “{work.place_of[best.id].record.name}”, with"
            f' order_by=["metrics.{test(best)} ASC"]',
            misconception="a-trial-instead-of-a-finalist" if place.is_tuning else "",
        )
    value = run.metric(name)
    seen = f"{_titled(version, 'Version')} is of {run.label} in {place.label}; its test RMSE is {value:.4f}."
    earlier = [one for one in _versions(work, version) if work.run_of(one) in work.lowest(run)]
    before = f" Version {earlier[-1].version} had it right." if earlier else ""
    advice = f'{mend}; in register_model.py, order_by=["metrics.{name} ASC"]'
    if _is_newest(run, place) and not any(one.has_metric("rmse") for one in place.scored):
        return Finding(
            "no",
            0.5,
            seen,
            f"Registered is the newest finalist ({value:.4f}), not the best: the lowest test RMSE is {low}. So it goes"
            ' with order_by=["metrics.rmse ASC"]: these runs log no `rmse`, and MLflow then silently puts the newest'
            f" run first.{before}",
            where=_titled(version),
            advice=advice,
            misconception="ordered-by-a-missing-metric",
        )
    return Finding(
        "no",
        0.5,
        seen,
        f"Registered is a finalist with the test RMSE {value:.4f}; the lowest is {low}.{before}",
        where=_titled(version),
        advice=advice,
    )


QUESTIONS = (
    Question("autolog", 2, autolog),
    Question("hpo", 2, hpo),
    Question("best_models", 2, best_models),
    Question("registered", 2, registered),
    Question("registered_is_best", 2, registered_is_best),
)


def _is_trial(run: Run) -> bool:
    return has_knobs(run) and validation(run) is not None


def _titled(version: ModelVersion, noun: str = "version") -> str:
    return f"{noun} {version.version} of “{version.name}”"


def _versions(work: Work, version: ModelVersion) -> tuple[ModelVersion, ...]:
    """All versions of the model that this is one of."""
    same = (one for one in work.evidence.models if one.name == version.name and one.store is version.store)
    return next((one.versions for one in same), ())


def _is_newest(run: Run, place: Place) -> bool:
    return all((one.start_time or 0) <= (run.start_time or 0) for one in place.scored)


def _gone(work: Work, version: ModelVersion) -> str:
    """What became of the run of a version that is not here."""
    if not version.run_id:
        return "is not named in it"
    if any(store.run_ids({version.run_id}) for store in work.evidence.stores):
        return f"({version.run_id[:8]}) was deleted, or its experiment was"
    return f"({version.run_id[:8]}) is in none of the stores here"


def _ghost(work: Work, latest: Iterable[ModelVersion]) -> str:
    """A note when nothing says that a model was logged in the run behind a version."""
    for version in latest:
        run = work.run_of(version)
        if run and "mlflow.log-model.history" not in run.tags and not run.models:
            return (
                f" A note: no model was logged in {run.label}, so {_titled(version)} cannot be loaded: in"
                ' register_model.py, mlflow.sklearn.log_model(rf, "model") inside the run, or autolog.'
            )
    return ""


def _usual(name: Callable[[Run], str | None], runs: list[Run]) -> str:
    """The name that most of the runs use."""
    return Counter(found for run in runs if (found := name(run))).most_common(1)[0][0]


def _known(work: Work, month: str) -> str:
    known = work.profile.figures.get(month)
    return f" (known for this homework: {known:g})" if known else ""
