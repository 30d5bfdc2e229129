"""Checks: the words in which a section says what must hold, and the runner that asks them of evidence."""

from flowcoach.checks.check import Check, Misconception, check
from flowcoach.checks.expect import Failed, expect, expect_some
from flowcoach.checks.mistakes import Mistake, mistake
from flowcoach.checks.runner import run_checks

__all__ = ["Check", "Failed", "Misconception", "Mistake", "check", "expect", "expect_some", "mistake", "run_checks"]
