"""How long a look takes, against MLflow's own ways to ask."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bench._cost import Cost, cost, typical
from bench._store import environment, workspaces

if TYPE_CHECKING:
    from rich.console import Console

ROUNDS = 4
AIM = 0.30  # seconds

CLIENT = """
from mlflow import MlflowClient
client = MlflowClient()
search = client.get_experiment_by_name("forest-search")
runs = client.search_runs([search.experiment_id], "attributes.status = 'FINISHED'", order_by=["metrics.rmse ASC"])
knobs = {"max_depth", "n_estimators", "min_samples_leaf", "min_samples_split"}
trials = [run for run in runs if knobs <= run.data.params.keys() and "rmse" in run.data.metrics]
settings = {tuple(run.data.params[knob] for knob in sorted(knobs)) for run in trials}
assert len(trials) >= 15 and len(settings) >= 10
assert "best_of" in trials[0].data.tags
"""

SQLITE = """
import os, sqlite3
path = os.environ["MLFLOW_TRACKING_URI"].removeprefix("sqlite:///")
store = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
print(store.execute("SELECT run_uuid FROM latest_metrics WHERE key = 'rmse' ORDER BY value LIMIT 1").fetchone())
"""

DRAWN = SQLITE.replace("import os", "import click, os, rich.console") + "\nrich.console.Console().print('drawn')"

OURS, CLI, PEER = "flowcoach check 2.3", "mlflow experiments search", "ten lines with MlflowClient"
COMMANDS = {
    OURS: ["-m", "flowcoach", "check", "2.3"],
    CLI: ["-m", "mlflow", "experiments", "search"],
    PEER: ["-c", CLIENT],
    "floor: sqlite3 alone": ["-c", SQLITE],
    "floor: click, rich and sqlite3": ["-c", DRAWN],
}
TARGETS = {CLI: 20, PEER: 8}  # how many times as quick a look has to be


def run(console: Console) -> None:
    """Run every command in turn, several times, and draw what each costs beside ours."""
    from rich import box
    from rich.table import Table

    costs: dict[str, list[Cost]] = {name: [] for name in COMMANDS}
    with workspaces(60) as (here,):
        cost([sys.executable, *COMMANDS[OURS]], env=environment(here))  # so that all find their files in memory
        for _ in range(ROUNDS):
            for name, command in COMMANDS.items():
                measured = cost([sys.executable, *command], env=environment(here))
                costs[name] += [measured] if measured else []
    found = {name: typical(several) for name, several in costs.items()}
    ours = found[OURS].seconds
    table = Table(
        "each a new process", title=f"A store of 60 runs; median of {ROUNDS} rounds, taken in turn", box=box.SIMPLE_HEAD
    )
    for heading in ("seconds", "times ours", "wanted", "MB"):
        table.add_column(heading, justify="right")
    for name, one in found.items():
        wanted = f"≤ {AIM:.2f} s" if name == OURS else f"≥ {TARGETS[name]}" if name in TARGETS else ""
        memory = "" if one.megabytes is None else f"{one.megabytes:.0f}"
        table.add_row(name, f"{one.seconds:.3f}", f"{one.seconds / ours:.1f}", wanted, memory)
    console.print(table)
    missed = [name for name, times in TARGETS.items() if found[name].seconds < times * ours]
    console.print(f"Missed: {', '.join(missed)}." if missed else "Both ratios hold.")
