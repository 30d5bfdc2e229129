"""Who solved a section is told of no trouble, and their portfolio shows it, whatever the section is about."""

from __future__ import annotations

from pathlib import Path

from flowcoach.coach import portfolio
from flowcoach.coach.doctor import Patient, examine
from flowcoach.course import Section
from tests.prove.conftest import Solved


def test_a_solved_workspace_has_no_trouble(section: Section, solved: Solved) -> None:
    patient = Patient(solved.here, solved.here.folder, port=1)
    assert [(found.id, found.findings) for found in examine(patient)] == []


def test_a_solved_section_stands_in_the_portfolio(section: Section, solved: Solved, tmp_path: Path) -> None:
    written = portfolio.write(solved.here, tmp_path / "portfolio.html")
    assert written.steps >= sum(not check.bonus for check in section.checks)
    assert section.title in written.path.read_text(encoding="utf-8")
