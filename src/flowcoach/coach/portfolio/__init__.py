"""`flowcoach portfolio`: one page, of one file, that a learner can show to somebody who never heard of flowcoach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from flowcoach import course
from flowcoach.atomic import write_text
from flowcoach.coach.portfolio import page
from flowcoach.coach.portfolio.commit import last_commit
from flowcoach.coach.portfolio.work import cards, studies
from flowcoach.coach.scripts import require
from flowcoach.evidence.discover import gather
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace


@dataclass(frozen=True)
class Written:
    """What became of a portfolio: where it is, and how much there was to show."""

    path: Path
    steps: int
    experiments: int
    models: int


def write(here: Workspace, path: Path) -> Written:
    """Write the portfolio of a workspace to `path`, whole or not at all.

    Raises Problem when the store cannot be read, a library is missing, or there is no place at `path`.
    """
    require("jinja2", "matplotlib")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise Problem(f"{path} cannot be written: name a file in a folder that exists.", "--out portfolio.html")
    if path.exists() and path.suffix not in (".html", ".htm"):
        raise Problem(f"{path} is there already and is no web page.", "name another file: --out portfolio.html")
    evidence = gather(here.folder, here.store)
    try:
        result = course.examine((), evidence)
        own = replace(evidence, stores=evidence.stores[:1])  # the others are copies, or were put there
        shown = page.Portfolio(
            result=result,
            studies=studies(own),
            models=cards(own),
            commit=last_commit(here.folder),
            today=date.today(),
        )
    finally:
        evidence.close()
    write_text(path, page.html(shown, here.folder))
    return Written(path, shown.passed, len(shown.studies), len(shown.models))
