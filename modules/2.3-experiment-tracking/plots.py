"""Section 2.3: the UI's comparison charts, drawn from the runs that run.py left: python plots.py FOLDER"""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import mlflow
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from flowcoach import workspace

KNOBS = ["max_depth", "min_samples_leaf", "min_samples_split"]
LOOK = {
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


def trials() -> pd.DataFrame:
    """One row a trial, oldest first, with its knobs and its `rmse` as numbers."""
    found = mlflow.search_runs(
        experiment_names=["tree-search"],
        filter_string="tags.model = 'tree' and attributes.status = 'FINISHED'",
        order_by=["attributes.start_time ASC"],
    )
    columns = {f"params.{knob}": knob for knob in KNOBS} | {"metrics.rmse": "rmse"}
    return found[list(columns)].rename(columns=columns).astype(float)


def parallel(table: pd.DataFrame) -> Figure:
    """Every trial is a line through its knobs to its RMSE; the best one is red."""
    figure, axes = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
    best, names = table["rmse"].idxmin(), [*KNOBS, "rmse"]
    low, high = table[names].min(), table[names].max()
    heights = (table[names] - low) / (high - low)
    colours = plt.colormaps[COLOURS](heights["rmse"])
    for (number, line), colour in zip(heights.iterrows(), colours, strict=True):
        if number != best:
            axes.plot(range(4), line, color=colour, linewidth=1.3, alpha=0.75)
    axes.plot(range(4), heights.loc[best], color=BEST, linewidth=2.8, marker="o", markersize=5)
    for place, name in enumerate(names):
        axes.vlines(place, 0, 1, color="0.6", linewidth=1)
        digits = 2 if name == "rmse" else 0
        axes.annotate(f"{high[name]:.{digits}f}", (place, 1.05), ha="center", va="bottom", color="0.35")
        axes.annotate(f"{low[name]:.{digits}f}", (place, -0.05), ha="center", va="top", color="0.35")
    axes.set_xticks(range(4), names, color="0.1")
    axes.tick_params(axis="x", length=0, pad=4)
    axes.set(ylim=(-0.13, 1.13), yticks=[])
    axes.spines[:].set_visible(False)
    return figure


def scatter(table: pd.DataFrame) -> Figure:
    """One picture a knob: its value to the right, the RMSE upwards; the best trial is red."""
    figure, panels = plt.subplots(1, 3, figsize=(7.2, 2.7), sharey=True, layout="constrained")
    best = table.loc[table["rmse"].idxmin()]
    for axes, knob in zip(panels, KNOBS, strict=True):
        axes.scatter(table[knob], table["rmse"], color="#2a6f97", s=26, alpha=0.75, linewidth=0)
        axes.scatter(best[knob], best["rmse"], color=BEST, s=46, zorder=3)
        axes.set_xlabel(knob)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(color="0.92")
        axes.set_axisbelow(True)
    panels[0].set_ylabel("rmse, minutes")
    return figure


def contour(table: pd.DataFrame) -> Figure:
    """Two knobs as a map, the RMSE as its colour; each dot is a trial, the best one is red."""
    figure, axes = plt.subplots(figsize=(5.2, 3.5), layout="constrained")
    points = table.groupby(["max_depth", "min_samples_leaf"], as_index=False)["rmse"].min()
    colours = axes.tricontourf(points["max_depth"], points["min_samples_leaf"], points["rmse"], 10, cmap=COLOURS)
    figure.colorbar(colours, label="rmse, minutes", format="%.2f")
    axes.scatter(points["max_depth"], points["min_samples_leaf"], color="white", s=18, edgecolor="0.2", linewidth=0.7)
    best = table.loc[table["rmse"].idxmin()]
    axes.scatter(best["max_depth"], best["min_samples_leaf"], color=BEST, s=60, edgecolor="white", zorder=3)
    axes.set(xlabel="max_depth", ylabel="min_samples_leaf")
    axes.margins(0.05)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return figure


if __name__ == "__main__":
    mlflow.set_tracking_uri(workspace.find().store)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with plt.rc_context(LOOK):
        table = trials()
        for draw in (parallel, scatter, contour):
            draw(table).savefig(folder / f"{draw.__name__}.svg", metadata={"Date": None})
