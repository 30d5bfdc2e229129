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
# # 2.1 Introduction: the store of a colleague who left
#
# Sam has left, and the runs are yours now. Six small steps, 25 minutes: find one run, read it, judge three, and see
# which of the ten can never be made again.
#
# After each step run the check below it. It looks at what MLflow stored, so you may check as often as you like, and
# `flowcoach check 2.1` in a terminal says the same. A try that went wrong costs nothing and may stay.

# %% [markdown]
# ## Before you begin
#
# Run this cell first, and again whenever you come back or restarted the kernel. (The keys: Shift and Enter.) It opens
# your store and says which figure stands in the report.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import subprocess
import sys

import mlflow

from flowcoach import workspace
from flowcoach.notebook import check

here = workspace.find()
mlflow.set_tracking_uri(here.store)
client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("green-taxi")
if experiment is None or experiment.lifecycle_stage == "deleted":  # bring Sam's runs, as the section's script does
    subprocess.run([sys.executable, "-m", "flowcoach", "run", "2.1"], capture_output=True, check=True)
experiment = client.get_experiment_by_name("green-taxi")
figure = experiment.tags["rmse_in_the_report"]
sheet = here.folder / "spreadsheet.csv"
print(f"The report says: off by {figure} minutes. Sam's runs are in the experiment green-taxi of {here.store}")

# %% [markdown]
# ## Step 1 · One sentence on one run
#
# Which run is behind the figure in the report? Open MLflow's UI (`flowcoach ui` in a terminal), press *Model training*,
# choose the experiment `green-taxi`, and tick `rmse` under *Columns*. Open the run that has the figure, to the last digit,
# and write one sentence into its **Description** (the pencil): that this is the run in the report. Save. (Done already,
# while you read the page? Then just check.)
#
# If you would rather type than click: to MLflow a description is a tag with the name `mlflow.note.content`.

# %% nbgrader={"grade": false, "grade_id": "described-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
# leave this cell empty if you click; by code it is client.set_tag(run_id, name, text)
### BEGIN SOLUTION
for run in client.search_runs([experiment.experiment_id], "tags.`mlflow.user` = 'sam'"):
    if f"{run.data.metrics.get('rmse', 0):.4f}" == figure:
        found = run
client.set_tag(found.info.run_id, "mlflow.note.content", "The run behind the figure in the report.")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "described", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.1/described")

# %% [markdown]
# ## Step 2 · Who, when, which code
#
# Stay on the page of that run and copy from the part *About this run*:
#
# - `run_id`: its id, all 32 characters,
# - `author`: who made it,
# - `day`: the day on which it was made, as `"2023-12-31"`: year, month, day (the UI writes the month first, 12/31/2023),
# - `commit`: the version of the code. It stands beside the source; the first characters, as the UI shows them, will do.

# %% nbgrader={"grade": false, "grade_id": "who-when-which-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
run_id = ""
author = ""
day = ""
commit = ""
### BEGIN SOLUTION
from datetime import UTC, datetime

run_id = found.info.run_id
author = found.data.tags["mlflow.user"]
day = datetime.fromtimestamp(found.info.start_time / 1000, UTC).date().isoformat()
commit = found.data.tags["mlflow.source.git.commit"]
### END SOLUTION
here.answer("2.1", run_id=run_id, author=author, day=day, commit=commit)

# %% nbgrader={"grade": true, "grade_id": "who-when-which", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.1/who-when-which")

# %% [markdown]
# ## Step 3 · Four kinds
#
# Everything in that run is a `parameter`, a `metric`, a `tag` or an `artifact`. What is each of these six? (What MLflow
# notes by itself is not shown among the tags of the page. This shows all: `client.get_run(run_id).data.tags`.)

# %% nbgrader={"grade": false, "grade_id": "kinds-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
kinds = {
    "alpha": "",
    "rmse": "",
    "train-data-path": "",
    "description": "",  # the sentence that you wrote
    "commit": "",
    "worst-trips.csv": "",
}
### BEGIN SOLUTION
kinds = {
    "alpha": "parameter",
    "rmse": "metric",
    "train-data-path": "parameter",
    "description": "tag",
    "commit": "tag",
    "worst-trips.csv": "artifact",
}
### END SOLUTION
here.answer("2.1", kinds=kinds)

# %% nbgrader={"grade": true, "grade_id": "kinds", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.1/kinds")

# %% [markdown]
# ## Step 4 · Sam's boss wants a spreadsheet
#
# Sam put three of the runs on a shortlist: they carry the tag `shortlist`. Write them into a file `spreadsheet.csv` in
# your workspace, the folder of `flowcoach.toml`. A first line with the names of the columns, then a line for each run:
#
# ```
# run_id,model,valid-data-path,rmse
# ```
#
# By hand, in a spreadsheet program that saves as CSV, or in an editor, is fine: that is how most people keep such a list.
# Figures may be rounded, and a comma for the point counts where semicolons part the columns. Or let the store write it: `mlflow.search_runs` gives a pandas table, and `to_csv(sheet)` writes
# one. (In that table the columns are called `run_id`, `params.model`, `metrics.rmse` and so on; those names count, too.)

# %% nbgrader={"grade": false, "grade_id": "spreadsheet-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
# leave this cell empty if you write the file by hand; by code, its place is in the variable `sheet`
### BEGIN SOLUTION
three = mlflow.search_runs(experiment_names=["green-taxi"], filter_string="tags.shortlist != ''")
columns = {
    "run_id": "run_id",
    "params.model": "model",
    "params.valid-data-path": "valid-data-path",
    "metrics.rmse": "rmse",
}
three[list(columns)].rename(columns=columns).to_csv(sheet, index=False)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "spreadsheet", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.1/spreadsheet")

# %% [markdown]
# ## Step 5 · Which comparison is fair?
#
# Look at your three rows. One figure was measured on another month than the other two, so it cannot be compared with
# them. Answer with ids:
#
# - `odd_one`: the run that was measured on another month,
# - `better`: of the other two, the better one.

# %% nbgrader={"grade": false, "grade_id": "fair-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
odd_one = ""
better = ""
### BEGIN SOLUTION
months = three["params.valid-data-path"]
same = months.duplicated(keep=False)
odd_one = three[~same]["run_id"].item()
better = three[same].sort_values("metrics.rmse")["run_id"].iloc[0]
### END SOLUTION
here.answer("2.1", odd_one=odd_one, better=better)

# %% nbgrader={"grade": true, "grade_id": "fair", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.1/fair")

# %% [markdown]
# ## Step 6 · What can never be made again
#
# Go through Sam's ten runs. Which of them can nobody make again, because the **code** is not known (no commit) or the
# **data** is not known (no `train-data-path`)? List their ids. The UI shows both when you tick *Version* (the commit) and
# `train-data-path` under *Columns* (they appear at the right end of the table); `mlflow.search_runs` has them as
# `tags.mlflow.source.git.commit` and `params.train-data-path`.

# %% nbgrader={"grade": false, "grade_id": "lost-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
lost = [
    # "…",
]
### BEGIN SOLUTION
ten = mlflow.search_runs(experiment_names=["green-taxi"], filter_string="tags.`mlflow.user` = 'sam'")
unknown = ten["tags.mlflow.source.git.commit"].isna() | ten["params.train-data-path"].isna()
lost = ten[unknown]["run_id"].tolist()
### END SOLUTION
here.answer("2.1", lost=lost)

# %% nbgrader={"grade": true, "grade_id": "lost", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.1/lost")

# %% [markdown]
# ## Done
#
# `flowcoach` in a terminal says what comes next. From 2.2 on the runs are your own, and it is up to you whether a
# stranger can make them again.
