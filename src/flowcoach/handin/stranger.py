"""Look at somebody else's workspace: its own stores, its own answers, and nothing that its settings name elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flowcoach import workspace
from flowcoach.evidence import Evidence
from flowcoach.evidence.discover import gather, gather_found
from flowcoach.evidence.opening import path_of
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace


def settings(folder: Path) -> Workspace | None:
    """The settings of the workspace in `folder`, as far as they stay inside it; None when there are none to be read."""
    try:
        here = workspace.load(folder)
    except Problem:
        return None
    return here if _store(here) is not None else replace(here, address="sqlite:///mlflow.db")


def gather_here(folder: Path) -> Evidence:
    """The evidence that lies in `folder`. A store elsewhere, or a server, is never asked, whatever the settings say."""
    here = settings(folder)
    store = _store(here) if here is not None else None
    if here is None or store is None or not store.is_file():
        return gather_found(folder)
    return gather(folder, here.own_store)


def _store(here: Workspace) -> Path | None:
    """The SQLite file that the settings name, if it lies inside the workspace."""
    if not here.address.startswith("sqlite:"):
        return None
    try:
        path = path_of(here.own_store)
    except Problem:
        return None
    inside = not path.is_symlink() and path.resolve().is_relative_to(here.folder.resolve())
    return path if inside else None
