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
# # 2.5 Model registry: a champion and a challenger
#
# In `run.py` you watched a tree become a registered model. Now it is your turn, with models that you did not train: a
# colleague left five finalists. Register the best, bring in a challenger, compare the two on a month that neither has
# seen, promote, and roll back. Six steps, 45 minutes.
#
# After each step run the check below it. It looks at what MLflow stored, so you may check as often as you like, and
# `flowcoach check 2.5` in a terminal says the same.

# %% [markdown]
# ## Before you begin
#
# Run this cell first, and again whenever you restarted the kernel; it takes a quarter of a minute once, and then nothing. It trains the colleague's five
# finalists into the experiment `finalists`, each with its model (under the name `model`) and its data. You need not
# read it: what a finalist is, MLflow knows.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import random
import warnings

import mlflow
import pandas as pd
import sklearn
import skops
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso
from sklearn.metrics import root_mean_squared_error
from sklearn.tree import DecisionTreeRegressor

from flowcoach import taxi, workspace
from flowcoach.notebook import check

warnings.filterwarnings("ignore", message="The specified dataset source")  # MLflow hesitates between two equal names
here = workspace.find()
mlflow.set_tracking_uri(here.store)
client = mlflow.MlflowClient()
for name in ("finalists", "newcomer", "unseen-month", "night-shift"):
    if mlflow.get_experiment_by_name(name) is None:
        mlflow.create_experiment(name, artifact_location=f"{here.artifacts}/{name}")

train_path, valid_path, test_path = here.months
trips = {path: taxi.prepare(taxi.read(path)).filter(items=[*taxi.ZONES, taxi.TARGET]) for path in here.months}
train, valid, test = trips.values()


def dataset_of(path):
    return mlflow.data.from_pandas(trips[path], source=path.as_uri(), name=path.stem, targets=taxi.TARGET)


def rmse_of(model, frame):
    return root_mean_squared_error(frame[taxi.TARGET], model.predict(frame[taxi.ZONES]))


def leave_behind(name, regressor, months, measures, **tags):
    frame = pd.concat([trips[path] for path in months])
    with mlflow.start_run(run_name=name) as run:
        mlflow.set_tags(tags)
        for path in months:
            mlflow.log_input(dataset_of(path), context="training")
        model = taxi.pipeline(regressor).fit(frame[taxi.ZONES], frame[taxi.TARGET])
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=mlflow.models.infer_signature(frame[taxi.ZONES], frame[taxi.TARGET]),
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}"],
        )
        for metric, (path, context) in measures.items():
            if context != "training":
                mlflow.log_input(dataset_of(path), context=context)
            mlflow.log_metric(metric, rmse_of(model, trips[path]))
    return run.info.run_id


def there(experiment, key):
    filter_string = f"metrics.{key} > 0"
    return mlflow.search_runs(experiment_names=[experiment], filter_string=filter_string, output_format="list")


luck = random.Random(here.learner)  # other settings for each learner
forests = [
    RandomForestRegressor(
        luck.randint(3, 6), max_depth=luck.randint(5, 7), min_samples_leaf=luck.randint(5, 15), random_state=42
    )
    for _ in range(2)
]
finalists = [
    ("forest", forests[0]),
    ("deep-tree", DecisionTreeRegressor(max_depth=25, random_state=42)),
    ("other-forest", forests[1]),
    ("stump", DecisionTreeRegressor(max_depth=2, random_state=42)),
]
luck.shuffle(finalists)
trained = {run.info.run_name for run in there("finalists", "valid_rmse")}
mlflow.set_experiment("finalists")
for name, regressor in [*finalists, ("lasso", Lasso(alpha=0.01))]:
    if name not in trained:
        measures = {"training_rmse": (train_path, "training"), "valid_rmse": (valid_path, "validation")}
        leave_behind(name, regressor, [train_path], measures, finalist="yes")
print(f"five finalists, trained on {train_path.stem}, measured on {valid_path.stem}; the store is {here.store}")

# %% [markdown]
# ## Step 1 · Register the best finalist
#
# Which of the five is wrong by the least on the **validation** month? Look first which metrics these runs log, they are
# not yours. Then register that run's model under the name `taxi-duration`.
#
# In code: `mlflow.search_runs` and `mlflow.register_model`. By clicking (`flowcoach ui`): open the run, under *Logged
# models* open `model`, press *Register model*.

# %% nbgrader={"grade": false, "grade_id": "registered-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
best = mlflow.search_runs(
    experiment_names=["finalists"],
    filter_string="tags.finalist != ''",
    order_by=["metrics.valid_rmse ASC"],
    max_results=1,
    output_format="list",
)[0]
assert "valid_rmse" in best.data.metrics
first = mlflow.register_model(f"runs:/{best.info.run_id}/model", "taxi-duration")
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "registered", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.5/registered")

# %% [markdown]
# ## Step 2 · A challenger
#
# A month later the colleague sends a newcomer: a forest that has learned from **both** months. It has no `valid_rmse`,
# for it knows the validation month by heart. The next cell puts its run into the experiment `newcomer`.

# %% nbgrader={"grade": false, "grade_id": "newcomer", "locked": true, "schema_version": 3, "solution": false, "task": false}
mlflow.set_experiment("newcomer")
if not there("newcomer", "training_rmse"):
    forest = RandomForestRegressor(16, max_depth=10, min_samples_leaf=5, random_state=42)
    leave_behind("newcomer", forest, [train_path, valid_path], {"training_rmse": (train_path, "training")})
newcomer = there("newcomer", "training_rmse")[0].info.run_id
print(f"the newcomer's run is {newcomer}; it was trained on {' '.join(here.month_names[:2])}")

# %% [markdown]
# Register it as the next **version** of `taxi-duration`. Then write *on that version*
#
# - a **description**: one sentence for somebody who has never seen it (three words at least);
# - the tag `trained_on`, whose value names both months, as the line above writes them.

# %% nbgrader={"grade": false, "grade_id": "challenger-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
second = mlflow.register_model(f"runs:/{newcomer}/model", "taxi-duration")
client.update_model_version("taxi-duration", second.version, description="A forest of 16 trees, trained on two months.")
client.set_model_version_tag("taxi-duration", second.version, "trained_on", " ".join(here.month_names[:2]))
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "challenger", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.5/challenger")

# %% [markdown]
# ## Step 3 · Who serves?
#
# Give the version of step 1 the alias `champion`, and that of step 2 the alias `challenger`.
# (`client.search_model_versions("name = 'taxi-duration'")` lists the versions, should you have lost their numbers.)

# %% nbgrader={"grade": false, "grade_id": "aliases-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
client.set_registered_model_alias("taxi-duration", "champion", first.version)
client.set_registered_model_alias("taxi-duration", "challenger", second.version)
### END SOLUTION

# %% [markdown]
# Somebody uses all this: the **night shift**, a program that estimates the trips of the next day. It is written once, it
# asks for the champion, and it notes in the experiment `night-shift` which version that was. Let it work a first night:


# %% nbgrader={"grade": false, "grade_id": "first-night", "locked": true, "schema_version": 3, "solution": false, "task": false}
def night_shift():
    try:
        version = client.get_model_version_by_alias("taxi-duration", "champion").version
    except mlflow.MlflowException:
        print("taxi-duration has no champion: tonight nothing was estimated")
        return
    model = mlflow.pyfunc.load_model("models:/taxi-duration@champion")
    mlflow.set_experiment("night-shift")
    with mlflow.start_run(run_name="night"):
        mlflow.set_tag("version", version)
        mlflow.log_metric("mean_minutes", model.predict(test[taxi.ZONES].head(100)).mean())
    print(f"tonight version {version} estimated the trips")


night_shift()

# %% nbgrader={"grade": true, "grade_id": "aliases", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.5/aliases")

# %% [markdown]
# ## Step 4 · A month that neither has seen
#
# Measure both versions on the third month (`test`; `dataset_of(test_path)` is its dataset). Load each by its alias, with
# `mlflow.pyfunc.load_model`, and log the figure as `test_rmse`, linked to the **model** and to the **dataset**:
# `mlflow.log_metric(..., model_id=..., dataset=...)`. The loaded model knows its `model_id`. `rmse_of(model, frame)`
# measures.

# %% nbgrader={"grade": false, "grade_id": "scored-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
mlflow.set_experiment("unseen-month")
### BEGIN SOLUTION
unseen = dataset_of(test_path)
rmse = {}
with mlflow.start_run(run_name="champion against challenger"):
    for alias in ("champion", "challenger"):
        model = mlflow.pyfunc.load_model(f"models:/taxi-duration@{alias}")
        rmse[alias] = rmse_of(model, test)
        mlflow.log_metric("test_rmse", rmse[alias], model_id=model.model_id, dataset=unseen)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "scored", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.5/scored")

# %% [markdown]
# ## Step 5 · Promote
#
# Which of the two shall serve from now on? Write *on that version*
#
# - the tag `champion_from`: today, as 2023-04-01;
# - the tag `reason`: why it, in words, with its `test_rmse` in them (two digits behind the point will do).
#
# Then move the alias `champion` to it. (Should the champion itself be the better one, it stays, and gets the tags.)

# %% nbgrader={"grade": false, "grade_id": "promoted-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
winner, loser = ("challenger", "champion") if rmse["challenger"] < rmse["champion"] else ("champion", "challenger")
promoted = {"champion": first, "challenger": second}[winner].version
today = pd.Timestamp.now().date().isoformat()
reason = f"test_rmse {rmse[winner]:.3f} against {rmse[loser]:.3f} on {unseen.name}"
client.set_model_version_tag("taxi-duration", promoted, "champion_from", today)
client.set_model_version_tag("taxi-duration", promoted, "reason", reason)
client.set_registered_model_alias("taxi-duration", "champion", promoted)
### END SOLUTION

# %% [markdown]
# The night shift knows nothing of it, and need not:

# %% nbgrader={"grade": false, "grade_id": "second-night", "locked": true, "schema_version": 3, "solution": false, "task": false}
night_shift()

# %% nbgrader={"grade": true, "grade_id": "promoted", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.5/promoted")

# %% [markdown]
# ## Step 6 · Two days later, the telephone rings

# %% nbgrader={"grade": false, "grade_id": "incident", "locked": true, "schema_version": 3, "solution": false, "task": false}
incidents = [
    "Since the change, every trip from the airport is estimated at 12 minutes. Customers are furious.",
    "Since the change, the estimates come too late: drivers are already on their way.",
    "Since the change, estimates for Staten Island are missing. Nobody knows why.",
    "Since the change, the dispatcher's screen shows estimates of six digits after midnight.",
]
print(random.Random(f"{here.learner} calls").choice(incidents))

# %% [markdown]
# There is no time to look for the cause: **roll back**. Write on the version that serves now
#
# - the tag `champion_until`: today, as above;
# - the tag `why`: what happened, in three words at least.
#
# Then move the alias back to the version that served before. Train nothing, register nothing, delete nothing.

# %% nbgrader={"grade": false, "grade_id": "rolled-back-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
before = first.version if promoted == second.version else second.version
client.set_model_version_tag("taxi-duration", promoted, "champion_until", today)
client.set_model_version_tag("taxi-duration", promoted, "why", "complaints about the estimates since the change")
client.set_registered_model_alias("taxi-duration", "champion", before)
### END SOLUTION

# %% nbgrader={"grade": false, "grade_id": "third-night", "locked": true, "schema_version": 3, "solution": false, "task": false}
night_shift()

# %% nbgrader={"grade": true, "grade_id": "rolled-back", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.5/rolled-back")

# %% [markdown]
# ## Done
#
# `flowcoach` in a terminal says what comes next. Before you close the UI: open *Model registry*, then `taxi-duration`. Who
# serves, since when, what was there before and why not any more: all of it stands there, for somebody who was not in
# the room. And the night shift was not changed once.
