"""What must hold after the homework: a forest watched, a search tracked, finalists compared, the best in the registry.

What is expected is read from the learner's own evidence and variant; no answer is kept anywhere. Figures are asked of
the logged models again, where somebody wants that (`flowcoach check --rescore 2.7`, and always when handing in).
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flowcoach.checks import Failed, check, expect, expect_reproduced, expect_some, number
from flowcoach.evidence import Evidence, Figure, ModelVersion, NotFound, Run, Runs, Unavailable
from flowcoach.workspace import pick

FOREST, SEARCH, FINALISTS = "homework-forest", "homework-search", "homework-finalists"
MODEL = "green-taxi-duration"
KNOBS = ("max_depth", "n_estimators", "min_samples_split", "min_samples_leaf")
TRIALS, FINAL_FIVE = 15, 5
SUMMARY = "homework/output/summary.json"
ANSWERS = "homework/answers.toml"
DEPTHS, SEEDS = range(7, 13), range(1, 100)
RECORDED = ("min_samples_leaf", "min_samples_split", "max_features", "bootstrap")
ALIASES = ("champion", "live", "on-duty", "serving")
_ROUNDED = 0.002  # minutes; an answer may be rounded to three decimals, or a little less carefully
_LATEST = 200  # runs that are looked at
_EARLIEST = 1_000  # trials that are looked at, to see what was the best at an earlier time


def variant(evidence: Evidence) -> tuple[int, int]:
    """The depth and the seed of this learner's forest."""
    return pick(evidence.learner, "2.7/max_depth", DEPTHS), pick(evidence.learner, "2.7/random_state", SEEDS)


def alias(evidence: Evidence) -> str:
    """The alias that this learner's version gets."""
    return pick(evidence.learner, "2.7/alias", ALIASES)


def summary(evidence: Evidence) -> dict[str, Any]:
    """What preprocess_data.py wrote of itself. Raises NotFound when it did not, or when it is something else."""
    path = evidence.file(SUMMARY)
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes()[:10_000])
        if isinstance(found, dict) and isinstance(found.get("trips"), dict):
            return found
    raise NotFound(
        f"{SUMMARY} is not what preprocess_data.py writes.",
        expected="the versions and numbers of trips",
        found="something else",
        where=SUMMARY,
        advice="run it again: python homework/preprocess_data.py",
    )


def forests(evidence: Evidence) -> list[Run]:
    """The runs of the forest's experiment, the newest last, however they ended: a gap may be open after the fit."""
    return evidence.experiment(FOREST).runs.by_start(newest_first=True).take(_LATEST)[::-1]


def is_watched(run: Run) -> bool:
    """Whether autologging noted this fit: an estimator, its parameters, figures on the training month."""
    named = {"estimator_name", "estimator_class"} & (run.params.keys() | run.tags.keys())
    return bool(named) and any(key.startswith("training_") for key in run.metrics)


def trials(evidence: Evidence) -> Runs:
    """The trials: finished runs of the search with their four knobs and a validation RMSE."""
    return evidence.experiment(SEARCH).runs.finished().with_params(*KNOBS).with_metric("rmse")


def finalists(evidence: Evidence) -> Runs:
    """The finalists: runs with the four knobs and both figures, however a later reopening may have ended them."""
    return evidence.experiment(FINALISTS).runs.with_params(*KNOBS).with_metric("valid_rmse", "test_rmse")


def standings(evidence: Evidence) -> Iterator[list[Run]]:
    """The five best trials, the best first: as they stood whenever a trial changed them, and last, as they stand now.

    Who searches on afterwards chose rightly all the same.
    """
    found, best = trials(evidence), list[Run]()
    for place, run in enumerate(found.by_start().take(_EARLIEST), start=1):
        before, best = best, sorted([*best, run], key=lambda one: one.metric("rmse"))[:FINAL_FIVE]
        if place == TRIALS or (place > TRIALS and best != before):
            yield best
    yield found.by_metric("rmse").take(FINAL_FIVE)


def lowest_beside(run: Run, evidence: Evidence) -> float:
    """The lowest test RMSE among a finalist and those trained with it: any five in a row that it is one of.

    Of several such fives, the one that is kindest to it: the finalists of another try take nothing away.
    """
    found = finalists(evidence).by_start().take(_LATEST)
    fives = [found[at : at + FINAL_FIVE] for at in range(max(1, len(found) - FINAL_FIVE + 1))]
    lowest = [min(one.metric("test_rmse") for one in five) for five in fives if run in five]
    return max(lowest, default=finalists(evidence).lowest("test_rmse").metric("test_rmse"))


def knobs(run: Run) -> tuple[float, ...]:
    """The values of a run's four knobs, as numbers."""
    return tuple(number(run.params.get(knob)) for knob in KNOBS)


def versions(evidence: Evidence) -> tuple[ModelVersion, ...]:
    """The versions under the homework's name, none when there is no such model."""
    with suppress(NotFound):
        return evidence.model(MODEL).versions[-_LATEST:]
    return ()


def month(evidence: Evidence, position: int) -> str:
    """The name of the training (0), validation, test or final (3) month; "" when there is none."""
    return evidence.months[position] if position < len(evidence.months) else ""


def _answered(evidence: Evidence, question: str) -> Any:
    try:
        return evidence.answers.get("2.7", question)
    except NotFound as missing:
        missing.where = ANSWERS
        missing.advice = f"write it into {ANSWERS}, which says what is asked"
        raise


def _answer_is(evidence: Evidence, question: str, seen: float, of: str) -> None:
    """An answer is the figure that the learner's own evidence shows, give or take rounding."""
    answer = _answered(evidence, question)
    expect(
        answer, f"your answer `{question}`", where=ANSWERS, advice=f"read it off {of}, three decimals, with a point"
    ).satisfies(abs(number(answer) - seen) <= _ROUNDED, f"{seen:.3f}, which {of} shows")


@check(
    "2.7/preprocessed",
    points=2,
    hints=[
        "Gap 1, in preprocess_data.py: which trips count, and what is the pair of zones?",
        'pandas: trips[trips["duration"].between(1, 60)] keeps both ends.',
        'trips["PULocationID"].astype(str) + "_" + trips["DOLocationID"].astype(str)',
    ],
    why="Everybody downstream trains on these files; a wrong filter here is wrong everywhere.\n"
    "Three files, made once, also make sure that no later script looks at a month it must not see.",
)
def preprocessed(evidence: Evidence) -> None:
    """The three months are files, and the number of training trips is told"""
    trips = summary(evidence)["trips"]
    for name in ("train", "valid", "test"):
        expect(
            trips.get(name), f"the trips of {name}.parquet", where=SUMMARY, advice="fill gap 1, and run it again"
        ).is_at_least(1)
        evidence.file(f"homework/output/{name}.parquet")
    answer = _answered(evidence, "training_trips")
    seen = number(trips["train"])
    expect(
        answer, "your answer `training_trips`", where=ANSWERS, advice="preprocess_data.py prints it; no comma in it"
    ).satisfies(number(answer) == seen, f"{seen:.0f}, as preprocess_data.py printed")


@preprocessed.misconception
def all_trips_kept(evidence: Evidence) -> dict[str, Any] | None:
    """All {kept} trips of the training month are in train.parquet, those of a few seconds and of a day too. Gap 1 of
    preprocess_data.py keeps the trips of 1 to 60 minutes only: mend it, and run it again."""
    found = summary(evidence)
    kept, read = (
        number(table.get("train")) if isinstance(table, dict) else 0 for table in (found["trips"], found.get("read"))
    )
    return {"kept": f"{kept:,.0f}"} if 0 < kept == read else None


@check(
    "2.7/version",
    points=1,
    needs=[preprocessed],
    hints=["The installed MLflow says it itself.", "mlflow --version"],
    why="A result that names its library's version can be had again next year.\n"
    "One that does not is a riddle after the next upgrade.",
)
def version(evidence: Evidence) -> None:
    """MLflow's version is named, and it is the one that did this homework"""
    installed = summary(evidence).get("mlflow")
    answer = _answered(evidence, "mlflow_version")
    expect(
        str(answer).strip().removeprefix("mlflow, version ").removeprefix("v"),
        "your answer `mlflow_version`",
        where=ANSWERS,
        advice="type mlflow --version, in the environment that runs the homework",
    ).equals(installed)


@check(
    "2.7/autologged",
    points=2,
    needs=[preprocessed],
    hints=[
        "Gap 2, in train.py: one call, before the fit, lets MLflow watch scikit-learn.",
        "mlflow.sklearn.autolog(log_models=False)",
        "What it recorded: open the run in MLflow's UI, and look for the parameter that flowcoach run 2.7 names.",
    ],
    why="Autologging writes down the forty settings that nobody types by hand.\n"
    "The one that explains a strange result is always one of those.",
)
def autologged(evidence: Evidence) -> None:
    """Your variant's forest was trained with autologging on, and one of the values it recorded is told"""
    runs = forests(evidence)
    expect(
        len(runs), f"runs in “{FOREST}”", where=f"experiment “{FOREST}”", advice="python homework/train.py"
    ).is_there()
    expect_some(runs, lambda run: _is_my_forest(run, evidence))
    asked = f"regressor__{pick(evidence.learner, '2.7/recorded', RECORDED)}"
    run = my_forests(evidence)[-1]
    expect(
        str(_answered(evidence, "recorded")).strip(),
        "your answer `recorded`",
        where=ANSWERS,
        advice=f"in MLflow's UI, open the run {run.label} and read its parameter {asked}",
    ).satisfies(_same_text(_answered(evidence, "recorded"), run.param(asked)), f"the value of {asked} in that run")


def _same_text(answer: Any, recorded: str) -> bool:
    """Whether an answer is what MLflow recorded: TOML knows true and 1.0, MLflow keeps all as text."""
    text = str(answer).strip().strip("\"'").lower()
    return text == recorded.strip().lower() or number(text) == number(recorded)


def _is_my_forest(run: Run, evidence: Evidence) -> None:
    where, again = f"run {run.label} in experiment “{FOREST}”", "run train.py as it is: its defaults are your variant"
    expect(is_watched(run), "whether autologging saw the fit", where=where, advice="fill gap 2 of train.py").equals(
        True
    )
    depth, seed = variant(evidence)
    expect(number(run.params.get("regressor__max_depth")), "its max_depth", where=where, advice=again).equals(depth)
    expect(number(run.params.get("regressor__random_state")), "its random_state", where=where, advice=again).equals(
        seed
    )


def my_forests(evidence: Evidence) -> list[Run]:
    """The runs of this learner's variant that autologging saw, the newest last."""
    good = []
    for run in forests(evidence):
        with suppress(Failed, NotFound):
            _is_my_forest(run, evidence)
            good.append(run)
    return good


@autologged.misconception
def switched_on_after_the_fit(evidence: Evidence) -> dict[str, Any] | None:
    """The run {run} has no parameters and no training figures: MLflow did not watch its fit. autolog() works from the
    moment it is called, so it has to stand before fit(): gap 2 of train.py."""
    runs = forests(evidence)
    if runs and not any(is_watched(run) for run in runs):
        return {"run": runs[-1].label}
    return None


@autologged.misconception
def another_variant(evidence: Evidence) -> dict[str, Any] | None:
    """The forest {run} has max_depth {depth} and random_state {seed}; the variant of the learner id “{learner}” is
    max_depth {my_depth} and random_state {my_seed}. Those numbers are another learner's, or options were given to
    train.py: run it without any."""
    watched = [run for run in forests(evidence) if is_watched(run)]
    if not watched or my_forests(evidence):
        return None
    run, (depth, seed) = watched[-1], variant(evidence)
    return {
        "run": run.label,
        "depth": run.params.get("regressor__max_depth", "none"),
        "seed": run.params.get("regressor__random_state", "none"),
        "learner": evidence.learner,
        "my_depth": depth,
        "my_seed": seed,
    }


@check(
    "2.7/forest-figure",
    points=2,
    needs=[autologged],
    hints=[
        "Gap 3, in train.py: two calls, one for the figure, one for the model.",
        'mlflow.log_metric("rmse", root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.PAIR])))',
        'mlflow.sklearn.log_model(model, name="model", skops_trusted_types=["sklearn.tree._tree.Tree"])',
    ],
    why="A figure whose model lies beside it can be checked by anybody, and here it is.\nA figure alone is a claim.",
)
def forest_figure(evidence: Evidence) -> None:
    """The forest's run holds its RMSE on the validation month and the model that has it, and the figure is told"""
    expect_some(my_forests(evidence), lambda run: _has_figure_and_model(run, evidence))


def _has_figure_and_model(run: Run, evidence: Evidence) -> None:
    rmse = run.metric("rmse")
    _has_model(run)
    _answer_is(evidence, "forest_rmse", rmse, f"the run {run.label}")
    expect_reproduced(evidence, Figure(run, "rmse", month(evidence, 1)))


def _has_model(run: Run) -> None:
    expect(
        len([model for model in run.models if model.status == "READY"]),
        "models logged in the run",
        where=f"run {run.label} in experiment “{run.experiment}”",
        advice='log the whole pipeline: mlflow.sklearn.log_model(model, name="model", …)',
    ).is_there()


@forest_figure.misconception
def only_the_training_figure(evidence: Evidence) -> dict[str, Any] | None:
    """The run {run} has training figures and no `rmse`: those say how well the forest remembers the month it learned
    from. Gap 3 of train.py asks it about the validation month."""
    runs = my_forests(evidence)
    return {"run": runs[-1].label} if not any(run.has_metric("rmse") for run in runs) else None


@forest_figure.misconception
def answer_from_elsewhere(evidence: Evidence) -> dict[str, Any] | None:
    """Your answer `forest_rmse` is {answer}; your own run {run} logged {logged}. Trips and variant are yours alone, so
    the figure of a course mate is another one: answer with what your run shows."""
    runs = [run for run in my_forests(evidence) if run.has_metric("rmse")]
    answer = number(evidence.answers.sections.get("2.7", {}).get("forest_rmse"))
    if runs and answer > 0 and all(abs(answer - run.metric("rmse")) > 0.05 for run in runs):
        return {"answer": f"{answer:g}", "run": runs[-1].label, "logged": f"{runs[-1].metric('rmse'):.3f}"}
    return None


@check(
    "2.7/trials",
    points=3,
    needs=[preprocessed],
    hints=[
        "Gap 4, in hpo.py: what must a trial write down so that it can be built again?",
        'mlflow.log_params(knobs), then mlflow.log_metric("rmse", rmse)',
    ],
    why="A search whose trials name their settings answers next month's question too.\n"
    "One that keeps only the winner has to run again.",
)
def search(evidence: Evidence) -> None:
    """Fifteen trials hold their four knobs and their validation RMSE, and the lowest is told"""
    found = trials(evidence)
    expect(
        found.count(),
        f"finished trials with {', '.join(KNOBS)} and `rmse`",
        where=f"experiment “{SEARCH}”",
        advice="fill gap 4 of hpo.py and run it once more; trials without values may stay",
    ).is_at_least(TRIALS)
    expect(
        found.distinct(*KNOBS, up_to=8), "different settings that were tried", where=f"experiment “{SEARCH}”"
    ).is_at_least(8)
    expect_some(standings(evidence), lambda five: _is_told(five[0], evidence))


def _is_told(best: Run, evidence: Evidence) -> None:
    _answer_is(evidence, "best_rmse", best.metric("rmse"), f"your best trial, {best.label},")


@search.misconception
def trials_without_values(evidence: Evidence) -> dict[str, Any] | None:
    """{count} trials in “homework-search” ended without {missing}. Nothing can be chosen among them: fill gap 4 of
    hpo.py and run it once more. The empty ones may stay."""
    runs = evidence.experiment(SEARCH).runs.finished()
    if trials(evidence).count() >= TRIALS or runs.count() < TRIALS:
        return None
    newest = runs.newest()
    missing = [knob for knob in KNOBS if knob not in newest.params]
    missing += [] if newest.has_metric("rmse") else ["rmse"]
    return {"count": runs.count(), "missing": ", ".join(missing)} if missing else None


@search.misconception
def searched_elsewhere(evidence: Evidence) -> dict[str, Any] | None:
    """The trials lie in “{name}”, not in “homework-search”, letter by letter: rename the experiment in the UI, or run
    hpo.py as it is."""
    try:
        if trials(evidence).count():
            return None
    except NotFound:
        pass
    for experiment in evidence.experiments:
        found = experiment.runs.finished().with_params(*KNOBS).with_metric("rmse")
        if experiment.name not in (SEARCH, FINALISTS, "forest-search") and found.count() >= TRIALS:
            return {"name": experiment.name}
    return None


@check(
    "2.7/server",
    points=1,
    needs=[search],
    hints=[
        "A tracking server runs on, so it wants a terminal of its own.",
        "mlflow server --backend-store-uri sqlite:///mlflow.db --artifacts-destination mlartifacts",
        "hpo.py talks to http://127.0.0.1:5000 unless told otherwise: --server http://127.0.0.1:5001",
    ],
    why="A server is what lets two people look at the same runs.\nScripts change one address for it, and nothing else.",
)
def server(evidence: Evidence) -> None:
    """The search went through a tracking server, onto your SQLite store and its artifact folder"""
    records = evidence.experiment(SEARCH).records
    expect(
        records[-1].artifact_location.partition(":")[0],
        "where the search keeps its files",
        where=f"experiment “{SEARCH}”",
        advice="search under a server that was started with --artifacts-destination",
    ).satisfies(any(_is_proxied(one.artifact_location) for one in records), "behind a server: mlflow-artifacts")


def _is_proxied(location: str) -> bool:
    return location.startswith("mlflow-artifacts:")


@server.misconception
def straight_to_the_file(evidence: Evidence) -> dict[str, Any] | None:
    """“homework-search” keeps its files at {location}: it was made without a server, or by one that has no
    --artifacts-destination. An experiment never moves: rename it in the UI, start the server, and run hpo.py again."""
    records = evidence.experiment(SEARCH).records
    location = records[-1].artifact_location
    return None if any(_is_proxied(one.artifact_location) for one in records) else {"location": location[:120]}


@check(
    "2.7/finalists",
    points=3,
    needs=[search],
    hints=[
        "Gap 5, in register_model.py: two figures, one on each month that took no part in the fit.",
        'mlflow.log_metrics({"valid_rmse": off(model, months["valid"]), "test_rmse": off(model, months["test"])})',
    ],
    why="The best of fifteen on the validation month was also the luckiest there.\n"
    "A month that none of them was chosen by says which of the five is good.",
)
def scored(evidence: Evidence) -> None:
    """The five best trials were trained again and hold their figures on the validation and the test month"""
    expect_some(standings(evidence), lambda five: _met_the_test_month({knobs(run) for run in five}, evidence))


def _met_the_test_month(best: set[tuple[float, ...]], evidence: Evidence) -> None:
    met = [run for run in finalists(evidence).take(_LATEST) if knobs(run) in best]
    expect(
        len({knobs(run) for run in met}),
        "of the five best trials' settings among the finalists, with `valid_rmse` and `test_rmse`",
        where=f"experiment “{FINALISTS}”",
        advice="fill gap 5, and run register_model.py once more",
    ).is_at_least(len(best))
    for run in met:
        _has_model(run)
    expect_reproduced(
        evidence,
        *(Figure(run, "test_rmse", month(evidence, 2)) for run in met),
        *(Figure(run, "valid_rmse", month(evidence, 1)) for run in met),
    )


@scored.misconception
def finalists_without_test_figures(evidence: Evidence) -> dict[str, Any] | None:
    """{count} runs of “homework-finalists” have no `test_rmse`. They were trained again and never asked about the test
    month: fill gap 5 of register_model.py and run it once more. The old ones may stay."""
    runs = evidence.experiment(FINALISTS).runs.finished()
    without = [run for run in runs.take(_LATEST) if not run.has_metric("test_rmse")]
    return {"count": len(without)} if without and not finalists(evidence) else None


@check(
    "2.7/registered",
    points=3,
    needs=[scored],
    hints=[
        "Gap 6, in register_model.py: which name do these runs log their test figure under?",
        'mlflow.search_runs(experiment_names=["homework-finalists"], order_by=["metrics.test_rmse ASC"]).iloc[0]',
        'mlflow.register_model(f"runs:/{best.run_id}/model", MODEL)',
    ],
    why="Everybody downstream loads a name, not a run id.\n"
    "Behind the name must be the model that was chosen, and not the one that came last.",
)
def registered(evidence: Evidence) -> None:
    """A version of “green-taxi-duration” is the finalist with the lowest test RMSE, and that figure is told"""
    found = evidence.model(MODEL).versions[-_LATEST:]
    expect(
        len(found), "versions", where=f"registered model “{MODEL}”", advice="fill gap 6 of register_model.py"
    ).is_there()
    expect_some(found, lambda one: _is_the_best(one, evidence))
    expect_some(best_versions(evidence), lambda one: _is_told_of(one, evidence))


def _is_told_of(one: ModelVersion, evidence: Evidence) -> None:
    _answer_is(evidence, "test_rmse", evidence.run_of(one).metric("test_rmse"), f"version {one.version}'s run")


def _is_the_best(one: ModelVersion, evidence: Evidence) -> None:
    run, where = evidence.run_of(one), f"registered model “{MODEL}”, version {one.version}"
    expect(run.experiment, "the experiment that it comes from", where=where, advice="register a finalist").equals(
        FINALISTS
    )
    expect(
        run.metric("test_rmse"),
        "the `test_rmse` of the run behind the version",
        where=f"{where}, from run {run.label}",
        advice="order by metrics.test_rmse, ascending, and register the first",
    ).is_at_most(lowest_beside(run, evidence))
    evidence.model_of(one)


def best_versions(evidence: Evidence) -> list[ModelVersion]:
    """The versions that were rightly registered, the newest last."""
    good = []
    for one in versions(evidence):
        with suppress(Failed, NotFound, Unavailable):
            _is_the_best(one, evidence)
            good.append(one)
    return good


def _newest_choice(evidence: Evidence) -> tuple[ModelVersion, Run] | None:
    for one in reversed(versions(evidence)):
        with suppress(NotFound):
            return one, evidence.run_of(one)
    return None


@registered.misconception
def a_trial_instead_of_a_finalist(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} is a trial of the search ({run}), which never met the test month. Register the best of the five
    finalists: order “homework-finalists” by metrics.test_rmse."""
    if (chosen := _newest_choice(evidence)) and chosen[1].experiment == SEARCH:
        return {"version": chosen[0].version, "run": chosen[1].label}
    return None


@registered.misconception
def ordered_by_a_metric_nobody_logged(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} is the finalist that was logged last, not the best. Finalists log `test_rmse` and no `rmse`,
    and MLflow orders by a metric nobody logged without a word, newest first: order_by=["metrics.test_rmse ASC"]."""
    chosen = _newest_choice(evidence)
    if chosen and chosen[1].experiment == FINALISTS:
        newest = evidence.experiment(FINALISTS).runs.newest()
        if chosen[1].id == newest.id and not newest.has_metric("rmse"):
            return {"version": chosen[0].version}
    return None


@registered.misconception
def points_nowhere(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} points at {source}, and no model was logged there, so nobody could load it. Register
    runs:/<run id>/<name>, with the name that log_model was given: here “model”."""
    for one in reversed(versions(evidence)):
        try:
            evidence.model_of(one)
        except NotFound:
            return {"version": one.version, "source": one.source[:120] or "nothing"}
        return None
    return None


@registered.misconception
def under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """You registered “{name}”; the homework's name is “green-taxi-duration”, letter by letter. Register it once more
    under that name; the other may stay."""
    if versions(evidence):
        return None
    for model in evidence.models:
        for one in model.versions[-_LATEST:]:
            with suppress(NotFound):
                if evidence.run_of(one).experiment == FINALISTS:
                    return {"name": model.name}
    return None


@check(
    "2.7/described",
    points=2,
    needs=[registered],
    hints=[
        "Gap 7: the alias of your variant (flowcoach run 2.7 names it), and a sentence for whoever comes next.",
        "client.set_registered_model_alias(MODEL, ALIAS, registered.version)",
        'client.update_model_version(MODEL, registered.version, "what it is, and how good on which month")',
    ],
    why="Whoever deploys it asks for the alias, and reads the description at three in the morning.\n"
    "An empty one costs them an hour.",
)
def described(evidence: Evidence) -> None:
    """That version carries your alias and a description"""
    wanted = alias(evidence)
    for one in best_versions(evidence):
        if wanted in one.aliases:
            expect(
                len(one.description.strip()),
                "characters in its description",
                where=f"registered model “{MODEL}”, version {one.version}",
                advice="a sentence: what it is, and how good on which month",
            ).is_at_least(20)
            return
    carried = [name for one in versions(evidence) for name in one.aliases]
    raise Failed(
        f"The best finalist's version does not carry the alias “{wanted}”.",
        expected=f"the alias “{wanted}” on it",
        found=f"aliases {', '.join(carried)}" if carried else "no alias",
        where=f"registered model “{MODEL}”",
        advice=f'client.set_registered_model_alias("{MODEL}", "{wanted}", …)',
    )


@described.misconception
def text_on_the_model(evidence: Evidence) -> dict[str, Any] | None:
    """Your text describes “green-taxi-duration” as a whole, and its version {version} has none. What is true of one
    version only belongs to it: client.update_model_version(name, version, text)."""
    model = evidence.model(MODEL)
    bare = [one for one in best_versions(evidence) if not one.description.strip()]
    return {"version": bare[-1].version} if bare and model.description.strip() else None


@check(
    "2.7/registry-read",
    points=1,
    needs=[described],
    hints=[
        "From the alias to the version, from the version to its run, from the run to its parameters.",
        "client.get_model_version_by_alias(MODEL, ALIAS).run_id, then client.get_run(…).data.params",
    ],
    why="Lineage is walked backwards when something goes wrong.\n"
    "Who can name the depth behind an alias can also find the data behind a bad prediction.",
)
def registry_read(evidence: Evidence) -> None:
    """The max_depth behind the alias is read from the registry"""
    answer = _answered(evidence, "registered_depth")
    depths = {number(evidence.run_of(one).param("max_depth")) for one in best_versions(evidence)}
    expect(
        answer, "your answer `registered_depth`", where=ANSWERS, advice="follow alias, version, run, parameter"
    ).satisfies(number(answer) in depths, "the max_depth of the run behind the alias")


@check(
    "2.7/final-figure",
    points=2,
    needs=[described],
    hints=[
        "Gap 8: the registered model and the fourth month; python homework/register_model.py --final",
        'client.log_metric(version.run_id, "final_rmse", off(model, final))',
    ],
    why="Every month that helped to choose flatters the choice.\n"
    "The figure to promise a customer is measured once, at the end, on one that did not.",
)
def final_figure(evidence: Evidence) -> None:
    """The honest figure, on a fourth month that took no part in choosing, was measured once and is told"""
    if not month(evidence, 3):
        raise Unavailable("your settings name no fourth month; add one to `months` in flowcoach.toml, and its file.")
    _measured_once(evidence)
    expect_some([evidence.run_of(one) for one in best_versions(evidence)], lambda run: _is_honest(run, evidence))


def _is_honest(run: Run, evidence: Evidence) -> None:
    figure = run.metric("final_rmse")
    expect(
        figure,
        "the figure on the fourth month",
        where=f"run {run.label} in experiment “{FINALISTS}”",
        advice="measure final.parquet in gap 8, not test.parquet",
    ).differs_from(run.metrics.get("test_rmse"))
    _answer_is(evidence, "final_rmse", figure, f"the run {run.label}")
    expect_reproduced(evidence, Figure(run, "final_rmse", month(evidence, 3)))


def _measured_once(evidence: Evidence) -> None:
    expect(
        _peeked(evidence),
        "of the last five finalists that were measured on the fourth month",
        where=f"experiment “{FINALISTS}”",
        advice="only the registered model is measured there, after it was chosen",
    ).is_at_most(1)


def _peeked(evidence: Evidence) -> int:
    """How many of the finalists trained last met the fourth month; those of an earlier try are done with."""
    last = finalists(evidence).by_start(newest_first=True).take(FINAL_FIVE)
    return len({knobs(run) for run in last if run.has_metric("final_rmse")})


@final_figure.misconception
def measured_for_all(evidence: Evidence) -> dict[str, Any] | None:
    """{count} finalists were measured on the fourth month. Once it is looked at for more than the chosen one, it has
    taken part in choosing, and its figure flatters as the others do. Run register_model.py again, then --final once,
    and be honest about it."""
    count = _peeked(evidence)
    return {"count": count} if count > 1 else None


@final_figure.misconception
def the_test_figure_again(evidence: Evidence) -> dict[str, Any] | None:
    """`final_rmse` is the same as `test_rmse`, to the last digit: {figure}. That is the test month once more, which
    chose this model. Gap 8 wants final.parquet."""
    run = evidence.run_of(best_versions(evidence)[-1])
    if run.has_metric("final_rmse") and run.metric("final_rmse") == run.metric("test_rmse"):
        return {"figure": f"{run.metric('final_rmse'):.6f}"}
    return None
