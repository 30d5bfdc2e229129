"""The wrong turns of section 2.1, built for real from a solved workspace, so that CI can prove each message."""

import runpy
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from flowcoach.checks import harmless, mistake
from flowcoach.workspace import Workspace

EXPERIMENT = "green-taxi"
NOTE = "mlflow.note.content"
COMMIT = "mlflow.source.git.commit"
DATA = "train-data-path"
HEADER = "run_id,model,valid-data-path,rmse"
RIGHT = {
    "alpha": "parameter",
    "rmse": "metric",
    "train-data-path": "parameter",
    "description": "tag",
    "commit": "tag",
    "worst-trips.csv": "artifact",
}


def home() -> str:
    """The id of the experiment."""
    found = MlflowClient().get_experiment_by_name(EXPERIMENT)
    assert found
    return found.experiment_id


def sams() -> list[Run]:
    """Sam's runs, oldest first."""
    return MlflowClient().search_runs([home()], "tags.`mlflow.user` = 'sam'", order_by=["start_time ASC"])[:10]


def reported() -> Run:
    """The run behind the figure in the report."""
    return next(run for run in sams() if run.data.params.get("alpha") == "10")


def neighbour() -> Run:
    """The run whose figure rounds alike."""
    return next(run for run in sams() if run.data.params.get("alpha") == "10.3")


def shortlist() -> tuple[Run, Run, Run]:
    """Of the shortlist the run measured on another month, the better of the others, and the worse."""
    by_name = {run.info.run_name: run for run in sams() if "shortlist" in run.data.tags}
    return by_name["tree-final"], by_name["forest-final"], by_name["ridge"]


def lost() -> list[Run]:
    """The runs that lack their commit or their data."""
    return [run for run in sams() if COMMIT not in run.data.tags or DATA not in run.data.params]


def describe(run: Run, tag: str = NOTE) -> None:
    """Nothing but this run is described."""
    for other in sams():
        for name in (NOTE, "description"):
            if name in other.data.tags:
                MlflowClient().delete_tag(other.info.run_id, name)
    found = MlflowClient().get_experiment(home())
    if NOTE in found.tags:
        MlflowClient().set_experiment_tag(home(), NOTE, "")
    MlflowClient().set_tag(run.info.run_id, tag, "This one stands in the report.")


@mistake("2.1/described", "described_a_neighbour")
def took_what_rounds_alike(here: Workspace) -> None:
    """Read 7.85 in the table and took the first run that shows it."""
    describe(neighbour())


@mistake("2.1/described")
def emptied_the_wrong_one(here: Workspace) -> None:
    """Described a neighbour, noticed, emptied that description, and was called away."""
    describe(neighbour())
    for run in sams():
        if NOTE in run.data.tags:
            MlflowClient().set_tag(run.info.run_id, NOTE, " ")


@mistake("2.1/described", "described_in_a_tag_of_another_name")
def found_the_right_one_after_a_neighbour(here: Workspace) -> None:
    """Described a neighbour, then the right run, in a tag called description."""
    describe(neighbour())
    MlflowClient().set_tag(reported().info.run_id, "description", "This one stands in the report.")


@mistake("2.1/described", "described_the_lowest")
def took_the_lowest(here: Workspace) -> None:
    """Sorted by rmse and described the first."""
    describe(next(run for run in sams() if run.info.run_name == "tree-final"))


@mistake("2.1/described", "described_the_newest")
def took_the_newest(here: Workspace) -> None:
    """Described the run at the top of the table."""
    describe(sams()[-1])


@mistake("2.1/described", "described_another_run")
def took_the_first_of_all(here: Workspace) -> None:
    """Described the run at the bottom of the table."""
    describe(sams()[0])


@mistake("2.1/described", "described_another_run")
def took_one_that_failed(here: Workspace) -> None:
    """Described a run that has no figure at all."""
    describe(next(run for run in sams() if run.info.status == "FAILED"))


@mistake("2.1/described", "described_in_a_tag_of_another_name")
def made_up_a_tag(here: Workspace) -> None:
    """Found the run, and added a tag called description."""
    describe(reported(), "description")


@mistake("2.1/described", "described_the_experiment")
def described_the_folder(here: Workspace) -> None:
    """Wrote the sentence onto the experiment."""
    describe(reported(), "description")
    MlflowClient().delete_tag(reported().info.run_id, "description")
    MlflowClient().set_experiment_tag(home(), NOTE, "Sam's runs.")


@mistake("2.1/described")
def described_nothing(here: Workspace) -> None:
    """Opened the field, and saved it empty."""
    describe(reported())
    MlflowClient().set_tag(reported().info.run_id, NOTE, "  ")


@mistake("2.1/who-when-which", "name_taken_for_id")
def answered_with_the_name(here: Workspace) -> None:
    """Gave the run's name for its id."""
    here.answer("2.1", run_id="ridge")


@mistake("2.1/who-when-which", "beginning_of_the_id")
def answered_with_a_short_id(here: Workspace) -> None:
    """Copied the first characters of the id."""
    here.answer("2.1", run_id=reported().info.run_id[:8])


@mistake("2.1/who-when-which", "another_run")
def answered_with_another_run(here: Workspace) -> None:
    """Copied from the page of the neighbour."""
    here.answer("2.1", run_id=neighbour().info.run_id, commit=neighbour().data.tags[COMMIT])


@mistake("2.1/who-when-which", "id_taken_for_commit")
def answered_with_the_id_twice(here: Workspace) -> None:
    """Gave the run's id for the commit."""
    here.answer("2.1", run_id=reported().info.run_id, commit=reported().info.run_id)


@mistake("2.1/who-when-which", "day_of_the_copy")
def answered_with_today(here: Workspace) -> None:
    """Gave the day on which the runs came into the store."""
    run = reported()
    here.answer("2.1", run_id=run.info.run_id, commit=run.data.tags[COMMIT], day=datetime.now(UTC).date().isoformat())


@mistake("2.1/who-when-which", "month_taken_for_day")
def answered_with_the_month_first(here: Workspace) -> None:
    """Read the American date of the UI as day and month."""
    run = reported()
    moment = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
    days = {(moment + timedelta(hours=hours)).date() for hours in (-12, 0, 14)}  # not all of them look alike turned
    turned = {day.replace(month=day.day, day=day.month) for day in days if day.day <= 12} - days
    here.answer("2.1", run_id=run.info.run_id, commit=run.data.tags[COMMIT], day=min(turned).isoformat())


@mistake("2.1/who-when-which")
def answered_with_own_login(here: Workspace) -> None:
    """Gave the own login for the author's."""
    here.answer("2.1", author="a-learner")


@mistake("2.1/kinds", "measured_taken_for_chosen")
def took_the_figure_for_a_parameter(here: Workspace) -> None:
    """Thinks that whatever is logged is a parameter."""
    here.answer("2.1", kinds={**RIGHT, "rmse": "parameter"})


@mistake("2.1/kinds", "chosen_taken_for_measured")
def took_a_number_for_a_metric(here: Workspace) -> None:
    """Thinks that a number is a metric."""
    here.answer("2.1", kinds={**RIGHT, "alpha": "metric"})


@mistake("2.1/kinds", "path_taken_for_the_data")
def took_the_path_for_the_file(here: Workspace) -> None:
    """Thinks that a path is the file."""
    here.answer("2.1", kinds={**RIGHT, "train-data-path": "artifact"})


@mistake("2.1/kinds", "note_taken_for_another_kind")
def took_the_commit_for_a_parameter(here: Workspace) -> None:
    """Thinks that the commit is a parameter."""
    here.answer("2.1", kinds={**RIGHT, "commit": "parameter"})


@mistake("2.1/kinds")
def left_one_open(here: Workspace) -> None:
    """Left one of the six open."""
    here.answer("2.1", kinds={**RIGHT, "worst-trips.csv": ""})


def row(run: Run, id: str = "", rmse: str = "") -> str:
    """A row of the spreadsheet as somebody types it."""
    month = run.data.params["valid-data-path"].rpartition("/")[2]
    return (
        f"{id or run.info.run_id},{run.data.params['model']},{month},{rmse or format(run.data.metrics['rmse'], '.2f')}"
    )


def sheet(here: Workspace) -> Path:
    """Where the spreadsheet belongs, with no other one beside it."""
    for stray in ("exercises/2.1-introduction/spreadsheet.csv", "spreadsheet.xlsx"):
        (here.folder / stray).unlink(missing_ok=True)
    return here.folder / "spreadsheet.csv"


@mistake("2.1/spreadsheet", "saved_beside_the_notebook")
def wrote_a_bare_name(here: Workspace) -> None:
    """Wrote to_csv("spreadsheet.csv") in the notebook."""
    beside = here.folder / "exercises" / "2.1-introduction"
    beside.mkdir(parents=True, exist_ok=True)
    text = "\n".join([HEADER, *map(row, shortlist())])
    sheet(here).unlink(missing_ok=True)
    (beside / "spreadsheet.csv").write_text(text, encoding="utf-8")


@mistake("2.1/spreadsheet", "no_csv")
def saved_a_workbook(here: Workspace) -> None:
    """Pressed Save in a spreadsheet program."""
    sheet(here).unlink(missing_ok=True)
    (here.folder / "spreadsheet.xlsx").write_bytes(b"PK\x03\x04 and so on")


@mistake("2.1/spreadsheet", "no_line_of_names")
def left_out_the_names(here: Workspace) -> None:
    """Began with the first row."""
    sheet(here).write_text("\n".join(map(row, shortlist())), encoding="utf-8")


@mistake("2.1/spreadsheet", "names_in_the_column_of_ids")
def wrote_names(here: Workspace) -> None:
    """Wrote the names that the table shows."""
    rows = [row(run, id=run.info.run_name or "") for run in shortlist()]
    sheet(here).write_text("\n".join([HEADER, *rows]), encoding="utf-8")


@mistake("2.1/spreadsheet", "slipped_by_a_line")
def slipped(here: Workspace) -> None:
    """Copied the figures one line too low."""
    one, two, three = shortlist()
    figures = [f"{run.data.metrics['rmse']:.3f}" for run in (three, one, two)]
    rows = [row(run, rmse=figure) for run, figure in zip((one, two, three), figures, strict=True)]
    sheet(here).write_text("\n".join([HEADER, *rows]), encoding="utf-8")


@mistake("2.1/spreadsheet", "other_runs_than_the_shortlist")
def took_the_three_lowest(here: Workspace) -> None:
    """Listed the three runs with the lowest figures."""
    measured = sorted(
        (run for run in sams() if "valid-data-path" in run.data.params and run.data.metrics), key=figure_of
    )
    sheet(here).write_text("\n".join([HEADER, *map(row, measured[:3])]), encoding="utf-8")


def figure_of(run: Run) -> float:
    """Its RMSE."""
    return run.data.metrics["rmse"]


@mistake("2.1/spreadsheet")
def forgot_a_row(here: Workspace) -> None:
    """Listed two of the three."""
    sheet(here).write_text("\n".join([HEADER, *map(row, shortlist()[:2])]), encoding="utf-8")


@mistake("2.1/spreadsheet")
def a_row_too_many(here: Workspace) -> None:
    """Listed the three, and one more."""
    other = next(run for run in sams() if "shortlist" not in run.data.tags and run.data.metrics)
    rows = [*map(row, shortlist()), f"{other.info.run_id},ridge,,9.9"]
    sheet(here).write_text("\n".join([HEADER, *rows]), encoding="utf-8")


@mistake("2.1/spreadsheet")
def called_columns_otherwise(here: Workspace) -> None:
    """Called two columns month and RMSE in minutes."""
    header = "run_id,model,month,RMSE in minutes"
    sheet(here).write_text("\n".join([header, *map(row, shortlist())]), encoding="utf-8")


@mistake("2.1/spreadsheet")
def mistyped_a_figure(here: Workspace) -> None:
    """Swapped two digits, long after the workbook was saved as CSV."""
    saved_a_workbook.build(here)
    one, two, three = shortlist()
    rows = [row(one), row(two, rmse="95.06"), row(three)]
    (here.folder / "spreadsheet.csv").write_text("\n".join([HEADER, *rows]), encoding="utf-8")


@mistake("2.1/fair", "lowest_wins")
def chose_the_lowest(here: Workspace) -> None:
    """Saw the odd month, and still took the lowest figure for the better one."""
    odd, _, _ = shortlist()
    here.answer("2.1", odd_one=odd.info.run_id, better=odd.info.run_id)


@mistake("2.1/fair", "higher_is_better")
def chose_the_highest(here: Workspace) -> None:
    """Took the RMSE for points."""
    odd, _, worse = shortlist()
    here.answer("2.1", odd_one=odd.info.run_id, better=worse.info.run_id)


@mistake("2.1/fair", "worst_taken_for_unfair")
def took_the_worst_for_the_odd_one(here: Workspace) -> None:
    """Looked for the figure that stands out."""
    _, better, worse = shortlist()
    here.answer("2.1", odd_one=worse.info.run_id, better=better.info.run_id)


@mistake("2.1/fair", "unknown_code_taken_for_unfair")
def took_the_notebook_for_the_odd_one(here: Workspace) -> None:
    """Looked for the run that names no commit."""
    _, better, worse = shortlist()
    here.answer("2.1", odd_one=better.info.run_id, better=worse.info.run_id)


@mistake("2.1/fair", "name_of_the_odd_one")
def named_the_odd_one(here: Workspace) -> None:
    """Answered with names."""
    here.answer("2.1", odd_one="tree-final", better="forest-final")


@mistake("2.1/fair", "beginnings_of_the_two_ids")
def cut_the_two_ids_short(here: Workspace) -> None:
    """Copied both ids from a message."""
    odd, better, _ = shortlist()
    here.answer("2.1", odd_one=odd.info.run_id[:8], better=better.info.run_id[:8])


@mistake("2.1/fair")
def compared_other_runs(here: Workspace) -> None:
    """Answered with two runs that are not on the shortlist."""
    here.answer("2.1", odd_one=sams()[0].info.run_id, better=sams()[1].info.run_id)


@mistake("2.1/lost", "names_in_the_list")
def listed_names(here: Workspace) -> None:
    """Listed names."""
    here.answer("2.1", lost=[run.info.run_name for run in lost()])


@mistake("2.1/lost", "beginnings_in_the_list")
def listed_short_ids(here: Workspace) -> None:
    """Copied the ids from messages."""
    here.answer("2.1", lost=[run.info.run_id[:8] for run in lost()])


@mistake("2.1/lost", "failed_taken_for_lost")
def listed_what_failed(here: Workspace) -> None:
    """Thinks that a failed run is a lost one."""
    here.answer("2.1", lost=[run.info.run_id for run in sams() if run.info.status == "FAILED" or run in lost()])


@mistake("2.1/lost", "data_forgotten")
def looked_at_commits_only(here: Workspace) -> None:
    """Looked for the commit and forgot the data."""
    here.answer("2.1", lost=[run.info.run_id for run in sams() if COMMIT not in run.data.tags])


@mistake("2.1/lost", "script_taken_for_a_version")
def trusted_a_script(here: Workspace) -> None:
    """Took the name of a script for a version of the code."""
    source = "mlflow.source.type"
    kept = [run for run in lost() if DATA not in run.data.params or run.data.tags[source] == "NOTEBOOK"]
    here.answer("2.1", lost=[run.info.run_id for run in kept])


@mistake("2.1/lost", "notebook_taken_for_a_version")
def trusted_notebooks(here: Workspace) -> None:
    """Thinks that a notebook leaves its version."""
    source = "mlflow.source.type"
    kept = [run for run in lost() if DATA not in run.data.params or run.data.tags[source] == "LOCAL"]
    here.answer("2.1", lost=[run.info.run_id for run in kept])


@mistake("2.1/lost")
def listed_anything(here: Workspace) -> None:
    """Filled in something to see what happens."""
    here.answer("2.1", lost=["a", "b"])


@mistake("2.1/lost")
def listed_all(here: Workspace) -> None:
    """Gave up on all that finished."""
    here.answer(
        "2.1", lost=[run.info.run_id for run in {run.info.run_id: run for run in [*lost(), reported()]}.values()]
    )


@harmless
def threw_runs_away_and_brought_them_back(here: Workspace) -> None:
    """Deleted Sam's runs, then ran the section's script again."""
    for run in sams():
        MlflowClient().delete_run(run.info.run_id)
    runpy.run_path(str(Path(__file__).parent / "run.py"))
    assert len(MlflowClient().search_runs([home()], run_view_type=ViewType.ALL)) == 10


@harmless
def threw_runs_away(here: Workspace) -> None:
    """Deleted what is of no use: every run that failed, and those that are lost."""
    for run in sams():
        if run.info.status == "FAILED" or run in lost():
            MlflowClient().delete_run(run.info.run_id)


@harmless
def gave_better_names(here: Workspace) -> None:
    """Gave Sam's runs names that differ, and described them all."""
    for number, run in enumerate(sams()):
        MlflowClient().set_tag(run.info.run_id, "mlflow.runName", f"sam-{number}")
        MlflowClient().set_tag(run.info.run_id, NOTE, f"Sam's try number {number}")


@harmless
def made_a_shortlist_of_their_own(here: Workspace) -> None:
    """Moved the tag `shortlist` to other runs, and changed the figure kept with the experiment."""
    for run in sams():
        if "shortlist" in run.data.tags:
            MlflowClient().delete_tag(run.info.run_id, "shortlist")
        else:
            MlflowClient().set_tag(run.info.run_id, "shortlist", "mine")
    MlflowClient().set_experiment_tag(home(), "rmse_in_the_report", "soon better")


@harmless
def opened_runs_again(here: Workspace) -> None:
    """Opened two of Sam's runs again: an error ended the one, and the other is still open."""
    for run, status in ((reported(), "FAILED"), (neighbour(), "RUNNING")):
        MlflowClient().update_run(run.info.run_id, status)


@harmless
def is_called_sam_too(here: Workspace) -> None:
    """Works on an account called sam, and tries something in the same experiment."""
    run = MlflowClient().create_run(home(), tags={"mlflow.user": "sam"})
    MlflowClient().log_metric(run.info.run_id, "rmse", 1.0)
    MlflowClient().set_terminated(run.info.run_id)


@harmless
def saved_by_a_spreadsheet_program(here: Workspace) -> None:
    """Opened the spreadsheet in a program that saves it as it pleases, rounded."""
    lines = [
        HEADER.replace(",", ";"),
        *(text.replace(",", ";").replace(".", ",").replace(",parquet", ".parquet") for text in map(row, shortlist())),
    ]
    (here.folder / "spreadsheet.csv").write_bytes(b"\xef\xbb\xbf" + "\r\n".join([*lines, ";;;", ""]).encode())


@harmless
def typed_the_answers_into_the_file(here: Workspace) -> None:
    """Typed the answers by hand: a day without quotes, ids in one text, a commit cut short as the UI shows it."""
    day = datetime.fromtimestamp(reported().info.start_time / 1000, UTC).date()
    ids = " , ".join(run.info.run_id for run in lost())
    here.answer("2.1", day=day, lost=ids, commit=reported().data.tags[COMMIT][:7], author=" Sam ")


@harmless
def copied_ids_in_capitals(here: Workspace) -> None:
    """Pasted every id through a program that likes capitals."""
    here.answer("2.1", run_id=reported().info.run_id.upper(), lost=[run.info.run_id.upper() for run in lost()])


@harmless
def wrote_the_whole_table(here: Workspace) -> None:
    """Wrote the table of search_runs as it is: pandas' row numbers, the store's names, and all columns."""
    table = mlflow.search_runs(experiment_names=["green-taxi"], filter_string="tags.shortlist != ''")
    assert isinstance(table, pd.DataFrame)
    table.to_csv(here.folder / "spreadsheet.csv")


@harmless
def named_the_kinds_as_the_functions_do(here: Workspace) -> None:
    """Wrote param, as in log_param."""
    here.answer("2.1", kinds={piece: kind.replace("parameter", "Param") for piece, kind in RIGHT.items()})


@harmless
def named_the_kinds_in_plural(here: Workspace) -> None:
    """Named the kinds as the headings of the UI do."""
    here.answer("2.1", kinds={piece: f" {kind.title()}s " for piece, kind in RIGHT.items()})


@harmless
def ran_the_script_in_another_store_too(here: Workspace) -> None:
    """Ran the script in a second store, which lies beside the first."""
    other = here.folder / "another.db"
    shutil.copyfile(here.folder / "mlflow.db", other)
    with closing(sqlite3.connect(other)) as store, store:
        for table in ("runs", "params", "tags", "metrics", "latest_metrics"):
            store.execute(f"UPDATE {table} SET run_uuid = 'f' || substr(run_uuid, 2, 30) || 'f'")
