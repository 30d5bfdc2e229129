"""Take the runs of an experiment along, from the file in your workspace to the server that is up:

    flowcoach lab run exercises/2.6-in-practice/move.py EXPERIMENT

What goes along: names, times, parameters, every value of every metric, tags and files. What does not: the ids (a run
gets a new one, and keeps the old one in its tag `moved_from`) and the models, which are logged anew on the server. Run
it twice: what is there already is left alone.
"""

import sys
import tempfile

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from flowcoach import workspace

AT_ONCE = 100  # the most parameters or tags that a server takes in one request

if len(sys.argv) != 2:
    sys.exit(__doc__)
name = sys.argv[1]
source, target = MlflowClient(workspace.find().own_store), MlflowClient()  # the second one from the environment
if source.tracking_uri == mlflow.get_tracking_uri():
    sys.exit("No server is up to move to. First: flowcoach lab up team")
here = source.get_experiment_by_name(name)
if here is None:
    sys.exit(f"There is no experiment “{name}” in your workspace.")
there = target.get_experiment_by_name(name)
place = there.experiment_id if there else target.create_experiment(name)
moved = {run.data.tags.get("moved_from") for run in target.search_runs([place], max_results=50_000)}


def parts(values):
    """A long list, in pieces of AT_ONCE."""
    return [values[start : start + AT_ONCE] for start in range(0, len(values), AT_ONCE)]


for run in source.search_runs([here.experiment_id], max_results=50_000, order_by=["attributes.start_time ASC"]):
    id = run.info.run_id
    if id in moved:
        print(f"{run.info.run_name} is there already")
        continue
    new = target.create_run(place, start_time=run.info.start_time, run_name=run.info.run_name).info.run_id
    history = [entry for key in run.data.metrics for entry in source.get_metric_history(id, key)]
    for some in parts([Metric(one.key, one.value, one.timestamp, one.step) for one in history]):
        target.log_batch(new, metrics=some)
    for some in parts([Param(key, text) for key, text in run.data.params.items()]):
        target.log_batch(new, params=some)
    for some in parts([RunTag(key, text) for key, text in run.data.tags.items()]):
        target.log_batch(new, tags=some)
    with tempfile.TemporaryDirectory() as scratch:
        if source.list_artifacts(id):
            files = mlflow.artifacts.download_artifacts(
                run_id=id, artifact_path="", dst_path=scratch, tracking_uri=source.tracking_uri
            )
            target.log_artifacts(new, files)
    target.set_terminated(new, run.info.status, run.info.end_time)
    target.set_tag(new, "moved_from", id)  # last: a run that was cut off half-way is moved again
    print(f"{run.info.run_name} is now {new}")
