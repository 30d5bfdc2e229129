"""Checks: the words in which a section says what must hold, and the runner that asks them of evidence."""

from flowcoach.checks.check import Check, Misconception, check
from flowcoach.checks.expect import Failed, expect, expect_some, number
from flowcoach.checks.mistakes import Harmless, Mistake, harmless, mistake
from flowcoach.checks.names import misnamed_rmse
from flowcoach.checks.reproduced import expect_reproduced
from flowcoach.checks.runner import run_checks

__all__ = [
    "Check",
    "Failed",
    "Harmless",
    "Misconception",
    "Mistake",
    "check",
    "expect",
    "expect_reproduced",
    "expect_some",
    "harmless",
    "misnamed_rmse",
    "mistake",
    "number",
    "run_checks",
]
