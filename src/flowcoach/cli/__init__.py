"""The command `flowcoach`: reads what was asked, calls, draws. No judgement is made here."""

from flowcoach.cli import handin, lab, learning, place
from flowcoach.cli.root import main

__all__ = ["handin", "lab", "learning", "main", "place"]
