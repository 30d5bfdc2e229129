"""Find the stores of a workspace and take them together."""

from __future__ import annotations

from pathlib import Path

from flowcoach.evidence import answers
from flowcoach.evidence.sqlite import SqliteStore
from flowcoach.evidence.view import Evidence


def gather(folder: Path, store: str) -> Evidence:
    """The evidence of the workspace in `folder`, whose configured store is at the tracking address `store`."""
    configured = SqliteStore(Path(store.removeprefix("sqlite:///")))
    return Evidence(stores=(configured,), configured=configured, answers=answers.read(folder))
