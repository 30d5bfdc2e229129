"""What must hold after the exercise of section 2.6: one script in two stores, a store restored, a disk freed."""

import hashlib
import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flowcoach.checks import Failed, check, expect, expect_some
from flowcoach.evidence import Evidence, NotFound, Run, Runs, Unavailable
from flowcoach.evidence.sqlite import SqliteStore
from flowcoach.problem import Problem

ONE_SCRIPT = "one-script"
NOTES = "in-practice"
TEAM_SERVER = "team-server"
SCRIPT = "hours.py"
TABLE = "hours.csv"
STORE = "team/mlflow.db"
CONFIRMED = "confirmed.jsonl"
BREAKS = "lab/breaks.jsonl"
PULLED = ("database", "files", "server")

TEAMS = ("bakery", "clinic", "harbour", "theatre")
SETUPS = ("alone", "local server", "team server")
BESIDES = {"rows": "data versioning", "alarm": "monitoring", "none": "nothing"}

USER = "mlflow.user"
LARGEST = 2**20  # bytes; the files that the notebook plants are smaller


def described_in(evidence: Evidence) -> Runs:
    """The runs that the script left, in whichever store, however they ended."""
    return evidence.experiment(ONE_SCRIPT).runs.with_tag("code").with_metric("median_minutes").by_start()


def served(run: Run) -> bool:
    """Whether the run came in through a server that takes the files too: only such a one gives these addresses."""
    return run.artifact_uri.startswith("mlflow-artifacts:")


@check(
    "2.6/alone",
    points=1,
    hints=[
        "The script has to open a run of its own: which three things go into it?",
        "In `rest`: with mlflow.start_run(): and below it set_tag, log_metric, log_text. Then start the script.",
        'set_tag("code", code), log_metric("median_minutes", median), log_text(table, "hours.csv"), each of mlflow.',
    ],
    why="One file and one folder are all that one person needs: nothing to install, nothing to keep running.\n"
    "A script that leaves the address to its caller is ready for a server on the day one is needed.",
)
def alone(evidence: Evidence) -> None:
    """The script hours.py left a run in a store without a server: its fingerprint, its figure and its file"""
    runs = [run for run in described_in(evidence) if not served(run)]
    expect(
        len(runs),
        "runs with the tag `code` and the metric `median_minutes`, made without a server",
        where=f"experiment “{ONE_SCRIPT}”",
        advice=f'write the rest of the script, then: terminal(sys.executable, "{SCRIPT}", store=here.store)',
    ).is_there()
    expect_some(runs, lambda run: _left_everything(run, evidence))


def _left_everything(run: Run, evidence: Evidence) -> None:
    expect(
        run.metric("median_minutes"),
        "the median duration of a trip, in minutes",
        where=f"run {run.label}",
        advice="trips last 1 to 60 minutes: log the variable `median`",
    ).is_between(1, 60)
    expect(
        run.tag("code"),
        "the tag `code`",
        where=f"run {run.label}",
        advice='mlflow.set_tag("code", code): the variable, without quotes, which the script computes from itself',
    ).satisfies(_is_its_fingerprint(run, evidence), f"the fingerprint of {SCRIPT}")
    evidence.artifacts(run).file(TABLE)


def _is_its_fingerprint(run: Run, evidence: Evidence) -> bool:
    """Whether the tag `code` is the script's fingerprint, or may be that of the script before it was edited."""
    code = run.tag("code").strip()
    if not re.fullmatch(r"[0-9a-f]{12}", code):
        return False
    try:
        script = evidence.file(SCRIPT)
    except (NotFound, Unavailable):
        return True
    edited_since = script.stat().st_mtime * 1000 > (run.start_time or 0)
    return edited_since or hashlib.sha256(script.read_bytes()).hexdigest().startswith(code)


@alone.misconception
def from_the_notebook(evidence: Evidence) -> dict[str, Any] | None:
    """{run} was logged by the notebook itself, not by hours.py: it has no tag `code`, which only the script can
    compute. Put the lines of the run into the text `rest`, run that cell, and start the script with `terminal`."""
    if any(not served(run) for run in described_in(evidence)):
        return None  # the script has been started since
    for run in _unserved(evidence).take(1):
        if "code" not in run.tags and not run.tags.get("mlflow.source.name", "").endswith(SCRIPT):
            return {"run": run.label}
    return None


@alone.misconception
def figure_as_text(evidence: Evidence) -> dict[str, Any] | None:
    """In {run} `median_minutes` is a {kind}, which is text: it cannot be drawn or sorted as a number. What was measured
    is a metric: mlflow.log_metric("median_minutes", median)."""
    for run in _unserved(evidence).take(1):
        for kind, values in (("parameter", run.params), ("tag", run.tags)):
            if "median_minutes" in values and not run.has_metric("median_minutes"):
                return {"run": run.label, "kind": kind}
    return None


@alone.misconception
def half_a_run(evidence: Evidence) -> dict[str, Any] | None:
    """{run} came from hours.py, and lacks the {lacks}. The run needs all three: mlflow.set_tag("code", code),
    mlflow.log_metric("median_minutes", median) and mlflow.log_text(table, "hours.csv"). Complete the text `rest`, run
    that cell, and start the script again; this run may stay."""
    if any(not served(run) for run in described_in(evidence)):
        return None  # a whole one has come since
    for run in _unserved(evidence).take(1):
        if run.tags.get("mlflow.source.name", "").endswith(SCRIPT):
            lacks = (*(["tag `code`"] if "code" not in run.tags else []), "metric `median_minutes`")
            return {
                "run": run.label,
                "lacks": lacks[0] if run.has_metric("median_minutes") else " and the ".join(lacks),
            }
    return None


@alone.misconception
def no_file(evidence: Evidence) -> dict[str, Any] | None:
    """{run} keeps no file {table}. The table of hours is more than a number, so it goes where the files go:
    mlflow.log_text(table, "{table}"), inside the run."""
    for run in described_in(evidence).by_start(newest_first=True).take(20):
        if not served(run):
            return None if _has_table(run, evidence) else {"run": run.label, "table": TABLE}
    return None


def _unserved(evidence: Evidence) -> Runs:
    """The runs of the experiment in the workspace's own store, the newest first."""
    return evidence.experiment(ONE_SCRIPT).runs.in_store(evidence.configured).by_start(newest_first=True)


def _has_table(run: Run, evidence: Evidence) -> bool:
    try:
        return TABLE in evidence.artifacts(run).files()
    except NotFound:
        return False


@check(
    "2.6/server",
    points=2,
    needs=[alone],
    hints=[
        "Nothing in the script changes. What does change, and who says it?",
        "Inside `with server() as address:` start the script as before, with another `store`.",
        'with server() as address: terminal(sys.executable, "hours.py", store=address), on two lines.',
    ],
    why="Moving from a laptop to a team should change one address, not a hundred scripts.\n"
    "The file's address says who carries it: behind a server nobody needs a key to the disk but the server.",
)
def server(evidence: Evidence) -> None:
    """The same script, unchanged, left the same figure through a server, which keeps its file too"""
    found = list(described_in(evidence))
    through = [run for run in found if served(run)]
    expect(
        len(through),
        f"runs of {SCRIPT} whose files a server keeps (mlflow-artifacts:/…)",
        where=f"experiment “{ONE_SCRIPT}” in all stores of your workspace",
        advice="start the script inside `with server() as address:`, with store=address",
    ).is_there()
    own = {(run.tag("code").strip(), run.metric("median_minutes")) for run in found if not served(run)}
    expect_some(through, lambda run: _is_the_same_work(run, own, evidence))


def _is_the_same_work(run: Run, own: set[tuple[str, float]], evidence: Evidence) -> None:
    expect(
        run.tag("code").strip(),
        f"the fingerprint of {SCRIPT} behind the server's run",
        where=f"run {run.label}",
        advice="start the script in both stores without a change in between",
    ).is_one_of(sorted({code for code, _ in own}))
    expect(
        run.metric("median_minutes"),
        "the figure of the server's run",
        where=f"run {run.label}",
        advice="the same script on the same trips finds the same figure",
    ).satisfies(
        (run.tag("code").strip(), run.metric("median_minutes")) in own, "the figure of the run without a server"
    )
    evidence.artifacts(run).file(TABLE)


@server.misconception
def changed_in_between(evidence: Evidence) -> dict[str, Any] | None:
    """The server's {run} was made by another version of hours.py ({found}) than your run without a server. Then nobody
    knows whether the script or the store makes a difference. Leave the script as it is, and start it in both."""
    codes = {one.tag("code").strip() for one in described_in(evidence) if not served(one)}
    for run in described_in(evidence).by_start(newest_first=True).take(50):
        if served(run):
            found = run.tag("code").strip()
            return None if found in codes else {"run": run.label, "found": found}
    return None


@server.misconception
def files_past_the_server(evidence: Evidence) -> dict[str, Any] | None:
    """{run} went through a server, but its files lie at {found}: whoever logs from another computer cannot reach that
    place. The experiment was made with an artifact location, or the server with a --default-artifact-root. Let the
    server choose: give it --artifacts-destination, and rename that experiment, so that a new one is made."""
    for run in described_in(evidence).by_start(newest_first=True).take(50):
        if run.store is not evidence.configured and not served(run) and _in_the_servers_database(run):
            return {"run": run.label, "found": run.artifact_uri}
    return None


def _in_the_servers_database(run: Run) -> bool:
    """Whether the run lies in the database that the exercise's server keeps."""
    return run.store is not None and run.store.address.endswith("/server/mlflow.db")


@server.misconception
def store_in_the_script(evidence: Evidence) -> dict[str, Any] | None:
    """hours.py names a store itself, in “{line}”, and what stands in the code beats MLFLOW_TRACKING_URI: through the
    server it would not go. Take that line out of the text `rest`, and start the script in both stores anew."""
    if any(served(run) for run in described_in(evidence)):
        return None
    with evidence.file(SCRIPT).open(encoding="utf-8", errors="replace") as script:
        lines = [line.split("#")[0].strip() for line in script.read(LARGEST).splitlines()]
    return next(({"line": line} for line in lines if "set_tracking_uri" in line), None)


@server.misconception
def same_store_twice(evidence: Evidence) -> dict[str, Any] | None:
    """All {count} runs of hours.py went to one store, {store}, and none through the server. Start it inside
    `with server() as address:` with store=address, for whoever starts the script says where its run goes."""
    found = list(described_in(evidence))
    stores = {run.store.address for run in found if run.store}
    started = _is_there(evidence, "server/mlflow.db")  # until then, they only ran the script once more
    if started and len(found) >= 2 and len(stores) == 1 and not any(served(run) for run in found):
        return {"count": len(found), "store": stores.pop()}
    return None


@check(
    "2.6/teams-chosen",
    points=2,
    hints=[
        "Ask of each team: how many are they, is there one network that they all trust, may everybody do everything?",
        "One person needs no server; a local server asks for no password; from the internet, or with fewer rights, one "
        "has to log in.",
        "Rows of last year: data versioning. An alarm on live data: monitoring. MLflow does neither by itself.",
    ],
    why="The smallest set-up that does is the one that still runs next year: every part more is somebody's evening.\n"
    "And naming what a tool does not do, before it is bought, is what colleagues remember you for.",
)
def teams_chosen(evidence: Evidence) -> None:
    """Each of the four teams gets the smallest set-up that does, and what it needs beside MLflow"""
    asked = _asked(evidence)
    for team in TEAMS:
        expect(
            _answer(evidence, "setups", team),
            f"the set-up for the {team}",
            where="answers.toml, `setups` of section 2.6",
            advice=f"take one of: {', '.join(SETUPS)}",
        ).satisfies(_answer(evidence, "setups", team) == _setup(asked, team), "the smallest that does what they said")
    for team in TEAMS:
        right = BESIDES.get(asked.get(f"{team}.wish", ""), "")
        expect(
            _answer(evidence, "besides", team),
            f"what the {team} needs beside MLflow",
            where="answers.toml, `besides` of section 2.6",
            advice=f"take one of: {', '.join(BESIDES.values())}",
        ).satisfies(_answer(evidence, "besides", team) == right, "what they asked for and MLflow does not do")


def _asked(evidence: Evidence) -> dict[str, str]:
    """What the four teams said, as the notebook noted it when it told the learner."""
    return evidence.experiment(NOTES).runs.with_params(*(f"{team}.people" for team in TEAMS)).by_start().first().params


def _answer(evidence: Evidence, question: str, team: str) -> str:
    answers = evidence.answers.get("2.6", question)
    return (
        " ".join(str(answers.get(team, "")).lower().replace("-", " ").replace("_", " ").split())
        if isinstance(answers, dict)
        else ""
    )


def _setup(asked: dict[str, str], team: str) -> str:
    """The smallest set-up for what a team said of itself."""
    people, place, access = (asked.get(f"{team}.{what}", "") for what in ("people", "place", "access"))
    if people == "1":
        return "alone"
    return "local server" if (place, access) == ("one office", "all") else "team server"


@teams_chosen.misconception
def server_taken_for_security(evidence: Evidence) -> dict[str, Any] | None:
    """In the {team} not everybody may change everything, and a local server asks nobody who they are: whoever reaches
    it may delete every run. That takes logins, and rights behind them."""
    return _chosen(evidence, "local server", lambda asked, team: asked.get(f"{team}.access", "") != "all")


@teams_chosen.misconception
def open_to_the_internet(evidence: Evidence) -> dict[str, Any] | None:
    """The {team} sits in several cities. To be reached from there, a local server would have to stand open to the
    internet, without a password, and so to everybody else."""
    return _chosen(evidence, "local server", lambda asked, team: asked.get(f"{team}.place", "").endswith("cities"))


@teams_chosen.misconception
def one_file_for_many(evidence: Evidence) -> dict[str, Any] | None:
    """The {team} is more than one person. A SQLite file on somebody's laptop cannot be reached by the others, and on a
    shared drive two who write at once lock each other out. That is what a server is for."""
    return _chosen(evidence, "alone", lambda asked, team: asked.get(f"{team}.people", "") != "1")


@teams_chosen.misconception
def server_for_one(evidence: Evidence) -> dict[str, Any] | None:
    """The {team} is one person on one laptop. A server would do, but has to be started, watched and updated, and gives
    nothing that the file does not: UI and registry work on it, too. What is the smallest?"""
    for setup in SETUPS[1:]:
        if found := _chosen(evidence, setup, lambda asked, team: asked.get(f"{team}.people", "") == "1"):
            return found
    return None


@teams_chosen.misconception
def logins_for_all(evidence: Evidence) -> dict[str, Any] | None:
    """The {team} trusts everybody on its network, and everybody may do everything. Logins, a database server and a
    bucket would be looked after for nothing: a smaller set-up does."""
    return _chosen(evidence, "team server", lambda asked, team: _setup(asked, team) == "local server")


@teams_chosen.misconception
def digest_taken_for_data(evidence: Evidence) -> dict[str, Any] | None:
    """The {team} has to show the rows themselves. MLflow keeps a dataset's name, columns and digest: enough to see that
    two months differ, never to bring one back."""
    return _wanted(evidence, "rows")


@teams_chosen.misconception
def runs_taken_for_live(evidence: Evidence) -> dict[str, Any] | None:
    """The {team} wants an alarm on live trips. MLflow knows what somebody logs, and nobody logs by itself what comes in
    after the deployment. A program beside it has to look at the data, and wake people."""
    return _wanted(evidence, "alarm")


def _chosen(evidence: Evidence, setup: str, wrong_for: Callable[[dict[str, str], str], bool]) -> dict[str, Any] | None:
    """The first team that got `setup` although it is `wrong_for` them."""
    asked = _asked(evidence)
    for team in TEAMS:
        if _answer(evidence, "setups", team) == setup and wrong_for(asked, team):
            return {"team": team}
    return None


def _wanted(evidence: Evidence, wish: str) -> dict[str, Any] | None:
    """The first team that had this wish and got nothing, once all set-ups are right."""
    asked = _asked(evidence)
    for team in TEAMS:
        if asked.get(f"{team}.wish", "") == wish and _answer(evidence, "besides", team) == "nothing":
            return {"team": team}
    return None


@dataclass(frozen=True)
class Planted:
    """What the notebook noted of a store that it planted: run ids with the fingerprints of their files."""

    note: Run
    routes: dict[str, str]
    scratch: dict[str, str]

    @property
    def lost(self) -> bool:
        """Whether that store was lost once."""
        return "lost" in self.note.tags


def planted_in(evidence: Evidence) -> list[Planted]:
    """The stores that were planted, oldest first."""
    notes = evidence.experiment(NOTES).runs.with_params("routes", "scratch").by_start(newest_first=True).take(20)
    planted = [Planted(note, _entries(note.param("routes")), _entries(note.param("scratch"))) for note in notes]
    return [one for one in reversed(planted) if one.routes and one.scratch]


def _entries(text: str) -> dict[str, str]:
    return {id: digest for id, _, digest in (entry.partition(":") for entry in text.split())}


@contextmanager
def team_in(evidence: Evidence) -> Iterator[Runs]:
    """The runs of the team's store and no other's: a backup beside it holds the same, and must not answer for it.

    Raises NotFound when the file is not there, Failed when it is no store that can be read.
    """
    path = evidence.file(STORE)
    try:
        store = SqliteStore(path)
        try:
            yield replace(evidence, stores=(store,), configured=store).runs
        finally:
            store.close()
    except Problem as problem:
        raise Failed(
            f"The team's database cannot be read: {problem.cause}",
            expected="a database that is whole",
            found="one that is damaged",
            where=STORE,
            advice="copy the database of your backup there once more",
        ) from problem


@check(
    "2.6/restored",
    points=2,
    hints=[
        "Two places hold a store: what is written, and the files. Which copies do you need to get both back?",
        "Back up: source.backup(target) for the database, shutil.copytree for mlartifacts. Then lose(). Then copy both "
        "from `backup` to where they were.",
        'To restore: team.mkdir(), then shutil.copyfile for "mlflow.db" and shutil.copytree for "mlartifacts".',
    ],
    why="A backup that was never restored is a hope: what it lacks shows on the day it is needed.\n"
    "Database and files are two things, and MLflow copies neither for you.",
)
def restored(evidence: Evidence) -> None:
    """The team's store was lost, and is back: every run of “routes” with its id, every file with its bytes"""
    planted = planted_in(evidence)
    expect(len(planted), "stores that were planted", where=f"experiment “{NOTES}”", advice=_PLANT).is_there()
    lost = [one for one in planted if one.lost]
    expect(
        len(lost),
        "times that the team's store was lost",
        where="the folder team",
        advice="back it up, call lose(), then restore it",
    ).is_there()
    expect_some(lost, lambda one: _is_back(one, evidence))


_PLANT = "run the notebook's cell that begins with `team =`"


def _is_back(planted: Planted, evidence: Evidence) -> None:
    with team_in(evidence) as runs:
        missing = [id for id in planted.routes if runs.with_id(id) is None]
    expect(
        len(planted.routes) - len(missing),
        "runs of “routes” that came back under their ids",
        where=STORE,
        advice="restore the database that you backed up before the loss",
    ).is_at_least(len(planted.routes))
    for id, digest in planted.routes.items():
        with evidence.file(_file("routes", id)).open("rb") as file:
            found = hashlib.sha256(file.read(LARGEST)).hexdigest()
        expect(
            found[: len(digest)],
            f"the fingerprint of the file of run {id[:8]}",
            where=_file("routes", id),
            advice="restore the folder mlartifacts of your backup",
        ).equals(digest)


def _file(name: str, id: str) -> str:
    return f"team/mlartifacts/{name}/{id}/artifacts/weights.bin"


def _is_there(evidence: Evidence, path: str) -> bool:
    try:
        evidence.file(path)
    except NotFound:
        return False
    return True


@restored.misconception
def never_lost(evidence: Evidence) -> dict[str, Any] | None:
    """The team's store has not been lost yet, so nothing was brought back. Make your backup, then call lose(), and see
    whether it was good enough."""
    return {} if planted_in(evidence) and not any(one.lost for one in planted_in(evidence)) else None


@restored.misconception
def nothing_there(evidence: Evidence) -> dict[str, Any] | None:
    """The folder team holds neither the database nor the files: the store was lost and not brought back. Copy both from
    your backup. There is none? Run the cell that begins with `team =` again, and back up before you lose it."""
    there = _is_there(evidence, STORE) or any(_is_there(evidence, _file("routes", id)) for id in _last(evidence).routes)
    return None if there else {}


@restored.misconception
def database_without_files(evidence: Evidence) -> dict[str, Any] | None:
    """The rows are back, and {missing} of {count} files are not. A database holds figures and the *addresses* of files,
    never the files: whoever backs up only mlflow.db keeps a table of contents. The folder mlartifacts belongs to it."""
    planted = _last(evidence)
    missing = [id for id in planted.routes if not _is_there(evidence, _file("routes", id))]
    with team_in(evidence) as runs:
        if missing and all(runs.with_id(id) for id in planted.routes):
            return {"missing": len(missing), "count": len(planted.routes)}
    return None


@restored.misconception
def files_without_database(evidence: Evidence) -> dict[str, Any] | None:
    """The files are back, but there is no database: nobody can say which file belongs to which run, or how good it was.
    Copy mlflow.db of your backup into the folder team."""
    there = any(_is_there(evidence, _file("routes", id)) for id in _last(evidence).routes)
    return {} if there and not _is_there(evidence, STORE) else None


@restored.misconception
def torn_copy(evidence: Evidence) -> dict[str, Any] | None:
    """The file team/mlflow.db is there, and is no whole database. That is what a plain copy gives while somebody logs:
    half old, half new. Let the database copy itself: source.backup(target), as in run.py."""
    try:
        with team_in(evidence) as runs:
            runs.count()
    except Failed:
        return {}
    return None


@restored.misconception
def another_store(evidence: Evidence) -> dict[str, Any] | None:
    """The team's store is whole, but its runs are not the ones that were lost: a new store was planted. Restore your
    backup over it. It was made of this new one? Then call lose(), and restore that."""
    with team_in(evidence) as runs:
        if runs and not any(runs.with_id(id) for id in _last(evidence).routes):
            return {}
    return None


def _last(evidence: Evidence) -> Planted:
    """The store that was lost last."""
    lost = [one for one in planted_in(evidence) if one.lost]
    if not lost:
        raise NotFound("Nothing was lost.")
    return lost[-1]


@check(
    "2.6/freed",
    points=2,
    needs=[restored],
    hints=[
        "Deleting in MLflow is a trash: who empties it?",
        "First client.delete_run(…) for each run of “scratch”, then mlflow gc on the team's store.",
        'terminal(sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", team_store, store=team_store).',
    ],
    why="A disk fills up with runs that everybody believes deleted; one command a month keeps it from happening.\n"
    "And for the day somebody asks for it by law: deleted has to mean gone, in the rows and in the files.",
)
def freed(evidence: Evidence) -> None:
    """The runs of “scratch” are gone for good, rows and files; those of “routes” are untouched"""
    expect_some([one for one in planted_in(evidence) if one.lost], lambda one: _is_free_of_scratch(one, evidence))


def _is_free_of_scratch(planted: Planted, evidence: Evidence) -> None:
    _is_back(planted, evidence)
    active, trashed, files = _left_of(planted, evidence)
    expect(
        len(active),
        "runs of “scratch” that nobody deleted",
        where=STORE,
        advice="client.delete_run(run.info.run_id) for each of them",
    ).equals(0)
    expect(
        len(trashed),
        "runs of “scratch” in the trash",
        where=STORE,
        advice="mlflow gc --backend-store-uri …",
    ).equals(0)
    expect(
        len(files),
        "files of “scratch” on the disk",
        where="team/mlartifacts/scratch",
        advice="mlflow gc removes them while their runs are in the trash",
    ).equals(0)


def _left_of(planted: Planted, evidence: Evidence) -> tuple[list[str], list[str], list[str]]:
    """The runs of “scratch” that are active, those in the trash, and those whose file is there."""
    with team_in(evidence) as runs:
        active = [id for id in planted.scratch if runs.with_id(id)]
        trashed = [id for id in planted.scratch if runs.deleted().with_id(id)]
    return active, trashed, [id for id in planted.scratch if _is_there(evidence, _file("scratch", id))]


@freed.misconception
def only_deleted(evidence: Evidence) -> dict[str, Any] | None:
    """{count} runs of “scratch” are in the trash, and all of their files are still on the disk: deleting frees nothing,
    so that it can be undone. Empty the trash of the team's store, not of yours: mlflow gc --backend-store-uri, with
    team_store. (With --older-than, it leaves alone what is younger.)"""
    active, trashed, files = _left_of(_last(evidence), evidence)
    return {"count": len(trashed)} if trashed and not active and {*trashed} <= {*files} else None


@freed.misconception
def files_by_hand(evidence: Evidence) -> dict[str, Any] | None:
    """The files of {count} runs of “scratch” are gone, and their rows are still in the database: they were removed by
    hand. Now the UI shows runs whose files nobody can open. Delete those runs, and let mlflow gc take away the rest."""
    active, trashed, files = _left_of(_last(evidence), evidence)
    bare = {*active, *trashed} - {*files}
    return {"count": len(bare)} if bare else None


@freed.misconception
def rows_by_hand(evidence: Evidence) -> dict[str, Any] | None:
    """The rows of {count} runs of “scratch” are gone, and their files are still there: with the rows, their addresses
    are lost, so mlflow gc will never find them. (A backup that was made over an older one may do that, too.)
    Remove the folder team/mlartifacts/scratch yourself, this once."""
    active, trashed, files = _left_of(_last(evidence), evidence)
    orphans = {*files} - {*active, *trashed}
    return {"count": len(orphans)} if orphans else None


@check(
    "2.6/team-server",
    points=1,
    bonus=True,
    hints=[
        "A server with logins wants a name and a password. Which two variables does MLflow read them from?",
        "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD before the first run, and the server's address.",
    ],
    why="Behind a login a run can be trusted to come from somebody who was let in, and nobody else sees it.\n"
    "Who exactly it was, the tag alone does not prove: ask the server's log for that.",
)
def team_server(evidence: Evidence) -> None:
    """A run came in through a team's server, under an account that is not your own"""
    servers = [store for store in evidence.stores if store.address.startswith("http")]
    if not servers:
        raise Unavailable(
            'no team\'s server was looked at. One of your own: pip install "flowcoach[lab]", then '
            "flowcoach lab up team. Your team's: set MLFLOW_TRACKING_URI to its address, log in with "
            "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, and check again. It costs nothing to do without."
        )
    runs = [run for run in evidence.experiment(TEAM_SERVER).runs.by_start() if run.store in servers]
    expect(len(runs), "runs on the server", where=f"experiment “{TEAM_SERVER}”", advice="log one there").is_there()
    own = _own_accounts(evidence)
    expect_some(runs, lambda run: _is_somebody_elses(run, own))


def _own_accounts(evidence: Evidence) -> set[str]:
    """The accounts under which the learner works without a server."""
    runs = evidence.experiment(ONE_SCRIPT).runs.with_tag(USER)
    return {run.tag(USER).strip() for run in runs if run.store and not run.store.address.startswith("http")}


def _is_somebody_elses(run: Run, own: set[str]) -> None:
    expect(
        run.artifact_uri,
        "where the server keeps the run's files",
        where=f"run {run.label}",
        advice="let the server choose the artifact location of the experiment",
    ).satisfies(served(run), "an address that begins with mlflow-artifacts:")
    expect(
        run.tag(USER).strip(),
        f"the account in the tag `{USER}`",
        where=f"run {run.label}",
        advice="log in with the other account: MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD",
    ).satisfies(run.tag(USER).strip() not in {"", *own}, "another account than that of your own runs")


@team_server.misconception
def user_taken_for_login(evidence: Evidence) -> dict[str, Any] | None:
    """{run} says that “{found}” made it, which is your account on this computer, not the one you logged in with. The
    tag mlflow.user is what the *client* says: MLFLOW_TRACKING_USERNAME when that is set, else the name that the system
    gives. Set that variable before the run starts."""
    for run in evidence.experiment(TEAM_SERVER).runs.with_tag(USER).by_start(newest_first=True).take(1):
        found = run.tag(USER).strip()
        return {"run": run.label, "found": found} if found in _own_accounts(evidence) else None
    return None


@dataclass(frozen=True)
class Training:
    """What steps.py wrote down of one run: when it began and ended (seconds since 1970), and the confirmed values."""

    run_id: str
    began: float
    ended: float
    confirmed: tuple[tuple[int, float], ...]


@check(
    "2.6/nothing-lost",
    points=1,
    bonus=True,
    hints=[
        "A training has to run while something breaks: one terminal for each, and steps.py leaves you a quarter of a "
        "minute.",
        "First flowcoach lab run exercises/2.6-in-practice/steps.py; then, in another terminal, flowcoach lab break "
        "database; then flowcoach lab mend database.",
    ],
    why="A value is safe once the server has said so, and not before: that is what “confirmed” means.\n"
    "Who has once seen an outage at leisure knows what to wait for, and what to do again, in one that counts.",
)
def nothing_lost(evidence: Evidence) -> None:
    """Something broke in the middle of a training, and all that the store had confirmed is in it"""
    trainings = _trainings(evidence)
    if not trainings:
        raise Unavailable(
            f"no training was interrupted: there is no {CONFIRMED} in your workspace. With flowcoach lab up team (or "
            "local) one is soon made, see the page. It costs nothing to do without."
        )
    own = evidence.configured.address if evidence.configured else ""
    if not any(store.address in evidence.about for store in evidence.stores if store.address != own):
        raise Unavailable(
            "no lab is up, and what its server had confirmed lies there. Bring it up again (flowcoach lab up team), "
            "and check again. It costs nothing to do without."
        )
    breaks = _breaks(evidence)
    broken = [one for one in trainings if any(_during(one, at) for at in breaks)]
    expect(
        len(broken),
        "trainings of steps.py during which something broke",
        where=f"{CONFIRMED} beside {BREAKS}",
        advice="start steps.py, and break database, files or server before it is done",
    ).is_there()
    expect_some(broken, lambda one: _is_all_there(one, evidence))


def _is_all_there(training: Training, evidence: Evidence) -> None:
    run = evidence.runs.with_id(training.run_id)
    if run is None:
        raise Failed(
            "The run of your interrupted training is in none of your stores.",
            expected=f"the run {training.run_id[:8]}, which steps.py wrote down in {CONFIRMED}",
            found="no such run",
            where="your workspace's stores and the lab's server",
            advice="bring up the lab that it was logged to, without --fresh; or interrupt another training",
        )
    stored = set(run.history("rmse"))
    lost = [pair for pair in training.confirmed if pair not in stored]
    expect(
        len(lost),
        f"of the {len(training.confirmed)} values that the store had confirmed, those that it does not hold",
        where=f"run {run.label}",
        advice="look whether the lab was started with --fresh, or a backup was restored since; then interrupt another",
    ).equals(0)


@nothing_lost.misconception
def nothing_broke(evidence: Evidence) -> dict[str, Any] | None:
    """Your last training ran from {began} to {ended}, and nothing was broken meanwhile. Start steps.py in one terminal
    and, before it is done, type flowcoach lab break database in another."""
    trainings, breaks = _trainings(evidence), _breaks(evidence)
    if not trainings or any(_during(one, at) for one in trainings for at in breaks):
        return None
    last = max(trainings, key=lambda one: one.began)
    clock = [datetime.fromtimestamp(at).strftime("%H:%M:%S") for at in (last.began, last.ended)]
    return {"began": clock[0], "ended": clock[1]}


def _during(training: Training, at: float) -> bool:
    """Whether this moment lies within a training; one whose next value never came ended a little later."""
    return training.began <= at <= training.ended + 1


def _trainings(evidence: Evidence) -> list[Training]:
    """What steps.py wrote down, run by run."""
    found: dict[str, list[tuple[float, int, float]]] = {}
    for line in _lines(evidence, CONFIRMED):
        run, step, rmse, at = (line.get(key) for key in ("run", "step", "rmse", "at"))
        if isinstance(run, str) and isinstance(step, int) and isinstance(rmse, float) and isinstance(at, float):
            found.setdefault(run, []).append((at, step, rmse))
    return [
        Training(run, min(values)[0], max(values)[0], tuple((step, rmse) for _, step, rmse in values))
        for run, values in found.items()
    ]


def _breaks(evidence: Evidence) -> list[float]:
    """When something was broken that a training depends on, in seconds since 1970."""
    pulled = [line for line in _lines(evidence, BREAKS) if line.get("what") in PULLED and line.get("broken") is True]
    return [at for line in pulled if isinstance(at := line.get("at"), float)]


def _lines(evidence: Evidence, name: str) -> list[dict[str, Any]]:
    """The objects in a file of one JSON object a line; what is none is passed over."""
    try:
        text = evidence.file(name).read_text(encoding="utf-8", errors="replace")
    except (NotFound, Unavailable, OSError):
        return []
    found = []
    for line in text[:LARGEST].splitlines():
        with suppress(ValueError):
            found.append(json.loads(line))
    return [one for one in found if isinstance(one, dict)]
