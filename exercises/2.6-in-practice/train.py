"""Train a decision tree on the first month and measure it on the second: the entry point `train` of this project."""

import argparse

import mlflow
from sklearn.metrics import root_mean_squared_error
from sklearn.tree import DecisionTreeRegressor

from flowcoach import taxi, workspace

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--depth", type=int, required=True, help="how many levels the tree may have")
parser.add_argument("--leaf", type=int, required=True, help="how many trips a leaf has to hold")
knobs = parser.parse_args()

train, valid = (taxi.prepare(taxi.read(month)) for month in workspace.find().months[:2])
model = taxi.pipeline(DecisionTreeRegressor(max_depth=knobs.depth, min_samples_leaf=knobs.leaf, random_state=42))

with mlflow.start_run():  # the run that `mlflow run` has opened; started by hand, a new one
    model.fit(train[taxi.ZONES], train[taxi.TARGET])
    rmse = root_mean_squared_error(valid[taxi.TARGET], model.predict(valid[taxi.ZONES]))
    mlflow.log_metric("rmse", rmse)
print(f"a tree of at most {knobs.depth} levels is {rmse:.2f} minutes off")
