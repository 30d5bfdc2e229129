"""What must hold after the exercise of section 2.2: a few Ridge runs in the right store, each saying its story."""

import math
import re
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import chain, islice
from pathlib import Path, PureWindowsPath
from typing import Any

from flowcoach.checks import check, expect, expect_some, misnamed_rmse, number
from flowcoach.evidence import Evidence, Experiment, ExperimentRecord, Run, Runs

EXPERIMENT = "ridge-by-hand"
FROM_THE_PAGE = "first-lasso"  # what run.py logs, in whichever store
SCRIPT = "train.py"
PARAMS = ("train-data-path", "valid-data-path", "alpha")

COMMIT = "mlflow.source.git.commit"
AUTHOR = "mlflow.user"

# Where MLflow keeps each thing, as the tables of a SQLite store of MLflow 3 show it. The newest value of a metric
# stands in a table of its own, besides the history.
TABLES = {
    "experiment": ("experiments",),
    "status": ("runs",),
    "alpha": ("params",),
    "rmse": ("metrics", "latest_metrics"),
    "developer": ("tags",),
    "commit": ("tags",),
}


def runs_in(evidence: Evidence) -> Runs:
    """The runs of the experiment in the workspace's own store; copies elsewhere do not count here."""
    return evidence.experiment(EXPERIMENT).runs.in_store(evidence.configured)


def described_in(evidence: Evidence) -> Runs:
    """The finished runs that say who made them and with what."""
    return runs_in(evidence).finished().with_tag("developer").with_params(*PARAMS)


def measured_in(evidence: Evidence) -> Runs:
    """The described runs that also say how well it went."""
    return described_in(evidence).with_metric("rmse")


def committed_in(evidence: Evidence) -> Runs:
    """The measured runs that name the commit they were made from."""
    return measured_in(evidence).with_tag(COMMIT)


def scripted(runs: Runs) -> Iterator[Run]:
    """Those of the runs that the learner's script made, oldest first."""
    return (run for run in walk(runs.by_start()) if _source(run) == SCRIPT)


def walk(runs: Runs) -> Iterator[Run]:
    """The runs in their order, a few to begin with: nearly always these settle it, however many there are."""
    few = runs.take(50)
    yield from few
    if len(few) == 50:
        yield from islice(runs, 50, None)


@check(
    "2.2/own-store",
    points=1,
    hints=[
        "Two questions before any run: into which store, and into which experiment of it?",
        "`here.store` is the address of your workspace's store. Tell MLflow before you name the experiment.",
        f'mlflow.set_tracking_uri(here.store); create_experiment if it is not there; set_experiment("{EXPERIMENT}").',
    ],
    why="A run in the wrong store is not lost, but nobody finds it: a blank UI is what beginners ask about most.\n"
    "Teams set the address in one place and print it at the start of every script.",
)
def own_store(evidence: Evidence) -> None:
    """The experiment “ridge-by-hand” stands in your workspace's store"""
    stores = [record.store for record in evidence.experiment(EXPERIMENT).records if record.store]
    expect(
        [store.address for store in stores],
        f"the stores that hold “{EXPERIMENT}”",
        where="all stores in your workspace",
        advice="mlflow.set_tracking_uri(here.store) before the experiment is named",
    ).satisfies(evidence.configured in stores, "your workspace's store among them")


@own_store.misconception
def nearly_the_name(evidence: Evidence) -> dict[str, Any] | None:
    """The store is the right one, and in it lies “{found}”. That is nearly the name asked for; to MLflow it is another
    experiment. Write it exactly as “ridge-by-hand”. The other may stay."""
    elsewhere = _last_in_another_store(evidence)
    for record in _nearly_named(evidence):
        if _last_start(record) >= elsewhere or not _last_start(record):  # without a run nobody knows when; it is true
            return {"found": record.name}
    return None


@own_store.misconception
def store_in_current_directory(evidence: Evidence) -> dict[str, Any] | None:
    """“ridge-by-hand” lies in another store, {found}. Told nothing, or just sqlite:///mlflow.db, MLflow makes that file
    in the folder where you happen to be, and a notebook is in its own. Call mlflow.set_tracking_uri(here.store) first:
    that address is whole. The stray file may stay or go."""
    since = max((run.start_time or 0 for run in _astray(evidence) if run.store is evidence.configured), default=0)
    for record in _in_other_stores(evidence):
        if record.store and evidence.configured and since <= _last_in_another_store(evidence):
            return {"found": record.store.address}
    return None


def _nearly_named(evidence: Evidence) -> list[ExperimentRecord]:
    """The experiments of the workspace's own store that were meant to be the one asked for, the latest first."""
    if evidence.configured is None:
        return []
    here = [record for record in evidence.configured.experiments() if record.active and record.name != EXPERIMENT]
    near = get_close_matches(EXPERIMENT, [record.name.lower() for record in here], cutoff=0.75)
    return sorted((record for record in here if record.name.lower() in near), key=_last_start, reverse=True)


def _in_other_stores(evidence: Evidence) -> list[ExperimentRecord]:
    """The experiment as it stands in stores other than the workspace's own."""
    records = [
        record for store in evidence.stores if store is not evidence.configured for record in store.experiments()
    ]
    return [record for record in records if record.active and record.name == EXPERIMENT]


def _last_in_another_store(evidence: Evidence) -> int:
    return max(map(_last_start, _in_other_stores(evidence)), default=0)


def _last_start(record: ExperimentRecord) -> int:
    """When the newest run of an experiment was started, in milliseconds since 1970; 0 when there is none."""
    newest = Experiment(record.name, (record,)).runs.by_start(newest_first=True).take(1)
    return max((run.start_time or 0 for run in newest), default=0)


@own_store.misconception
def in_another_experiment(evidence: Evidence) -> dict[str, Any] | None:
    """{run} went into the experiment “{experiment}”. (“Default” is where runs go when no experiment was named.) Name it
    before the run starts: mlflow.set_experiment("ridge-by-hand"). The run there may stay."""
    for run in _astray(evidence):
        return {"run": run.label, "experiment": run.experiment}
    return None


@check(
    "2.2/described",
    points=1,
    needs=[own_store],
    hints=[
        "What would a colleague ask of a run before believing it? Who made it, and with what?",
        "Inside `with mlflow.start_run():` set one tag and log three parameters. Spell the names as they stand here.",
        'mlflow.set_tag("developer", …); mlflow.log_params({"train-data-path": …, "valid-data-path": …, "alpha": …}).',
    ],
    why="Half a year later the figure is still there and the person who made it has left.\n"
    "Who and with what are the two things that no tool can find out afterwards.",
)
def described(evidence: Evidence) -> None:
    """A finished run says who made it and with what: the tag `developer` and the three parameters"""
    runs = runs_in(evidence).finished()
    expect(
        runs.count(),
        "finished runs",
        where=f"experiment “{EXPERIMENT}”",
        advice="with mlflow.start_run(): … opens a run and ends it",
    ).is_there()
    newest = runs.newest()  # it may settle it at once; if not, it is the one to speak of
    expect_some(chain([newest], walk(described_in(evidence).by_start()), [newest]), _says_who_and_with_what)


def _says_who_and_with_what(run: Run) -> None:
    expect(run.tag("developer"), "the tag `developer`", where=f"run {run.label}", advice="write your name").is_there()
    for name in PARAMS:
        run.param(name)
    expect(
        number(run.param("alpha")),
        f"the number in the parameter `alpha`, “{run.param('alpha')}”",
        where=f"run {run.label}",
        advice="log the number that you give to Ridge",
    ).is_at_least(0)


@described.misconception
def developer_as_parameter(evidence: Evidence) -> dict[str, Any] | None:
    """In {run} `developer` is a parameter. Parameters are what the model was made with; a name changes nothing in the
    model, so it is a tag: mlflow.set_tag("developer", …)."""
    run = runs_in(evidence).newest()
    return {"run": run.label} if "developer" in run.params and "developer" not in run.tags else None


@described.misconception
def alpha_as_tag(evidence: Evidence) -> dict[str, Any] | None:
    """In {run} `alpha` is a tag. Tags are notes that anyone may change later; what the model was made with is a
    parameter, written once: mlflow.log_param("alpha", …)."""
    run = runs_in(evidence).newest()
    return {"run": run.label} if "alpha" in run.tags and "alpha" not in run.params else None


@described.misconception
def underscores_for_hyphens(evidence: Evidence) -> dict[str, Any] | None:
    """{run} logs `{found}`; the name asked for is `{wanted}`, with hyphens. To MLflow these are two parameters, and a
    search for one never finds the other. In Python such a name needs quotes: mlflow.log_param("{wanted}", …)."""
    run = runs_in(evidence).newest()
    for wanted in PARAMS[:2]:
        found = wanted.replace("-", "_")
        if found in run.params and wanted not in run.params:
            return {"run": run.label, "found": found, "wanted": wanted}
    return None


@described.misconception
def never_ended(evidence: Evidence) -> dict[str, Any] | None:
    """{run} is still running: somebody opened it and nobody ended it, so whatever you log next lands in it too. Call
    mlflow.end_run() once, and open runs with `with mlflow.start_run():`, which ends them for you."""
    return _newest_that_is(evidence, "RUNNING")


@described.misconception
def stopped_by_an_error(evidence: Evidence) -> dict[str, Any] | None:
    """{run} ended with the status FAILED: an error stopped the code inside it. Read the last line of that error, mend
    the cell and run it again. The failed run may stay; it costs nothing."""
    return _newest_that_is(evidence, "FAILED")


@described.misconception
def described_elsewhere(evidence: Evidence) -> dict[str, Any] | None:
    """{run}, with a developer, lies in the experiment “{experiment}” of {store}. A restarted kernel forgets which store
    and experiment you chose: run the cells of step 1 again, then this one. The stray run may stay."""
    here = max((run.start_time or 0 for run in runs_in(evidence).by_start(newest_first=True).take(1)), default=0)
    for run in _astray(evidence):
        if run.store and (run.start_time or 0) >= here:
            return {"run": run.label, "experiment": run.experiment, "store": run.store.address}
    return None


def _astray(evidence: Evidence) -> Iterator[Run]:
    """Described runs that lie elsewhere, newest first: in another experiment or in another store."""
    for run in evidence.runs.with_tag("developer").with_params(*PARAMS).by_start(newest_first=True).take(50):
        if run.experiment != FROM_THE_PAGE and (run.store is not evidence.configured or run.experiment != EXPERIMENT):
            yield run


@check(
    "2.2/measured",
    points=2,
    needs=[described],
    hints=[
        "Which of the two months tells you how good the model is on trips that it has never seen?",
        "Fit on `train`, predict `valid`, take root_mean_squared_error of the two, log it as `rmse` in the same run.",
        'mlflow.log_metric("rmse", root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))).',
    ],
    why="A figure measured on the training month is a promise that the model only makes about the past.\n"
    "The paths say which kind this one is. No check has seen whether it really was measured on `valid`: you have to.",
)
def measured(evidence: Evidence) -> None:
    """A described run carries the metric `rmse`, in minutes, and its paths name one month to learn from
    and another to measure on"""
    newest = described_in(evidence).newest()
    expect_some(chain([newest], walk(measured_in(evidence).by_start()), [newest]), _says_how_well)


def _says_how_well(run: Run) -> None:
    expect(
        run.metric("rmse"),
        "the RMSE in minutes",
        where=f"run {run.label}",
        advice="trips last 1 to 60 minutes; a Ridge on this data is wrong by 5 to 11",
    ).is_between(2, 20)
    expect(
        _file(run.param("valid-data-path")),
        "the month named by `valid-data-path`",
        where=f"run {run.label}",
        advice="measure on the second month, and log its path",
    ).differs_from(_file(run.param("train-data-path")))
    seen = [name for name in run.metrics if "train" in name.lower() and _alike(run.metrics[name], run.metric("rmse"))]
    expect(
        seen,
        "figures of the training month that `rmse` repeats",
        where=f"run {run.label}",
        advice="predict `valid`, and log how far off that is",
    ).satisfies(not seen, "none")


def _alike(figure: float, other: float) -> bool:
    """Whether two figures are one and the same measurement."""
    return abs(figure - other) < 1e-6


@measured.misconception
def logged_as_parameter(evidence: Evidence) -> dict[str, Any] | None:
    """The RMSE of {run} is a parameter, not a metric. Parameters are what you choose before, metrics what you measure
    after; only metrics can be sorted as numbers and drawn. Use mlflow.log_metric("rmse", …)."""
    run = described_in(evidence).newest()
    return {"run": run.label} if "rmse" in run.params and "rmse" not in run.metrics else None


@measured.misconception
def under_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """{run} logs `{found}`, not `rmse`. To MLflow these are two different metrics, and a table sorted by one never
    shows the other. Log it as `rmse`."""
    found = misnamed_rmse([described_in(evidence).newest()])
    return {"run": found[0].label, "found": found[1]} if found else None


@measured.misconception
def on_the_training_month(evidence: Evidence) -> dict[str, Any] | None:
    """{run} learned from {month} and was measured on {month}: the same trips. It has seen every answer before, so the
    figure looks too good. Predict `valid`, and log its path as `valid-data-path`."""
    run = described_in(evidence).newest()
    month = _file(run.param("train-data-path"))
    same = run.has_metric("rmse") and month == _file(run.param("valid-data-path"))
    return {"run": run.label, "month": month} if same else None


@measured.misconception
def figure_of_the_training_month(evidence: Evidence) -> dict[str, Any] | None:
    """The `rmse` of {run} is the figure that it also calls `{name}`, {found} minutes: measured on trips which the model
    has learned from, whatever the path says. Predict `valid`, and log that."""
    run = described_in(evidence).newest()
    for name in run.metrics:
        if "train" in name.lower() and _alike(run.metrics[name], run.metric("rmse")):
            return {"run": run.label, "name": name, "found": f"{run.metric('rmse'):.3f}"}
    return None


@measured.misconception
def root_left_out(evidence: Evidence) -> dict[str, Any] | None:
    """An `rmse` of {found} in {run} looks like the mean *squared* error: its root is {root} minutes. Use
    root_mean_squared_error; the `squared=False` of older material is gone from scikit-learn."""
    run = described_in(evidence).newest()
    value = run.metric("rmse")
    if 20 < value <= 20**2:
        return {"run": run.label, "found": f"{value:.1f}", "root": f"{value**0.5:.1f}"}
    return None


@check(
    "2.2/second-alpha",
    points=1,
    needs=[measured],
    hints=[
        "One figure says little. What do you need to see what alpha does?",
        "Another run, with another alpha both in the log and in the Ridge. Nothing else changes.",
        "Write alpha = 100 once, above the run, and use that name twice: in log_params and in Ridge(alpha=alpha).",
    ],
    why="Changing one thing at a time is the whole method; the tool only remembers it for you.\n"
    "When two things change, the better figure belongs to neither.",
)
def second_alpha(evidence: Evidence) -> None:
    """Two runs with different alphas each carry their own `rmse`"""
    alphas, figures = _two_of_each(evidence)
    expect(
        len(alphas),
        "different alphas among the measured runs",
        where=f"experiment “{EXPERIMENT}”",
        advice="change alpha, then run the cell again",
    ).is_at_least(2)
    expect(
        len(figures),
        "different RMSEs among the runs of these alphas",
        where=f"experiment “{EXPERIMENT}”",
        advice="give the alpha that you log to the model: Ridge(alpha=alpha)",
    ).is_at_least(2)


def _two_of_each(evidence: Evidence) -> tuple[list[float], set[float]]:
    """The different alphas and RMSEs of the measured runs, or two of each when there are more."""
    alphas: set[float] = set()
    figures: set[float] = set()
    for run in walk(measured_in(evidence).by_start()):
        alphas |= {number(run.param("alpha"))} - {math.nan}
        figures.add(run.metric("rmse"))
        if len(alphas) >= 2 and len(figures) >= 2:
            break
    return sorted(alphas), figures


@second_alpha.misconception
def one_cell_twice(evidence: Evidence) -> dict[str, Any] | None:
    """{count} runs are there, but all with alpha {alpha}: the same cell run again makes a second run, not a second
    experience. Change alpha, then run it."""
    count = measured_in(evidence).count()
    alphas, _ = _two_of_each(evidence)
    return {"count": count, "alpha": f"{alphas[0]:g}"} if count >= 2 and len(alphas) == 1 else None


@second_alpha.misconception
def alpha_only_logged(evidence: Evidence) -> dict[str, Any] | None:
    """The runs with alpha {alphas} have one and the same RMSE, {rmse}, to the last digit: they trained the same model.
    The new alpha reached the log but not the Ridge. Write Ridge(alpha=alpha)."""
    alphas, figures = _two_of_each(evidence)
    if len(alphas) >= 2 and len(figures) == 1:
        return {"alphas": " and ".join(f"{alpha:g}" for alpha in alphas[:3]), "rmse": f"{figures.pop():.6f}"}
    return None


@check(
    "2.2/from-script",
    points=2,
    needs=[measured],
    hints=[
        "MLflow notes the commit that is checked out when a script starts. What has to come before the start?",
        "In the workspace: git init, git add train.py, git commit, and only then python train.py.",
        "If git asks who you are: git -c user.name=me -c user.email=me@example.org commit -m “Train a ridge”.",
    ],
    why="A figure with a commit can be made again by anyone; a figure from a notebook can only be believed.\n"
    "It is one line in the run, and it is the line that auditors ask for.",
)
def from_script(evidence: Evidence) -> None:
    """A run with parameters and `rmse` was made by your script train.py, and names the commit it was made from"""
    made = list(scripted(committed_in(evidence)))
    if any(_around(evidence, run) is None for run in made):
        return
    run = next(scripted(measured_in(evidence)), None)
    expect(
        run,
        f"complete runs whose source is {SCRIPT}",
        where=f"experiment “{EXPERIMENT}”",
        advice=f"in your workspace: python {SCRIPT}, with the tag, the three parameters and rmse in it",
    ).is_there()
    expect(
        None,
        f"the tag `{COMMIT}` of the runs that {SCRIPT} made",
        where=f"experiment “{EXPERIMENT}”",
        advice=f"commit {SCRIPT}, then run it again",
    ).is_there()


@from_script.misconception
def commit_of_another_repository(evidence: Evidence) -> dict[str, Any] | None:
    """The commit of {run}, {commit}, is one of the repository in {folder}, around your workspace: git looks for one in
    the folder above when there is none here. That commit does not hold your script. In your workspace: git init, git
    add train.py, git commit; then run the script once more. The old run may stay."""
    for run in _newest_scripted(evidence):
        folder = _around(evidence, run) if COMMIT in run.tags and not _missing(run) else None
        if folder is not None:
            return {"run": run.label, "commit": run.tag(COMMIT)[:8], "folder": folder}
    return None


@from_script.misconception
def not_committed_before(evidence: Evidence) -> dict[str, Any] | None:
    """{run} comes from train.py, but names no commit. MLflow asks git when the run starts, so a commit made afterwards
    is too late. git init, git add train.py, git commit; then run the script once more. The old run may stay."""
    for run in _newest_scripted(evidence):
        if COMMIT not in run.tags and not _missing(run):
            return {"run": run.label}
    return None


@from_script.misconception
def script_stops_half_way(evidence: Evidence) -> dict[str, Any] | None:
    """{run} comes from train.py, but lacks {missing}. The script has to write the whole page, as your cells did: tag,
    three parameters, `rmse`, and come to its end without an error."""
    for run in _newest_scripted(evidence):
        if missing := _missing(run):
            return {"run": run.label, "missing": ", ".join(missing)}
    return None


def _newest_scripted(evidence: Evidence) -> list[Run]:
    """The run that the script made last, alone in a list; an empty one without it."""
    runs = runs_in(evidence).by_start(newest_first=True).take(200)
    return [run for run in runs if _source(run) == SCRIPT][:1]


def _missing(run: Run) -> list[str]:
    """What a run lacks of the whole page, in words."""
    missing = [f"`{name}`" for name in PARAMS if name not in run.params]
    missing += [] if "developer" in run.tags else ["`developer`"]
    missing += [] if run.has_metric("rmse") else ["`rmse`"]
    missing += [] if run.finished else [f"an orderly end (it is {run.status})"]
    return missing


@check(
    "2.2/by-itself",
    points=1,
    needs=[from_script],
    hints=[
        "Open the run of train.py in the UI. Which of its details did you not write?",
        "The run id stands at the top of its page, or in run.info.run_id; the rest are tags that begin with mlflow.",
        f'tags = mlflow.get_run(run_id).data.tags; the commit is tags["{COMMIT}"], the author tags["{AUTHOR}"].',
    ],
    why="What the tool records by itself is never forgotten; what it cannot see, you have to write.\n"
    "Knowing which is which tells you where your own discipline is needed.",
)
def by_itself(evidence: Evidence) -> None:
    """You name the run of train.py by its id, with the commit and the author that MLflow noted by itself"""
    answer = _answer(evidence, "script_run")
    run = committed_in(evidence).with_id(answer.lower())
    expect(
        answer,
        "the answer `script_run`",
        where="answers.toml",
        advice=f"open the run in the UI, or ask mlflow.search_runs for the source {SCRIPT}",
    ).satisfies(run is not None and _source(run) == SCRIPT, f"the id of a run that {SCRIPT} made from a commit")
    assert run  # found by the sentence above
    commit, author = _answer(evidence, "commit"), _answer(evidence, "author")
    look = f"look at the tags of run {run.label}"
    expect(commit, "the answer `commit`", where="answers.toml", advice=look).satisfies(
        len(commit) >= 6 and run.tag(COMMIT).startswith(commit.lower()),  # the UI shows its first characters
        f"the text of the tag {COMMIT}",
    )
    expect(author, "the answer `author`", where="answers.toml", advice=look).satisfies(
        author == run.tag(AUTHOR), f"the text of the tag {AUTHOR}"
    )


@by_itself.misconception
def name_taken_for_id(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” is a run's name. Names may repeat and can be changed; the id, 32 characters long, is what identifies a
    run. Take run.info.run_id, or copy it from the run's page."""
    found = _answer(evidence, "script_run")
    named = runs_in(evidence).with_tag("mlflow.runName", found)
    return {"found": found} if named else None


@by_itself.misconception
def run_of_the_notebook(evidence: Evidence) -> dict[str, Any] | None:
    """{run} was not made by train.py: its source is {source}. Filter the runs by tags.mlflow.source.name LIKE
    '%train.py', or look at the column Source in the UI."""
    run = runs_in(evidence).with_id(_answer(evidence, "script_run").lower())
    if run is not None and _source(run) != SCRIPT:
        return {"run": run.label, "source": _source(run) or "unknown"}
    return None


@by_itself.misconception
def run_from_before_the_commit(evidence: Evidence) -> dict[str, Any] | None:
    """{run} does come from train.py, and names no commit: it was made before the script was committed. Take the run
    that you made after it; MLflow's tables show the newest first."""
    run = runs_in(evidence).with_id(_answer(evidence, "script_run").lower())
    return {"run": run.label} if run is not None and _source(run) == SCRIPT and COMMIT not in run.tags else None


@by_itself.misconception
def author_in_other_capitals(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” is nearly the author: to a computer capitals matter. Copy the text of the tag `mlflow.user` as it
    stands."""
    found = _answer(evidence, "author")
    run = runs_in(evidence).with_id(_answer(evidence, "script_run").lower())
    return {"found": found} if run and found != run.tag(AUTHOR) and found.lower() == run.tag(AUTHOR).lower() else None


@by_itself.misconception
def developer_taken_for_author(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” is what you wrote into the tag `developer`. What MLflow noted by itself is `mlflow.user`: the name
    under which the computer knows whoever ran the script. They need not agree."""
    found = _answer(evidence, "author")
    run = runs_in(evidence).with_id(_answer(evidence, "script_run").lower())
    return {"found": found} if run and found == run.tag("developer") != run.tag(AUTHOR) else None


@check(
    "2.2/where-it-lies",
    points=2,
    needs=[measured],
    hints=[
        "A store is a database: one table for each kind of thing. The names of the tables say a lot already.",
        "look(“params”) shows a table. Go through the tables and find each of the six pieces in a row of its own.",
        "What MLflow adds by itself (user, source, commit) it writes as tags, with names that begin with mlflow.",
    ],
    why="Whoever knows where a thing lies can back it up, query it and repair it, with or without MLflow.\n"
    "This course's checks read exactly these tables.",
)
def where_it_lies(evidence: Evidence) -> None:
    """You know the table of the store in which each of the six pieces lies"""
    for piece in TABLES:
        table = _table_named(evidence, piece)
        expect(
            table,
            f"the table of `{piece}`",
            where="answers.toml, `tables` of section 2.2",
            advice="look at the tables: one of them has a row with just that",
        ).satisfies(table in TABLES[piece], "the name of a table that holds it")


@where_it_lies.misconception
def tag_taken_for_parameter(evidence: Evidence) -> dict[str, Any] | None:
    """`{piece}` is not in params: that table holds only what log_param wrote. What set_tag wrote, and what MLflow notes
    by itself, lies in another table."""
    for piece in ("developer", "commit"):
        if _table_named(evidence, piece) == "params":
            return {"piece": piece}
    return None


@where_it_lies.misconception
def empty_column(evidence: Evidence) -> dict[str, Any] | None:
    """The table runs does have a column source_version, but it is empty: it is left over from MLflow's first years. The
    commit lies elsewhere, as a row with the key mlflow.source.git.commit."""
    return {} if _table_named(evidence, "commit") == "runs" else None


@where_it_lies.misconception
def everything_in_runs(evidence: Evidence) -> dict[str, Any] | None:
    """The table runs has one row for each run and no column for `{piece}`: how many parameters, metrics and tags a run
    will have, nobody knows beforehand. So each of them is a row in a table of its own kind."""
    for piece in ("alpha", "rmse", "developer"):
        if _table_named(evidence, piece) == "runs":
            return {"piece": piece}
    return None


def _answer(evidence: Evidence, question: str) -> str:
    return str(evidence.answers.get("2.2", question)).strip()


def _table_named(evidence: Evidence, piece: str) -> str:
    tables = evidence.answers.get("2.2", "tables")
    return str(tables.get(piece, "")).strip().lower() if isinstance(tables, dict) else ""


def _newest_that_is(evidence: Evidence, status: str) -> dict[str, Any] | None:
    run = runs_in(evidence).newest()
    return {"run": run.label} if run.status == status else None


def _around(evidence: Evidence, run: Run) -> Path | None:
    """The folder above the workspace whose repository has the run's commit, when the workspace's own has it not.

    When no repository came along, or another since, nobody knows better: None.
    """
    if evidence.shelves is None or _has(evidence.shelves.folder / ".git", run.tag(COMMIT)):
        return None
    return next((above for above in evidence.shelves.folder.parents if _has(above / ".git", run.tag(COMMIT))), None)


def _has(repository: Path, commit: str) -> bool:
    """Whether a git repository has this commit: in a file of its own, or named in the index of a pack.

    As in gitrepository-layout(5) and gitformat-pack(5). Reading takes no git, which may not be installed.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        return False
    objects, name = repository / "objects", bytes.fromhex(commit)
    try:
        if (objects / commit[:2] / commit[2:]).is_file():
            return True
        return any(name in index.read_bytes() for index in sorted((objects / "pack").glob("*.idx")))
    except OSError:
        return False


def _source(run: Run) -> str:
    """The file that MLflow says made the run, without its folder, whichever system wrote it."""
    return _file(run.tags.get("mlflow.source.name", ""))


def _file(path: str) -> str:
    """The last part of a path of any system."""
    return PureWindowsPath(path).name
