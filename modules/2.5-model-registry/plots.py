"""Section 2.5: the trees that run.py left, measured on all three months and drawn: python plots.py FOLDER"""

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mlflow
from matplotlib.figure import Figure
from mlflow.entities import Run
from sklearn.metrics import root_mean_squared_error

from flowcoach import taxi, workspace

LOOK: dict[Any, Any] = {
    "figure.facecolor": "white",  # readable on a dark page too
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.6",
    "axes.labelcolor": "0.25",
    "xtick.color": "0.35",
    "ytick.color": "0.35",
    "font.size": 10,
    "svg.hashsalt": "flowcoach",  # the same runs, the same bytes
}
COLOURS = {"training": "0.55", "validation": "#2a6f97", "unseen": "#d1495b"}


def measured(run: Run, months: tuple[Path, ...]) -> list[float]:
    """The RMSE of a run's model on each month, in minutes."""
    model = mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/model")
    trips = [taxi.prepare(taxi.read(month)) for month in months]
    return [root_mean_squared_error(each[taxi.TARGET], model.predict(each[taxi.ZONES])) for each in trips]


def months(here: workspace.Workspace) -> Figure:
    """The finalists, by depth, on the month they learned from, the one they were chosen on, and one nobody had seen."""
    runs = mlflow.search_runs(
        experiment_names=["tree-models"], filter_string="params.max_depth != ''", output_format="list"
    )
    finalists = {int(run.data.params["max_depth"]): run for run in runs if "rmse" in run.data.metrics}
    challenger = next(run for run in runs if "rmse" not in run.data.metrics)
    depths = sorted(finalists)
    lines = zip(*(measured(finalists[depth], here.months) for depth in depths), strict=True)

    figure, axes = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
    for (name, colour), line in zip(COLOURS.items(), lines, strict=True):
        axes.plot(depths, line, color=colour, linewidth=1.8, marker="o", markersize=5)
        label = f"{name} month"
        axes.annotate(label, (depths[-1], line[-1]), (9, 0), textcoords="offset points", va="center", color=colour)
    depth, red = int(challenger.data.params["max_depth"]), COLOURS["unseen"]
    place = (depth, measured(challenger, here.months)[2])
    axes.scatter(*place, marker="*", s=170, color=red, edgecolor="white", linewidth=0.8, zorder=3)
    axes.annotate("challenger", place, (0, -15), textcoords="offset points", ha="center", color=red)
    axes.set(xlabel="max_depth", ylabel="rmse, minutes", xticks=depths, xlim=(3, 25.5))
    axes.grid(axis="y", color="0.92")
    axes.set_axisbelow(True)
    return figure


if __name__ == "__main__":
    here = workspace.find()
    mlflow.set_tracking_uri(here.store)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update(LOOK)
    months(here).savefig(folder / "months.svg", metadata={"Date": None})
