"""A training that takes a while, so that there is time to break something: flowcoach lab run steps.py

It learns how many minutes a mile takes, step by step, and logs its error after each. It names no store. What the store
has confirmed is also written down here, in confirmed.jsonl, to be compared afterwards.
"""

import json
import sys
import time

import mlflow
import pandas as pd

from flowcoach import workspace

steps, pause = int(sys.argv[1]) if len(sys.argv) > 1 else 60, 0.25
here = workspace.find()
trips = pd.read_parquet(here.months[0], columns=["lpep_pickup_datetime", "lpep_dropoff_datetime", "trip_distance"])
minutes = (trips.lpep_dropoff_datetime - trips.lpep_pickup_datetime).dt.total_seconds() / 60
usual = minutes.between(1, 60) & trips.trip_distance.between(0.1, 20)
miles, minutes = trips.trip_distance[usual].to_numpy(), minutes[usual].to_numpy()

mlflow.set_experiment("outages")
a_mile, start = 0.0, 0.0  # what is learned: minutes for a mile, and for getting in and out
with mlflow.start_run() as run, (here.folder / "confirmed.jsonl").open("a", encoding="utf-8") as book:
    for step in range(steps):
        off = start + a_mile * miles - minutes
        rmse = float((off**2).mean() ** 0.5)
        mlflow.log_metric("rmse", rmse, step=step)  # comes back once the store has it
        at = round(time.time(), 3)
        book.write(json.dumps({"run": run.info.run_id, "step": step, "rmse": rmse, "at": at}) + "\n")
        book.flush()
        print(f"step {step}: off by {rmse:.3f} minutes", flush=True)
        a_mile, start = a_mile - 0.02 * float((off * miles).mean()), start - 0.2 * float(off.mean())
        time.sleep(pause)
    mlflow.log_text(f"{start:.2f} minutes and {a_mile:.2f} for each mile\n", "learned.txt")
print("done: every step and the file are in the store")
