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
# # 2.2 Getting started: a ridge, by hand
#
# `run.py` logged one Lasso. Now it is your turn, with a **Ridge**, in an experiment of your own. Seven small steps,
# forty minutes.
#
# After each step run the check below it. It looks at what MLflow stored, so you may check as often as you like, and
# `flowcoach check 2.2` in a terminal says the same. A try that went wrong costs nothing and may stay.

# %% [markdown]
# ## Before you begin
#
# Run this cell first, and again whenever you restarted the kernel. It finds your workspace and reads your trips: learn on `train`, judge on `valid`.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import mlflow
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error

from flowcoach import taxi, workspace
from flowcoach.notebook import check

here = workspace.find()
train_path, valid_path, _ = here.months
train = taxi.prepare(taxi.read(train_path))
valid = taxi.prepare(taxi.read(valid_path))
print(f"{len(train)} trips to learn from, {len(valid)} to judge on")
print(f"your workspace's store is {here.store}")

# %% [markdown]
# ## Step 1 · The right store, and an experiment
#
# Tell MLflow to use your workspace's store (its address is `here.store`), then make the experiment `ridge-by-hand`
# in it and choose it: `mlflow.get_experiment_by_name`, `mlflow.create_experiment` and `mlflow.set_experiment`, as `run.py`
# does (it lies beside the section's page). Make it only when it is not there yet, for you will run this cell again (after
# each restart of the kernel). `artifact_location` gives its files a place that does not depend on the folder you stand
# in. Forgot that? It cannot be changed afterwards, and the check does not ask for it.

# %% nbgrader={"grade": false, "grade_id": "own-store-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
mlflow.set_tracking_uri(here.store)
if mlflow.get_experiment_by_name("ridge-by-hand") is None:
    mlflow.create_experiment("ridge-by-hand", artifact_location=f"{here.artifacts}/ridge-by-hand")
mlflow.set_experiment("ridge-by-hand")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "own-store", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.2/own-store")

# %% [markdown]
# ## Step 2 · Who, and with what
#
# Open a run with `with mlflow.start_run():` and write down, inside it,
#
# - the tag `developer`: your name,
# - the parameters `train-data-path`, `valid-data-path` and `alpha` (take 1).
#
# No model yet. Then open `flowcoach ui` in a terminal and find your run: what else does its page say?

# %% nbgrader={"grade": false, "grade_id": "described-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
with mlflow.start_run(run_name="described"):
    mlflow.set_tag("developer", "a learner")
    mlflow.log_params({"train-data-path": train_path, "valid-data-path": valid_path, "alpha": 1})
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "described", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.2/described")

# %% [markdown]
# ## Step 3 · How well
#
# A new run, the whole page this time: tag and parameters as before, then train `taxi.pipeline(Ridge(alpha=alpha))` on
# the columns `taxi.ZONES` of `train`, and log how far off it is on **`valid`**, in minutes, as the metric `rmse`.

# %% nbgrader={"grade": false, "grade_id": "measured-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
alpha = 1
### BEGIN SOLUTION
with mlflow.start_run(run_name="ridge-1"):
    mlflow.set_tag("developer", "a learner")
    mlflow.log_params({"train-data-path": train_path, "valid-data-path": valid_path, "alpha": alpha})
    model = taxi.pipeline(Ridge(alpha=alpha))
    model.fit(train[taxi.ZONES], train[taxi.TARGET])
    rmse = root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))
    mlflow.log_metric("rmse", rmse)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "measured", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.2/measured")

# %% [markdown]
# ## Step 4 · Another alpha
#
# `alpha` says how strongly the Ridge is held back. Does more of it help on your trips? Make one more run with another
# alpha, and change nothing else. Try 100, or whatever you are curious about.

# %% nbgrader={"grade": false, "grade_id": "second-alpha-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
alpha = 100
with mlflow.start_run(run_name="ridge-100"):
    mlflow.set_tag("developer", "a learner")
    mlflow.log_params({"train-data-path": train_path, "valid-data-path": valid_path, "alpha": alpha})
    model = taxi.pipeline(Ridge(alpha=alpha))
    model.fit(train[taxi.ZONES], train[taxi.TARGET])
    rmse = root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))
    mlflow.log_metric("rmse", rmse)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "second-alpha", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.2/second-alpha")

# %% [markdown]
# ## Step 5 · The same, from a committed script
#
# A notebook's cells change after they ran, so MLflow notes no code version for them. For a script in a git repository
# it does: **the commit that is there when the script starts**. So: first commit, then run.
#
# The next cell holds the beginning of a script `train.py`, and a helper that runs a command in your workspace as a
# terminal would. (Prefer a real terminal? Use that, and your editor.)

# %% nbgrader={"grade": false, "grade_id": "script", "locked": true, "schema_version": 3, "solution": false, "task": false}
import shutil
import subprocess
import sys

beginning = """import mlflow
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error

from flowcoach import taxi, workspace

here = workspace.find()
mlflow.set_tracking_uri(here.store)
mlflow.set_experiment("ridge-by-hand")
train_path, valid_path, _ = here.months
train = taxi.prepare(taxi.read(train_path))
valid = taxi.prepare(taxi.read(valid_path))
alpha = 10
"""


def terminal(*words):
    """Run a command in the workspace and show what it says: terminal("git", "status")."""
    if " " in words[0]:
        print('give the words apart: terminal("git", "status")')
        return
    if shutil.which(words[0]) is None:
        print(f"{words[0]} is not installed here; git comes from https://git-scm.com/downloads")
        return
    done = subprocess.run(words, check=False, cwd=here.folder, capture_output=True, encoding="utf-8", errors="replace")
    print("$", *words, "\n" + done.stdout + done.stderr)


# %% [markdown]
# Write the rest of the script into `rest`: the run of step 3, as it stands there. Then let the `terminal`
#
# 1. make a repository: `git init`,
# 2. put the script under version control: `git add train.py`,
# 3. commit it. Where git does not know you yet, say who you are:
#    `git -c user.name=me -c user.email=me@example.org commit -m "Train a ridge"`,
# 4. run it: `python train.py`; in this notebook that Python is called `sys.executable`.
#
# Each is one call, its words apart: `terminal("git", "add", "train.py")`.

# %% nbgrader={"grade": false, "grade_id": "from-script-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
rest = """
"""
### BEGIN SOLUTION
rest = """
with mlflow.start_run(run_name="from-script"):
    mlflow.set_tag("developer", "a learner")
    mlflow.log_params({"train-data-path": train_path, "valid-data-path": valid_path, "alpha": alpha})
    model = taxi.pipeline(Ridge(alpha=alpha))
    model.fit(train[taxi.ZONES], train[taxi.TARGET])
    rmse = root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))
    mlflow.log_metric("rmse", rmse)
"""
### END SOLUTION
(here.folder / "train.py").write_text(beginning + rest, encoding="utf-8")
# four commands
### BEGIN SOLUTION
terminal("git", "init")
terminal("git", "add", "train.py")
terminal("git", "-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "-m", "Train a ridge")
terminal(sys.executable, "train.py")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "from-script", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.2/from-script")

# %% [markdown]
# ## Step 6 · What MLflow wrote by itself
#
# You never logged a commit, yet the run of `train.py` has one. Find that run (in the UI by its source, or with
# `mlflow.search_runs`), look at its tags, and answer:
#
# - `script_run`: the run's id, 32 characters,
# - `commit`: the commit that MLflow noted,
# - `author`: who ran it, as **MLflow** noted it.

# %% nbgrader={"grade": false, "grade_id": "by-itself-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
script_run = ""
commit = ""
author = ""
### BEGIN SOLUTION
found = mlflow.search_runs(
    experiment_names=["ridge-by-hand"],
    filter_string="tags.`mlflow.source.name` LIKE '%train.py' AND tags.`mlflow.source.git.commit` != ''",
    output_format="list",
)
script_run = found[0].info.run_id
commit = found[0].data.tags["mlflow.source.git.commit"]
author = found[0].data.tags["mlflow.user"]
### END SOLUTION
here.answer("2.2", script_run=script_run, commit=commit, author=author)

# %% nbgrader={"grade": true, "grade_id": "by-itself", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.2/by-itself")

# %% [markdown]
# ## Step 7 · Where each piece lies
#
# Your store is one file, a SQLite database. Look inside: `look()` lists the tables, `look("params")` shows the newest
# rows of one. (Many tables belong to later sections; you need five or six.)

# %% nbgrader={"grade": false, "grade_id": "look", "locked": true, "schema_version": 3, "solution": false, "task": false}
import pandas as pd


def look(table="sqlite_master"):
    """The last rows of one table of the store; without a name, the names of all tables."""
    if table == "sqlite_master":
        return pd.read_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name", here.store)
    return pd.read_sql(f'SELECT * FROM "{table}"', here.store).tail(12)


# %% [markdown]
# In which table does each of these lie? Fill in the six names.

# %% nbgrader={"grade": false, "grade_id": "where-it-lies-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
tables = {
    "experiment": "",  # the name ridge-by-hand
    "status": "",  # the word FINISHED
    "alpha": "",
    "rmse": "",
    "developer": "",
    "commit": "",  # the one that MLflow noted
}
### BEGIN SOLUTION
tables = {
    "experiment": "experiments",
    "status": "runs",
    "alpha": "params",
    "rmse": "metrics",
    "developer": "tags",
    "commit": "tags",
}
### END SOLUTION
here.answer("2.2", tables=tables)

# %% nbgrader={"grade": true, "grade_id": "where-it-lies", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.2/where-it-lies")

# %% [markdown]
# ## Done
#
# `flowcoach` in a terminal says what comes next: in 2.3 you will not write alphas by hand any more. Before you close
# the UI: select your runs, press *Compare*, and see which alpha suits your trips best.
