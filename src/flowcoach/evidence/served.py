"""The store that the workspace's lab serves now, as the lab's note says: `.flowcoach/lab/served.json`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowcoach.problem import Problem

NOTE = Path(".flowcoach", "lab", "served.json")
SECONDS = 5  # it is on this machine


@dataclass(frozen=True)
class Served:
    """What the lab serves: a tracking address, with a login where one is needed, and what it is in words.

    A local server's store is the SQLite file behind it, which needs no server to be read.
    """

    address: str
    about: str

    def to_dict(self) -> dict[str, Any]:
        """The note, as it is written."""
        return {"address": self.address, "about": self.about}


def read(folder: Path) -> Served | None:
    """The note in the workspace `folder`; None when there is none, or none that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        found: Mapping[str, Any] = json.loads((folder / NOTE).read_text(encoding="utf-8"))
        return Served(str(found["address"]), str(found["about"]))
    return None


def unread(problem: Problem) -> str:
    """What to say when the lab's server cannot be read."""
    return f"The lab's server was not read: {problem.cause} Its runs are left out; flowcoach lab status says more."
