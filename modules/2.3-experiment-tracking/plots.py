"""Section 2.3: the UI's comparison charts, drawn from the runs that run.py left: python plots.py FOLDER"""

import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import mlflow
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from flowcoach import workspace

KNOBS = ["max_depth", "min_samples_leaf", "min_samples_split"]
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
COLOURS = "viridis"  # dark is a low RMSE, so a good one; tells apart in grey as well
BEST = "#d1495b"


Table = dict[str, np.ndarray]


def trials() -> Table:
    """The knobs and `rmse` of all trials, a column each, oldest trial first."""
    found = mlflow.search_runs(
        experiment_names=["tree-search"],
        filter_string="tags.model = 'tree' and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time ASC"],
        output_format="list",
    )
    table = {knob: np.array([float(run.data.params[knob]) for run in found]) for knob in KNOBS}
    return {**table, "rmse": np.array([run.data.metrics["rmse"] for run in found])}


def parallel(table: Table) -> Figure:
    """Every trial is a line through its knobs to its RMSE; the best one is red."""
    figure, axes = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
    heights = np.array([(column - column.min()) / np.ptp(column) for column in table.values()]).T
    for line in heights:
        axes.plot(line, color=plt.colormaps[COLOURS](line[-1]), linewidth=1.3, alpha=0.75)
    axes.plot(heights[table["rmse"].argmin()], color=BEST, linewidth=2.8, marker="o", markersize=5)
    for place, column in enumerate(table.values()):
        axes.vlines(place, 0, 1, color="0.6", linewidth=1)
        axes.annotate(f"{column.max():.3g}", (place, 1.05), ha="center", va="bottom", color="0.35")
        axes.annotate(f"{column.min():.3g}", (place, -0.05), ha="center", va="top", color="0.35")
    axes.set_xticks(range(len(table)), list(table), color="0.1")
    axes.tick_params(axis="x", length=0, pad=4)
    axes.set(ylim=(-0.13, 1.13), yticks=[])
    axes.spines[:].set_visible(False)
    return figure


def scatter(table: Table) -> Figure:
    """One picture a knob: its value to the right, the RMSE upwards; the best trial is red."""
    figure, panels = plt.subplots(1, 3, figsize=(7.2, 2.7), sharey=True, layout="constrained")
    best = table["rmse"].argmin()
    for axes, knob in zip(panels, KNOBS, strict=True):
        axes.scatter(table[knob], table["rmse"], color="#2a6f97", s=26, alpha=0.75, linewidth=0)
        axes.scatter(table[knob][best], table["rmse"][best], color=BEST, s=46, zorder=3)
        axes.set_xlabel(knob)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
    panels[0].set_ylabel("rmse, minutes")
    return figure


def contour(table: Table) -> Figure:
    """Two knobs as a map, the RMSE as its colour; each dot is a trial, the best one is red."""
    figure, axes = plt.subplots(figsize=(5.2, 3.5), layout="constrained")
    depth, leaf, best = table["max_depth"], table["min_samples_leaf"], table["rmse"].argmin()
    colours = axes.tricontourf(depth, leaf, table["rmse"], 10, cmap=COLOURS)
    figure.colorbar(colours, label="rmse, minutes", format="%.2f")
    axes.scatter(depth, leaf, color="white", s=18, edgecolor="0.2", linewidth=0.7, clip_on=False, zorder=3)
    axes.scatter(depth[best], leaf[best], color=BEST, s=60, edgecolor="white", zorder=4)
    axes.set(xlabel="max_depth", ylabel="min_samples_leaf")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


if __name__ == "__main__":
    mlflow.set_tracking_uri(workspace.find().store)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    plt.rcParams.update(LOOK)
    table = trials()
    for draw in (parallel, scatter, contour):
        draw(table).savefig(folder / f"{draw.__name__}.svg", metadata={"Date": None})
