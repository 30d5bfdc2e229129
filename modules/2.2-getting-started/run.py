"""Section 2.2: the first run. One Lasso, one page of notes: who, with what, how well; then look at what was kept."""

import mlflow
from sklearn.linear_model import Lasso
from sklearn.metrics import root_mean_squared_error

from flowcoach import taxi, workspace

# 1. Which store? The tracking URI says it. This one is a file in your workspace, wherever you stand.
here = workspace.find()
mlflow.set_tracking_uri(here.store)
print(f"the store is {mlflow.get_tracking_uri()}")

# 2. Which experiment? A folder for runs that belong together, with a place for their files.
if mlflow.get_experiment_by_name("first-lasso") is None:
    mlflow.create_experiment("first-lasso", artifact_location=f"{here.artifacts}/first-lasso")
mlflow.set_experiment("first-lasso")

# 3. The data: learn on one month of taxi trips, judge on the next.
train_path, valid_path, _ = here.months
train = taxi.prepare(taxi.read(train_path))
valid = taxi.prepare(taxi.read(valid_path))

# 4. The run: everything between start and end is written on one page.
alpha = 0.01
with mlflow.start_run(run_name="lasso-by-hand") as run:
    mlflow.set_tag("developer", "the course")

    mlflow.log_param("train-data-path", train_path)
    mlflow.log_param("valid-data-path", valid_path)
    mlflow.log_param("alpha", alpha)

    model = taxi.pipeline(Lasso(alpha))
    model.fit(train[taxi.ZONES], train[taxi.TARGET])

    rmse = root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))
    mlflow.log_metric("rmse", rmse)

# 5. Read it back: what we wrote down, and what MLflow added by itself.
kept = mlflow.get_run(run.info.run_id)
print(f"run {kept.info.run_name} ({kept.info.run_id[:8]}), {kept.info.status}")
print(f"  parameters  {kept.data.params}")
print(f"  metrics     {kept.data.metrics}")
for tag, text in sorted(kept.data.tags.items()):
    print(f"  tag         {tag} = {text}")
