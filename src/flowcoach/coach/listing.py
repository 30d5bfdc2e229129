"""The sections with their steps and points, and in a workspace what became of each step: plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowcoach.checks import Check
from flowcoach.coach.progress import Progress
from flowcoach.course import Section
from flowcoach.result import Result


def listing(
    chosen: Sequence[tuple[Section, Sequence[Check]]], result: Result | None, known: Progress
) -> list[dict[str, Any]]:
    """One table a section, with its `checks`, in the order of `chosen`.

    With a `result`, each check also has its `state`, the points `earned`, the date on which it was first seen to hold
    (`done`), and how many of its hints were seen.
    """
    found = {check.id: check for check in result.checks} if result else {}
    return [
        {
            "id": section.id,
            "title": section.title,
            "checks": [{**_plain(check), **(_became(check, found, known) if found else {})} for check in checks],
        }
        for section, checks in chosen
    ]


def _plain(check: Check) -> dict[str, Any]:
    return {"id": check.id, "title": check.title, "points": check.points, "bonus": check.bonus}


def _became(check: Check, found: dict[str, Any], known: Progress) -> dict[str, Any]:
    done = known.done.get(check.id)
    return {
        "state": found[check.id].state.value,
        "earned": found[check.id].points,
        "done": done.isoformat() if done else None,
        "hints_seen": known.hints.get(check.id, 0),
    }
