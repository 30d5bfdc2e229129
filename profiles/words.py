"""Numbers and lists in words."""

from __future__ import annotations

from collections.abc import Sequence

from flowcoach.evidence import Run


def many(number: int, noun: str) -> str:
    """A number with its noun: “1 run”, “3 runs”."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(texts: Sequence[str], most: int = 4) -> str:
    """The first few of these, and how many there are beyond."""
    more = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {more} more" if more > 0 else "")


def logged(run: Run) -> str:
    """What a run logged, metrics first."""
    return listed([f"`{name}`" for name in (*sorted(run.metrics), *sorted(run.params))]) or "nothing"
