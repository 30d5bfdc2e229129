"""The command `flowcoach`: reads what was asked, calls, draws. No judgement is made here."""

from flowcoach.cli import handin, learning, place
from flowcoach.cli.root import main

__all__ = ["handin", "learning", "main", "place"]
