"""What a command costs, as a process of its own: seconds from start to end, and the most memory it held."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Cost:
    """Seconds, and megabytes of resident memory at the peak (None where the system does not tell)."""

    seconds: float
    megabytes: float | None


def cost(command: Sequence[str], *, env: dict[str, str], limit: float = 300) -> Cost | None:
    """Run a command to its end; None when that takes more than `limit` seconds. Raises RuntimeError when it fails."""
    # A small process in between: a child's peak is never told to be below that of the process that began it.
    done = subprocess.run(
        [sys.executable, __file__, str(limit), *command], env=env, capture_output=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)[:80]} failed: {done.stderr[-500:]}")
    answer = json.loads(done.stdout)
    return None if answer is None else Cost(**answer)


def typical(costs: Sequence[Cost]) -> Cost:
    """The median of the seconds, and the greatest peak."""
    peaks = [one.megabytes for one in costs if one.megabytes is not None]
    return Cost(median(one.seconds for one in costs), max(peaks) if peaks else None)


def _measure(limit: float, command: Sequence[str]) -> dict[str, float | None] | None:
    began = time.perf_counter()
    try:
        subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return None
    except subprocess.CalledProcessError as error:
        sys.exit(error.stderr.decode(errors="replace") or f"exit code {error.returncode}")
    return {"seconds": time.perf_counter() - began, "megabytes": _peak()}


def _peak() -> float | None:
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit


if __name__ == "__main__":
    json.dump(_measure(float(sys.argv[1]), sys.argv[2:]), sys.stdout)
