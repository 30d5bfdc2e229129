"""The portfolio as a web page of one file, that loads nothing: styles and plots stand in it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from flowcoach.coach.portfolio import plots
from flowcoach.coach.portfolio.commit import Commit
from flowcoach.coach.portfolio.work import Card, Study, Version
from flowcoach.evidence import Run
from flowcoach.report.text import clean, plural
from flowcoach.result import Basis, Result, SectionResult, State

if TYPE_CHECKING:
    from markupsafe import Markup

_STUDIES = 8  # drawn; more would be a list
_DRAWN = 5  # runs; fewer are no plot
_ROWS = 20  # of a table, the newest
_LONGEST = 200  # characters of a value

# What would tell who somebody is, or where on their machine things lie.
_HOMES = re.compile(r"(file:/+)?([A-Za-z]:)?[\\/]+(home|Users)[\\/]+[^\\/\s\"']+|(file:/+)?/root(?=/|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Portfolio:
    """Everything that the page shows. `today` is the day it is made."""

    result: Result
    studies: tuple[Study, ...]
    models: tuple[Card, ...]
    commit: Commit | None
    today: date

    @property
    def passed(self) -> int:
        """How many steps hold."""
        return sum(check.state is State.PASSED for check in self.result.checks)

    @property
    def steps(self) -> int:
        """How many steps there are; a bonus is one once it holds."""
        return sum(not check.bonus or check.state is State.PASSED for check in self.result.checks)

    @property
    def done(self) -> tuple[SectionResult, ...]:
        """The sections in which something holds."""
        return tuple(
            section for section in self.result.sections if any(check.state is State.PASSED for check in section.checks)
        )

    @property
    def finished(self) -> bool:
        """Whether every step holds that is not a bonus."""
        return self.result.exit_code == 0

    @property
    def runs(self) -> int:
        """How many runs of the learner's own are in the studies."""
        return sum(len(study.runs) for study in self.studies)

    @property
    def libraries(self) -> tuple[str, ...]:
        """The exact versions that the logged models ask for, as "mlflow==3.17.2"."""
        lines = {
            line
            for card in self.models
            for version in card.versions
            if version.model is not None
            for line in version.model.requirements
            if re.fullmatch(r"[\w.\[\]-]+==[\w.+!-]+", line)
        }
        return tuple(sorted(lines, key=str.lower))

    @property
    def days(self) -> str:
        """From when to when the runs were made."""
        times = [run.start_time for study in self.studies for run in study.runs if run.start_time]
        if not times:
            return ""
        first, last = (_day(time) for time in (min(times), max(times)))
        return first if first == last else f"{first} to {last}"


def html(portfolio: Portfolio, folder: Path) -> str:
    """The whole page. Every value is escaped, and paths lose the part that is the learner's alone, `folder` first."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "safe_text": lambda value: anonymous(value, folder),
        "figure": figure,
        "plural": plural,
        "prose": prose,
    }
    environment.globals |= {
        "lineage": lineage,
        "measured": measured,
        "day": _day_of,
        "basis": _BASIS[portfolio.result.basis],
    }
    telling = [study for study in portfolio.studies if study.best or study.apart or len(study.runs) >= _DRAWN][
        :_STUDIES
    ]
    shown = [(study, _drawn(study, f"plot-{number}")) for number, study in enumerate(telling)]
    return environment.get_template("page.html.jinja").render(
        it=portfolio,
        studies=shown,
        listed=[study for study in portfolio.studies if study not in telling],
        passed=State.PASSED,
        rows=_ROWS,
    )


_BASIS = {
    Basis.LOGGED: "as they were logged; nothing was trained again to confirm them",
    Basis.REPRODUCED: "reproduced from the logged models",
}


def _drawn(study: Study, name: str) -> list[Markup]:
    from markupsafe import Markup

    if len(study.runs) < _DRAWN or study.apart:
        return []
    drawn = [plots.progress(study, name)]
    if study.knobs:
        drawn.append(plots.knobs(study, f"{name}-knobs"))
    return [Markup(svg) for svg in drawn]  # matplotlib has escaped what stands in it


def anonymous(value: object, folder: Path) -> str:
    """A value as text that is safe to show: short, without control characters, without home folders."""
    text = str(value)
    for own in (folder.as_uri(), str(folder)):
        text = text.replace(own, ".")
    home = Path.home()
    text = _HOMES.sub("~", text)
    text = clean(text.replace(str(home), "~") if home.name else text)  # in a container it may be the root: no secret
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def prose(text: str) -> Markup:
    """The course's own words; what stands in backticks becomes code."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(clean(text)))))


def figure(value: float) -> str:
    """A figure with as many digits as one reads."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def measured(version: Version) -> list[tuple[str, float, str]]:
    """The figures of a version, each with its name and the data it was measured on ("" when it does not say)."""
    linked = [(one.key, one.value, one.dataset_name) for one in version.figures]
    keys = {key for key, _, _ in linked}
    run = version.run.metrics if version.run else {}
    others = [(key, value, "") for key, value in run.items() if key not in keys and not math.isnan(value)]
    return sorted({*linked, *others})


def lineage(version: Version) -> list[tuple[str, str]]:
    """Where a version came from, as labels and texts: run, experiment, data, code."""
    run = version.run
    if run is None:
        return [("run", "not in this store")]
    data = [f"{one.name} ({one.digest}{f', {one.context}' if one.context else ''})" for one in run.datasets]
    source = re.split(r"[\\/]", run.tags.get("mlflow.source.name", ""))[-1]
    told = [
        ("run", run.label),
        ("experiment", run.experiment),
        ("trained", _day_of(run)),
        ("data", ", ".join(dict.fromkeys(data))),
        ("code", "a notebook" if source == "ipykernel_launcher.py" else source),
        ("commit", version.commit[:12]),
    ]
    return [(label, text) for label, text in told if text]


def _day_of(run: Run) -> str:
    return _day(run.start_time) if run.start_time else ""


def _day(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, tz=UTC).date().isoformat()
    except (OverflowError, ValueError, OSError):
        return ""
