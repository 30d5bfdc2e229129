"""What must hold after the exercise of section 2.1: a colleague's store, read with understanding."""

import csv
import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import PureWindowsPath
from typing import Any

from flowcoach.checks import Failed, check, expect, expect_some
from flowcoach.evidence import Evidence, NotFound, Run, Runs

EXPERIMENT = "green-taxi"
SAM = "sam"
REPORTED = {"model": "ridge", "alpha": "10"}  # parameters tell Sam's runs apart for good: nobody can change them
SHORTLIST = (
    REPORTED,
    {"model": "forest", "n_estimators": "10", "max_depth": "12"},
    {"model": "tree", "max_depth": "25"},
)
TRIES = 10  # what Sam left; whatever an account of that name adds later comes after these
NOTE = "mlflow.note.content"
AUTHOR = "mlflow.user"
COMMIT = "mlflow.source.git.commit"
PATHS = ("train-data-path", "valid-data-path")
SHEET = "spreadsheet.csv"
COLUMNS = ("run_id", "model", "valid-data-path", "rmse")
LONGEST = 100_000  # bytes of a spreadsheet that somebody typed
AGAIN = "run the section's script once more, it brings Sam's runs back: flowcoach run 2.1"


def sams(evidence: Evidence) -> list[Run]:
    """Sam's runs, oldest first, those in MLflow's trash among them: throwing one away changes nothing it says."""
    try:
        runs = evidence.experiment(EXPERIMENT).runs.with_tag(AUTHOR, SAM)
    except NotFound as missing:
        told = {"expected": missing.expected, "found": missing.found, "where": missing.where}
        raise NotFound(missing.message, **told, advice=AGAIN) from missing
    kept = [_oldest(runs.in_store(store)) for store in evidence.stores]
    whole = [ten for ten in kept if _is_whole(ten)]
    expect(max(map(len, kept), default=0), "Sam's runs", where=f"experiment “{EXPERIMENT}”", advice=AGAIN).satisfies(
        bool(whole), f"all {TRIES}"
    )
    # The script may have been run in two stores: the one in which somebody went to work counts.
    return next((ten for ten in whole if any(_is_noted(run) and _made_with(run, REPORTED) for run in ten)), whole[0])


def _oldest(runs: Runs) -> list[Run]:
    """The runs that were started first, the deleted ones among them."""
    return sorted((*runs.take(TRIES), *runs.deleted().take(TRIES)), key=_start)[:TRIES]


def _start(run: Run) -> tuple[int, str]:
    return run.start_time or 0, run.id


def _is_whole(runs: list[Run]) -> bool:
    """Whether these are all of Sam's runs, each of the shortlist once."""
    found = [sum(_made_with(run, params) for run in runs) for params in SHORTLIST]
    return len(runs) == TRIES and found == [1] * len(SHORTLIST)


def _is_noted(run: Run) -> bool:
    """Whether a run has a description; one that was emptied again is none."""
    return bool(run.tags.get(NOTE, "").strip())


def _made_with(run: Run, params: dict[str, str]) -> bool:
    return params.items() <= run.params.items()


def reported(evidence: Evidence) -> tuple[Run, str]:
    """The run behind the figure in the report, and that figure as it stands there."""
    run = next(run for run in sams(evidence) if _made_with(run, REPORTED))
    return run, f"{run.metric('rmse'):.4f}"


def shortlist(evidence: Evidence) -> list[Run]:
    """The runs that Sam put on the shortlist, whoever moved that tag since."""
    return [run for run in sams(evidence) if any(_made_with(run, params) for params in SHORTLIST)]


@check(
    "2.1/described",
    points=1,
    hints=[
        "`flowcoach ui`, Model training, experiment green-taxi, Columns: tick rmse. Whose is your letter's figure?",
        "Two are nearly alike: read all the digits. Then open that run and press the pencil beside Description.",
        f'By code: mlflow.MlflowClient().set_tag(run_id, "{NOTE}", "…"), for a description is a tag of that name.',
    ],
    why="Sooner or later somebody asks where a number in a report comes from, and “somewhere in here” is no answer.\n"
    "A sentence on the run, written while one still knows, saves a day of searching.",
)
def described(evidence: Evidence) -> None:
    """The run behind the figure in the report has a description"""
    run, figure = reported(evidence)
    expect(
        run.tags.get(NOTE, "").strip() or None,
        f"the description of the run whose `rmse` is {figure}",
        where=f"experiment “{EXPERIMENT}”",
        advice="in the UI: open that run, press the pencil beside Description, write what this run is, save",
    ).satisfies(bool(run.tags.get(NOTE, "").strip()), "a sentence")


@described.misconception
def described_in_a_tag_of_another_name(evidence: Evidence) -> dict[str, Any] | None:
    """{run} is the right run, and your sentence stands there as a tag called `{found}`. The UI shows as Description
    only the tag `mlflow.note.content`: write it into the field Description, or set that tag."""
    run, _ = reported(evidence)
    for name in run.tags:
        if name.strip().lower() in ("description", "note", "notes", "note.content", "comment"):
            return {"run": run.label, "found": name}
    return None


@described.misconception
def described_a_neighbour(evidence: Evidence) -> dict[str, Any] | None:
    """You described {run}. Its `rmse` is {found}; the report says {figure}. Rounded they look alike, and yet they are
    two runs with two settings. Read all the digits."""
    asked, figure = reported(evidence)
    for run in sams(evidence):
        near = run.has_metric("rmse") and abs(run.metric("rmse") - asked.metric("rmse")) < 0.02
        if run.id != asked.id and near and _is_noted(run):
            return {"run": run.label, "found": f"{run.metric('rmse'):.4f}", "figure": figure}
    return None


@described.misconception
def described_the_lowest(evidence: Evidence) -> dict[str, Any] | None:
    """You described {run}, the one with the lowest `rmse`, {found}. Whether it is the best comes later; here the
    question is only which run the report's {figure} comes from."""
    _, figure = reported(evidence)
    lowest = min((run for run in sams(evidence) if run.has_metric("rmse")), key=lambda run: run.metric("rmse"))
    if not _is_noted(lowest):
        return None
    return {"run": lowest.label, "found": f"{lowest.metric('rmse'):.4f}", "figure": figure}


@described.misconception
def described_the_newest(evidence: Evidence) -> dict[str, Any] | None:
    """You described {run}, the newest of Sam's runs. MLflow's tables begin with the newest, which says nothing about
    what is in it. Look for {figure} in the column rmse."""
    _, figure = reported(evidence)
    newest = sams(evidence)[-1]
    return {"run": newest.label, "figure": figure} if _is_noted(newest) else None


@described.misconception
def described_another_run(evidence: Evidence) -> dict[str, Any] | None:
    """You described {run}, {whose}; the report says {figure}. Look for that figure in the column rmse, which *Columns*
    brings into the table, and compare it to the last digit."""
    asked, figure = reported(evidence)
    for run in reversed(sams(evidence)):
        if run.id != asked.id and _is_noted(run):
            measured = run.has_metric("rmse")
            whose = f"whose `rmse` is {run.metric('rmse'):.4f}" if measured else "which failed before it had an `rmse`"
            return {"run": run.label, "whose": whose, "figure": figure}
    return None


@described.misconception
def described_the_experiment(evidence: Evidence) -> dict[str, Any] | None:
    """You described the experiment “green-taxi”, the folder of all ten runs. What is asked for is a sentence on one
    run: open the run whose rmse is {figure}, and edit the Description on its page."""
    _, figure = reported(evidence)
    noted = any(record.tags.get(NOTE, "").strip() for record in evidence.experiment(EXPERIMENT).records)
    return {"figure": figure} if noted else None


@check(
    "2.1/who-when-which",
    points=1,
    needs=[described],
    hints=[
        "All four stand on the run's own page, under “About this run”: you need not search anywhere else.",
        "Created by, Created at, Run ID (a button beside it copies it), and beside Source the beginning of the commit.",
        f'run = mlflow.get_run(run_id): run.info.start_time, run.data.tags["{AUTHOR}"], run.data.tags["{COMMIT}"].',
    ],
    why="Whom can I ask, which code was it, and what else happened that day? Three questions of every incident.\n"
    "MLflow noted the answers by itself; whoever keeps figures in a list has to remember to, each time.",
)
def who_when_which(evidence: Evidence) -> None:
    """You name that run by its id, and who made it, on which day, from which commit"""
    run, figure = reported(evidence)
    id, author, day, commit = (_answer(evidence, name) for name in ("run_id", "author", "day", "commit"))
    right = {
        "run_id": id.lower() == run.id,
        "author": author.lower() == run.tag(AUTHOR),
        "day": _date(day) in _days(run),
        "commit": len(commit) >= 6 and run.tag(COMMIT).startswith(commit.lower()),
    }
    where, look = (
        f"answers.toml, where {sum(right.values())} of the four hold",
        "all of it stands on the run's own page",
    )
    expect(id, "the answer `run_id`", where=where, advice=look).satisfies(
        right["run_id"], f"the id of the run whose `rmse` is {figure}, 32 characters"
    )
    expect(author, "the answer `author`", where=where, advice=look).satisfies(
        right["author"], f"the text of the tag {AUTHOR}"
    )
    expect(day, "the answer `day`", where=where, advice=look).satisfies(
        right["day"], "the day on which that run started, as in “2023-05-31”: year, month, day"
    )
    expect(commit, "the answer `commit`", where=where, advice=look).satisfies(
        right["commit"], f"the text of the tag {COMMIT}"
    )


@who_when_which.misconception
def name_taken_for_id(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” is a run's name, and Sam gave it to {count}. Names may repeat and can be changed; the id, 32 characters
    long, is what identifies a run."""
    found = _answer(evidence, "run_id")
    named = sum(run.name == found for run in sams(evidence))
    return {"found": found, "count": f"{named} runs" if named > 1 else "one run"} if named else None


@who_when_which.misconception
def beginning_of_the_id(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” is just the beginning of the id. Tables and messages cut ids short; all 32 characters stand on the
    run's page, with a button that copies them."""
    run, _ = reported(evidence)
    return _cut_short([_answer(evidence, "run_id")], [run])


def _cut_short(answers: Iterable[str], runs: Iterable[Run]) -> dict[str, Any] | None:
    """An answer that is only the beginning of one of the runs' ids."""
    ids = [run.id for run in runs]
    for found in answers:
        if any(4 <= len(found) < len(id) and id.startswith(found.lower()) for id in ids):
            return {"found": found}
    return None


@who_when_which.misconception
def another_run(evidence: Evidence) -> dict[str, Any] | None:
    """{run} has an rmse of {found}, and the report says {figure}. Take the id of the run that you described."""
    asked, figure = reported(evidence)
    for run in sams(evidence):
        if run.id == _answer(evidence, "run_id").lower() != asked.id:
            return {"run": run.label, "found": f"{run.metrics.get('rmse', math.nan):.4f}", "figure": figure}
    return None


@who_when_which.misconception
def id_taken_for_commit(evidence: Evidence) -> dict[str, Any] | None:
    """`commit` holds an id of MLflow's, {found} …, of 32 characters. That names the run; the commit, 40 characters,
    names the version of the code in git. On the run's page it stands beside the source."""
    found = _answer(evidence, "commit").lower()
    return {"found": found[:8]} if any(found == run.id for run in sams(evidence)) else None


@who_when_which.misconception
def month_taken_for_day(evidence: Evidence) -> dict[str, Any] | None:
    """`day` says {found}: day and month have changed places. The UI writes the month first, as in America:
    05/06/2023 is the 6th of May. The answer asked for is the year first, then the month, then the day."""
    run, _ = reported(evidence)
    found = _date(_answer(evidence, "day"))
    if found is None or found in _days(run) or found.day > 12:
        return None
    turned = found.replace(month=found.day, day=found.month)
    return {"found": found.isoformat()} if turned in _days(run) else None


@who_when_which.misconception
def day_of_the_copy(evidence: Evidence) -> dict[str, Any] | None:
    """{found} is long after Sam's run. When the runs came into your store does not matter: a run keeps the time at
    which it started, on its page under “Created at”."""
    run, _ = reported(evidence)
    found = _date(_answer(evidence, "day"))
    return (
        {"found": found.isoformat()} if found and found - timedelta(days=60) > max(_days(run), default=found) else None
    )


# What each of the six pieces is, by where the store has it: Python's name of the field, and the word for one of them.
PIECES = ("alpha", "rmse", "train-data-path", "description", "commit", "worst-trips.csv")
TAGS = {"description": NOTE, "commit": COMMIT}
KINDS = ("parameter", "metric", "tag", "artifact")


@check(
    "2.1/kinds",
    points=1,
    needs=[described],
    hints=[
        "Chosen before, measured after, noted about it, or a file: ask that of each of the six.",
        "The run's page shows Parameters, Metrics and Artifacts; what MLflow notes by itself, it keeps as tags, too.",
        "client.get_run(run_id).data has params, metrics and tags; what is in none of them is a file.",
    ],
    why="Only metrics can be drawn, only parameters can be trusted never to change, only tags can be mended.\n"
    "What was kept as the wrong kind is there, and cannot be used.",
)
def kinds(evidence: Evidence) -> None:
    """You know what each of six pieces of that run is: parameter, metric, tag or artifact"""
    for piece in PIECES:
        found = _kind_named(evidence, piece)
        expect(
            found,
            f"what `{piece}` is",
            where="answers.toml, `kinds` of section 2.1",
            advice="chosen before, measured after, a note about it, or a file?",
        ).satisfies(found == _kind(reported(evidence)[0], piece), f"the right one of {', '.join(KINDS)}")


def _kind(run: Run, piece: str) -> str:
    places = (run.params, run.metrics, run.tags)
    name = TAGS.get(piece, piece)
    return next((kind for kind, place in zip(KINDS, places, strict=False) if name in place), "artifact")


@kinds.misconception
def measured_taken_for_chosen(evidence: Evidence) -> dict[str, Any] | None:
    """`rmse` is no parameter: nobody chooses it. Parameters are chosen before the training and never change; what is
    measured afterwards is a metric."""
    return {} if _kind_named(evidence, "rmse") == "parameter" else None


@kinds.misconception
def chosen_taken_for_measured(evidence: Evidence) -> dict[str, Any] | None:
    """`alpha` is no metric, although it is a number: Sam chose it before the training. Metrics are measured after
    it."""
    return {} if _kind_named(evidence, "alpha") == "metric" else None


@kinds.misconception
def path_taken_for_the_data(evidence: Evidence) -> dict[str, Any] | None:
    """`train-data-path` is no file, but the *name* of one: a line of text that was chosen before the training. The
    trips themselves are not in the run; look under Artifacts, they are not there."""
    return {} if _kind_named(evidence, "train-data-path") == "artifact" else None


@kinds.misconception
def note_taken_for_another_kind(evidence: Evidence) -> dict[str, Any] | None:
    """`{piece}` is no {found}. It says something *about* the run and changes nothing in the model, and the store keeps
    it among the notes: there its name is `{name}`."""
    for piece, name in TAGS.items():
        found = _kind_named(evidence, piece)
        if found in KINDS and found != "tag":
            return {"piece": piece, "found": found, "name": name}
    return None


@check(
    "2.1/spreadsheet",
    points=1,
    hints=[
        f"Three runs carry the tag `shortlist`. Which four things about each does {SHEET} ask for?",
        "By hand, in any spreadsheet program: one row a run, saved as CSV in the workspace's folder. Mind the lines.",
        "mlflow.search_runs(…, \"tags.shortlist != ''\") gives a table; take its four columns, rename them, to_csv.",
    ],
    why="Everybody has kept such a list once. It works for three models, and for three weeks.\n"
    "You have just felt what is wrong with it: each cell is typed by somebody, and nothing notices a slip.",
)
def spreadsheet(evidence: Evidence) -> None:
    """The file spreadsheet.csv has one row for each run on Sam's shortlist, as the store has it"""
    rows = _rows(evidence)
    for run in shortlist(evidence):
        mine = [row for row in rows if _is_id(row["run_id"], run)]
        expect(
            len(mine),
            f"rows about the run “{run.name}”, which is on the shortlist",
            where=SHEET,
            advice="the column run_id holds the ids of the three runs that have the tag `shortlist`",
        ).is_there()
        expect_some(mine, lambda row, run=run: _agrees(row, run))
    others = [row["run_id"] for row in rows if any(row.values()) and not _is_about_one_of(shortlist(evidence), row)]
    expect(
        others,
        "rows about other runs than the three on the shortlist",
        where=SHEET,
        advice="take those rows out: three runs carry the tag `shortlist`",
    ).satisfies(not others, "none")


def _is_about_one_of(runs: list[Run], row: dict[str, str]) -> bool:
    return any(_is_id(row["run_id"], run) for run in runs)


def _agrees(row: dict[str, str], run: Run) -> None:
    where = f"{SHEET}, the row of {run.label}"
    expect(row["model"].lower(), "the column model", where=where, advice="copy the parameter `model`").equals(
        run.param("model").lower()
    )
    expect(
        _file(row["valid-data-path"]),
        "the month in the column valid-data-path",
        where=where,
        advice="copy the parameter `valid-data-path`",
    ).equals(_file(run.param("valid-data-path")))
    expect(row["rmse"], "the column rmse", where=where, advice="one digit after the point at least").satisfies(
        _is_rounded(row["rmse"], run.metric("rmse")), "the metric `rmse` of that run"
    )


@spreadsheet.misconception
def saved_beside_the_notebook(evidence: Evidence) -> dict[str, Any] | None:
    """Your spreadsheet.csv lies in {folder}. A name without a folder means “here”, and for a notebook here is the
    notebook's own folder. Write it to the path in `sheet`, or move it to where flowcoach.toml lies."""
    for folder in ("exercises/2.1-introduction", "exercises"):
        if _there(evidence, f"{folder}/{SHEET}") and not _there(evidence, SHEET):
            return {"folder": folder}
    return None


@spreadsheet.misconception
def no_csv(evidence: Evidence) -> dict[str, Any] | None:
    """{found} is a workbook of a spreadsheet program, which only such a program can read. Use *Save as* or *Export*,
    and choose CSV: that is plain text, a line for each row."""
    workbooks = "spreadsheet.xlsx", "spreadsheet.ods", "spreadsheet.numbers", f"{SHEET}.xlsx"
    for name in (SHEET,) if _there(evidence, SHEET) else workbooks:
        if _there(evidence, name) and _begin(evidence, name)[:4] == b"PK\x03\x04":
            return {"found": name}
    return None


@spreadsheet.misconception
def no_line_of_names(evidence: Evidence) -> dict[str, Any] | None:
    """The first line of spreadsheet.csv begins with {found}, a row already. Begin with the names of the columns:
    run_id,model,valid-data-path,rmse"""
    first = _text(evidence).split("\n", 1)[0]
    return {"found": f"“{first[:12]} …”"} if any(run.id[:8] in first for run in sams(evidence)) else None


@spreadsheet.misconception
def names_in_the_column_of_ids(evidence: Evidence) -> dict[str, Any] | None:
    """In the column run_id stands “{found}”, a run's name. Two of Sam's ten have one name, twice over; only the id says
    which run a row is about."""
    names = {run.name for run in sams(evidence)}
    return next(({"found": row["run_id"]} for row in _rows(evidence) if row["run_id"] in names), None)


@spreadsheet.misconception
def slipped_by_a_line(evidence: Evidence) -> dict[str, Any] | None:
    """In the row of {run} stands the rmse of {other}. Copying by hand slips by a line now and then, and a spreadsheet
    cannot notice. Well seen that we looked! Put {right} there."""
    runs = shortlist(evidence)
    for row in _rows(evidence):
        for run in runs:
            figures = [other for other in runs if _is_rounded(row["rmse"], other.metric("rmse"))]
            if _is_id(row["run_id"], run) and figures and run not in figures:
                return {"run": run.label, "other": figures[0].label, "right": f"{run.metric('rmse'):.2f}"}
    return None


@spreadsheet.misconception
def other_runs_than_the_shortlist(evidence: Evidence) -> dict[str, Any] | None:
    """A row is about {run}, and a run on the shortlist is missing. The three are not those with the lowest figures, but
    those to which Sam gave the tag `shortlist`."""
    rows, runs = _rows(evidence), shortlist(evidence)
    missing = [run for run in runs if not any(_is_id(row["run_id"], run) for row in rows)]
    others = [run for run in sams(evidence) if run not in runs and any(_is_id(row["run_id"], run) for row in rows)]
    return {"run": others[0].label} if missing and others else None


@check(
    "2.1/fair",
    points=2,
    needs=[spreadsheet],
    hints=[
        "Two figures can be compared when one ruler measured both. What is the ruler here?",
        "Look down the column valid-data-path: on which trips was each of the three measured?",
        "The run measured on another month than the other two is `odd_one`; of those two, the lower rmse is `better`.",
    ],
    why="The lowest figure in a list convinces every meeting, and too often it was measured on easier trips.\n"
    "Whoever keeps the data beside the figure sees that before the meeting.",
)
def fair(evidence: Evidence) -> None:
    """You name the run on the shortlist that was measured on another month, and the better of the other two"""
    odd, better, _ = _three(evidence)
    for question, right, wanted in (
        ("odd_one", odd, "the id of the run whose month differs from that of the other two"),
        ("better", better, "the id of the run with the lower `rmse` of those two"),
    ):
        answer = _answer(evidence, question)
        expect(
            answer, f"the answer `{question}`", where="answers.toml", advice=f"compare the rows of {SHEET}"
        ).satisfies(answer.lower() == right.id, wanted)


def _three(evidence: Evidence) -> tuple[Run, Run, Run]:
    """Of the shortlist the run measured on another month, the tree; of the other two the better, and the worse."""
    runs = shortlist(evidence)
    better, worse = sorted((run for run in runs if run.param("model") != "tree"), key=lambda run: run.metric("rmse"))
    return next(run for run in runs if run.param("model") == "tree"), better, worse


@fair.misconception
def lowest_wins(evidence: Evidence) -> dict[str, Any] | None:
    """{run} has the lowest figure, {found}, and it was measured on {month}: the very trips that the tree had learned
    from. Nobody knows how it does on {other}. Of the two that were measured there, take the better."""
    odd, better, _ = _three(evidence)
    month, other = (_file(run.param("valid-data-path")) for run in (odd, better))
    found = {"run": odd.label, "found": f"{odd.metric('rmse'):.2f}", "month": month, "other": other}
    return found if _answer(evidence, "better").lower() == odd.id else None


@fair.misconception
def higher_is_better(evidence: Evidence) -> dict[str, Any] | None:
    """{run} is the worse of the two. RMSE is an error, in minutes: lower is better."""
    odd, _, worse = _three(evidence)
    answers = _answer(evidence, "odd_one").lower(), _answer(evidence, "better").lower()
    return {"run": worse.label} if answers == (odd.id, worse.id) else None


@fair.misconception
def worst_taken_for_unfair(evidence: Evidence) -> dict[str, Any] | None:
    """{run} has the highest rmse, and a bad figure is no unfair one: it was measured on {month}, as one of the others
    was. Look for the run whose month differs."""
    _, _, worse = _three(evidence)
    month = _file(worse.param("valid-data-path"))
    return {"run": worse.label, "month": month} if _answer(evidence, "odd_one").lower() == worse.id else None


@fair.misconception
def unknown_code_taken_for_unfair(evidence: Evidence) -> dict[str, Any] | None:
    """{run} names no commit, well seen: it cannot be made again (that is the next step). Whether its figure can be
    compared is another question: it was measured on {month}, as one of the others was."""
    for run in _three(evidence)[1:]:
        if run.id == _answer(evidence, "odd_one").lower() and COMMIT not in run.tags:
            return {"run": run.label, "month": _file(run.param("valid-data-path"))}
    return None


@fair.misconception
def name_of_the_odd_one(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” is a run's name. Names may repeat and can be changed: answer with the id, 32 characters."""
    names = {run.name for run in shortlist(evidence)}
    answers = [_answer(evidence, question) for question in ("odd_one", "better")]
    return next(({"found": answer} for answer in answers if answer in names), None)


@fair.misconception
def beginnings_of_the_two_ids(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” is just the beginning of an id, as messages and tables write it. Answer with all 32 characters: they
    stand in the first column of your rows, and on the run's page with a button that copies them."""
    return _cut_short([_answer(evidence, question) for question in ("odd_one", "better")], shortlist(evidence))


@check(
    "2.1/lost",
    points=2,
    hints=[
        "What would you need to make a run again? Two of these things nobody can guess: the code and the data.",
        f"Go through the ten: does the run have the tag {COMMIT}? Does it have the parameter train-data-path?",
        "Rows of mlflow.search_runs in which one of the two columns is empty (isna()) are lost; FAILED alone is not.",
    ],
    why="A figure that cannot be made again cannot be trusted, improved or defended. It can only be repeated.\n"
    "Two lines would have saved each of these runs, and only Sam could have written them.",
)
def lost(evidence: Evidence) -> None:
    """You name the runs of Sam's that nobody can make again, for the code or the data is not known"""
    answer = _ids(evidence)
    runs = sams(evidence)
    where, advice = "answers.toml", f"without the tag {COMMIT}, or without the parameter {PATHS[0]}: lost"
    gone = {run.id for run in runs if _is_lost(run)}
    expect(
        len(answer - gone),
        "runs in the answer `lost` that can be made again, or are none of Sam's",
        where=where,
        advice=advice,
    ).equals(0)
    expect(len(gone - answer), "lost runs that the answer `lost` leaves out", where=where, advice=advice).equals(0)


def _is_lost(run: Run) -> bool:
    return COMMIT not in run.tags or PATHS[0] not in run.params


@lost.misconception
def names_in_the_list(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” in your list is a run's name, and names may repeat: of Sam's runs two are called “ridge” and two
    “tree”. List the ids."""
    names = {run.name for run in sams(evidence)}
    return next(({"found": found} for found in sorted(_ids(evidence)) if found in names), None)


@lost.misconception
def beginnings_in_the_list(evidence: Evidence) -> dict[str, Any] | None:
    """“{found}” in your list is just the beginning of an id, as messages and tables write it. List all 32 characters:
    mlflow.search_runs has them in the column run_id, and a run's page has a button that copies them."""
    return _cut_short(sorted(_ids(evidence)), sams(evidence))


@lost.misconception
def failed_taken_for_lost(evidence: Evidence) -> dict[str, Any] | None:
    """{run} failed, but it is not lost: its commit, its data and its settings are all there, so anybody can run it
    again and see the very same error. FAILED says how a run ended, not what is known of it."""
    for run in sams(evidence):
        if run.status == "FAILED" and run.id in _ids(evidence) and not _is_lost(run):
            return {"run": run.label}
    return None


@lost.misconception
def data_forgotten(evidence: Evidence) -> dict[str, Any] | None:
    """{run} names its commit, but no train-data-path: the code is known, and nobody can say which trips it saw. That
    run is lost too."""
    return _left_out(evidence, lambda run: COMMIT in run.tags)


@lost.misconception
def script_taken_for_a_version(evidence: Evidence) -> dict[str, Any] | None:
    """{run} names its script, train.py, but no commit. Which file it was is known, and not what stood in it on that
    day: a script changes. That run is lost too."""
    return _left_out(evidence, lambda run: COMMIT not in run.tags and run.tags.get("mlflow.source.type") == "LOCAL")


@lost.misconception
def notebook_taken_for_a_version(evidence: Evidence) -> dict[str, Any] | None:
    """{run} comes from a notebook and names no commit: MLflow notes none for a notebook, whose cells change after they
    ran. So nobody knows the code. That run is lost too."""
    return _left_out(evidence, lambda run: COMMIT not in run.tags)


def _left_out(evidence: Evidence, such: Any) -> dict[str, Any] | None:
    """A lost run of such a kind that the answer leaves out, when there is an answer and what it names is right."""
    answer = _ids(evidence)
    gone = [run for run in sams(evidence) if _is_lost(run)]
    runs = [run for run in gone if such(run) and run.id not in answer]
    return {"run": runs[0].label} if runs and answer <= {run.id for run in gone} else None


def _ids(evidence: Evidence) -> set[str]:
    """The ids in the answer `lost`, a list or a text with commas. Raises NotFound when there are none."""
    answer: object = evidence.answers.get("2.1", "lost")
    parts = [str(part) for part in answer] if isinstance(answer, list) else str(answer).split(",")
    ids = {part.strip().lower() for part in parts} - {""}
    if not ids:
        raise NotFound(
            "The question `lost` has no answer yet.",
            expected="a list of run ids",
            found="an empty list",
            where="answers.toml, table [“2.1”]",
            advice="go through Sam's ten runs: which of them lack the commit or the data?",
        )
    return ids


def _answer(evidence: Evidence, question: str) -> str:
    return str(evidence.answers.get("2.1", question)).strip()


def _kind_named(evidence: Evidence, piece: str) -> str:
    """The kind that the answer gives, whether in capitals, in the plural or cut short as in log_param."""
    table = evidence.answers.get("2.1", "kinds")
    word = str(table.get(piece, "")).strip().lower().removesuffix("s") if isinstance(table, dict) else ""
    return "parameter" if word == "param" else word


def _date(text: str) -> date | None:
    """The day that a text such as “2023-05-31”, or the beginning of one, names; None when it names none."""
    try:
        return datetime.strptime(text[:10].strip(), "%Y-%m-%d").date()  # “2023-5-9” names one, too
    except ValueError:
        return None


def _days(run: Run) -> set[date]:
    """The days on which a run started, wherever on Earth one looks at its clock."""
    try:
        moment = datetime.fromtimestamp((run.start_time or 0) / 1000, UTC)
        return {(moment + timedelta(hours=hours)).date() for hours in (-12, 0, 14)}
    except (OverflowError, OSError, ValueError):  # no clock shows it
        return set()


def _there(evidence: Evidence, path: str) -> bool:
    try:
        evidence.file(path)
    except NotFound:
        return False
    return True


def _begin(evidence: Evidence, path: str) -> bytes:
    with evidence.file(path).open("rb") as file:
        return file.read(LONGEST)


def _text(evidence: Evidence) -> str:
    """The text of the spreadsheet, as any spreadsheet program may have saved it. Raises NotFound when there is none."""
    raw = _begin(evidence, SHEET)
    return raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace").strip()


def _rows(evidence: Evidence) -> list[dict[str, str]]:
    """The rows of the spreadsheet by the names of the columns asked for. Raises Failed when one is missing."""
    lines = _text(evidence).splitlines() or [""]
    separator = max(",;\t", key=lines[0].count)
    try:
        table = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    except csv.Error as error:
        raise Failed(
            f"{SHEET} is no table: {error}.",
            expected="plain text, a line for each row",
            found=str(error),
            where=SHEET,
            advice="save it as CSV, anew",
        ) from error
    names = [name.lower() for name in table[0]] if table else []
    columns = {column: _column(column, names) for column in COLUMNS}
    missing = [column for column, place in columns.items() if place is None]
    expect(
        names,
        f"the names in the first line, which lacks {' and '.join(missing)}",
        where=f"{SHEET}, first line",
        advice=f"begin with {','.join(COLUMNS)}",
    ).satisfies(not missing, ", ".join(COLUMNS))
    places = {column: place for column, place in columns.items() if place is not None}
    return [{column: row[place] if place < len(row) else "" for column, place in places.items()} for row in table[1:]]


def _column(column: str, names: list[str]) -> int | None:
    """Where a column stands, by the name asked for or the one it has in the table of mlflow.search_runs."""
    known = (column, f"params.{column}", f"metrics.{column}")
    return next((names.index(name) for name in known if name in names), None)


def _is_id(text: str, run: Run) -> bool:
    """Whether a cell names the run by its id; the first characters, as many programs show them, will do."""
    return len(text) >= 8 and run.id.startswith(text.lower())


def _is_rounded(text: str, value: float) -> bool:
    """Whether a cell is the value, rounded to as many digits as it has (one at least); a comma may be its point."""
    whole, _, digits = text.replace(",", ".").partition(".")
    try:
        number = float(f"{whole}.{digits}")
    except ValueError:
        return False
    return len(digits) >= 1 and abs(number - value) <= 0.51 * 10.0 ** -min(len(digits), 6)


def _file(path: str) -> str:
    """The last part of a path of any system."""
    return PureWindowsPath(path).name
