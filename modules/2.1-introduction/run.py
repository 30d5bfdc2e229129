"""Section 2.1: the store of a colleague who left. Sam's ten runs come into your store, as Sam kept them."""

import random
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import mlflow
from mlflow.entities import Metric, Param, ViewType
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import Lasso, Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.tree import DecisionTreeRegressor

from flowcoach import taxi, workspace

# 1. The experiment, a folder for runs that belong together, and a place for their files.
here = workspace.find()
mlflow.set_tracking_uri(here.store)
client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("green-taxi")
if experiment is None:
    home = client.create_experiment("green-taxi", artifact_location=f"{here.artifacts}/green-taxi")
else:
    home = experiment.experiment_id
    if experiment.lifecycle_stage == "deleted":
        client.restore_experiment(home)

# 2. What Sam tried, to say how long a taxi trip takes: name, kind of model, settings, month it was measured on.
first, second, third = here.month_names
tries = [
    ("baseline", DummyRegressor, {}, second),
    ("lasso", Lasso, {"alpha": 0.1}, second),
    ("ridge", Ridge, {"alpha": 10}, second),
    ("ridge", Ridge, {"alpha": 10.3}, second),
    ("ridge-strong", Ridge, {"alpha": -10}, second),
    ("tree", DecisionTreeRegressor, {"max_depth": 0, "random_state": 42}, second),
    ("tree", DecisionTreeRegressor, {"max_depth": 6, "random_state": 42}, second),
    ("forest-final", RandomForestRegressor, {"n_estimators": 10, "max_depth": 12, "random_state": 42}, second),
    ("tree-final", DecisionTreeRegressor, {"max_depth": 25, "random_state": 42}, first),
    ("forest", RandomForestRegressor, {"n_estimators": 5, "max_depth": 8, "random_state": 42}, second),
]
kinds = {
    DummyRegressor: "mean",
    Lasso: "lasso",
    Ridge: "ridge",
    DecisionTreeRegressor: "tree",
    RandomForestRegressor: "forest",
}

# 3. How well Sam took notes. A script in a git repository leaves its commit; a notebook does not; Sam forgot things.
luck = random.Random(here.learner)
careless = [("train.py", True, True), ("train.py", False, True), ("train.py", True, False)]
careless += [("tries.ipynb", False, True), ("tries.ipynb", False, False)]
luck.shuffle(careless)
script, notebook = ("train.py", True, True), ("tries.ipynb", False, True)
notes = [*careless[:2], script, script, script, *careless[2:4], notebook, script, careless[4]]

# 4. What is here already is not made twice; what you threw away comes back.
by_sam = "tags.`mlflow.user` = 'sam'"
kept = {run.info.start_time: run for run in client.search_runs([home], by_sam, ViewType.ALL)}
year, month = (int(part) for part in third.split("-"))
day = datetime(year, month, 1, 12, tzinfo=UTC) + timedelta(days=60)
months = {name: taxi.prepare(taxi.read(path)) for name, path in zip((first, second), here.months, strict=False)}
environment = "".join(f"{name}=={version(name)}\n" for name in ("mlflow", "pandas", "scikit-learn"))

# 5. Each try becomes one run: who, when, with which code, on which data, with which settings, how well.
for (name, kind, settings, measured_on), (source, has_commit, has_paths) in zip(tries, notes, strict=True):
    day += timedelta(days=luck.randint(1, 4), minutes=luck.randint(-90, 90))
    commit = f"{luck.getrandbits(160):040x}"
    started = int(day.timestamp() * 1000)
    if started in kept:
        if kept[started].info.lifecycle_stage == "deleted":
            client.restore_run(kept[started].info.run_id)
        continue

    train, valid = months[first], months[measured_on]
    try:
        model = taxi.pipeline(kind(**settings)).fit(train[taxi.ZONES], train[taxi.TARGET])
    except ValueError:  # a ridge and a tree refuse such settings; the run will say that it failed
        model = None

    tags = {"mlflow.user": "sam", "mlflow.source.name": source}
    tags["mlflow.source.type"] = "LOCAL" if source.endswith(".py") else "NOTEBOOK"
    if has_commit:
        tags["mlflow.source.git.commit"] = commit
    if name.endswith("final") or settings == {"alpha": 10}:
        tags["shortlist"] = "yes"
    run_id = client.create_run(home, start_time=started, tags=tags, run_name=name).info.run_id

    params = {"model": kinds[kind], **settings}
    if has_paths:
        params["train-data-path"] = f"data/green_tripdata_{first}.parquet"
        params["valid-data-path"] = f"data/green_tripdata_{measured_on}.parquet"
    client.log_batch(run_id, params=[Param(key, str(value)) for key, value in params.items()])

    if model is not None:
        predicted = model.predict(valid[taxi.ZONES])
        rmse = root_mean_squared_error(valid[taxi.TARGET], predicted)
        client.log_batch(run_id, metrics=[Metric("rmse", rmse, timestamp=started, step=0)])
        trips = valid[[*taxi.ZONES, taxi.TARGET]].assign(predicted=predicted)
        worst = trips.assign(off=(trips.predicted - trips.duration).abs()).nlargest(5, "off").round(1)
        client.log_text(run_id, worst.to_csv(index=False), "worst-trips.csv")
        client.log_text(run_id, environment, "requirements.txt")
    client.set_terminated(run_id, "FINISHED" if model else "FAILED", started + (20_000 if model else 1_000))

# 6. The figure that stands in the company's report. Sam kept it with the experiment, but not from which run it came.
[reported] = client.search_runs([home], f"{by_sam} and params.model = 'ridge' and params.alpha = '10'")
figure = f"{reported.data.metrics['rmse']:.4f}"
client.set_experiment_tag(home, "rmse_in_the_report", figure)

# 7. Ask the store what is in it: this is the whole point of having one.
table = mlflow.search_runs([home], by_sam, order_by=["start_time ASC"])
print(table[["start_time", "tags.mlflow.runName", "status", "params.model", "metrics.rmse"]].to_string(index=False))
print(f"""
A letter lies on your new desk:

    Welcome! I was here before you. All my tries are in MLflow, in the experiment green-taxi.
    The report says that we are off by {figure} minutes. One of these runs is behind that figure;
    I never wrote down which. You will find it.                                             Sam
""")
