"""Plots as SVG to stand inside a page: text stays text, and the colours are the page's own, light or dark."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from io import StringIO
from typing import TYPE_CHECKING, Any

from flowcoach.coach.portfolio.work import Study, number
from flowcoach.report.text import clean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIZE = (5.4, 2.8)  # inches; both plots alike, so that they stand side by side
_MOST = 3  # knobs that are drawn
# Stand-ins that no plot has by chance, and what the page's style sheet puts in their place.
_INK, _FAINT, _MARK, _BEST = "#010203", "#010204", "#010205", "#010206"
_COLOURS = {_INK: "currentColor", _FAINT: "var(--line)", _MARK: "var(--mark)", _BEST: "var(--best)"}
_LOOK: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "flowcoach",  # the same runs, the same bytes
    "font.family": "sans-serif",
    "font.size": 10,
    "text.parse_math": False,  # a name with dollars in it is a name
    "text.color": _INK,
    "axes.edgecolor": _FAINT,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def progress(study: Study, name: str) -> str:
    """Each run's figure in the order they were made, and the best so far as a line. `name` is unique in the page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with rc_context(_LOOK):
        figure = Figure(figsize=_SIZE, layout="constrained")
        axes = figure.add_subplot()
        values = study.values
        steps = range(1, len(values) + 1)
        axes.scatter(steps, values, color=_MARK, s=24, linewidth=0)
        if study.best is not None:
            pick = min if study.lower_is_better else max
            so_far = [pick(values[:step]) for step in steps]
            axes.step(steps, so_far, where="post", color=_BEST, linewidth=1.6)
            axes.scatter(values.index(so_far[-1]) + 1, so_far[-1], color=_BEST, s=48, zorder=3)
        axes.set_xlabel("run, in the order they were made")
        axes.set_ylabel(study.metric)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        best = f"; the best is {study.best.metric(study.metric):.4g}" if study.best else ""
        return _svg(figure, name, f"{study.metric} of {len(values)} runs, in the order they were made{best}")


def knobs(study: Study, name: str) -> str:
    """A small plot for each of the parameters that varied: its value to the right, the figure upwards."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with rc_context(_LOOK):
        shown = study.knobs[:_MOST]
        figure = Figure(figsize=_SIZE, layout="constrained")
        panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
        for axes, knob in zip(panels, shown, strict=True):
            having = [run for run in study.runs if knob in run.params]
            places = [number(run.params[knob]) or 0.0 for run in having]
            axes.scatter(places, [run.metric(study.metric) for run in having], color=_MARK, s=20, linewidth=0)
            if study.best is not None and knob in study.best.params:
                place, value = number(study.best.params[knob]) or 0.0, study.best.metric(study.metric)
                axes.scatter(place, value, color=_BEST, s=48, linewidth=0, zorder=3)
            axes.set_xlabel(knob)
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=all(place.is_integer() for place in places)))
        panels[0].set_ylabel(study.metric)
        _leave_out_the_odd(panels[0], [run.metric(study.metric) for run in study.runs if set(shown) & set(run.params)])
        return _svg(figure, name, f"{study.metric} of the runs against {', '.join(shown)}")


def _leave_out_the_odd(axes: Any, values: Sequence[float]) -> None:
    """Few values far beyond the others lie outside the picture: they would press all others into a line."""
    ordered = sorted(values)
    low, high = ordered[len(ordered) // 20], ordered[-1 - len(ordered) // 10]
    room = (high - low) or 1.0
    if ordered[-1] > high + 3 * room or ordered[0] < low - 3 * room:
        axes.set_ylim(low - 0.2 * room, high + 0.2 * room)


def _svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as an `svg` element that is read aloud as `alt`. Its ids begin with `name`, for several stand in one
    page; it has no size of its own, so that the page decides."""
    written = StringIO()
    figure.savefig(written, format="svg", transparent=True, metadata={"Date": None})
    text = re.sub(r"<metadata>.*?</metadata>", "", written.getvalue(), flags=re.DOTALL)
    opening, _, drawing = text[text.index("<svg") :].partition(">")
    box = re.search(r'viewBox="[^"]*"', opening)
    drawing = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', drawing)
    drawing = re.sub(r"url\(#([^)]*)\)", rf"url(#{name}-\1)", drawing)
    drawing = re.sub(r'xlink:href="#([^"]*)"', rf'href="#{name}-\1"', drawing)
    for stand_in, colour in _COLOURS.items():
        drawing = drawing.replace(stand_in, colour)
    return f'<svg {box[0] if box else ""} role="img" aria-label="{escape(clean(alt))}">{drawing}'
