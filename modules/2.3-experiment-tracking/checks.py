"""What must hold after the exercise of section 2.3: a forest, tuned, chosen, trained again, and its data named."""

from typing import Any

from flowcoach.checks import check, expect, expect_some
from flowcoach.evidence import Evidence, Run, Runs

SEARCH = "forest-search"
FINAL = "forest-final"
KNOBS = ("max_depth", "n_estimators", "min_samples_leaf", "min_samples_split")
TRIALS = 15
OTHER_NAMES = ("RMSE", "val_rmse", "valid_rmse", "validation_rmse", "rmse_val", "Validation RMSE", "mse", "loss")


def trials_in(evidence: Evidence) -> Runs:
    """The trials of the search: finished runs with the four knobs and a validation RMSE."""
    return evidence.experiment(SEARCH).runs.finished().with_params(*KNOBS).with_metric("rmse")


def baselines_in(evidence: Evidence) -> Runs:
    """The runs that call themselves the mean."""
    return evidence.experiment(SEARCH).runs.finished().with_param("model", "mean")


def by_hand_in(evidence: Evidence) -> Runs:
    """The final models that say which trial they came from."""
    return evidence.experiment(FINAL).runs.finished().with_tag("chosen_from")


def autologged_in(evidence: Evidence) -> Runs:
    """The runs in which autolog wrote down an estimator."""
    return evidence.experiment(FINAL).runs.finished().with_tag("estimator_name")


@check(
    "2.3/baseline",
    points=1,
    hints=[
        "A baseline needs no model: what is the best single number to predict for every trip?",
        "Predict the mean duration of the training month for each trip of the validation month.",
        'In one run of “forest-search”: mlflow.log_param("model", "mean"), then mlflow.log_metric("rmse", …).',
    ],
    why="Every figure you will ever show is read against the simplest thing that could work.\n"
    "A model that cannot beat the mean is not deployed, however clever it is.",
)
def baseline(evidence: Evidence) -> None:
    """The mean of the training month stands in “forest-search” as the baseline, with its validation RMSE"""
    runs = baselines_in(evidence).by_start()
    expect(
        runs.count(),
        "runs with the parameter `model` = “mean”",
        where=f"experiment “{SEARCH}”",
        advice='mlflow.log_param("model", "mean") inside the run',
    ).is_there()
    expect_some(runs, _plausible_minutes)


def _plausible_minutes(run: Run) -> None:
    expect(
        run.metric("rmse"),
        "the baseline's RMSE in minutes",
        where=f"run {run.label}",
        advice="durations of 1 to 60 minutes scatter around their mean by 6 to 15 minutes",
    ).is_between(5, 18)


@baseline.misconception
def logged_as_parameter(evidence: Evidence) -> dict[str, Any] | None:
    """The RMSE of {run} is a parameter, not a metric. Parameters are what you choose before, metrics what you measure
    after; only metrics can be sorted and drawn. Use mlflow.log_metric("rmse", …)."""
    for run in baselines_in(evidence).with_param("rmse").by_start(newest_first=True).take(1):
        return {"run": run.label}
    return None


@baseline.misconception
def baseline_under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """Your baseline {run} logs `{found}`, not `rmse`. To MLflow these are two different metrics: a query for one never
    sees the other. Log it as `rmse`, as the trials will."""
    return _other_name(baselines_in(evidence))


@baseline.misconception
def in_seconds(evidence: Evidence) -> dict[str, Any] | None:
    """An RMSE of {found} looks like seconds: divided by 60 it is {minutes} minutes. The course counts in minutes; use
    the column `duration` of taxi.prepare."""
    for run in baselines_in(evidence).with_metric("rmse").by_start(newest_first=True).take(1):
        value = run.metric("rmse")
        if 5 * 60 <= value <= 18 * 60:
            return {"found": f"{value:.0f}", "minutes": f"{value / 60:.1f}"}
    return None


@check(
    "2.3/trials",
    points=2,
    hints=[
        "Every trial is a run of its own: where does mlflow.start_run() have to stand?",
        "Inside the objective: open a run, log the four knobs, train, log `rmse`, return it.",
        "study.optimize(objective, n_trials=15), with an objective like that of run.py and a forest.",
    ],
    why="A search that keeps every trial answers next month's question too: which knob mattered?\n"
    "Teams re-run whole searches only because nobody kept the first one.",
)
def trials(evidence: Evidence) -> None:
    """The search “forest-search” holds 15 finished trials, each with its four knobs and its validation RMSE"""
    found = trials_in(evidence)
    expect(
        found.count(),
        "finished trials with the four knobs and `rmse`",
        where=f"experiment “{SEARCH}”",
        advice=f"each trial logs {', '.join(KNOBS)} and the metric rmse",
    ).is_at_least(TRIALS)
    expect(
        found.distinct(*KNOBS, up_to=10),
        "different settings of the four knobs among the trials",
        where=f"experiment “{SEARCH}”",
        advice="let Optuna propose the knobs: trial.suggest_int(…)",
    ).is_at_least(10)


@trials.misconception
def only_the_seed_changed(evidence: Evidence) -> dict[str, Any] | None:
    """{trials} trials share {settings} settings of the four knobs and differ in `random_state`. That measures luck,
    not knobs: keep the seed fixed and let the knobs vary."""
    found = trials_in(evidence)
    settings, seeds = found.distinct(*KNOBS), found.distinct("random_state")
    if found.count() >= TRIALS and settings < 10 <= seeds:
        return {"trials": found.count(), "settings": settings}
    return None


@trials.misconception
def trials_without_knobs(evidence: Evidence) -> dict[str, Any] | None:
    """{found} runs of “forest-search” log `rmse` but not the knobs {knobs}. Then nobody can say which setting gave
    which figure, nor train the best again. Add mlflow.log_params(params) to the objective."""
    runs = evidence.experiment(SEARCH).runs.finished().with_metric("rmse")
    bare = [run for run in runs.by_start(newest_first=True).take(200) if not set(KNOBS) & set(run.params)]
    bare = [run for run in bare if run.params.get("model") != "mean"]
    return {"found": len(bare), "knobs": ", ".join(KNOBS)} if len(bare) >= 5 else None


@trials.misconception
def trials_under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """Your trials, {run} for one, log `{found}`, not `rmse`. Ordering by `rmse` would silently hand back the newest run
    instead of the best. Log the validation RMSE as `rmse`."""
    return _other_name(evidence.experiment(SEARCH).runs.finished().with_params(*KNOBS))


@trials.misconception
def in_another_experiment(evidence: Evidence) -> dict[str, Any] | None:
    """{found} trials lie in the experiment “{experiment}”, not in “forest-search”. The experiment is chosen before the
    run starts: mlflow.set_experiment("forest-search"), then search again."""
    for experiment in evidence.experiments:
        found = experiment.runs.finished().with_params(*KNOBS).with_metric("rmse").count()
        if experiment.name not in (SEARCH, FINAL) and found >= TRIALS:
            return {"found": found, "experiment": experiment.name}
    return None


@check(
    "2.3/best-tagged",
    points=2,
    needs=[trials],
    hints=[
        "In the UI: sort the table of “forest-search” by the column rmse. Which way is better?",
        "Open the run with the lowest rmse and add the tag `best_of`; its value is how many trials you compared.",
        'client.set_tag(run_id, "best_of", 15), with the run_id from search_runs(order_by=["metrics.rmse ASC"]).',
    ],
    why="“Best” means nothing without “of what”: the tag says how many candidates stood behind the choice.\n"
    "Six months later it is the only record of why this model and no other.",
)
def best_tagged(evidence: Evidence) -> None:
    """The best of the trials carries the tag `best_of`, with the number of trials it was chosen from"""
    tagged = trials_in(evidence).with_tag("best_of").by_start()
    expect(
        tagged.count(),
        "trials with the tag `best_of`",
        where=f"experiment “{SEARCH}”",
        advice="in the UI: open the best run, Tags, add best_of = 15",
    ).is_there()
    expect_some(tagged, lambda run: _is_best_of(run, evidence))


def _is_best_of(run: Run, evidence: Evidence) -> None:
    """The tagged run has the lowest RMSE of the first `best_of` trials, so that later trials take nothing away."""
    found = trials_in(evidence)
    text = run.tag("best_of")
    compared = int(text) if text.isdecimal() else 0
    expect(
        compared,
        "the number of trials in the tag `best_of`",
        where=f"run {run.label}",
        advice=f"its value is a number; there are {found.count()} trials",
    ).is_between(TRIALS, max(TRIALS, found.count()))
    if run.metric("rmse") > found.lowest("rmse").metric("rmse"):
        expect(
            run.metric("rmse"),
            "the RMSE of the tagged run",
            where=f"run {run.label}, compared with the first {compared} trials",
            advice="sort by rmse, ascending, and tag the first run",
        ).is_at_most(found.first_started(compared).lowest("rmse").metric("rmse"))


@best_tagged.misconception
def tagged_the_highest(evidence: Evidence) -> dict[str, Any] | None:
    """You tagged {run}, the trial with the highest RMSE. RMSE is an error in minutes: lower is better.
    Sort ascending."""
    highest = trials_in(evidence).highest("rmse")
    return {"run": highest.label} if "best_of" in highest.tags else None


@best_tagged.misconception
def tagged_the_newest(evidence: Evidence) -> dict[str, Any] | None:
    """You tagged {run}, the newest trial, not the best: {best} has {lowest} minutes against {found}. MLflow's tables
    begin with the newest run, and ordering by a metric that nobody logged does too. Sort by `rmse`, ascending."""
    newest, best = trials_in(evidence).newest(), trials_in(evidence).lowest("rmse")
    if "best_of" not in newest.tags:
        return None
    return {
        "run": newest.label,
        "best": best.label,
        "lowest": f"{best.metric('rmse'):.3f}",
        "found": f"{newest.metric('rmse'):.3f}",
    }


@check(
    "2.3/retrained",
    points=2,
    needs=[best_tagged],
    hints=[
        "A run's parameters come back as text: what must become of “12” before a forest can use it?",
        "Train a forest with the best trial's four knobs in “forest-final” and log the knobs and `rmse` again.",
        'mlflow.set_tag("chosen_from", best.info.run_id) inside the new run ties the two together.',
    ],
    why="A final model that names the trial it came from can be questioned: why these knobs, against what?\n"
    "This one tag is the start of what auditors call lineage.",
)
def retrained(evidence: Evidence) -> None:
    """A run in “forest-final” was trained with the best trial's knobs, and its tag `chosen_from` names that trial"""
    runs = by_hand_in(evidence).by_start()
    expect(
        runs.count(),
        "runs with the tag `chosen_from`",
        where=f"experiment “{FINAL}”",
        advice='mlflow.set_tag("chosen_from", best.info.run_id) inside the run',
    ).is_there()
    expect_some(runs, lambda run: _comes_from_the_best(run, evidence))


def _comes_from_the_best(run: Run, evidence: Evidence) -> None:
    best_ids = [trial.id for trial in trials_in(evidence).with_tag("best_of")]
    expect(
        run.tag("chosen_from"),
        "the trial named by `chosen_from`",
        where=f"run {run.label}",
        advice="copy the run id of the trial that you tagged with best_of",
    ).is_one_of(best_ids)
    trial = next(trial for trial in trials_in(evidence).with_tag("best_of") if trial.id == run.tag("chosen_from"))
    for knob in KNOBS:
        expect(
            run.param(knob),
            f"the knob {knob}",
            where=f"run {run.label}",
            advice=f"the trial {trial.label} had {trial.param(knob)}",
        ).equals(trial.param(knob))
    run.metric("rmse")


@retrained.misconception
def name_taken_for_id(evidence: Evidence) -> dict[str, Any] | None:
    """The tag `chosen_from` holds “{found}”, which is a run's name. Names can repeat and change; the id is unique. Use
    best.info.run_id."""
    names = {run.name for run in trials_in(evidence).with_tag("best_of")}
    for run in by_hand_in(evidence).by_start(newest_first=True).take(1):
        return {"found": run.tag("chosen_from")} if run.tag("chosen_from") in names else None
    return None


@retrained.misconception
def chosen_from_another_trial(evidence: Evidence) -> dict[str, Any] | None:
    """{run} was chosen from {trial}, a trial that you did not tag as the best. search_runs without a working order_by
    hands back the newest: order by metrics.rmse ASC and take the first."""
    for run in by_hand_in(evidence).by_start(newest_first=True).take(1):
        trial = trials_in(evidence).with_id(run.tag("chosen_from"))
        if trial is not None and "best_of" not in trial.tags:
            return {"run": run.label, "trial": trial.label}
    return None


@check(
    "2.3/autolog",
    points=1,
    hints=[
        "Autolog listens for calls to fit. When must it be switched on?",
        "mlflow.sklearn.autolog(log_models=False), then fit inside a run of “forest-final”.",
        "Switch it off afterwards: mlflow.sklearn.autolog(disable=True). Else it writes into other runs too.",
    ],
    why="Autolog writes down what people forget: every default that nobody chose on purpose.\n"
    "When a library changes a default, that record is how you find out.",
)
def autolog(evidence: Evidence) -> None:
    """A forest was fitted under autolog in “forest-final”"""
    runs = autologged_in(evidence).by_start()
    expect(
        runs.count(),
        "autologged runs",
        where=f"experiment “{FINAL}”",
        advice="switch autolog on, then fit inside a run",
    ).is_there()
    expect_some(runs, _has_training_figures)


def _has_training_figures(run: Run) -> None:
    expect(
        [key for key in run.metrics if key.startswith("training_")],
        "metrics that autolog wrote (training_…)",
        where=f"run {run.label}",
        advice="fit inside the run, after autolog was switched on",
    ).is_there()


@autolog.misconception
def autolog_after_the_fit(evidence: Evidence) -> dict[str, Any] | None:
    """The run {run} in “forest-final” is empty: no parameters, no metrics. Autolog only sees a fit that comes after it:
    first mlflow.sklearn.autolog(), then fit."""
    for run in evidence.experiment(FINAL).runs.by_start(newest_first=True).take(20):
        if not run.params and not run.metrics:
            return {"run": run.label}
    return None


@autolog.misconception
def autologged_elsewhere(evidence: Evidence) -> dict[str, Any] | None:
    """The autologged run {run} lies in the experiment “{experiment}”. Set the experiment before the fit:
    mlflow.set_experiment("forest-final")."""
    for experiment in evidence.experiments:
        if experiment.name in (FINAL, "tree-search"):
            continue
        for run in experiment.runs.finished().with_tag("estimator_name").by_start(newest_first=True).take(1):
            return {"run": run.label, "experiment": experiment.name}
    return None


@check(
    "2.3/compared",
    points=2,
    needs=[retrained, autolog],
    hints=[
        "Which of the autologged run's metrics were measured on trips that the forest had not seen?",
        "None: so measure the validation RMSE yourself and add it to the autologged run as `rmse`.",
        'with mlflow.start_run(run_id=autologged_id): mlflow.log_metric("rmse", …), with the same knobs and seed.',
    ],
    why="Two figures may only be compared when the same ruler measured them: same month, same metric, same unit.\n"
    "Most “improvements” that vanish in production were a training figure beside a validation figure.",
)
def compared(evidence: Evidence) -> None:
    """The autologged forest carries a validation `rmse` too, equal to that of the run logged by hand"""
    figures = [run.metric("rmse") for run in by_hand_in(evidence).with_metric("rmse")]
    expect_some(autologged_in(evidence).by_start(), lambda run: _agrees(run, figures))


def _agrees(run: Run, figures: list[float]) -> None:
    value = run.metric("rmse")
    nearest = min(figures, key=lambda figure: abs(figure - value))
    expect(
        value,
        "the validation RMSE of the autologged forest",
        where=f"run {run.label}",
        advice="same knobs, same random_state, same two months as the run logged by hand",
    ).is_close_to(nearest, tolerance=0.01 * nearest)


@compared.misconception
def training_taken_for_validation(evidence: Evidence) -> dict[str, Any] | None:
    """The `rmse` of {run} is its training figure: {found} minutes on trips the forest has already seen. Predict the
    validation month and log that."""
    for run in autologged_in(evidence).with_metric("rmse").by_start(newest_first=True).take(1):
        value = run.metric("rmse")
        training = [run.metrics[key] for key in run.metrics if key.startswith("training_")]
        if any(abs(value - figure) <= 1e-6 for figure in training):
            return {"run": run.label, "found": f"{value:.3f}"}
    return None


@check(
    "2.3/datasets",
    points=2,
    hints=[
        "MLflow can keep which data a run saw: not the trips themselves, but their schema, size and digest.",
        "mlflow.data.from_pandas(frame, source=path, name=…) makes a dataset, mlflow.log_input logs it.",
        'Log two, with context="training" and context="validation", in one run of “forest-final”.',
    ],
    why="“It was better last month” usually means that the data changed, not the model.\n"
    "A digest in the run settles that argument in a second.",
)
def datasets(evidence: Evidence) -> None:
    """One run in “forest-final” names its training data and its validation data, and they differ"""
    named = evidence.experiment(FINAL).runs.finished().with_dataset("training").by_start()
    expect(
        named.count(),
        "runs that name their training data",
        where=f"experiment “{FINAL}”",
        advice='mlflow.log_input(dataset, context="training")',
    ).is_there()
    expect_some(named, _names_both)


def _names_both(run: Run) -> None:
    training = {dataset.digest for dataset in run.datasets if dataset.context == "training"}
    validation = {dataset.digest for dataset in run.datasets if dataset.context == "validation"}
    expect(
        len(validation),
        "datasets with the context “validation”",
        where=f"run {run.label}",
        advice='mlflow.log_input(dataset, context="validation")',
    ).is_there()
    expect(
        sorted(validation - training),
        "validation data that is not the training data",
        where=f"run {run.label}",
        advice="make the validation dataset from the second month",
    ).is_there()


@datasets.misconception
def same_month_twice(evidence: Evidence) -> dict[str, Any] | None:
    """Training and validation data of {run} have one digest, {digest}: they are the same trips. Make the validation
    dataset from the second month."""
    for run in evidence.experiment(FINAL).runs.finished().with_dataset("training").by_start(newest_first=True).take(20):
        by_context = {dataset.context: dataset.digest for dataset in run.datasets}
        if "training" in by_context and by_context["training"] == by_context.get("validation"):
            return {"run": run.label, "digest": by_context["training"]}
    return None


@datasets.misconception
def data_without_context(evidence: Evidence) -> dict[str, Any] | None:
    """The datasets of {run} do not say what they were for. Add context="training" and context="validation" to
    mlflow.log_input."""
    for run in evidence.experiment(FINAL).runs.finished().by_start(newest_first=True).take(50):
        contexts = [dataset.context for dataset in run.datasets]
        if len(contexts) >= 2 and not {"training", "validation"} & set(contexts):
            return {"run": run.label}
    return None


def _other_name(runs: Runs) -> dict[str, Any] | None:
    for run in runs.by_start(newest_first=True).take(50):
        for name in OTHER_NAMES:
            if run.has_metric(name) and not run.has_metric("rmse"):
                return {"run": run.label, "found": name}
    return None
