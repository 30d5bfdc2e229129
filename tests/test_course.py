"""Asking the whole course of evidence."""

from __future__ import annotations

from flowcoach import course
from flowcoach.evidence import Evidence


def test_of_endless_warnings_the_first_are_shown_and_the_others_counted() -> None:
    result = course.examine((), Evidence(stores=(), unread=tuple(f"store {n} is damaged" for n in range(5000))))
    assert result.warnings[0] == "store 0 is damaged"
    assert result.warnings[-1] == "… and 4,980 warnings more."
    assert len(result.warnings) == 21
