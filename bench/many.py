"""How a look grows with the runs in the store, MLflow's client beside it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench._cost import Cost, cost, typical
from bench._store import environment, workspaces

if TYPE_CHECKING:
    from rich.console import Console

    from flowcoach.workspace import Workspace

SIZES = (10_000, 100_000)
ROUNDS = 3
PATIENCE = 60  # seconds for MLflow's client
GROWTH, SECONDS, MEGABYTES = 12, 1.0, 150

CHECK = ["-m", "flowcoach", "check", "2.3"]

# One of the check's questions: the best of the trials.
CLIENT = """
from mlflow import MlflowClient
client = MlflowClient()
search = client.get_experiment_by_name("forest-search")
finished = "attributes.status = 'FINISHED'"
best = client.search_runs([search.experiment_id], finished, order_by=["metrics.rmse ASC"], max_results=1)[0]
assert "best_of" in best.data.tags
"""


def run(console: Console) -> None:
    """Measure both sizes in turn and draw seconds, peaks and growth."""
    from rich import box
    from rich.table import Table

    with workspaces(*SIZES) as places:
        looks = [[_cost(CHECK, here) for here in places] for _ in range(ROUNDS)]
        small, large = (typical([one for one in column if one]) for column in zip(*looks, strict=True))
        client = [_cost(["-c", CLIENT], here) for here in places]
    growth = large.seconds / small.seconds
    table = Table(
        "",
        *(f"{size:,} runs" for size in SIZES),
        "growth",
        "peak",
        title=f"5 parameters and 3 metrics a run; of ours the median of {ROUNDS}",
        caption=f"wanted: {SECONDS:g} s and {MEGABYTES} MB, growth below {GROWTH}",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    peak = "" if large.megabytes is None else f"{large.megabytes:.0f} MB"
    table.add_row("flowcoach check 2.3", f"{small.seconds:.2f} s", f"{large.seconds:.2f} s", f"{growth:.1f}", peak)
    table.add_row("MlflowClient, the best trial alone", *map(_said, client), "", "")
    console.print(table)
    console.print("Growth holds." if growth < GROWTH else f"Growth missed: {growth:.1f} times.")


def _cost(command: list[str], here: Workspace) -> Cost | None:
    return cost([sys.executable, *command], env=environment(here), limit=PATIENCE)


def _said(measured: Cost | None) -> str:
    return f"> {PATIENCE} s" if measured is None else f"{measured.seconds:.2f} s"
