"""Section 2.4: one decision tree kept three ways: a copied file, an artifact, a model; then it goes to work."""

import json
import os
import pickle
import shutil
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

import mlflow
import mlflow.sklearn
import pandas as pd
from mlflow.data.pandas_dataset import PandasDataset, from_pandas
from mlflow.exceptions import MlflowException
from sklearn.metrics import root_mean_squared_error
from sklearn.tree import DecisionTreeRegressor

from flowcoach import taxi, workspace

warnings.filterwarnings("ignore", message="The specified dataset source")  # MLflow hesitates between two equal names
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"  # the files here are small

# 1. Where the runs go, and the trips: one month to learn from, and one that comes in when the tree is done.
here = workspace.find()
mlflow.set_tracking_uri(here.store)
if mlflow.get_experiment_by_name("tree-models") is None:
    mlflow.create_experiment("tree-models", artifact_location=f"{here.artifacts}/tree-models")
experiment = mlflow.set_experiment("tree-models")
train_path, _, new_path = here.months
train = taxi.prepare(taxi.read(train_path))
new = taxi.prepare(taxi.read(new_path))


def dataset(frame: pd.DataFrame, path: Path) -> PandasDataset:
    """The month as MLflow names data: its name, source, columns and digest."""
    columns = frame.filter(items=[*taxi.ZONES, taxi.TARGET])
    return from_pandas(columns, source=path.as_uri(), name=path.stem, targets=taxi.TARGET)


# 2. The tree: a pipeline of two parts, the preprocessor that knows the zones and the regressor that knows the rest.
tree = taxi.pipeline(DecisionTreeRegressor(max_depth=8, min_samples_leaf=20, random_state=42))
tree.fit(train[taxi.ZONES], train[taxi.TARGET])

# 3. The old way: the regressor is pickled into a folder, and somebody else opens the copy.
with tempfile.TemporaryDirectory() as shared:
    copy = Path(shared) / "tree_final_v2.pkl"
    copy.write_bytes(pickle.dumps(tree["regressor"]))
    stranger = pickle.loads(copy.read_bytes())
    try:
        stranger.predict(new[taxi.ZONES].to_numpy())
    except ValueError as error:
        print(f"The copied file: {error}")

    # 4. The same file as an artifact: now it has a run and stays, and it is still a file.
    with mlflow.start_run(run_name="tree-as-file") as run:
        mlflow.log_artifact(str(copy))
    try:
        mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/{copy.name}")
    except MlflowException as error:
        print(f"The artifact: {str(error).splitlines()[0]}")

# 5. As a model, with an example of what goes in and the packages it needs. Trees are refused until you name their type.
needs = [f"{package}=={version(package)}" for package in ("scikit-learn", "skops", "pandas")]
example = train.filter(items=taxi.ZONES).head(3)
try:
    with mlflow.start_run(run_name="tree-refused"):
        mlflow.sklearn.log_model(tree, name="tree", input_example=example, pip_requirements=needs)
except MlflowException as error:
    print(f"Refused: {str(error).splitlines()[0].split('Root error: ')[-1]}")
with mlflow.start_run(run_name="tree-as-model"):
    mlflow.log_input(dataset(train, train_path), context="training")
    mlflow.sklearn.log_model(
        tree,
        name="tree",
        input_example=example,
        pip_requirements=needs,
        skops_trusted_types=["sklearn.tree._tree.Tree"],
    )

# 6. Find it again, as somebody who was not there: by its name, the newest first, and not the one that was refused.
found = mlflow.search_logged_models(
    experiment_ids=[experiment.experiment_id], filter_string="name = 'tree'", output_format="list"
)
logged = next(one for one in found if one.status == "READY")
print(f"The model: {logged.model_uri}, among {len(found)} of that name")
for file in mlflow.artifacts.list_artifacts(logged.model_uri):
    print(f"  {file.path:<28}{file.file_size:>9,} bytes")

# 7. Load it both ways: as what it is, and as a function that looks at what it is given.
pipeline = mlflow.sklearn.load_model(logged.model_uri)
model = mlflow.pyfunc.load_model(logged.model_uri)
print(f"Natively it is a {type(pipeline).__name__}, as a function it takes {model.metadata.get_input_schema()}")
try:
    model.predict(new.filter(items=taxi.ZONES).astype({"PULocationID": int}))
except MlflowException as error:
    print(f"Zones as numbers: {str(error).split('Error: ')[-1]}")

# 8. Score the new month in batch: predictions as a file, and a figure that names its model and its data.
predictions = new[[*taxi.ZONES, taxi.TARGET]].assign(prediction=model.predict(new[taxi.ZONES]))
rmse = root_mean_squared_error(predictions[taxi.TARGET], predictions["prediction"])
with mlflow.start_run(run_name="new-month"), tempfile.TemporaryDirectory() as folder:
    predictions.to_csv(Path(folder) / "predictions.csv", index=False)
    mlflow.log_artifact(str(Path(folder) / "predictions.csv"))
    mlflow.log_metric("test_rmse", rmse, model_id=logged.model_id, dataset=dataset(new, new_path))
print(f"{len(predictions):,} new trips scored, off by {rmse:.2f} minutes")

# 9. For those who deploy it: a copy of the model's folder, and the new month as a file that a server understands.
shutil.rmtree(here.folder / "tree-model", ignore_errors=True)
mlflow.artifacts.download_artifacts(logged.model_uri, dst_path=str(here.folder / "tree-model"))
request = {"dataframe_split": {"columns": taxi.ZONES, "data": new[taxi.ZONES].to_numpy().tolist()}}
(here.folder / "new-month.json").write_text(json.dumps(request), encoding="utf-8")
print("tree-model/ and new-month.json lie in your workspace")
