"""Twenty clients that log at once: the team's server, and the local one on SQLite beside it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from flowcoach.lab.control import Lab

CLIENTS = 20
SECONDS = 20
SITUATIONS = ("local", "team")

# One client: a run of its own, then values one by one, each with the seconds until the server confirmed it.
CLIENT = """
import json, sys, time
import mlflow
mlflow.set_experiment("twenty at once")
client = mlflow.MlflowClient()
run = mlflow.start_run().info.run_id
print("ready", flush=True)
end = float(sys.stdin.readline())
took, errors, step = [], [], 0
while (begun := time.time()) < end:
    try:
        client.log_metric(run, "value", step * 0.5, step=step)
        took.append(time.time() - begun)
    except Exception as error:
        errors.append(f"{type(error).__name__}: {error}"[:200])
    step += 1
mlflow.end_run()  # which prints where the run can be seen
stored = len({one.step for one in client.get_metric_history(run, "value")})
print(json.dumps({"took": took, "errors": errors, "stored": stored}), flush=True)
"""


@dataclass(frozen=True)
class Measured:
    """What the clients of a server saw: seconds that each confirmed value took, errors, how many values are stored."""

    took: Sequence[float]
    errors: Sequence[str]
    stored: int


def run(console: Console) -> None:
    """Measure the two servers one after the other, on this machine, and draw them side by side."""
    from rich import box
    from rich.table import Table

    found = {situation: measured for situation in SITUATIONS if (measured := _measure(situation, console))}
    table = Table(
        f"{CLIENTS} clients, {SECONDS} s",
        *found,
        title="one value a request, each client waits for the answer",
        caption="clients and servers share this machine's cores",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name, say in ROWS.items():
        table.add_row(name, *(say(one) for one in found.values()))
    console.print(table)
    if len(found) == len(SITUATIONS):
        local, team = (len(found[situation].took) for situation in SITUATIONS)
        console.print(f"The team's server confirms {team / max(local, 1):.2f} times what the local one does.")
    for situation, one in found.items():
        for error in sorted(set(one.errors))[:3]:
            console.print(f"{situation}: {error}", markup=False)


def _percentile(took: Sequence[float], percent: int) -> str:
    return f"{quantiles(took, n=100)[percent - 1] * 1000:.0f} ms" if len(took) > 1 else "–"


ROWS = {
    "values a second": lambda one: f"{len(one.took) / SECONDS:.0f}",
    "errors": lambda one: f"{len(one.errors)}",
    "confirmed but not stored": lambda one: f"{max(0, len(one.took) - one.stored)}",
    "half are confirmed within": lambda one: _percentile(one.took, 50),
    "95 of 100 within": lambda one: _percentile(one.took, 95),
    "99 of 100 within": lambda one: _percentile(one.took, 99),
}


def _measure(situation: str, console: Console) -> Measured | None:
    """What the clients of this set-up see; None, with the reason, when it cannot be brought up."""
    from flowcoach.coach.start import start
    from flowcoach.lab import control
    from flowcoach.lab.plan import Order
    from flowcoach.problem import Problem

    with tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True) as folder:
        here = start(Path(folder, "course"), learner="bench", trips=100)
        try:
            lab, keeper = control.up(here, Order(situation))
        except Problem as problem:
            console.print(f"{situation} was not measured: {problem.cause} {problem.next_step}", markup=False)
            return None
        try:
            return _ask(lab)
        finally:
            control.end(keeper)
            control.remove(lab.places, situation)


def _ask(lab: Lab) -> Measured:
    """Twenty clients at once, begun together once all have a run."""
    variables = lab.environment()
    _make_experiment(variables)
    clients = [_client(variables) for _ in range(CLIENTS)]
    with ThreadPoolExecutor(CLIENTS) as waiting:
        list(waiting.map(_until_ready, clients))
        end = time.time() + SECONDS
        answers = list(waiting.map(lambda one: one.communicate(f"{end}\n")[0], clients))
    heard = [json.loads(answer.splitlines()[-1]) for answer in answers]
    return Measured(
        [seconds for one in heard for seconds in one["took"]],
        [error for one in heard for error in one["errors"]],
        sum(one["stored"] for one in heard),
    )


def _client(variables: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT],
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )


def _make_experiment(variables: Mapping[str, str]) -> None:
    """Made once, before twenty make it at once."""
    text = "import mlflow; mlflow.create_experiment('twenty at once')"
    subprocess.run([sys.executable, "-c", text], env=variables, check=True, capture_output=True)


def _until_ready(client: subprocess.Popen[str]) -> None:
    assert client.stdout is not None
    for line in client.stdout:
        if line.strip() == "ready":
            return
    raise RuntimeError("a client ended before it began")
