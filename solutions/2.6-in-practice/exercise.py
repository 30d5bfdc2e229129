# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 2.6 MLflow in practice: one script, two stores, and a disaster
#
# You run one script alone and through a server, choose the set-up for four teams, bring a team's store back after it
# was lost, and free its disk. Seven steps, three quarters of an hour; the last two are a bonus and need the lab, or a
# team's server.
#
# After each step run the check below it. It looks at what MLflow stored, so you may check as often as you like, and
# `flowcoach check 2.6` in a terminal says the same. A try that went wrong costs nothing and may stay.

# %% [markdown]
# ## Before you begin
#
# Run this cell first, whenever you come back. It chooses your workspace's store and makes two experiments in it:
# `one-script` for your runs, and `in-practice` for what this notebook has to remember.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import hashlib
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

os.environ["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"] = "NullPool"  # keep no file open: one of these stores will be lost

import mlflow
from mlflow import MlflowClient

from flowcoach import workspace
from flowcoach.notebook import check

here = workspace.find()
mlflow.set_tracking_uri(here.store)
for name in ("one-script", "in-practice"):
    if mlflow.get_experiment_by_name(name) is None:
        mlflow.create_experiment(name, artifact_location=f"{here.artifacts}/{name}")


def terminal(*words, store):
    """Run a command in the workspace as a terminal would, with MLFLOW_TRACKING_URI = `store`, and show what it says."""
    environment = {**os.environ, "MLFLOW_TRACKING_URI": store, "PYTHONUTF8": "1"}
    del environment["MLFLOW_SQLALCHEMYSTORE_POOLCLASS"]
    done = subprocess.run(
        words, cwd=here.folder, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    print("$", *words, "\n" + done.stdout + done.stderr + f"ended with exit code {done.returncode}")


print(f"your workspace's store is {here.store}")

# %% [markdown]
# ## Step 1 · Alone
#
# Below is the beginning of a script, `hours.py`: how long do trips take in which hour of the day? It names an
# experiment, and **no store**: where its run goes is for whoever starts it to say. Write the rest into `rest`, one run
# with
#
# - the tag `code`: the variable `code`, a fingerprint of the script itself,
# - the metric `median_minutes`: the variable `median`,
# - a file `hours.csv` with the text `table` (`mlflow.log_text` writes a text as a file of the run).
#
# Then start it on your workspace's store: `terminal(sys.executable, "hours.py", store=here.store)`.

# %% nbgrader={"grade": false, "grade_id": "script", "locked": true, "schema_version": 3, "solution": false, "task": false}
beginning = '''"""How long do trips take, hour by hour? One run, in the store that MLFLOW_TRACKING_URI names."""

import hashlib
from pathlib import Path

import mlflow

from flowcoach import taxi, workspace

trips = taxi.prepare(taxi.read(workspace.find().months[0]))
median = trips[taxi.TARGET].median()
table = trips.groupby(trips["lpep_pickup_datetime"].dt.hour)[taxi.TARGET].median().to_csv()
code = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
mlflow.set_experiment("one-script")
'''

# %% nbgrader={"grade": false, "grade_id": "alone-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
rest = """
"""
### BEGIN SOLUTION
rest = """
with mlflow.start_run(run_name="hours"):
    mlflow.set_tag("code", code)
    mlflow.log_metric("median_minutes", median)
    mlflow.log_text(table, "hours.csv")
"""
### END SOLUTION
(here.folder / "hours.py").write_text(beginning + rest, encoding="utf-8")
# start it
### BEGIN SOLUTION
terminal(sys.executable, "hours.py", store=here.store)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "alone", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.6/alone")

# %% [markdown]
# ## Step 2 · The same script, a server
#
# `with server() as address:` starts a tracking server for you, waits until it answers (a quarter of a minute or two),
# and ends it when the block ends, whatever happens in it. It keeps its own database and its own files, in the folder
# `server` of your workspace. (It is the command from the page, in a few more words. Prefer a real terminal? Start it
# there, and use its address.)
#
# Inside the block, start `hours.py` once more, **unchanged**, with `store=address`.

# %% nbgrader={"grade": false, "grade_id": "start-server", "locked": true, "schema_version": 3, "solution": false, "task": false}
import socket
import urllib.request
from contextlib import contextmanager, suppress

guard = """
import os, signal, subprocess, sys, threading

server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)


def end_with_the_notebook():
    os.read(0, 1)  # comes back when the notebook closes this pipe, or dies
    if os.name == "posix":
        os.killpg(0, signal.SIGTERM)  # the server and everything that it started
    else:
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(server.pid)], capture_output=True)


threading.Thread(target=end_with_the_notebook, daemon=True).start()
sys.exit(server.wait())
"""


@contextmanager
def server():
    """A tracking server for the length of a `with` block; its address comes back."""
    folder = here.folder / "server"
    folder.mkdir(exist_ok=True)
    with socket.socket() as probe:  # ask the system for a free port
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "server", "--port", port, "--workers", "1"]
    command += ["--backend-store-uri", workspace.absolute("sqlite:///server/mlflow.db", here.folder)]
    command += ["--artifacts-destination", (folder / "mlartifacts").as_uri()]
    settings = {name: text for name, text in os.environ.items() if name != "MLFLOW_TRACKING_URI"}
    settings["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # two processes instead of fifteen
    with (folder / "server.log").open("wb") as log:
        running = subprocess.Popen(
            [sys.executable, "-c", guard, *command],
            env=settings,
            cwd=here.folder,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=os.name == "posix",
        )
    try:
        for _ in range(600):
            time.sleep(0.2)
            if running.poll() is not None:
                raise ChildProcessError(f"the server ended at once; {log.name} says why")
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                break
        else:
            raise TimeoutError(f"the server does not answer; {log.name} says more")
        yield f"http://127.0.0.1:{port}"
    finally:
        running.stdin.close()
        running.wait(timeout=60)


# %% nbgrader={"grade": false, "grade_id": "server-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
with server() as address:
    terminal(sys.executable, "hours.py", store=address)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "server", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.6/server")

# %% [markdown]
# ## Step 3 · Choose for four teams
#
# Four teams ask you which set-up to take. Run the cell: what they say differs from learner to learner.

# %% nbgrader={"grade": false, "grade_id": "teams", "locked": true, "schema_version": 3, "solution": false, "task": false}
chance = random.Random(f"four teams of {here.learner}")  # the same four whenever you come back
few, some, many, cities = (chance.randint(low, low + 2) for low in (3, 6, 9, 2))
office = "people in one office, on a network that only they use"
kinds = [  # people, place, access, and how they put it
    (1, "one laptop", "all", "One person on one laptop."),
    (few, "one office", "all", f"{few} {office}. Everybody may see and change everything."),
    (some, "one office", "some may only read", f"{some} {office}. The trainees may look, not change."),
    (many, f"{cities} cities", "all", f"{many} people in {cities} cities, over the internet."),
]
wishes = [
    ("rows", "In a year they must show the very rows that a model was trained on."),
    ("alarm", "They want an alarm when live trips stop looking like those of the training."),
    ("none", "They ask for nothing else."),
]
wishes.append(chance.choice(wishes))
chance.shuffle(kinds)
chance.shuffle(wishes)
asked = {}
for team, kind, wish in zip(("bakery", "clinic", "harbour", "theatre"), kinds, wishes, strict=True):
    for what, said in zip(("people", "place", "access", "wish"), (*kind[:3], wish[0]), strict=True):
        asked[f"{team}.{what}"] = said
    print(f"The {team}: {kind[3]} {wish[1]}")
noted = mlflow.search_runs(
    experiment_names=["in-practice"], filter_string="params.`bakery.people` != ''", output_format="list"
)
if not noted:
    mlflow.set_experiment("in-practice")
    with mlflow.start_run(run_name="teams"):
        mlflow.log_params(asked)

# %% [markdown]
# Which is the **smallest** set-up that does for each: `alone`, `local server` or `team server`? (As on the page: a
# local server stands in one trusted network and asks nobody for a password; a team server has logins.) And what do they
# need **beside** MLflow, because it does not do it: `data versioning`, `monitoring` or `nothing`?

# %% nbgrader={"grade": false, "grade_id": "teams-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
setups = {"bakery": "", "clinic": "", "harbour": "", "theatre": ""}  # alone, local server, team server
besides = {"bakery": "", "clinic": "", "harbour": "", "theatre": ""}  # data versioning, monitoring, nothing
### BEGIN SOLUTION
for team in setups:
    if asked[f"{team}.people"] == 1:
        setups[team] = "alone"
    elif asked[f"{team}.place"] == "one office" and asked[f"{team}.access"] == "all":
        setups[team] = "local server"
    else:
        setups[team] = "team server"
    besides[team] = {"rows": "data versioning", "alarm": "monitoring", "none": "nothing"}[asked[f"{team}.wish"]]
### END SOLUTION
here.answer("2.6", setups=setups, besides=besides)

# %% nbgrader={"grade": true, "grade_id": "teams-chosen", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.6/teams-chosen")

# %% [markdown]
# ## Step 4 · Back up, lose, restore
#
# The next cell puts a team's store into your workspace, in the folder `team`: a database `mlflow.db`, and a folder
# `mlartifacts` with the files. Three runs in the experiment `routes` are worth money; three in `scratch` are old tries.

# %% nbgrader={"grade": false, "grade_id": "plant", "locked": true, "schema_version": 3, "solution": false, "task": false}
team = here.folder / "team"
team_store = workspace.absolute("sqlite:///team/mlflow.db", here.folder)
files = {name: team / "mlartifacts" / name for name in ("routes", "scratch")}


def remembered():
    """What this notebook noted of each store that it planted, the newest first."""
    return mlflow.search_runs(
        experiment_names=["in-practice"], filter_string="params.routes != ''", output_format="list"
    )


def whole(noted):
    """Whether the team's store holds the runs of “routes” that were noted, with their files."""
    ids = [entry.split(":")[0] for entry in noted.data.params["routes"].split()]
    try:
        with closing(sqlite3.connect(f"{(team / 'mlflow.db').as_uri()}?mode=ro", uri=True)) as store:
            found = {row[0] for row in store.execute("SELECT run_uuid FROM runs WHERE lifecycle_stage = 'active'")}
    except sqlite3.Error:
        return False
    return found >= {*ids} and all((files["routes"] / id / "artifacts" / "weights.bin").is_file() for id in ids)


def plant():
    """Put a new store of a team into the folder `team`, and note which runs and files are in it."""
    shutil.rmtree(team, ignore_errors=True)
    (here.folder / ".flowcoach").mkdir(exist_ok=True)
    made = here.folder / ".flowcoach" / f"team-{time.time_ns()}.db"  # a new name: MLflow remembers what it opened
    client = MlflowClient(workspace.absolute(f"sqlite:///.flowcoach/{made.name}", here.folder))
    noted = {}
    for name, folder in files.items():
        experiment, entries = client.create_experiment(name, artifact_location=folder.as_uri()), []
        for number in range(3):
            run = client.create_run(experiment, run_name=f"{name}-{number}", tags={"mlflow.user": "the team"})
            file = folder / run.info.run_id / "artifacts" / "weights.bin"
            file.parent.mkdir(parents=True)
            file.write_bytes(random.randbytes(100_000 if name == "routes" else 500_000))
            client.log_metric(run.info.run_id, "rmse", 5 + random.random())
            client.set_terminated(run.info.run_id)
            entries.append(f"{run.info.run_id}:{hashlib.sha256(file.read_bytes()).hexdigest()[:16]}")
        noted[name] = " ".join(entries)
    made.replace(team / "mlflow.db")
    mlflow.set_experiment("in-practice")
    with mlflow.start_run(run_name="planted"):
        mlflow.log_params(noted)


def lose():
    """The disk breaks: the folder `team` is gone, and the day is noted."""
    for noted in remembered():
        if whole(noted):
            MlflowClient().set_tag(noted.info.run_id, "lost", time.strftime("%Y-%m-%d %H:%M"))
    shutil.rmtree(team, ignore_errors=True)
    print(f"{team} is gone")


if any(whole(noted) for noted in remembered()):
    print(f"the team's store is in {team}")
else:
    plant()
    print(f"a team's store was put into {team} (if one was there, it was not whole; a backup may be restored over it)")

# %% [markdown]
# First **back up**, into the folder `backup`: a new one with today's date and time, for no backup is made over an older
# one. A backup is two things; make the database's copy so that it is whole even if somebody logs a run meanwhile
# (`run.py`, part 4, shows how).

# %% nbgrader={"grade": false, "grade_id": "back-up-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
backup = here.folder / "backup" / time.strftime("%Y-%m-%d-%H%M%S")
backup.mkdir(parents=True, exist_ok=True)
### BEGIN SOLUTION
with closing(sqlite3.connect(team / "mlflow.db")) as source, closing(sqlite3.connect(backup / "mlflow.db")) as target:
    source.backup(target)
shutil.copytree(team / "mlartifacts", backup / "mlartifacts")
### END SOLUTION

# %% [markdown]
# Now **lose** it: call `lose()`. Look into the folder `team`: it is not there. Then **restore** it from your backup, to
# the place where it was (why there? Its database knows where each file lies, by its full path). Restarted meanwhile?
# Then let `backup` be the folder that you made, `here.folder / "backup" / "…"`, instead of making a new one. No backup
# after all? Run the cell above that begins with `team =` again: it puts a new store there, and you start over.

# %% nbgrader={"grade": false, "grade_id": "restored-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
lose()
team.mkdir()
shutil.copyfile(backup / "mlflow.db", team / "mlflow.db")  # nobody writes to a backup, so a plain copy is whole
shutil.copytree(backup / "mlartifacts", team / "mlartifacts")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "restored", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.6/restored")

# %% [markdown]
# ## Step 5 · Free the disk
#
# The team's disk is nearly full, and the three runs of `scratch` can go. **Delete** them (in a client of the team's
# store, `MlflowClient(team_store)`). How many bytes did that free? `used()` says. Then take them out of the trash for
# good with `mlflow gc`, and look again. In this notebook that program is
# `terminal(sys.executable, "-m", "mlflow", "gc", ..., store=team_store)`; the page says what it wants to be told.


# %% nbgrader={"grade": false, "grade_id": "used", "locked": true, "schema_version": 3, "solution": false, "task": false}
def used():
    """How many bytes the files of the team's runs take."""
    sizes = [path.stat().st_size for path in (team / "mlartifacts").rglob("*") if path.is_file()]
    print(f"{len(sizes)} files, {sum(sizes):,} bytes")


used()

# %% nbgrader={"grade": false, "grade_id": "freed-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
client = MlflowClient(team_store)
scratch = client.get_experiment_by_name("scratch")
for run in client.search_runs([scratch.experiment_id]):
    client.delete_run(run.info.run_id)
used()
terminal(sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", team_store, store=team_store)
### END SOLUTION
used()

# %% nbgrader={"grade": true, "grade_id": "freed", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.6/freed")

# %% [markdown]
# ## Step 6 · The team's server (a bonus)
#
# This one needs a server with logins. Have none? Start one of your own in a terminal, with `flowcoach lab up team`, and
# log one run into the experiment `team-server` with a script of yours: `flowcoach lab run --as colleague SCRIPT.py`.
# While the lab is up, the check looks there.
#
# Or take your team's: its address, and an account that is not your usual one. Log the run in this cell, and check it in
# a terminal, with the server's address in `MLFLOW_TRACKING_URI`: `flowcoach check 2.6/team-server`.
#
# Neither? Leave the cell as it is: the step is skipped and costs nothing.

# %% nbgrader={"grade": false, "grade_id": "team-server-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
team_address = ""  # such as https://mlflow.example.org
account, password = "", ""
### BEGIN SOLUTION
if team_address:
    os.environ.update({"MLFLOW_TRACKING_USERNAME": account, "MLFLOW_TRACKING_PASSWORD": password})
    mlflow.set_tracking_uri(team_address)
    mlflow.set_experiment("team-server")
    with mlflow.start_run(run_name="hello"):
        mlflow.log_text("hello", "hello.txt")
    mlflow.set_tracking_uri(here.store)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "team-server", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.6/team-server")

# %% [markdown]
# ## Step 7 · Break it and see (a bonus)
#
# Trust in a server comes from having seen it fail. Everything here happens in terminals, see “Break it and see” on the
# page: with the lab up, start `steps.py` through it in one terminal, and break the database, the files or the server in
# another before it is done. Then mend it. The check compares what the store had confirmed with what it holds now.
#
# No lab? The step is skipped and costs nothing.

# %% nbgrader={"grade": true, "grade_id": "nothing-lost", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.6/nothing-lost")

# %% [markdown]
# ## Done
#
# `flowcoach` in a terminal says what comes next. The folders `server`, `team` and `backup` may stay or go, as you like;
# while they stay, your greens stay.
