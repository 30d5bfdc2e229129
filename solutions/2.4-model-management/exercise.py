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
# # 2.4 Model management: a forest that others can use
#
# In `run.py` a tree was copied, logged and put to work. Now you take a **forest** that way: from a bare file to a model
# that answers over the network. Five steps, and the training is done for you.
#
# After each step run the check below it. It looks at what MLflow stored, so you may check as often as you like, and
# `flowcoach check 2.4` in a terminal says the same.

# %% [markdown]
# ## Before you begin
#
# Run this cell first, and again whenever you restarted the kernel. It tells MLflow which store and which experiment to
# use, reads the month to learn from (`train`) and the one that comes in later (`new`), and notes in a run called
# *months* how many trips each month has, so that the checks can tell them apart.

# %% nbgrader={"grade": false, "grade_id": "setup", "locked": true, "schema_version": 3, "solution": false, "task": false}
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
import warnings
import zlib
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import mlflow
import mlflow.sklearn
import psutil
import requests
from sklearn.ensemble import RandomForestRegressor
from sklearn.metrics import root_mean_squared_error

from flowcoach import taxi, workspace
from flowcoach.notebook import check

warnings.filterwarnings("ignore", message="The specified dataset source")  # MLflow hesitates between two equal names
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"  # the files here are small
here = workspace.find()
mlflow.set_tracking_uri(here.store)
if mlflow.get_experiment_by_name("forest-models") is None:
    mlflow.create_experiment("forest-models", artifact_location=f"{here.artifacts}/forest-models")
experiment = mlflow.set_experiment("forest-models")

train_path, valid_path, new_path = here.months
train, valid, new = (taxi.prepare(taxi.read(path)) for path in here.months)
new_data = mlflow.data.from_pandas(
    new[[*taxi.ZONES, taxi.TARGET]], source=new_path.as_uri(), name=new_path.stem, targets=taxi.TARGET
)

note = {}
for use, month in (("training", train), ("validation", valid), ("new", new)):
    note[f"{use}_trips"] = len(month)
    note[f"{use}_minutes"] = f"{month[taxi.TARGET].sum():.2f}"
noted = " and ".join(f"params.{key} = '{value}'" for key, value in note.items())
if mlflow.search_runs(filter_string=noted, max_results=1).empty:
    with mlflow.start_run(run_name="months"):
        mlflow.log_params(note)
print(f"{len(train)} trips to learn from, {len(new)} new ones; the store is {here.store}")

# %% [markdown]
# And the forest: a pipeline of two parts, `forest["features"]`, which makes a column of each zone, and
# `forest["regressor"]`, which predicts from those columns. It is yours alone: your id is its seed. Steps 1 to 3 need it.

# %% nbgrader={"grade": false, "grade_id": "forest", "locked": true, "schema_version": 3, "solution": false, "task": false}
seed = zlib.crc32(here.learner.encode()) % 1000
forest = taxi.pipeline(RandomForestRegressor(n_estimators=12, max_depth=9, min_samples_leaf=3, random_state=seed))
forest.fit(train[taxi.ZONES], train[taxi.TARGET])

# %% [markdown]
# ## Step 1 · A file is not a model
#
# Keep the forest the old way first. In **one run**,
#
# - write the bare regressor, `forest["regressor"]`, into `file` (`pickle.dumps` makes its bytes) and log the file with
#   `mlflow.log_artifact`,
# - log the parameter `columns`: how many columns that regressor wants. scikit-learn keeps it in `n_features_in_`.
#
# A trip has three columns. How will whoever finds the file know what the others are?

# %% nbgrader={"grade": false, "grade_id": "bare-file-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
file = Path(tempfile.mkdtemp()) / "forest_final.pkl"
### BEGIN SOLUTION
file.write_bytes(pickle.dumps(forest["regressor"]))
with mlflow.start_run(run_name="bare-file"):
    mlflow.log_artifact(str(file))
    mlflow.log_param("columns", forest["regressor"].n_features_in_)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "bare-file", "locked": true, "points": 1, "schema_version": 3, "solution": false, "task": false}
check("2.4/bare-file")

# %% [markdown]
# ## Step 2 · The whole pipeline as a model
#
# In a new run, log the **whole pipeline** with `mlflow.sklearn.log_model`, under the name `forest`, with an input
# example: a few trips, only the columns that somebody who asks will have. Keep MLflow's own format. It will refuse the
# forest first, and name what it does not trust: allow that type and nothing else.

# %% nbgrader={"grade": false, "grade_id": "whole-pipeline-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
needs = [f"{package}=={version(package)}" for package in ("scikit-learn", "skops", "pandas")]
with mlflow.start_run(run_name="forest"):
    info = mlflow.sklearn.log_model(
        forest,
        name="forest",
        input_example=train[taxi.ZONES].head(3),
        pip_requirements=needs,
        skops_trusted_types=["sklearn.tree._tree.Tree"],
    )
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "whole-pipeline", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.4/whole-pipeline")

# %% [markdown]
# ## Step 3 · Which one would you open?
#
# In a new run, log the same pipeline once more, under the name `forest-pickled`: as `cloudpickle`, and with
# `pip_requirements` that name **exact** versions, scikit-learn's among them. `version("scikit-learn")` says which one
# you have.
#
# Now imagine that a stranger sent you both models. Give the one that you would open the **tag** `safe_to_open` with the
# value `yes`: `mlflow.set_logged_model_tags(model_id, {...})`. The id is in what `log_model` gives back, and on the
# model's page in the UI.

# %% nbgrader={"grade": false, "grade_id": "opened-safely-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
### BEGIN SOLUTION
with mlflow.start_run(run_name="forest-pickled"):
    mlflow.sklearn.log_model(
        forest,
        name="forest-pickled",
        input_example=train[taxi.ZONES].head(3),
        pip_requirements=[f"{package}=={version(package)}" for package in ("scikit-learn", "cloudpickle", "pandas")],
        serialization_format="cloudpickle",
    )
mlflow.set_logged_model_tags(info.model_id, {"safe_to_open": "yes"})
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "opened-safely", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.4/opened-safely")

# %% [markdown]
# ## Step 4 · A new month comes in
#
# **Restart the kernel** (menu *Kernel*), then run the first cell and go on here. The forest is gone from memory, as it
# will be on the machine that does this every night: all you have is the store.
#
# Find your model there: `mlflow.search_logged_models` with the filter `name = 'forest'` gives a list, the newest first.
# (A refused one has the `status` FAILED: pass it over.) Load it by its address, `models:/` and its id. Then, in a new
# run,
#
# - predict every trip of `new`, and log a file `predictions.csv` with the columns `taxi.ZONES`, `duration` and
#   `prediction`, a row for each trip,
# - log the metric `test_rmse`, linked to the model and to the data: `model_id=...`, `dataset=new_data`.

# %% nbgrader={"grade": false, "grade_id": "new-month-scored-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
file = Path(tempfile.mkdtemp()) / "predictions.csv"
### BEGIN SOLUTION
found = mlflow.search_logged_models(
    experiment_ids=[experiment.experiment_id], filter_string="name = 'forest'", output_format="list"
)
model = next(one for one in found if one.status == "READY")
predict = mlflow.pyfunc.load_model(f"models:/{model.model_id}").predict
predictions = new[[*taxi.ZONES, taxi.TARGET]].assign(prediction=predict(new[taxi.ZONES]))
predictions.to_csv(file, index=False)
with mlflow.start_run(run_name="new-month"):
    mlflow.log_artifact(str(file))
    rmse = root_mean_squared_error(predictions[taxi.TARGET], predictions["prediction"])
    mlflow.log_metric("test_rmse", rmse, model_id=model.model_id, dataset=new_data)
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "new-month-scored", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
check("2.4/new-month-scored")

# %% [markdown]
# ## Step 5 · Ask it over the network
#
# This cell gives you `served`. In `with served("models:/…") as address:` the model is served, as by `mlflow models
# serve`, as long as the block lasts; `address` is where. Starting takes ten seconds or more.


# %% nbgrader={"grade": false, "grade_id": "serving", "locked": true, "schema_version": 3, "solution": false, "task": false}
@contextmanager
def served(model_uri):
    """Serve a model on a free port until the block ends, however it ends; its address comes back."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", model_uri]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", port]
    log = Path(tempfile.mkdtemp()) / "serving.log"
    programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # MLflow calls uvicorn
    told = {**os.environ, "PATH": programs}
    with (
        log.open("wb") as out,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=told) as server,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            for _ in range(600):
                if server.poll() is not None:
                    break
                try:
                    if requests.get(f"{address}/ping", timeout=5).ok:
                        break
                except requests.ConnectionError:
                    time.sleep(0.2)
            if server.poll() is not None:
                raise RuntimeError(f"the server ended before it answered:\n{log.read_text(errors='replace')[-2000:]}")
            yield address
        finally:
            if server.poll() is None:
                for process in [*psutil.Process(server.pid).children(recursive=True), server]:
                    process.kill()


# %% [markdown]
# Serve the model that scored the month, and send a POST to `address` + `/invocations` with a request for **five trips**
# of `new`, any five: `{"dataframe_split": ...}`, as `run.py` writes it. Then, in a new run, keep
#
# - the request as `request.json` and the answer as `response.json` (`mlflow.log_dict` makes a file of a dictionary),
# - the metric `seconds`: how long the answer took, `answer.elapsed.total_seconds()`.
#
# The five answers must be the very figures in your `predictions.csv`.

# %% nbgrader={"grade": false, "grade_id": "served-solution", "locked": false, "schema_version": 3, "solution": true, "task": false}
trips = new[taxi.ZONES].sample(5)
### BEGIN SOLUTION
request = {"dataframe_split": {"columns": taxi.ZONES, "data": trips.to_numpy().tolist()}}
with served(f"models:/{model.model_id}") as address:
    answer = requests.post(f"{address}/invocations", json=request, timeout=60)
answer.raise_for_status()
with mlflow.start_run(run_name="served"):
    mlflow.log_dict(request, "request.json")
    mlflow.log_dict(answer.json(), "response.json")
    mlflow.log_metric("seconds", answer.elapsed.total_seconds())
### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "served", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
check("2.4/served")

# %% [markdown]
# ## Done
#
# `flowcoach` in a terminal says what comes next. Before you go: open the model *forest* in the UI, under *Models* in
# the experiment. Its page now has its `test_rmse` beside the data that it was measured on.
