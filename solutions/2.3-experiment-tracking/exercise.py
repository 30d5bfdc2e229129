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
# # 2.3 Experiment tracking: tune a forest
#
# In `run.py` you watched a tree being tuned. Now you tune a **forest**, choose the best trial, train it again, and
# let autolog look over your shoulder. Seven steps, two evenings; the second evening begins at step 5.
#
# After each step run the check below it. It looks at what MLflow stored, so you may check as often as you like, and
# `flowcoach check 2.3` in a terminal says the same.

# %% [markdown]
# ## Before you begin
#
# Run this cell first, every evening anew. It tells MLflow which store to use, gives both experiments a place for their
# files, and reads your trips: learn on `train`, choose on `valid`.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import warnings

import mlflow
import optuna
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import root_mean_squared_error

from flowcoach import taxi, workspace
from flowcoach.notebook import check

warnings.filterwarnings("ignore", message="The specified dataset source")  # MLflow hesitates between two equal names
here = workspace.find()
mlflow.set_tracking_uri(here.store)
for name in ("forest-search", "forest-final"):
    if mlflow.get_experiment_by_name(name) is None:
        mlflow.create_experiment(name, artifact_location=f"{here.artifacts}/{name}")

train_path, valid_path, _ = here.months
train = taxi.prepare(taxi.read(train_path))
valid = taxi.prepare(taxi.read(valid_path))
knobs = ["max_depth", "n_estimators", "min_samples_leaf", "min_samples_split"]
search = mlflow.get_experiment_by_name("forest-search").experiment_id
for name, month in (
    ("train", train[taxi.TARGET]),
    ("valid", valid[taxi.TARGET]),
):  # the check of step 1 counts with these
    for what, value in (("trips", len(month)), ("mean", month.mean()), ("mean_of_squares", (month**2).mean())):
        mlflow.MlflowClient().set_experiment_tag(search, f"{name}_{what}", float(value))
print(f"{len(train)} trips to learn from, {len(valid)} to choose on; the store is {here.store}")

# %% [markdown]
# ## Step 1 · The baseline
#
# What is the simplest prediction of all? The mean duration of the training month, for every trip. In **one run** of
# the experiment `forest-search`, log
#
# - the parameter `model` with the value `mean`,
# - the metric `rmse`: how far off, in minutes, that one number is on the validation month.

# %% nbgrader={"grade": false, "grade_id": "baseline-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
mlflow.set_experiment("forest-search")
### BEGIN SOLUTION
with mlflow.start_run(run_name="baseline"):
    mlflow.log_param("model", "mean")
    guess = [train[taxi.TARGET].mean()] * len(valid)
    mlflow.log_metric("rmse", root_mean_squared_error(valid[taxi.TARGET], guess))
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "baseline", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.3/baseline")

# %% [markdown]
# ## Step 2 · Fifteen trials
#
# Write the objective. Each call is **one run**: it logs the four knobs that Optuna proposes, trains a forest with
# them and `random_state=42`, and logs its validation RMSE as `rmse`. The code around it opens the run. Below
# it, let Optuna search: `create_study` and `optimize`, as on the page.
#
# `taxi.pipeline(RandomForestRegressor(...))` gives you a model that takes the columns `taxi.ZONES` as they are.

# %% nbgrader={"grade": false, "grade_id": "trials-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
space = {
    "max_depth": (3, 12),
    "n_estimators": (5, 20),
    "min_samples_leaf": (1, 8),
    "min_samples_split": (2, 10),
}


def objective(trial):
    params = {knob: trial.suggest_int(knob, low, high) for knob, (low, high) in space.items()}
    rmse = float("nan")
    with mlflow.start_run(run_name=f"trial-{trial.number:02d}"):
        # log the knobs, train a forest, compute `rmse` on the validation month, log it
        ### BEGIN SOLUTION
        mlflow.log_params(params)
        model = taxi.pipeline(RandomForestRegressor(**params, random_state=42))
        model.fit(train[taxi.ZONES], train[taxi.TARGET])
        rmse = root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))
        mlflow.log_metric("rmse", rmse)
        ### END SOLUTION
    return rmse


# how many trials?
### BEGIN SOLUTION
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=42))
study.optimize(objective, n_trials=15)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "trials", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.3/trials")

# %% [markdown]
# ## Step 3 · Choose the best, and say of how many
#
# Open MLflow's UI (`flowcoach ui` in a terminal), press *Model training*, choose `forest-search`, tick `rmse` under *Columns*,
# sort by it, and give the best trial the tag `best_of`; its value is the number of trials that you compared. Clicking is
# fine. So is code: `mlflow.search_runs` finds it, `mlflow.MlflowClient().set_tag` marks it.

# %% nbgrader={"grade": false, "grade_id": "best-tagged-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
trials = mlflow.search_runs(
    experiment_names=["forest-search"],
    filter_string="params.max_depth != '' and attributes.status = 'FINISHED'",
    order_by=["metrics.rmse ASC"],
    output_format="list",
)
mlflow.MlflowClient().set_tag(trials[0].info.run_id, "best_of", len(trials))
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "best-tagged", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.3/best-tagged")

# %% [markdown]
# ## Step 4 · Train it again
#
# Ask MLflow for the trial that you tagged (the filter `tags.best_of != ''`). In a new run of the experiment `forest-final`,
# train a forest with its knobs, and with the `random_state` of your trials. Log the four knobs and `rmse` as before, and
# set the tag `chosen_from` to the **run id** of the trial.
#
# A parameter comes back from MLflow as text: `int("12")`. The names of the four stand in `knobs`.

# %% nbgrader={"grade": false, "grade_id": "retrained-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
mlflow.set_experiment("forest-final")
### BEGIN SOLUTION
best = mlflow.search_runs(
    experiment_names=["forest-search"],
    filter_string="tags.best_of != ''",
    order_by=["metrics.rmse ASC"],
    output_format="list",
)[0]
params = {knob: int(best.data.params[knob]) for knob in knobs}
with mlflow.start_run(run_name="by-hand"):
    mlflow.set_tag("chosen_from", best.info.run_id)
    mlflow.log_params(params)
    model = taxi.pipeline(RandomForestRegressor(**params, random_state=42))
    model.fit(train[taxi.ZONES], train[taxi.TARGET])
    mlflow.log_metric("rmse", root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES])))
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "retrained", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.3/retrained")

# %% [markdown]
# That was the first evening: `flowcoach check 2.3` shows four green lines.
#
# ## Step 5 · Autolog (the second evening)
#
# When you come back, run the first cell again, and no other: all you need is in the store. Ask it for the knobs of your
# run of step 4 (the filter `tags.chosen_from != ''`; the newest comes first).
#
# Then let MLflow write: switch autolog on with `mlflow.sklearn.autolog(log_models=False)`, start a run in
# `forest-final`, and fit the **same** forest inside it, same knobs, same `random_state`. Switch autolog off afterwards
# with `mlflow.sklearn.autolog(disable=True)`.

# %% nbgrader={"grade": false, "grade_id": "autolog-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
mlflow.set_experiment("forest-final")
### BEGIN SOLUTION
by_hand = mlflow.search_runs(
    experiment_names=["forest-final"], filter_string="tags.chosen_from != ''", output_format="list"
)[0]
params = {knob: int(by_hand.data.params[knob]) for knob in knobs}
mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run(run_name="autologged") as autologged:
    model = taxi.pipeline(RandomForestRegressor(**params, random_state=42))
    model.fit(train[taxi.ZONES], train[taxi.TARGET])
mlflow.sklearn.autolog(disable=True)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "autolog", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.3/autolog")

# %% [markdown]
# ## Step 6 · Compare what can be compared
#
# The autologged run has metrics called `training_…`. Which of them can stand beside the `rmse` of the run that you
# logged by hand? Open the autologged run again, `mlflow.start_run(run_id=...)`, and add to it the figure that can:
# its **validation** RMSE, as `rmse`. If both runs trained the same forest, both figures agree.

# %% nbgrader={"grade": false, "grade_id": "compared-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
with mlflow.start_run(run_id=autologged.info.run_id):
    mlflow.log_metric("rmse", root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES])))
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "compared", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.3/compared")

# %% [markdown]
# ## Step 7 · Name the data
#
# In one run of `forest-final` (a new one, or the autologged one opened again), log two datasets: the training month
# with `context="training"`, the validation month with `context="validation"`. `mlflow.data.from_pandas` makes a
# dataset of a frame, `mlflow.log_input` logs it.

# %% nbgrader={"grade": false, "grade_id": "datasets-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
with mlflow.start_run(run_id=autologged.info.run_id):
    for context, frame, path in (("training", train, train_path), ("validation", valid, valid_path)):
        dataset = mlflow.data.from_pandas(
            frame[[*taxi.ZONES, taxi.TARGET]], source=path.as_uri(), name=path.stem, targets=taxi.TARGET
        )
        mlflow.log_input(dataset, context=context)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "datasets", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.3/datasets")

# %% [markdown]
# ## Done
#
# `flowcoach` in a terminal says what comes next. Before you close the UI: mark your trials, press *Compare*, and look
# at the parallel coordinates. Which knob matters most for your trips?
