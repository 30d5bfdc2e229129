"""The wrong turns of section 2.6, built for real from a solved workspace, so that CI can prove each message."""

import getpass
import json
import shutil
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from mlflow import MlflowClient
from mlflow.entities import Experiment, Run

from flowcoach import workspace
from flowcoach.checks import harmless, mistake
from flowcoach.evidence.answers import read
from flowcoach.workspace import Workspace

ONE_SCRIPT = "one-script"
NOTES = "in-practice"
MEDIAN = {"median_minutes": 11.5}
CODE = {"code": "0123456789ab", "mlflow.source.name": "hours.py"}
NOTHING = MappingProxyType({})
ROW = (
    "INSERT OR REPLACE INTO runs (run_uuid, name, status, lifecycle_stage, start_time, experiment_id, artifact_uri,"
    " source_type, user_id) SELECT ?, 'a try', 'FINISHED', ?, 1, experiment_id, '', 'LOCAL', ''"
    " FROM experiments WHERE name = 'scratch'"
)
TEAMS = ("bakery", "clinic", "harbour", "theatre")


def own(here: Workspace) -> MlflowClient:
    """A client of the workspace's own store."""
    return MlflowClient(here.own_store)


def behind_server(here: Workspace) -> MlflowClient:
    """A client of the database that the exercise's server kept, past the server."""
    return MlflowClient(workspace.absolute("sqlite:///server/mlflow.db", here.folder))


def one_script(client: MlflowClient) -> Experiment:
    """The experiment of the script, which is made as a server makes it when it is not there."""
    found = client.get_experiment_by_name(ONE_SCRIPT)
    made_anew = "mlflow-artifacts:/anew"
    return found or client.get_experiment(client.create_experiment(ONE_SCRIPT, artifact_location=made_anew))


def runs_of(client: MlflowClient) -> list[Run]:
    """The runs of the script, oldest first."""
    return client.search_runs([one_script(client).experiment_id], order_by=["start_time ASC"])


def remove(client: MlflowClient, runs: Iterable[Run]) -> None:
    """Move runs to MLflow's trash."""
    for run in runs:
        client.delete_run(run.info.run_id)


def log(
    client: MlflowClient,
    *,
    metrics: Mapping[str, float] = NOTHING,
    params: Mapping[str, str] = NOTHING,
    tags: Mapping[str, str] = NOTHING,
    table: Path | None = None,
) -> str:
    """Log one finished run of the script; with `table`, a folder, its file is put there. Its id comes back."""
    run_id = client.create_run(one_script(client).experiment_id, tags=dict(tags)).info.run_id
    for key, value in metrics.items():
        client.log_metric(run_id, key, value)
    for key, text in params.items():
        client.log_param(run_id, key, text)
    if table is not None:
        place = table / run_id / "artifacts"
        place.mkdir(parents=True)
        (place / "hours.csv").write_text("hour,minutes\n", encoding="utf-8")
    client.set_terminated(run_id)
    return run_id


def own_files(here: Workspace) -> Path:
    """Where the runs without a server keep their files."""
    return here.folder / "mlartifacts" / ONE_SCRIPT


def served_files(here: Workspace) -> Path:
    """Where the exercise's server keeps the files of the script's runs."""
    location = one_script(behind_server(here)).artifact_location
    return here.folder / "server" / "mlartifacts" / location.removeprefix("mlflow-artifacts:/")


def put_away(client: MlflowClient) -> None:
    """Rename the experiment, for a deleted one would block its name."""
    found = client.get_experiment_by_name(ONE_SCRIPT)
    taken = sum(one.name.startswith("put-away") for one in client.search_experiments())
    if found:
        client.rename_experiment(found.experiment_id, f"put-away-{taken}")


@mistake("2.6/alone")
def never_started(here: Workspace) -> None:
    """Wrote the script, and started it only with the server's address."""
    remove(own(here), runs_of(own(here)))


@mistake("2.6/alone")
def in_seconds(here: Workspace) -> None:
    """Logged the median in seconds."""
    remove(own(here), runs_of(own(here)))
    log(own(here), metrics={"median_minutes": 690.0}, tags=CODE, table=own_files(here))


@mistake("2.6/alone")
def code_in_quotes(here: Workspace) -> None:
    """Wrote "code" where the variable code was meant."""
    remove(own(here), runs_of(own(here)))
    log(own(here), metrics=MEDIAN, tags={**CODE, "code": "code"}, table=own_files(here))


@mistake("2.6/alone")
def invented_code(here: Workspace) -> None:
    """Typed a fingerprint that is none of the script's."""
    remove(own(here), runs_of(own(here)))
    log(own(here), metrics=MEDIAN, tags=CODE, table=own_files(here))


@mistake("2.6/alone", "from_the_notebook")
def logged_in_the_notebook(here: Workspace) -> None:
    """Wrote the run into the notebook instead of the script."""
    remove(own(here), runs_of(own(here)))
    log(own(here), metrics=MEDIAN, tags={"mlflow.source.name": "exercise.ipynb"}, table=own_files(here))


@mistake("2.6/alone")
def tried_in_the_notebook_first(here: Workspace) -> None:
    """Tried it in the notebook, then started the script, which logged the median in seconds."""
    in_seconds.build(here)
    log(own(here), metrics=MEDIAN, tags={"mlflow.source.name": "exercise.ipynb"})


@mistake("2.6/alone", "figure_as_text")
def median_as_parameter(here: Workspace) -> None:
    """Wrote the median down as a parameter."""
    remove(own(here), runs_of(own(here)))
    log(own(here), params={"median_minutes": "11.5"}, tags=CODE, table=own_files(here))


@mistake("2.6/alone", "half_a_run")
def forgot_the_tag(here: Workspace) -> None:
    """Logged figure and table in the script, and forgot the tag."""
    remove(own(here), runs_of(own(here)))
    tags = {"mlflow.source.name": CODE["mlflow.source.name"]}
    log(own(here), metrics=MEDIAN, tags=tags, table=own_files(here))


@mistake("2.6/alone", "half_a_run")
def forgot_the_tag_after_the_notebook(here: Workspace) -> None:
    """Tried it in the notebook, then in the script, and forgot the tag there."""
    logged_in_the_notebook.build(here)
    tags = {"mlflow.source.name": CODE["mlflow.source.name"]}
    log(own(here), metrics=MEDIAN, tags=tags, table=own_files(here))


@mistake("2.6/alone", "half_a_run")
def forgot_the_figure(here: Workspace) -> None:
    """Logged tag and table in the script, and forgot the figure."""
    remove(own(here), runs_of(own(here)))
    log(own(here), tags=CODE, table=own_files(here))


@mistake("2.6/alone", "no_file")
def forgot_the_table(here: Workspace) -> None:
    """Logged the figure and forgot the table."""
    remove(own(here), runs_of(own(here)))
    log(own(here), metrics=MEDIAN, tags=CODE)


def without_served_runs(here: Workspace) -> None:
    """Throw away what came in through the server."""
    remove(behind_server(here), runs_of(behind_server(here)))


def code_of(here: Workspace) -> dict[str, str]:
    """The tags of the newest run without a server."""
    runs = [run for run in runs_of(own(here)) if "code" in run.data.tags]
    return {**CODE, "code": runs[-1].data.tags["code"]} if runs else CODE


@mistake("2.6/server")
def no_server(here: Workspace) -> None:
    """Stopped after the first run."""
    without_served_runs(here)
    remove(own(here), runs_of(own(here))[1:])


@mistake("2.6/server")
def other_trips(here: Workspace) -> None:
    """The same script found other trips behind the server's address."""
    without_served_runs(here)
    log(behind_server(here), metrics={"median_minutes": 30.0}, tags=code_of(here), table=served_files(here))


@mistake("2.6/server", "changed_in_between")
def edited_the_script(here: Workspace) -> None:
    """Edited the script between the two starts."""
    without_served_runs(here)
    log(behind_server(here), metrics=MEDIAN, tags={**CODE, "code": "ba9876543210"}, table=served_files(here))


@mistake("2.6/server", "files_past_the_server")
def chose_a_folder_for_the_server(here: Workspace) -> None:
    """Made the server's experiment with an artifact location on the own disk."""
    without_served_runs(here)
    files = here.folder / "mlartifacts" / "past-the-server"
    run_id = log(behind_server(here), metrics=MEDIAN, tags=code_of(here), table=files)
    with closing(sqlite3.connect(here.folder / "server" / "mlflow.db")) as store, store:
        place = (files / run_id / "artifacts").as_posix()
        store.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = ?", (place, run_id))


@mistake("2.6/server", "same_store_twice")
def started_without_the_address(here: Workspace) -> None:
    """Started the script inside the server's block, with the own store once more."""
    put_away(behind_server(here))
    log(own(here), metrics=MEDIAN, tags=code_of(here), table=own_files(here))


@mistake("2.6/server", "store_in_the_script")
def address_in_the_script(here: Workspace) -> None:
    """Wrote set_tracking_uri into the script, so that both runs went to the own store."""
    started_without_the_address.build(here)
    script = here.folder / "hours.py"
    lines = script.read_text(encoding="utf-8").splitlines()
    script.write_text("\n".join([*lines, 'mlflow.set_tracking_uri("sqlite:///mlflow.db")', ""]), encoding="utf-8")


def asked_in(here: Workspace) -> dict[str, str]:
    """What the four teams said."""
    client = own(here)
    notes = client.get_experiment_by_name(NOTES)
    assert notes
    return client.search_runs([notes.experiment_id], "params.`bakery.people` != ''")[0].data.params


def answer(here: Workspace, question: str, wrong: str, team: str) -> None:
    """Answer right but for one team."""
    asked = asked_in(here)
    right = {
        "setups": {one: right_setup(asked, one) for one in TEAMS},
        "besides": {
            one: {"rows": "data versioning", "alarm": "monitoring", "none": "nothing"}[asked[f"{one}.wish"]]
            for one in TEAMS
        },
    }
    right[question][team] = wrong
    here.answer("2.6", **right)


def right_setup(asked: Mapping[str, str], team: str) -> str:
    """The set-up that fits what a team said."""
    if asked[f"{team}.people"] == "1":
        return "alone"
    open_office = (asked[f"{team}.place"], asked[f"{team}.access"]) == ("one office", "all")
    return "local server" if open_office else "team server"


def who(here: Workspace, what: str, said: str) -> str:
    """The first team that said this."""
    asked = asked_in(here)
    return next(team for team in TEAMS if said in asked[f"{team}.{what}"])


def with_setup(here: Workspace, setup: str) -> str:
    """The first team for which this set-up is right."""
    asked = asked_in(here)
    return next(team for team in TEAMS if right_setup(asked, team) == setup)


@mistake("2.6/teams-chosen")
def nothing_answered(here: Workspace) -> None:
    """Ran the cell with empty answers."""
    here.answer("2.6", setups=dict.fromkeys(TEAMS, ""), besides=dict.fromkeys(TEAMS, ""))


@mistake("2.6/teams-chosen")
def monitoring_for_rows(here: Workspace) -> None:
    """Took monitoring where rows have to be kept."""
    answer(here, "besides", "monitoring", who(here, "wish", "rows"))


@mistake("2.6/teams-chosen", "server_taken_for_security")
def trusts_the_server(here: Workspace) -> None:
    """Thought that a server keeps trainees from deleting."""
    answer(here, "setups", "local server", who(here, "access", "some may only read"))


@mistake("2.6/teams-chosen", "open_to_the_internet")
def server_on_the_internet(here: Workspace) -> None:
    """Put a server without passwords on the internet."""
    answer(here, "setups", "local server", who(here, "place", "cities"))


@mistake("2.6/teams-chosen", "one_file_for_many")
def file_on_a_shared_drive(here: Workspace) -> None:
    """Let a whole office write into one file."""
    answer(here, "setups", "alone", with_setup(here, "local server"))


@mistake("2.6/teams-chosen", "server_for_one")
def server_for_one_person(here: Workspace) -> None:
    """Gave one person a server."""
    answer(here, "setups", "team server", who(here, "people", "1"))


@mistake("2.6/teams-chosen", "logins_for_all")
def everything_for_everybody(here: Workspace) -> None:
    """Took the largest set-up to be on the safe side."""
    answer(here, "setups", "team server", with_setup(here, "local server"))


@mistake("2.6/teams-chosen", "digest_taken_for_data")
def digest_is_enough(here: Workspace) -> None:
    """Thought that MLflow keeps the rows of a dataset."""
    answer(here, "besides", "nothing", who(here, "wish", "rows"))


@mistake("2.6/teams-chosen", "runs_taken_for_live")
def mlflow_watches(here: Workspace) -> None:
    """Thought that MLflow watches a deployed model."""
    answer(here, "besides", "nothing", who(here, "wish", "alarm"))


def team(here: Workspace) -> Path:
    """The folder of the team's store."""
    return here.folder / "team"


@contextmanager
def team_database(here: Workspace) -> Iterator[sqlite3.Connection]:
    """The team's database to write in; when earlier mistakes left none that is whole, nothing is written."""
    database = team(here) / "mlflow.db"
    opened = sqlite3.connect(database if database.is_file() else ":memory:")
    with closing(opened) as store, suppress(sqlite3.DatabaseError), store:
        yield store


def lose(here: Workspace) -> None:
    """What `lose()` of the notebook does, once more."""
    shutil.rmtree(team(here), ignore_errors=True)


def lost_notes(here: Workspace) -> list[Run]:
    """What was noted of the stores that were lost."""
    client = own(here)
    notes = client.get_experiment_by_name(NOTES)
    return client.search_runs([notes.experiment_id], "params.routes != ''") if notes else []


@mistake("2.6/restored")
def never_planted(here: Workspace) -> None:
    """Skipped the cell that plants the team's store."""
    remove(own(here), lost_notes(here))
    lose(here)


@mistake("2.6/restored", "never_lost")
def stopped_after_the_backup(here: Workspace) -> None:
    """Made a backup and left it at that."""
    for note in lost_notes(here):
        if "lost" in note.data.tags:
            own(here).delete_tag(note.info.run_id, "lost")


@mistake("2.6/restored", "nothing_there")
def lost_for_good(here: Workspace) -> None:
    """Lost the store without a backup."""
    lose(here)


@mistake("2.6/restored", "database_without_files")
def backed_up_the_database_only(here: Workspace) -> None:
    """Backed up mlflow.db and thought that the files are in it."""
    shutil.rmtree(team(here) / "mlartifacts", ignore_errors=True)


@mistake("2.6/restored", "files_without_database")
def backed_up_the_files_only(here: Workspace) -> None:
    """Backed up the folder of files and forgot the database."""
    (team(here) / "mlflow.db").unlink(missing_ok=True)


@mistake("2.6/restored", "torn_copy")
def copied_while_somebody_logged(here: Workspace) -> None:
    """Copied the database while somebody logged, and restored that."""
    database = team(here) / "mlflow.db"
    if database.is_file():
        whole = database.read_bytes()
        half = len(whole) // 2
        database.write_bytes(whole[: half // 8] + bytes(half))


@mistake("2.6/restored", "another_store")
def planted_again(here: Workspace) -> None:
    """Planted a new store instead of restoring the old one."""
    with team_database(here) as store:
        store.execute("UPDATE runs SET run_uuid = 'f' || substr(run_uuid, 2, 30) || 'f'")


@mistake("2.6/restored")
def other_bytes(here: Workspace) -> None:
    """Wrote new files under the old names."""
    for path in team(here).rglob("routes/*/artifacts/weights.bin"):
        path.write_bytes(b"trained anew")


@mistake("2.6/restored")
def enormous_files(here: Workspace) -> None:
    """Put files of many megabytes in the place of the old ones."""
    for path in team(here).rglob("routes/*/artifacts/weights.bin"):
        with path.open("r+b") as file:
            file.truncate(2**26)


@mistake("2.6/restored")
def noted_nothing(here: Workspace) -> None:
    """Wrote a note of one's own, of a store without any run."""
    remove(own(here), lost_notes(here))
    notes = own(here).get_experiment_by_name(NOTES)
    assert notes
    run_id = own(here).create_run(notes.experiment_id, tags={"lost": "today"}).info.run_id
    for name in ("routes", "scratch"):
        own(here).log_param(run_id, name, " ")


def back_in_the_store(here: Workspace, stage: str) -> list[Path]:
    """Put the rows of “scratch” back into the team's store, in a stage of their life; their files' places come back."""
    ids = [entry.split(":")[0] for note in lost_notes(here)[:1] for entry in note.data.params["scratch"].split()]
    with team_database(here) as store:
        store.executemany(ROW, [(id, stage) for id in ids])
    return [team(here) / "mlartifacts" / "scratch" / id / "artifacts" for id in ids]


def fill(places: Iterable[Path]) -> None:
    """Put the files of the runs back."""
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
        (place / "weights.bin").write_bytes(b"an old try")


@mistake("2.6/freed")
def left_them(here: Workspace) -> None:
    """Deleted nothing; mlflow gc found the trash empty."""
    fill(back_in_the_store(here, "active"))


@mistake("2.6/freed", "only_deleted")
def left_the_trash_full(here: Workspace) -> None:
    """Deleted the runs and thought that frees the disk."""
    fill(back_in_the_store(here, "deleted"))


@mistake("2.6/freed", "files_by_hand")
def removed_the_folder(here: Workspace) -> None:
    """Removed the folder of files by hand."""
    back_in_the_store(here, "active")
    shutil.rmtree(team(here) / "mlartifacts" / "scratch", ignore_errors=True)


@mistake("2.6/freed", "rows_by_hand")
def removed_the_rows(here: Workspace) -> None:
    """Removed the rows from the database by hand."""
    places = back_in_the_store(here, "active")
    with team_database(here) as store:
        store.executemany("DELETE FROM runs WHERE run_uuid = ?", [(place.parent.name,) for place in places])
    fill(places)


@mistake("2.6/team-server")
def nobody_logged(here: Workspace) -> None:
    """Reached the team's server and logged nothing there."""
    client = MlflowClient()
    if found := client.get_experiment_by_name("team-server"):
        remove(client, client.search_runs([found.experiment_id]))


@mistake("2.6/team-server", "user_taken_for_login")
def own_account(here: Workspace) -> None:
    """Logged in through the address, so that the tag mlflow.user names the account of the computer."""
    nobody_logged.build(here)
    client = MlflowClient()
    found = client.get_experiment_by_name("team-server")
    place = found.experiment_id if found else client.create_experiment("team-server")
    client.set_terminated(client.create_run(place, tags={"mlflow.user": getpass.getuser()}).info.run_id)


@mistake("2.6/nothing-lost")
def another_labs_training(here: Workspace) -> None:
    """Interrupted a training, and started the lab over since: its run is gone."""
    nothing_was_broken.build(here)
    write(here, "lab/breaks.jsonl", {"what": "database", "broken": True, "at": 1001.5})


@mistake("2.6/nothing-lost", "nothing_broke")
def nothing_was_broken(here: Workspace) -> None:
    """Let a training run to its end, and broke nothing meanwhile."""
    (here.folder / "lab" / "breaks.jsonl").unlink(missing_ok=True)
    steps = [{"run": "0" * 32, "step": step, "rmse": 9.5 - step, "at": 1000.5 + step} for step in range(3)]
    write(here, "confirmed.jsonl", *steps)


def write(here: Workspace, name: str, *lines: object) -> None:
    """Write a file of one JSON object a line, in place of what is there."""
    path = here.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


@harmless
def backed_up_again(here: Workspace) -> None:
    """Backed the team's store up once more, beside it and into the workspace's own folder."""
    for place in (here.folder, team(here)):
        shutil.copyfile(team(here) / "mlflow.db", place / "another-backup.db")


@harmless
def script_changed_later(here: Workspace) -> None:
    """Changed the script, and started it in both stores anew."""
    for client, files in ((own(here), own_files(here)), (behind_server(here), served_files(here))):
        log(client, metrics={"median_minutes": 12.5}, tags={**CODE, "code": "ffffffffffff"}, table=files)


@harmless
def script_changed_for_one(here: Workspace) -> None:
    """Changed the script, and started it in one store only."""
    log(own(here), metrics={"median_minutes": 12.5}, tags={**CODE, "code": "ffffffffffff"}, table=own_files(here))


@harmless
def answers_in_other_spelling(here: Workspace) -> None:
    """Typed the answers with capitals, blanks and hyphens."""
    answers = read(here.folder).sections["2.6"]
    spelled = {
        question: {name: f" {text.upper().replace(' ', '-')} " for name, text in found.items()}
        for question, found in answers.items()
    }
    here.answer("2.6", **spelled)


@harmless
def other_runs_in_the_trash(here: Workspace) -> None:
    """Went on working in the team's store, with runs in the trash."""
    with team_database(here) as store:
        store.execute(ROW, ("0" * 32, "deleted"))
