"""Section 2.5: register the best tree, bring a challenger, compare both on an unseen month, promote it, roll back."""

import warnings
from datetime import date
from pathlib import Path

import mlflow
import mlflow.sklearn
import pandas as pd
import sklearn
import skops
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from mlflow.models import infer_signature
from mlflow.pyfunc import PyFuncModel
from sklearn.metrics import root_mean_squared_error
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeRegressor

from flowcoach import taxi, workspace

warnings.filterwarnings("ignore", message="The specified dataset source")  # MLflow hesitates between two equal names

# 1. Where things go: the registry lives in the same store as the runs. The client is for what has no short word.
here = workspace.find()
mlflow.set_tracking_uri(here.store)
if mlflow.get_experiment_by_name("tree-models") is None:
    mlflow.create_experiment("tree-models", artifact_location=f"{here.artifacts}/tree-models")
mlflow.set_experiment("tree-models")
client = mlflow.MlflowClient()

# 2. The data: learn on the first month, choose on the second. The third stays closed until step 7.
first_month, second_month, third_month = here.months
trips = {month: taxi.prepare(taxi.read(month)).filter(items=[*taxi.ZONES, taxi.TARGET]) for month in here.months}


def dataset_of(month: Path) -> PandasDataset:
    """A month as MLflow names data: where from, called what, and a digest of its trips."""
    return from_pandas(trips[month], source=month.as_uri(), name=month.stem, targets=taxi.TARGET)


def rmse_of(model: Pipeline | PyFuncModel, month: Path) -> float:
    """How far off a model is on a month, in minutes."""
    return root_mean_squared_error(trips[month][taxi.TARGET], model.predict(trips[month][taxi.ZONES]))


def train(depth: int, *months: Path) -> str:
    """Train a tree on these months, in a run that keeps its data, its figure and the model; the run's id comes back."""
    learned = pd.concat([trips[month] for month in months])
    with mlflow.start_run(run_name=f"tree-{depth}") as run:
        mlflow.log_param("max_depth", depth)
        for month in months:
            mlflow.log_input(dataset_of(month), context="training")
        tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=5, random_state=42)
        model = taxi.pipeline(tree).fit(learned[taxi.ZONES], learned[taxi.TARGET])
        if second_month not in months:
            mlflow.log_input(dataset_of(second_month), context="validation")
            mlflow.log_metric("rmse", rmse_of(model, second_month))
        mlflow.sklearn.log_model(
            model,
            name="model",
            signature=infer_signature(learned[taxi.ZONES], learned[taxi.TARGET]),
            skops_trusted_types=["sklearn.tree._tree.Tree"],
            pip_requirements=[f"scikit-learn=={sklearn.__version__}", f"skops=={skops.__version__}"],
        )
    return run.info.run_id


# 3. Five finalists: trees of different depth, each with its model.
for depth in (4, 6, 9, 13, 20):
    train(depth, first_month)

# 4. Choose on validation, then register: the best finalist becomes a version of “tree-duration”.
best = mlflow.search_runs(
    experiment_names=["tree-models"],
    filter_string="attributes.status = 'FINISHED'",
    order_by=["metrics.rmse ASC"],
    max_results=1,
    output_format="list",
)[0]
assert "rmse" in best.data.metrics, "sorted by a metric that nobody logged"
first = mlflow.register_model(f"runs:/{best.info.run_id}/model", "tree-duration")
print(f"version {first.version} is {best.info.run_name}, validation rmse {best.data.metrics['rmse']:.3f}")

# 5. A challenger: the same depth, trained on two months. What a stranger must know is written on the version.
second = mlflow.register_model(f"runs:/{train(int(best.data.params['max_depth']), *here.months[:2])}/model", first.name)
client.update_model_version(first.name, second.version, description="As before, but trained on two months.")
client.set_model_version_tag(first.name, second.version, "trained_on", " ".join(here.month_names[:2]))

# 6. Who serves? Two names that can be moved; programs ask for the name and never for the number.
client.set_registered_model_alias(first.name, "champion", first.version)
client.set_registered_model_alias(first.name, "challenger", second.version)

# 7. Compare on a month that neither has seen: one metric, one dataset, each figure linked to its model.
unseen = dataset_of(third_month)
rmse = {}
with mlflow.start_run(run_name="unseen-month"):
    for alias in ("champion", "challenger"):
        model = mlflow.pyfunc.load_model(f"models:/tree-duration@{alias}")
        rmse[alias] = rmse_of(model, third_month)
        mlflow.log_metric("test_rmse", rmse[alias], model_id=model.model_id, dataset=unseen)
print(f"on {unseen.name}: champion {rmse['champion']:.3f}, challenger {rmse['challenger']:.3f}")

# 8. Promote the better one: first write down since when and why, then move the alias.
today = date.today().isoformat()
if rmse["challenger"] < rmse["champion"]:
    reason = f"test_rmse {rmse['challenger']:.3f} against {rmse['champion']:.3f} on {unseen.name}"
    client.set_model_version_tag(first.name, second.version, "champion_from", today)
    client.set_model_version_tag(first.name, second.version, "reason", reason)
    client.set_registered_model_alias(first.name, "champion", second.version)
print(f"champion: version {client.get_model_version_by_alias(first.name, 'champion').version}")

# 9. Something is wrong with it? Say so on the version, and move the alias back. Nothing is deleted, nothing trained.
client.set_model_version_tag(first.name, second.version, "champion_until", today)
client.set_model_version_tag(first.name, second.version, "why", "estimates for airport trips far too low")
client.set_registered_model_alias(first.name, "champion", first.version)
print(f"champion: version {client.get_model_version_by_alias(first.name, 'champion').version}")
