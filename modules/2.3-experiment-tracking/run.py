"""Section 2.3: tune a decision tree, let MLflow keep every trial, pick the best by a query, train it again."""

import warnings

import mlflow
import mlflow.sklearn
import optuna
from mlflow.data.pandas_dataset import from_pandas
from sklearn.metrics import root_mean_squared_error
from sklearn.tree import DecisionTreeRegressor

from flowcoach import taxi, workspace

warnings.filterwarnings("ignore", message="The specified dataset source")  # MLflow hesitates between two equal names

# 1. Where the runs go: the store of your workspace, and an experiment with a place for its files.
here = workspace.find()
mlflow.set_tracking_uri(here.store)
if mlflow.get_experiment_by_name("tree-search") is None:
    mlflow.create_experiment("tree-search", artifact_location=f"{here.artifacts}/tree-search")
mlflow.set_experiment("tree-search")

# 2. The data: learn on one month, choose on the next. The third month stays closed until the end.
train_path, valid_path, _ = here.months
train = taxi.prepare(taxi.read(train_path))
valid = taxi.prepare(taxi.read(valid_path))

# 3. The search space: each knob with the ends of its range.
space = {"max_depth": (2, 20), "min_samples_leaf": (1, 60), "min_samples_split": (2, 60)}


def rmse_of(params: dict[str, int]) -> float:
    """Train one tree with these knobs on the first month; how far off it is on the second comes back, in minutes."""
    model = taxi.pipeline(DecisionTreeRegressor(random_state=42).set_params(**params))
    model.fit(train[taxi.ZONES], train[taxi.TARGET])
    return root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))


def objective(trial: optuna.Trial) -> float:
    """Try the knobs that Optuna proposes, and keep the trial as one MLflow run."""
    params = {knob: trial.suggest_int(knob, low, high) for knob, (low, high) in space.items()}
    rmse = rmse_of(params)
    with mlflow.start_run(run_name=f"trial-{trial.number:02d}"):
        mlflow.set_tag("model", "tree")
        mlflow.log_params(params)
        mlflow.log_metric("rmse", rmse)
    return rmse


# 4. Tune: Optuna proposes, we answer, MLflow remembers. The seed makes the proposals repeatable.
optuna.logging.set_verbosity(optuna.logging.WARNING)
study = optuna.create_study(direction="minimize", sampler=optuna.samplers.TPESampler(seed=42))
study.optimize(objective, n_trials=20)

# 5. Choose by a query, not by eye: the finished trial with the lowest validation RMSE.
best = mlflow.search_runs(
    experiment_names=["tree-search"],
    filter_string="tags.model = 'tree' and attributes.status = 'FINISHED'",
    order_by=["metrics.rmse ASC"],
    max_results=1,
    output_format="list",
)[0]
print(f"best of the search: {best.info.run_name}, {best.data.params}, rmse {best.data.metrics['rmse']:.3f}")

# 6. Train it again, and write down which trial it came from.
params = {knob: int(best.data.params[knob]) for knob in space}
with mlflow.start_run(run_name="tree-again"):
    mlflow.set_tag("chosen_from", best.info.run_id)
    mlflow.log_params(params)
    mlflow.log_metric("rmse", rmse_of(params))

# 7. The same tree under autolog: one line switches it on, before the fit. Models come in section 2.4.
mlflow.sklearn.autolog(log_models=False)
with mlflow.start_run(run_name="tree-autologged") as run:
    taxi.pipeline(DecisionTreeRegressor(random_state=42).set_params(**params)).fit(
        train[taxi.ZONES], train[taxi.TARGET]
    )
mlflow.sklearn.autolog(disable=True)
logged = mlflow.get_run(run.info.run_id).data
print(f"autolog wrote {len(logged.params)} parameters and {sorted(logged.metrics)}")

# 8. Say which data it saw: a digest tells two months apart even when their files have one name.
with mlflow.start_run(run_id=run.info.run_id):
    for month, frame, path in (("training", train, train_path), ("validation", valid, valid_path)):
        dataset = from_pandas(
            frame.filter(items=[*taxi.ZONES, taxi.TARGET]), source=path.as_uri(), name=path.stem, targets=taxi.TARGET
        )
        mlflow.log_input(dataset, context=month)
print(f"{here.store} now holds {len(mlflow.search_runs(experiment_names=['tree-search']))} runs of this experiment")
