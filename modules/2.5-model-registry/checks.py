"""What must hold after the exercise of section 2.5: a champion, a challenger, a fair comparison, a change, a way back.

Aliases move and keep no history, so they are asked for only until the next step has left something that stays: a
figure, a tag with its reason, a night that a version worked.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import date
from typing import Any

from flowcoach.checks import Failed, check, expect, expect_some
from flowcoach.evidence import Evidence, LoggedModel, ModelMetric, ModelVersion, NotFound, Run, Runs

MODEL = "taxi-duration"
FINALISTS = "finalists"
NEWCOMER = "newcomer"
NIGHTS = "night-shift"
FIGURE = "test_rmse"
MOST = 200  # versions that are looked at; this exercise makes two
WHERE = f"registered model “{MODEL}”"


def finalists_in(evidence: Evidence) -> Runs:
    """The finalists that the exercise trained, however an error in a reopened run may have ended them."""
    return evidence.experiment(FINALISTS).runs.with_tag("finalist").with_metric("valid_rmse")


def versions_of(evidence: Evidence) -> tuple[ModelVersion, ...]:
    """The versions of the registered model, none when there is no such model."""
    with suppress(NotFound):
        return evidence.model(MODEL).versions[:MOST]
    return ()


def made_in(evidence: Evidence, experiment: str, versions: Iterable[ModelVersion]) -> list[ModelVersion]:
    """Those of the versions whose run lies in an experiment."""
    found = []
    for version in versions:
        with suppress(NotFound):
            if evidence.run_of(version).experiment == experiment:
                found.append(version)
    return found


def nights_in(evidence: Evidence) -> list[int]:
    """The version that worked, night by night, as the night shift wrote it down."""
    with suppress(NotFound):
        runs = evidence.experiment(NIGHTS).runs.with_tag("version").by_start()
        texts = (run.tag("version").strip() for run in runs.take(1000))
        return [int(text) for text in texts if text.isdecimal() and len(text) < 10]
    return []


def _place(version: ModelVersion) -> str:
    return f"{WHERE}, version {version.version}"


def _numbers(versions: Iterable[ModelVersion]) -> set[int]:
    return {version.version for version in versions}


@check(
    "2.5/registered",
    points=2,
    hints=[
        "In the UI, look at the columns of “finalists”: under which name do these runs log their validation RMSE?",
        'mlflow.search_runs(experiment_names=["finalists"], order_by=["metrics.valid_rmse ASC"]) puts the best first.',
        'mlflow.register_model(f"runs:/{best.info.run_id}/model", "taxi-duration")',
    ],
    why="A registered version is the answer to “which model is that?”: this run, this data, this code.\n"
    "A file called model_final_2.pkl answers none of it.",
)
def registered(evidence: Evidence) -> None:
    """A version of “taxi-duration” was registered from the best finalist: the one with the lowest validation RMSE"""
    versions = evidence.model(MODEL).versions[:MOST]
    newcomers = _numbers(made_in(evidence, NEWCOMER, versions))
    candidates = [version for version in versions if version.version not in newcomers]
    expect(
        len(candidates),
        "versions registered from a finalist",
        where=WHERE,
        advice=f'mlflow.register_model(f"runs:/{{run_id}}/model", "{MODEL}")',
    ).is_there()
    expect_some(candidates, lambda version: _is_the_best(version, evidence))


def _is_the_best(version: ModelVersion, evidence: Evidence) -> None:
    run = evidence.run_of(version)
    expect(
        run.experiment,
        "the experiment of the run behind the version",
        where=_place(version),
        advice="register the model of one of the five finalists",
    ).equals(FINALISTS)
    expect(
        run.metric("valid_rmse"),
        "the `valid_rmse` of the finalist that you registered",
        where=f"{_place(version)}, from run {run.label}",
        advice="sort the finalists by valid_rmse, ascending, and register the first",
    ).is_at_most(finalists_in(evidence).lowest("valid_rmse").metric("valid_rmse"))
    evidence.model_of(version)


def best_in(evidence: Evidence) -> list[ModelVersion]:
    """The versions that were rightly registered from the best finalist, oldest first."""
    return _best_of(versions_of(evidence), evidence)


def _best_of(versions: Iterable[ModelVersion], evidence: Evidence) -> list[ModelVersion]:
    good = []
    for version in versions:
        with suppress(Failed, NotFound):
            _is_the_best(version, evidence)
            good.append(version)
    return good


def _wrong_choice(evidence: Evidence) -> tuple[ModelVersion, Run] | None:
    """The version registered last that is no newcomer, with its run."""
    versions = versions_of(evidence)
    newcomers = _numbers(made_in(evidence, NEWCOMER, versions))
    for version in reversed(versions):
        if version.version not in newcomers:
            return version, evidence.run_of(version)
    return None


@registered.misconception
def under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """You registered {run}, as version {version} of “{name}”. Versions of one thing share one name, and here it is
    “taxi-duration”, letter by letter: register that run again under this name. The other name may stay."""
    others = [version for model in evidence.models if model.name != MODEL for version in model.versions[:MOST]]
    found = _best_of(others, evidence)
    if not found and not made_in(evidence, FINALISTS, versions_of(evidence)):
        found = made_in(evidence, FINALISTS, others)
    for version in found[-1:]:
        return {"run": evidence.run_of(version).label, "version": version.version, "name": version.name}
    return None


@registered.misconception
def name_without_a_version(evidence: Evidence) -> dict[str, Any] | None:
    """There is a registered model “taxi-duration” without any version: register_model writes down the name first, then
    found no model where you sent it, and stopped. The finalists' models are called `model`: runs:/<run id>/model."""
    return None if evidence.model(MODEL).versions else {}


@registered.misconception
def run_in_the_trash(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} came from the run {run}, and that run was deleted: now nobody can say what the version is.
    Bring it back: mlflow.MlflowClient().restore_run("{id}")."""
    for version in reversed(versions_of(evidence)):
        run = evidence.runs.deleted().with_id(version.run_id) if version.run_id else None
        if run is not None and not made_in(evidence, FINALISTS, versions_of(evidence)):
            return {"version": version.version, "run": run.label, "id": run.id}
    return None


@registered.misconception
def nothing_logged_there(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} is a ghost: it points to {source}, where no model was logged, and MLflow did not look. The
    model of a finalist is called `model`: register runs:/<run id>/model."""
    chosen = _wrong_choice(evidence)
    if chosen is None:
        return None
    try:
        evidence.model_of(chosen[0])
    except NotFound:
        return {"version": chosen[0].version, "source": chosen[0].source}
    return None


@registered.misconception
def ordered_by_a_missing_metric(evidence: Evidence) -> dict[str, Any] | None:
    """You registered {run}, the newest of the finalists, not the best: {found} minutes against {lowest}. These runs log
    `valid_rmse`; ordering by a metric that they do not log, `rmse` for one, silently hands back the newest."""
    chosen, found = _wrong_choice(evidence), finalists_in(evidence)
    if chosen is None or chosen[1].id != found.newest().id:
        return None
    lowest = found.lowest("valid_rmse").metric("valid_rmse")
    return {"run": chosen[1].label, "found": f"{chosen[1].metric('valid_rmse'):.3f}", "lowest": f"{lowest:.3f}"}


@registered.misconception
def chosen_on_the_training_month(evidence: Evidence) -> dict[str, Any] | None:
    """You registered {run}, which has the lowest *training* RMSE, {training}: it knows the training month by heart. On
    the validation month it is off by {found} minutes, and another by {lowest}. Choose by `valid_rmse`."""
    chosen, found = _wrong_choice(evidence), finalists_in(evidence)
    if chosen is None or chosen[1].id != found.lowest("training_rmse").id:
        return None
    lowest = found.lowest("valid_rmse").metric("valid_rmse")
    return {
        "run": chosen[1].label,
        "training": f"{chosen[1].metric('training_rmse'):.3f}",
        "found": f"{chosen[1].metric('valid_rmse'):.3f}",
        "lowest": f"{lowest:.3f}",
    }


@registered.misconception
def no_finalist(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} comes from {run} in the experiment “{experiment}”, which was never a finalist. Search in
    experiment_names=["finalists"]."""
    chosen = _wrong_choice(evidence)
    if chosen is None or chosen[1].experiment == FINALISTS:
        return None
    return {"version": chosen[0].version, "run": chosen[1].label, "experiment": chosen[1].experiment}


@check(
    "2.5/challenger",
    points=2,
    needs=[registered],
    hints=[
        "A second model for the same job is a second version of the same name, not a second name.",
        "Register the newcomer's run as “taxi-duration”; description and tag belong to the version you get back.",
        "client.update_model_version(name, number, description=…), client.set_model_version_tag(name, number, key, …).",
    ],
    why="In half a year, the version's own page is all that a colleague on call has at three in the morning.\n"
    "Two lines written today save that colleague an hour, or you a telephone call.",
)
def challenger(evidence: Evidence) -> None:
    """The newcomer is another version of “taxi-duration”, with a description and the months it was trained on"""
    found = made_in(evidence, NEWCOMER, versions_of(evidence))
    expect(
        len(found),
        "versions registered from the newcomer",
        where=WHERE,
        advice=f'mlflow.register_model(f"runs:/{{newcomer}}/model", "{MODEL}")',
    ).is_there()
    expect_some(found, lambda version: _is_introduced(version, evidence))


def _is_introduced(version: ModelVersion, evidence: Evidence) -> None:
    evidence.model_of(version)
    expect(
        len(version.description.split()),
        "the number of words in the description of the version",
        where=_place(version),
        advice=f'client.update_model_version("{MODEL}", {version.version}, description=…)',
    ).is_at_least(3)
    trained_on = version.tags.get("trained_on", "")
    datasets = evidence.run_of(version).datasets
    months = sorted({dataset.name.rpartition("_")[2] for dataset in datasets if dataset.context == "training"})
    expect(
        trained_on,
        "the tag `trained_on`",
        where=_place(version),
        advice="name both months, as the cell above prints them, in a tag of the version",
    ).satisfies(all(month in trained_on for month in months), f"both months in it, {' and '.join(months)}")


def newcomers_in(evidence: Evidence) -> list[ModelVersion]:
    """The versions made from the newcomer that have a model, oldest first."""
    good = []
    for version in made_in(evidence, NEWCOMER, versions_of(evidence)):
        with suppress(NotFound):
            evidence.model_of(version)
            good.append(version)
    return good


@challenger.misconception
def deleted_version(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} worked in the night shift and is gone: it was deleted. What served once is kept, or nobody can
    say afterwards who gave those estimates. Rolling back is moving an alias. Register the newcomer again."""
    there = versions_of(evidence)
    if made_in(evidence, NEWCOMER, there):
        return None
    for version in reversed(nights_in(evidence)):
        if version not in _numbers(there):
            return {"version": version}
    return None


@challenger.misconception
def second_name(evidence: Evidence) -> dict[str, Any] | None:
    """You registered the newcomer under a name of its own, “{name}”. Then no alias can choose between the two, for
    aliases live inside one name. Register it as “taxi-duration”, and it becomes the next version."""
    if made_in(evidence, NEWCOMER, versions_of(evidence)):
        return None
    for model in evidence.models:
        if model.name != MODEL and made_in(evidence, NEWCOMER, model.versions):
            return {"name": model.name}
    return None


@challenger.misconception
def same_model_twice(evidence: Evidence) -> dict[str, Any] | None:
    """Versions {first} and {second} are one and the same model: the best finalist, registered twice. The challenger is
    the newcomer; its run lies in the experiment “newcomer”."""
    best = best_in(evidence)
    if len(best) < 2 or made_in(evidence, NEWCOMER, versions_of(evidence)):
        return None
    return {"first": best[0].version, "second": best[-1].version}


@challenger.misconception
def written_on_the_model(evidence: Evidence) -> dict[str, Any] | None:
    """You wrote the {what} on the registered model, where it speaks of all versions alike. It belongs to version
    {version}: in the UI, open the version first; in code, it is update_model_version and set_model_version_tag."""
    model = evidence.model(MODEL)
    for version in reversed(made_in(evidence, NEWCOMER, model.versions)):
        if model.description.strip() and not version.description.strip():
            return {"what": "description", "version": version.version}
        if "trained_on" in model.tags and "trained_on" not in version.tags:
            return {"what": "tag `trained_on`", "version": version.version}
    return None


@check(
    "2.5/aliases",
    points=1,
    needs=[challenger],
    hints=[
        "An alias belongs to the registered model and points to one of its versions. Which two do you need?",
        "In the UI: Model registry, taxi-duration, the column Aliases. In code: client.set_registered_model_alias.",
        'client.set_registered_model_alias("taxi-duration", "champion", 1), and so on for "challenger".',
    ],
    why="The program that serves asks for “the champion”. Who that is, you decide without touching the program.\n"
    "A release becomes one line, and so does taking it back.",
)
def aliases(evidence: Evidence) -> None:
    """The best finalist was made `champion`, and the newcomer `challenger`"""
    compared = bool(duels_in(evidence))  # later steps move the aliases on; the figures stay
    _holds_or_held("champion", best_in(evidence), evidence, compared=compared)
    if not compared:
        _holds_or_held("challenger", newcomers_in(evidence), evidence, compared=False)


def _holds_or_held(alias: str, wanted: list[ModelVersion], evidence: Evidence, *, compared: bool) -> None:
    found = [version.version for version in versions_of(evidence) if alias in version.aliases]
    if alias == "champion":
        found += nights_in(evidence)
    advice = f'client.set_registered_model_alias("{MODEL}", "{alias}", {wanted[-1].version})'
    expect(len(found), f"versions with the alias `{alias}`", where=WHERE, advice=advice).is_there()
    if not compared:
        right = [number for number in found if number in _numbers(wanted)]
        number = (right or found)[0]
        expect(number, f"the version with the alias `{alias}`", where=WHERE, advice=advice).is_one_of(
            sorted(_numbers(wanted))
        )


@aliases.misconception
def stages_instead(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} is in the stage “{stage}”. Stages are retired since MLflow 2.9: they still work, with a
    warning, and will be removed. Give the version an alias instead: client.set_registered_model_alias."""
    for version in versions_of(evidence):
        if version.stage in ("Staging", "Production"):
            return {"version": version.version, "stage": version.stage}
    return None


@aliases.misconception
def alias_as_a_tag(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} has the *tag* {tag}. A tag says something of a version; it cannot be asked for, and nothing
    keeps two from carrying it. models:/taxi-duration@champion asks for an alias: set_registered_model_alias."""
    for version in versions_of(evidence):
        for key, text in version.tags.items():
            if key.lower() in ("alias", "champion", "challenger") or text.strip() in ("champion", "challenger"):
                return {"version": version.version, "tag": f"{key} = {text}"}
    return None


@aliases.misconception
def both_on_one_version(evidence: Evidence) -> dict[str, Any] | None:
    """Both aliases point to version {version}: then champion and challenger are the same model, and there is nothing to
    compare. Let `challenger` point to the newcomer's version."""
    for version in versions_of(evidence):
        if {"champion", "challenger"} <= set(version.aliases):
            return {"version": version.version}
    return None


@aliases.misconception
def swapped(evidence: Evidence) -> dict[str, Any] | None:
    """The two aliases are swapped: `champion` is on version {newcomer}, which is the newcomer, and `challenger` on
    version {best}, the best finalist. The one that is there is the champion, the new one challenges it: swap them."""
    best, new = _numbers(best_in(evidence)), _numbers(newcomers_in(evidence))
    held = {alias: version.version for version in versions_of(evidence) for alias in version.aliases}
    if held.get("champion") in new and held.get("challenger") in best:
        return {"newcomer": held["champion"], "best": held["challenger"]}
    return None


@aliases.misconception
def alias_spelled_otherwise(evidence: Evidence) -> dict[str, Any] | None:
    """Version {version} has the alias `{found}`, and the one asked for is `{wanted}`. To MLflow these are two aliases:
    capitals count."""
    held = [(alias, version.version) for version in versions_of(evidence) for alias in version.aliases]
    for wanted in ("champion", "challenger"):
        for alias, version in held:
            if wanted not in dict(held) and alias.lower().startswith(wanted[:5]):
                return {"version": version, "found": alias, "wanted": wanted}
    return None


@check(
    "2.5/scored",
    points=2,
    needs=[aliases],
    hints=[
        "Which month did neither model learn from, and was neither chosen on?",
        "In one run, for both aliases: load models:/taxi-duration@…, measure on `test`, log `test_rmse`.",
        'mlflow.log_metric("test_rmse", …, model_id=model.model_id, dataset=dataset_of(test_path)), once for each.',
    ],
    why="A figure without its model and its data is a rumour: nobody can repeat it, or compare it.\n"
    "Linked, it stands on the model's own page, beside every other figure on the same trips.",
)
def scored(evidence: Evidence) -> None:
    """Both versions have a `test_rmse` on the same dataset, of a month that neither has seen"""
    for versions in (best_in(evidence), newcomers_in(evidence)):
        place = _place(versions[-1])
        linked = [figure for model in _models(evidence, versions) for figure in _figures(evidence, model)]
        expect(
            len(linked),
            f"figures `{FIGURE}` linked to the model of this version",
            where=place,
            advice=f'mlflow.log_metric("{FIGURE}", …, model_id=model.model_id, dataset=…)',
        ).is_there()
        named = [figure for figure in linked if figure.dataset_digest]
        expect(
            len(named),
            f"figures `{FIGURE}` that say on which dataset",
            where=place,
            advice="give log_metric the dataset too: dataset=dataset_of(test_path)",
        ).is_there()
        seen = _seen(evidence)
        expect(
            [figure.dataset_name for figure in named if not _is_seen(figure, seen)],
            "datasets of an unseen month",
            where=place,
            advice="measure on `test`, the third month",
        ).is_there()
    expect(
        len(_both_measured(evidence)),
        "datasets on which both versions were measured",
        where=WHERE,
        advice="the same trips, the same columns: make the dataset once and give it to both",
    ).is_there()
    expect_some(_both_measured(evidence), _in_minutes)


def _in_minutes(duel: tuple[float, float]) -> None:
    for figure in duel:
        expect(
            figure,
            f"the `{FIGURE}` of a version, in minutes",
            where=WHERE,
            advice="these models are wrong by 4 to 8 minutes on every month: rmse_of(model, test)",
        ).is_between(2, 18)
    expect(
        duel[1],
        f"the `{FIGURE}` of the challenger",
        where=WHERE,
        advice="load each of the two by its own alias, and measure each",
    ).satisfies(not _is_one_measured_twice(duel), "a figure of its own, not the champion's to the last digit")


def _is_one_measured_twice(duel: tuple[float, float]) -> bool:
    """Whether two figures are one: two models agree in a few digits at most, rounded ones may."""
    return duel[0] == duel[1] != round(duel[0], 3)


def duels_in(evidence: Evidence) -> list[tuple[float, float]]:
    """The figures of best finalist and newcomer, in minutes, for each unseen dataset on which both were measured."""
    duels = [duel for duel in _both_measured(evidence) if all(2 <= figure <= 18 for figure in duel)]
    return [duel for duel in duels if not _is_one_measured_twice(duel)]


def _both_measured(evidence: Evidence) -> list[tuple[float, float]]:
    seen = _seen(evidence)
    sides = [
        {
            figure.dataset_digest: figure.value
            for model in _models(evidence, versions)
            for figure in _figures(evidence, model)
            if figure.dataset_digest and not _is_seen(figure, seen)
        }
        for versions in (best_in(evidence), newcomers_in(evidence))
    ]
    return [(sides[0][digest], sides[1][digest]) for digest in sorted(sides[0].keys() & sides[1].keys())]


def _models(evidence: Evidence, versions: Iterable[ModelVersion]) -> list[LoggedModel]:
    """The logged models behind versions, each once."""
    return list({(model := evidence.model_of(version)).id: model for version in versions}.values())


def _figures(evidence: Evidence, model: LoggedModel, key: str = FIGURE) -> list[ModelMetric]:
    """What a model measured under a name, in runs that were not deleted."""
    return [metric for metric in model.metrics if metric.key == key and evidence.runs.with_id(metric.run_id)]


def _seen(evidence: Evidence) -> dict[str, str]:
    """Names and digests of the data that either was trained or chosen on, each with what it was used for."""
    seen = {}
    for version in (*best_in(evidence), *newcomers_in(evidence)):
        for dataset in evidence.run_of(version).datasets:
            if dataset.context in ("training", "validation"):
                seen[dataset.name] = seen[dataset.digest] = dataset.context
    return seen


def _is_seen(figure: ModelMetric, seen: dict[str, str]) -> bool:
    return figure.dataset_digest in seen or figure.dataset_name in seen


@scored.misconception
def month_seen_before(evidence: Evidence) -> dict[str, Any] | None:
    """You measured on “{data}”, and that is {context} data: at least one of the two has learned from it or was chosen
    on it, and looks better there than it is. Measure both on the third month, `test`."""
    seen = _seen(evidence)
    for model in _models(evidence, (*newcomers_in(evidence), *best_in(evidence))):
        for figure in _figures(evidence, model):
            if figure.dataset_digest and _is_seen(figure, seen):
                context = seen.get(figure.dataset_digest) or seen[figure.dataset_name]
                return {"data": figure.dataset_name, "context": context}
    return None


@scored.misconception
def two_datasets(evidence: Evidence) -> dict[str, Any] | None:
    """The two were measured on different data: the digests {first} and {second}. Easier trips make a better figure, so
    this compares trips, not models. Make one dataset, and give it to both."""
    digests = []
    for versions in (best_in(evidence), newcomers_in(evidence)):
        figures = [figure for model in _models(evidence, versions) for figure in _figures(evidence, model)]
        digests.append({figure.dataset_digest for figure in figures} - {""})
    if not all(digests) or digests[0] & digests[1]:
        return None
    return {"first": min(digests[0]), "second": min(digests[1])}


@scored.misconception
def one_model_measured_twice(evidence: Evidence) -> dict[str, Any] | None:
    """Both versions have the very same `test_rmse`, {found}, to the last digit. Two models never agree like that: one
    was measured twice, and its figure logged for both. Load each by its own alias, then measure and log it."""
    for duel in _both_measured(evidence):
        if _is_one_measured_twice(duel):
            return {"found": f"{duel[0]:.6f}"}
    return None


@scored.misconception
def figure_without_data(evidence: Evidence) -> dict[str, Any] | None:
    """{run} logged `test_rmse` for a model, but not on which data. Next month nobody knows whether two such figures may
    stand side by side. Add dataset=dataset_of(test_path) to log_metric."""
    for model in _models(evidence, (*best_in(evidence), *newcomers_in(evidence))):
        for figure in _figures(evidence, model):
            run = evidence.runs.with_id(figure.run_id)
            if run is not None and not figure.dataset_digest:
                return {"run": run.label}
    return None


@scored.misconception
def not_linked_to_a_model(evidence: Evidence) -> dict[str, Any] | None:
    """{run} logged `test_rmse`, but not for which model: a run may measure many, so MLflow does not guess. Add
    model_id=model.model_id to log_metric, once for each of the two."""
    linked = [
        figure
        for model in _models(evidence, (*best_in(evidence), *newcomers_in(evidence)))
        for figure in _figures(evidence, model)
    ]
    for run in evidence.runs.with_metric(FIGURE).by_start(newest_first=True).take(1 if not linked else 0):
        return {"run": run.label}
    return None


@scored.misconception
def figure_under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """{run} measured a version as `{found}`, not as `test_rmse`. To MLflow these are two metrics, which never stand in
    one column. Log both as `test_rmse`."""
    for model in _models(evidence, (*best_in(evidence), *newcomers_in(evidence))):
        for metric in model.metrics:
            run = evidence.runs.with_id(metric.run_id)
            if run is not None and metric.run_id != model.source_run_id and metric.key != FIGURE:
                return {"run": run.label, "found": metric.key}
    return None


@check(
    "2.5/promoted",
    points=2,
    needs=[scored],
    hints=[
        "RMSE is an error: which of the two figures is the better one?",
        "On that version: the tags `champion_from` (a date) and `reason` (a sentence with its figure). Then the alias.",
        'client.set_model_version_tag(name, number, "reason", f"test_rmse {…:.2f} against …"), then'
        " set_registered_model_alias, then the cell with night_shift().",
    ],
    why="“Why did you change the model in April?” comes in autumn, from somebody who was not there.\n"
    "An alias moves without a trace; the date and the reason on the version are the trace.",
)
def promoted(evidence: Evidence) -> None:
    """The version that is better on the unseen month says since when and why it is champion, and has worked a night"""
    tagged = [version for version in versions_of(evidence) if "champion_from" in version.tags]
    expect(
        len(tagged),
        "versions with the tag `champion_from`",
        where=WHERE,
        advice=f'client.set_model_version_tag("{MODEL}", number, "champion_from", "2023-04-01")',
    ).is_there()
    expect_some(tagged, lambda version: _is_promoted(version, evidence))


def _is_promoted(version: ModelVersion, evidence: Evidence) -> None:
    side = _side(version, evidence)
    expect(
        version.version,
        "the version with the tag `champion_from`",
        where=WHERE,
        advice="promote one of the two that you compared",
    ).satisfies(side is not None, "the champion or the challenger that you measured")
    duel = max(duels_in(evidence), key=lambda figures: figures[1 - (side or 0)] - figures[side or 0])
    figure, other = duel[side or 0], duel[1 - (side or 0)]
    expect(
        figure,
        f"the `{FIGURE}` of the version that you promoted",
        where=_place(version),
        advice="RMSE is an error in minutes: the lower one is better",
    ).is_at_most(other)
    _has_a_date(version, "champion_from")
    reason = version.tags.get("reason", "")
    expect(
        reason,
        "the tag `reason`",
        where=_place(version),
        advice="say why this one, with its figure: “test_rmse … against …, on the trips of …”",
    ).satisfies(_tells(reason, duel[side or 0]), f"a sentence with its `{FIGURE}` in it, about {figure:.2f}")
    expect(
        nights_in(evidence).count(version.version),
        f"nights that version {version.version} worked",
        where=f"experiment “{NIGHTS}”",
        advice="move the alias champion to it, then run the cell with night_shift()",
    ).is_there()


def _side(version: ModelVersion, evidence: Evidence) -> int | None:
    """Where in a duel the figure of a version stands: 0 for the best finalist, 1 for the newcomer."""
    for side, versions in enumerate((best_in(evidence), newcomers_in(evidence))):
        if version.version in _numbers(versions):
            return side
    return None


def _has_a_date(version: ModelVersion, tag: str) -> None:
    text = version.tags.get(tag, "")
    expect(
        text,
        f"the tag `{tag}`",
        where=_place(version),
        advice=f'client.set_model_version_tag("{MODEL}", {version.version}, "{tag}", "2023-04-01")',
    ).satisfies(_is_date(text), "a date, as 2023-04-01")


def _is_date(text: str) -> bool:
    with suppress(ValueError):
        return bool(date.fromisoformat(text.strip()))
    return False


def _tells(sentence: str, figure: float) -> bool:
    """Whether a sentence has words, and among its numbers this one, with one digit behind the point or more."""
    numbers = [float(text.replace(",", ".")) for text in re.findall(r"\d{1,3}[.,]\d{1,17}", sentence)]
    return bool(re.search(r"[^\W\d]{2}", sentence)) and any(abs(number - figure) <= 0.06 for number in numbers)


def champions_in(evidence: Evidence) -> list[ModelVersion]:
    """The versions that were rightly promoted, oldest first."""
    good = []
    for version in versions_of(evidence):
        with suppress(Failed, NotFound):
            if "champion_from" in version.tags:
                _is_promoted(version, evidence)
                good.append(version)
    return good


@promoted.misconception
def higher_wins(evidence: Evidence) -> dict[str, Any] | None:
    """You promoted version {version}, whose `test_rmse` is the higher one: {found} against {other}. RMSE is an error in
    minutes, so lower is better. Move tags and alias to the other version."""
    for version in reversed(versions_of(evidence)):
        side = _side(version, evidence)
        if "champion_from" not in version.tags or side is None:
            continue
        duels = duels_in(evidence)
        duel = duels[-1]
        if all(figures[side] > figures[1 - side] for figures in duels):
            return {"version": version.version, "found": f"{duel[side]:.3f}", "other": f"{duel[1 - side]:.3f}"}
        return None
    return None


@promoted.misconception
def promoted_the_model(evidence: Evidence) -> dict[str, Any] | None:
    """The tag `champion_from` stands on the registered model, where the next promotion would overwrite it. Write it on
    the version: client.set_model_version_tag, or in the UI open the version first."""
    return {} if "champion_from" in evidence.model(MODEL).tags else None


@promoted.misconception
def alias_left_behind(evidence: Evidence) -> dict[str, Any] | None:
    """The tags say that version {version} is champion, and the alias says version {found}: the night shift believes the
    alias. Move it, and let the night shift work: client.set_registered_model_alias, then the cell night_shift()."""
    holders = [version.version for version in versions_of(evidence) if "champion" in version.aliases]
    for version in reversed(versions_of(evidence)):
        if "champion_from" in version.tags:
            stayed = holders and holders[0] != version.version and version.version not in nights_in(evidence)
            return {"version": version.version, "found": holders[0]} if stayed else None
    return None


@check(
    "2.5/rolled-back",
    points=2,
    needs=[promoted],
    hints=[
        "The version that served before is still there. What decides which one the night shift takes?",
        "On the version that fails: the tags `champion_until` and `why`. Then move `champion` to the one before.",
        'client.set_registered_model_alias("taxi-duration", "champion", …) with the old number, then night_shift().',
    ],
    why="When it burns, nobody trains. Whoever can go back in one line has the time to look for the cause.\n"
    "The failed version stays, with its reason: it is the first thing you will want to look at.",
)
def rolled_back(evidence: Evidence) -> None:
    """The promoted version says until when it served and why no longer, and the one before has worked a night again"""
    expect_some(champions_in(evidence), lambda version: _is_rolled_back(version, evidence))


def _is_rolled_back(version: ModelVersion, evidence: Evidence) -> None:
    _has_a_date(version, "champion_until")
    expect(
        len(version.tags.get("why", "").split()),
        "the number of words in the tag `why`",
        where=_place(version),
        advice="say what happened, for somebody who was not there",
    ).is_at_least(3)
    before = _predecessors(version, evidence)
    expect(
        [number for number in _nights_after(version, evidence) if number in before],
        f"nights after those of version {version.version} that version {' or '.join(map(str, sorted(before)))} worked",
        where=f"experiment “{NIGHTS}”",
        advice="move the alias champion back, then run the cell with night_shift()",
    ).is_there()


def _nights_after(version: ModelVersion, evidence: Evidence) -> list[int]:
    nights = nights_in(evidence)
    return nights[nights.index(version.version) + 1 :] if version.version in nights else []


def _predecessors(version: ModelVersion, evidence: Evidence) -> set[int]:
    """The versions that served before this one; when none did, the other of the two that were compared."""
    nights = nights_in(evidence)
    earlier = set(nights[: nights.index(version.version)]) if version.version in nights else set()
    both = (best_in(evidence), newcomers_in(evidence))
    others = _numbers(both[1 - (_side(version, evidence) or 0)])
    return (earlier & others) or others


@rolled_back.misconception
def registered_again(evidence: Evidence) -> dict[str, Any] | None:
    """You registered the old model once more, as version {version}, to make it champion. It was there all the time, as
    version {before}, with everything that was written on it: moving the alias to that is all."""
    for champion in reversed(champions_in(evidence)):
        before = _predecessors(champion, evidence)
        same = [version for version in versions_of(evidence) if _side(version, evidence) != _side(champion, evidence)]
        for version in same:
            if version.version > champion.version and version.version in _nights_after(champion, evidence):
                return {"version": version.version, "before": min(before)}
    return None


@rolled_back.misconception
def tags_on_the_wrong_version(evidence: Evidence) -> dict[str, Any] | None:
    """`champion_until` stands on version {found}, which serves again. It was version {version} that failed: write
    there until when it served, and why no longer."""
    failed = champions_in(evidence)[-1]
    for version in versions_of(evidence):
        if "champion_until" in version.tags and "champion_until" not in failed.tags:
            return {"found": version.version, "version": failed.version}
    return None


@rolled_back.misconception
def still_serving(evidence: Evidence) -> dict[str, Any] | None:
    """The tags say that version {version} serves no more, but the alias `champion` still points to it, and the night
    shift believes the alias. Move it back to version {before}, and let the night shift work."""
    for version in reversed(champions_in(evidence)):
        if "champion_until" in version.tags and "champion" in version.aliases:
            return {"version": version.version, "before": max(_predecessors(version, evidence))}
    return None
