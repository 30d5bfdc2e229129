"""What must hold after the exercise of section 2.3: a forest, tuned, chosen, trained again, and its data named."""

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from heapq import merge
from typing import Any

from flowcoach.checks import Failed, check, expect, expect_some, misnamed_rmse, number
from flowcoach.evidence import Evidence, Order, Run, Runs

SEARCH = "forest-search"
FINAL = "forest-final"
KNOBS = ("max_depth", "n_estimators", "min_samples_leaf", "min_samples_split")
TRIALS = 15
SAME = 0.002  # of a figure: what the same forest is off by again, rounded to two digits at the most


def trials_in(evidence: Evidence) -> Runs:
    """The trials of the search: finished runs with the four knobs and a validation RMSE."""
    return evidence.experiment(SEARCH).runs.finished().with_params(*KNOBS).with_metric("rmse")


def attempts_in(evidence: Evidence) -> list[Run]:
    """The newest finished runs of the search but for baselines, newest first: what a learner tried lately."""
    runs = evidence.experiment(SEARCH).runs.finished().by_start(newest_first=True)
    return [run for run in runs.take(200) if not _is_baseline(run)]


def baselines_in(evidence: Evidence) -> list[Run]:
    """The runs that call themselves the mean, oldest first."""
    runs = evidence.experiment(SEARCH).runs.finished().with_param("model").by_start()
    return [run for run in runs if _is_baseline(run)]


def _is_baseline(run: Run) -> bool:
    return run.params.get("model", "").strip().lower() == "mean"


@dataclass(frozen=True)
class Month:
    """What the exercise's first cell noted of the durations of a month."""

    trips: float
    mean: float
    mean_of_squares: float

    def off_from(self, guess: float) -> float:
        """The RMSE of one guess for every trip of the month."""
        return math.sqrt(max(0.0, self.mean_of_squares - 2 * guess * self.mean + guess**2))

    @property
    def spread(self) -> tuple[float, float]:
        """The standard deviation, as scikit-learn and as pandas count it."""
        population = self.off_from(self.mean)
        return population, population * math.sqrt(self.trips / (self.trips - 1))


@dataclass(frozen=True)
class Months:
    """The two months that a baseline is about."""

    train: Month
    valid: Month


def months_in(evidence: Evidence) -> Months | None:
    """The two months as the exercise's first cell noted them; None when a notebook of an older course did not."""
    for record in evidence.experiment(SEARCH).records:
        train, valid = _month(record.tags, "train"), _month(record.tags, "valid")
        if train and valid:
            return Months(train, valid)
    return None


def _month(tags: Mapping[str, str], name: str) -> Month | None:
    trips, mean, squares = (number(tags.get(f"{name}_{what}")) for what in ("trips", "mean", "mean_of_squares"))
    whole = trips >= 2 and 0 < mean < math.inf and mean**2 <= squares < math.inf
    return Month(trips, mean, squares) if whole else None


def by_hand_in(evidence: Evidence) -> Runs:
    """The final models that say which trial they came from, however they ended: an error in a reopened run fails it."""
    return evidence.experiment(FINAL).runs.with_tag("chosen_from")


def autologged_in(evidence: Evidence) -> Runs:
    """The runs in which autolog wrote down an estimator, however they ended."""
    return evidence.experiment(FINAL).runs.with_tag("estimator_name")


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
    runs = baselines_in(evidence)
    expect(
        len(runs),
        "runs with the parameter `model` = “mean”",
        where=f"experiment “{SEARCH}”",
        advice='mlflow.log_param("model", "mean") inside the run',
    ).is_there()
    months = months_in(evidence)
    expect_some(runs, lambda run: _is_how_far_off(run, months))


def _is_how_far_off(run: Run, months: Months | None) -> None:
    where, advice = f"run {run.label}", "predict the mean of `train` for every trip of `valid`"
    rmse = run.metric("rmse")
    if months is None:
        expect(rmse, "the baseline's RMSE in minutes", where=where, advice=advice).is_between(5, 18)
        return
    right = months.valid.off_from(months.train.mean)
    expect(rmse, "the baseline's RMSE in minutes", where=where, advice=advice).satisfies(
        abs(rmse - right) <= 0.005 * right and (_alike(rmse, right) or not _is_another(rmse, months)),
        "how far off the training month's mean is on the validation month",
    )


def _is_another(figure: float, months: Months) -> bool:
    """Whether a figure is one of those that are taken for the baseline's."""
    others = (*months.train.spread, *months.valid.spread)
    return any(_alike(figure, other) for other in others)


def _alike(figure: float, other: float) -> bool:
    """Whether two figures are one and the same measurement."""
    return abs(figure - other) < 1e-6


@baseline.misconception
def logged_as_parameter(evidence: Evidence) -> dict[str, Any] | None:
    """The RMSE of {run} is a parameter, not a metric. Parameters are what you choose before, metrics what you measure
    after; only metrics can be sorted and drawn. Use mlflow.log_metric("rmse", …)."""
    for run in baselines_in(evidence)[-1:]:
        if "rmse" in run.params and not run.has_metric("rmse"):
            return {"run": run.label}
    return None


@baseline.misconception
def baseline_under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """Your baseline {run} logs `{found}`, not `rmse`. To MLflow these are two different metrics: a query for one never
    sees the other. Log it as `rmse`, as the trials will."""
    return _other_name(baselines_in(evidence)[-1:])


@baseline.misconception
def baseline_without_its_root(evidence: Evidence) -> dict[str, Any] | None:
    """{run} says {found}: that is the mean *squared* error, in squared minutes. Its root is {root}: use
    root_mean_squared_error."""
    months = months_in(evidence)
    if months is None:
        return None
    for run in baselines_in(evidence)[-1:]:
        found, root = run.metric("rmse"), months.valid.off_from(months.train.mean)
        if math.isclose(found, root**2, rel_tol=0.01):
            return {"run": run.label, "found": f"{found:.3f}", "root": f"{root:.3f}"}
    return None


@baseline.misconception
def the_mean_itself(evidence: Evidence) -> dict[str, Any] | None:
    """{run} says {found}: that is the mean of {month} itself, the guess. The RMSE is how far off this guess is: compare
    it with each duration of `valid`, as root_mean_squared_error does."""
    months = months_in(evidence)
    for run in baselines_in(evidence)[-1:]:
        for name, month in (("train", months.train), ("valid", months.valid)) if months else ():
            if abs(run.metric("rmse") - month.mean) < 0.005:
                return {"run": run.label, "found": f"{run.metric('rmse'):.3f}", "month": f"`{name}`"}
    return None


@baseline.misconception
def measured_on_the_training_month(evidence: Evidence) -> dict[str, Any] | None:
    """{run} says {found}: that is how far off the mean is on the training month, which it was taken from. The question
    is how it does on trips it has not seen: compare it with the durations of `valid`."""
    months = months_in(evidence)
    for run in baselines_in(evidence)[-1:]:
        if months and any(_alike(run.metric("rmse"), spread) for spread in months.train.spread):
            return {"run": run.label, "found": f"{run.metric('rmse'):.3f}"}
    return None


@baseline.misconception
def guessed_from_the_validation_month(evidence: Evidence) -> dict[str, Any] | None:
    """{run} says {found}: that is how far off the mean of `valid` is on `valid`. Whoever forecasts does not know that
    mean yet. Take the mean of `train`, and compare it with the durations of `valid`."""
    months = months_in(evidence)
    for run in baselines_in(evidence)[-1:]:
        if months and any(_alike(run.metric("rmse"), spread) for spread in months.valid.spread):
            return {"run": run.label, "found": f"{run.metric('rmse'):.3f}"}
    return None


@baseline.misconception
def in_seconds(evidence: Evidence) -> dict[str, Any] | None:
    """An RMSE of {found} looks like seconds: divided by 60 it is {minutes} minutes. The course counts in minutes; use
    the column `duration` of taxi.prepare."""
    for run in baselines_in(evidence)[-1:]:
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
        advice=f"run some more, those that are there count; each logs {', '.join(KNOBS)} and the metric rmse",
    ).is_at_least(TRIALS)
    expect(
        found.distinct(*KNOBS, up_to=10),
        "different settings of the four knobs among the trials",
        where=f"experiment “{SEARCH}”",
        advice="let Optuna propose the knobs: trial.suggest_int(…)",
    ).is_at_least(10)
    expect(
        found.lowest("rmse").metric("rmse"),
        "the lowest RMSE of the trials, in minutes",
        where=f"experiment “{SEARCH}”",
        advice="a forest on these trips is wrong by 4 to 8 minutes: compare it with your baseline",
    ).is_at_most(18)
    lowest, highest = found.lowest("rmse").metric("rmse"), found.highest("rmse").metric("rmse")
    expect(
        highest,
        "the highest RMSE of the trials",
        where=f"experiment “{SEARCH}”",
        advice="give the knobs that you log to the forest: RandomForestRegressor(**params, random_state=42)",
    ).satisfies(lowest < highest, f"another than the lowest, {lowest:.6f}")


@trials.misconception
def only_the_seed_changed(evidence: Evidence) -> dict[str, Any] | None:
    """{trials} trials share {settings} settings of the four knobs and differ in `random_state`. That measures luck,
    not knobs: keep the seed fixed and let the knobs vary."""
    found, lately = trials_in(evidence), attempts_in(evidence)[:2]
    settings, seeds = found.distinct(*KNOBS), found.distinct("random_state")
    same = len({tuple(run.params.get(knob) for knob in KNOBS) for run in lately}) == 1
    if same and found.count() >= TRIALS and settings < 10 <= seeds:
        return {"trials": found.count(), "settings": settings}
    return None


@trials.misconception
def knobs_only_logged(evidence: Evidence) -> dict[str, Any] | None:
    """All {trials} trials have one and the same RMSE, {rmse}, to the last digit: they trained the same forest. The
    knobs reached the log but not the forest. Write RandomForestRegressor(**params, random_state=42)."""
    found = trials_in(evidence)
    lowest, highest = found.lowest("rmse").metric("rmse"), found.highest("rmse").metric("rmse")
    if found.count() >= TRIALS and lowest == highest and _newest_is_a_trial(evidence):
        return {"trials": found.count(), "rmse": f"{lowest:.6f}"}
    return None


@trials.misconception
def root_left_out(evidence: Evidence) -> dict[str, Any] | None:
    """Your lowest `rmse`, {found} in {run}, looks like the mean *squared* error: its root is {root} minutes. Use
    root_mean_squared_error; the `squared=False` of older material is gone from scikit-learn."""
    run = trials_in(evidence).lowest("rmse")
    value = run.metric("rmse")
    if 18 < value <= 15**2 and _newest_is_a_trial(evidence):
        return {"run": run.label, "found": f"{value:.1f}", "root": f"{value**0.5:.1f}"}
    return None


def _newest_is_a_trial(evidence: Evidence) -> bool:
    """Whether the newest attempt is a whole trial: then what holds of all trials holds of it."""
    return any(set(KNOBS) <= set(run.params) and run.has_metric("rmse") for run in attempts_in(evidence)[:1])


@trials.misconception
def trials_without_knobs(evidence: Evidence) -> dict[str, Any] | None:
    """{found} runs of “forest-search” log `rmse` but not the knobs {knobs}. Then nobody can say which setting gave
    which figure, nor train the best again. Add mlflow.log_params(params) to the objective."""
    runs = attempts_in(evidence)
    bare = [run for run in runs if run.has_metric("rmse") and not set(KNOBS) & set(run.params)]
    return {"found": len(bare), "knobs": ", ".join(KNOBS)} if len(bare) >= 5 and runs[0] in bare else None


@trials.misconception
def trials_under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """Your trials, {run} for one, log `{found}`, not `rmse`. Ordering by `rmse` would silently hand back the newest run
    instead of the best. Log the validation RMSE as `rmse`."""
    return _other_name(run for run in attempts_in(evidence)[:1] if set(KNOBS) <= set(run.params))


@trials.misconception
def in_another_experiment(evidence: Evidence) -> dict[str, Any] | None:
    """{found} trials lie in the experiment “{experiment}”, not in “forest-search”. The experiment is chosen before the
    run starts: mlflow.set_experiment("forest-search"), then search again."""
    lately = [run.start_time or 0 for run in attempts_in(evidence)[:1]]
    for experiment in evidence.experiments:
        found = experiment.runs.finished().with_params(*KNOBS).with_metric("rmse")
        if experiment.name in (SEARCH, FINAL) or found.count() < TRIALS:
            continue
        if [found.newest().start_time or 0] >= lately:
            return {"found": found.count(), "experiment": experiment.name}
    return None


@trials.misconception
def trials_in_the_trash(evidence: Evidence) -> dict[str, Any] | None:
    """{left} trials are there and {gone} more in MLflow's trash. Bad trials need no tidying away: they show where not
    to look. Bring them back: mlflow.MlflowClient().restore_run(run_id), or in the UI with the filter State: Deleted.
    (Were they measured on the wrong month? Then leave them there, and search once more.)"""
    left, gone = trials_in(evidence).count(), trials_in(evidence).deleted().count()
    return {"left": left, "gone": gone} if left < TRIALS <= left + gone else None


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
    """The tagged run has the lowest RMSE of the first `best_of` trials, so that later trials take nothing away.

    Neither does tidying up afterwards: trials that were deleted were there to be compared.
    """
    found = trials_in(evidence)
    compared = number(run.tag("best_of"))
    expect(
        run.tag("best_of").strip(),
        "the number of trials in the tag `best_of`",
        where=f"run {run.label}",
        advice=f"its value is how many trials you compared; there are {found.count()}, for the baseline is none",
    ).is_between(TRIALS, found.count() + found.deleted().count())
    if run.metric("rmse") > found.lowest("rmse").metric("rmse"):
        expect(
            run.metric("rmse"),
            "the RMSE of the tagged run",
            where=f"run {run.label}, compared with the first {compared:g} trials",
            advice="sort by rmse, ascending, and tag the first run (a trial that is lower because it was measured "
            "otherwise, on `train` perhaps, is in the way: delete it)",
        ).is_at_most(_lowest_of_the_first(int(compared), found, run))


def _lowest_of_the_first(compared: int, found: Runs, tagged: Run) -> float:
    """The lowest RMSE that is still there of the trials started first, deleted ones counted among the `compared`.

    The tagged run was one of those compared: when it is not yet among them, trials were deleted before the choice.
    """
    deleted = found.deleted()
    if not deleted:
        return found.first_started(compared).lowest("rmse").metric("rmse")
    lowest, reached = tagged.metric("rmse"), False
    for place, run in enumerate(merge(found.by_start(), deleted.by_start(), key=Order().key)):
        if place >= compared and reached:
            break
        reached = reached or run.id == tagged.id
        lowest = min(lowest, run.metric("rmse")) if run.active else lowest
    return lowest


@best_tagged.misconception
def tagged_the_highest(evidence: Evidence) -> dict[str, Any] | None:
    """You tagged {run}, the trial with the highest RMSE. RMSE is an error in minutes: lower is better.
    Sort ascending."""
    highest = trials_in(evidence).highest("rmse")
    return {"run": highest.label} if _only_tagged(evidence, highest) else None


def _only_tagged(evidence: Evidence, run: Run) -> bool:
    """Whether this trial, and no other, carries the tag."""
    return [one.id for one in trials_in(evidence).with_tag("best_of").take(2)] == [run.id]


@best_tagged.misconception
def tagged_the_newest(evidence: Evidence) -> dict[str, Any] | None:
    """You tagged {run}, the newest trial, not the best: {best} has {lowest} minutes against {found}. MLflow's tables
    begin with the newest run, and ordering by a metric that nobody logged does too. Sort by `rmse`, ascending."""
    newest, best = trials_in(evidence).newest(), trials_in(evidence).lowest("rmse")
    if not _only_tagged(evidence, newest) or newest.metric("rmse") <= best.metric("rmse"):
        return None
    return {
        "run": newest.label,
        "best": best.label,
        "lowest": f"{best.metric('rmse'):.3f}",
        "found": f"{newest.metric('rmse'):.3f}",
    }


@best_tagged.misconception
def tagged_the_baseline(evidence: Evidence) -> dict[str, Any] | None:
    """You tagged {run}, the baseline. It is what the trials are compared with, not one of them: tag the best of the
    runs that have knobs."""
    for run in baselines_in(evidence):
        if "best_of" in run.tags and not trials_in(evidence).with_tag("best_of"):
            return {"run": run.label}
    return None


@best_tagged.misconception
def tagged_run_in_the_trash(evidence: Evidence) -> dict[str, Any] | None:
    """You tagged {run}, and then it was deleted. Bring it back: mlflow.MlflowClient().restore_run("{id}")."""
    for run in trials_in(evidence).deleted().with_tag("best_of").by_start(newest_first=True).take(1):
        if not trials_in(evidence).with_tag("best_of"):
            return {"run": run.label, "id": run.id}
    return None


def best_in(evidence: Evidence) -> list[Run]:
    """The trials that carry the tag with good reason, oldest first."""
    good = []
    for run in trials_in(evidence).with_tag("best_of").by_start():
        with suppress(Failed):
            _is_best_of(run, evidence)
            good.append(run)
    return good


@check(
    "2.3/retrained",
    points=2,
    needs=[best_tagged],
    hints=[
        "The trial that you tagged can be asked for: mlflow.search_runs with the filter tags.best_of != ''.",
        "Its parameters come back as text: what must become of “12” before a forest can use it?",
        'In a run of “forest-final”: set_tag("chosen_from", best.info.run_id), log the knobs, train, log `rmse`.',
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
    best = {trial.id: trial for trial in best_in(evidence)}
    expect_some(runs, lambda run: _comes_from_the_best(run, best))


def _comes_from_the_best(run: Run, best: dict[str, Run]) -> None:
    chosen = run.tag("chosen_from").strip()
    expect(
        chosen,
        "the trial named by `chosen_from`",
        where=f"run {run.label}",
        advice="copy the run id of the trial that you tagged with best_of",
    ).is_one_of(list(best))
    trial = best[chosen]
    for knob in KNOBS:
        turned, wanted = run.param(knob), trial.param(knob)
        expect(
            turned,
            f"the knob {knob}",
            where=f"run {run.label}",
            advice=f"the trial {trial.label} had {wanted}",
        ).satisfies(turned == wanted or number(turned) == number(wanted), f"“{wanted}”")
    expect(
        run.metric("rmse"),
        "the RMSE of the forest that was trained again",
        where=f"run {run.label}",
        advice=f"with the same knobs, random_state and months it comes out as in {trial.label}",
    ).is_close_to(trial.metric("rmse"), tolerance=SAME * trial.metric("rmse"))


@retrained.misconception
def name_taken_for_id(evidence: Evidence) -> dict[str, Any] | None:
    """The tag `chosen_from` holds “{found}”, which is a run's name. Names can repeat and change; the id is unique. Use
    best.info.run_id."""
    names = {run.name for run in best_in(evidence)}
    for run in by_hand_in(evidence).by_start(newest_first=True).take(1):
        return {"found": run.tag("chosen_from")} if run.tag("chosen_from").strip() in names else None
    return None


@retrained.misconception
def beginning_of_the_id(evidence: Evidence) -> dict[str, Any] | None:
    """The tag `chosen_from` of {run} holds just the beginning of an id, “{found}”. Tables and messages cut ids short;
    all 32 characters stand at the top of the run's page, or in best.info.run_id."""
    for run in by_hand_in(evidence).by_start(newest_first=True).take(1):
        found = run.tag("chosen_from").strip()
        if 4 <= len(found) < 32 and any(trial.id.startswith(found) for trial in best_in(evidence)):
            return {"run": run.label, "found": found}
    return None


@retrained.misconception
def chosen_from_another_trial(evidence: Evidence) -> dict[str, Any] | None:
    """{run} was chosen from {trial}, and that trial is not the best that you tagged. search_runs without a working
    order_by hands back the newest: order by metrics.rmse ASC and take the first."""
    for run in by_hand_in(evidence).by_start(newest_first=True).take(1):
        trial = trials_in(evidence).with_id(run.tag("chosen_from").strip())
        if trial is not None and trial.id not in {one.id for one in best_in(evidence)}:
            return {"run": run.label, "trial": trial.label}
    return None


@retrained.misconception
def measured_on_other_trips(evidence: Evidence) -> dict[str, Any] | None:
    """{run} is off by {found} minutes, the trial {trial} by {low}, with the same knobs: one of the two was measured on
    other trips, usually the lower one, on the training month. If it was the trial, so were those of the same cell:
    delete them (that is the one good reason to), measure on `valid`, search again, tag the best, train that again."""
    best = {trial.id: trial for trial in best_in(evidence)}
    for run in by_hand_in(evidence).by_start(newest_first=True).take(1):
        trial = best.get(run.tag("chosen_from").strip())
        if trial is None or any(number(run.param(knob)) != number(trial.param(knob)) for knob in KNOBS):
            return None
        found, low = run.metric("rmse"), trial.metric("rmse")
        if 1.05 * low < found < 2 * low:
            return {"run": run.label, "found": f"{found:.2f}", "trial": trial.label, "low": f"{low:.2f}"}
    return None


@check(
    "2.3/autolog",
    points=1,
    hints=[
        "Autolog listens for calls to fit. When must it be switched on?",
        "The knobs are in the store: search_runs with the filter tags.chosen_from != '' finds your run of step 4.",
        "mlflow.sklearn.autolog(log_models=False), fit inside a run of “forest-final”, then autolog(disable=True).",
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
    expect_some(runs, _shows_a_forest)


def _shows_a_forest(run: Run) -> None:
    expect(
        [key for key in run.metrics if key.startswith("training_")],
        "metrics that autolog wrote (training_…)",
        where=f"run {run.label}",
        advice="fit inside the run, after autolog was switched on",
    ).is_there()
    expect(
        [key for key in run.params if key.endswith("n_estimators")],
        "parameters that tell of a forest (n_estimators)",
        where=f"run {run.label}",
        advice="fit the forest of step 4: taxi.pipeline(RandomForestRegressor(…))",
    ).is_there()


@autolog.misconception
def autolog_after_the_fit(evidence: Evidence) -> dict[str, Any] | None:
    """The run {run} in “forest-final” is empty: no parameters, no metrics. Autolog only sees a fit that comes after it:
    first mlflow.sklearn.autolog(), then fit."""
    for run in evidence.experiment(FINAL).runs.by_start(newest_first=True).take(20):
        if "estimator_name" in run.tags:
            return None  # a later fit was heard
        if not run.params and not run.metrics:
            return {"run": run.label}
    return None


@autolog.misconception
def autologged_elsewhere(evidence: Evidence) -> dict[str, Any] | None:
    """The autologged run {run} lies in the experiment “{experiment}”. Set the experiment before the fit:
    mlflow.set_experiment("forest-final")."""
    here = [run.start_time or 0 for run in autologged_in(evidence).by_start(newest_first=True).take(1)]
    for experiment in evidence.experiments:
        if experiment.name in (FINAL, "tree-search"):
            continue
        for run in experiment.runs.finished().with_tag("estimator_name").by_start(newest_first=True).take(1):
            if [run.start_time or 0] >= here:
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
    ).is_close_to(nearest, tolerance=SAME * nearest)


@compared.misconception
def figure_in_a_run_of_its_own(evidence: Evidence) -> dict[str, Any] | None:
    """Your `rmse` lies in {run}, a run of its own, and the autologged {autologged} has none. Open that one again and
    log it there: with mlflow.start_run(run_id="{id}")."""
    for own in autologged_in(evidence).by_start(newest_first=True).take(1):
        for run in evidence.experiment(FINAL).runs.with_metric("rmse").by_start(newest_first=True).take(1):
            if not own.has_metric("rmse") and "chosen_from" not in run.tags:
                return {"run": run.label, "autologged": own.label, "id": own.id}
    return None


@compared.misconception
def training_taken_for_validation(evidence: Evidence) -> dict[str, Any] | None:
    """The `rmse` of {run} is its training figure: {found} minutes on trips the forest has already seen. Predict the
    validation month and log that."""
    for run in autologged_in(evidence).by_start(newest_first=True).take(1):
        value = run.metric("rmse")
        training = [run.metrics[key] for key in run.metrics if key.startswith("training_")]
        if any(_alike(value, figure) for figure in training):
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
    named = evidence.experiment(FINAL).runs.with_dataset("training").by_start()
    expect(
        named.count(),
        "runs that name their training data",
        where=f"experiment “{FINAL}”",
        advice='mlflow.log_input(dataset, context="training")',
    ).is_there()
    expect_some(named, _names_both)


def _names_both(run: Run) -> None:
    training, validation = _digests(run, "training"), _digests(run, "validation")
    expect(
        len(validation),
        "datasets with the context “validation”",
        where=f"run {run.label}",
        advice='mlflow.log_input(dataset, context="validation"), of the second month: MLflow keeps the same trips once',
    ).is_there()
    expect(
        sorted(validation - training),
        "validation data that is not the training data",
        where=f"run {run.label}",
        advice="make it from the second month (MLflow keeps the same trips under the same name only once)",
    ).is_there()


@datasets.misconception
def data_in_two_runs(evidence: Evidence) -> dict[str, Any] | None:
    """The training data is named in {first}, and the validation data in {second}. One run has to name both, or nobody
    sees that they belong together: log the two inside one `with mlflow.start_run()`."""
    runs = evidence.experiment(FINAL).runs
    first, second = (
        next(iter(runs.with_dataset(context).by_start(newest_first=True).take(1)), None)
        for context in ("training", "validation")
    )
    if first is None or second is None or _digests(first, "validation") or _digests(second, "training"):
        return None
    return {"first": first.label, "second": second.label}


@datasets.misconception
def same_month_twice(evidence: Evidence) -> dict[str, Any] | None:
    """Training and validation data of {run} have one digest, {digest}: they are the same trips. Make the validation
    dataset from the second month."""
    for run in _newest_with_data(evidence):
        for digest in sorted(_digests(run, "training") & _digests(run, "validation")):
            return {"run": run.label, "digest": digest}
    return None


@datasets.misconception
def data_without_context(evidence: Evidence) -> dict[str, Any] | None:
    """{count} datasets of {run} do not say what they were for. Add context="training" and context="validation" to
    mlflow.log_input."""
    for run in _newest_with_data(evidence):
        contexts = [dataset.context for dataset in run.datasets]
        if contexts.count("") >= 2:
            return {"run": run.label, "count": contexts.count("")}
    return None


@datasets.misconception
def context_in_another_word(evidence: Evidence) -> dict[str, Any] | None:
    """A dataset of {run} has the context “{found}”. MLflow takes any word, and to a query another word is another
    thing: the two asked for here are “training” and “validation”. (“train” is what autolog writes by itself.)"""
    for run in _newest_with_data(evidence):
        contexts = [dataset.context for dataset in run.datasets]
        for word in sorted({*contexts} - {"", "training", "validation"}):
            if len(contexts) >= 2 and not (word == "train" and "training" in contexts):
                return {"run": run.label, "found": word}
    return None


def _newest_with_data(evidence: Evidence) -> list[Run]:
    """The newest run that names more data than autolog does by itself, alone in a list; an empty one without it."""
    runs = evidence.experiment(FINAL).runs.by_start(newest_first=True).take(50)
    return [run for run in runs if [dataset.context for dataset in run.datasets] not in ([], ["train"])][:1]


def _digests(run: Run, context: str) -> set[str]:
    return {dataset.digest for dataset in run.datasets if dataset.context == context}


def _other_name(runs: Iterable[Run]) -> dict[str, Any] | None:
    found = misnamed_rmse(runs)
    return {"run": found[0].label, "found": found[1]} if found else None
