"""`expect_reproduced(evidence, …)`: a logged figure is what the logged model gives."""

from __future__ import annotations

from collections.abc import Sequence

from flowcoach.checks.expect import Failed, show
from flowcoach.evidence import Evidence, Figure, Outcome, Rescorer, Unavailable, Verdict
from flowcoach.result import Basis


def expect_reproduced(evidence: Evidence, *figures: Figure) -> None:
    """Each figure comes out again when its run's own model predicts its month.

    Without a re-computation, asked for or remembered, this says nothing: the verdict rests on what was logged. Ask for
    many figures at once, for it is one process that loads them. Raises Failed with both numbers for a figure that comes
    out otherwise, Unavailable with the reason for one that cannot be re-computed, NotFound for a metric that is not
    there.
    """
    if evidence.rescorer is None:
        return
    verdicts = [verdict for verdict in evidence.rescorer(evidence, figures) if verdict is not None]
    for verdict in sorted(verdicts, key=lambda verdict: verdict.outcome is not Outcome.DIFFERS):
        if verdict.outcome is Outcome.DIFFERS:
            raise _differs(verdict)
        if verdict.outcome is not Outcome.REPRODUCED:
            figure = verdict.figure
            raise Unavailable(
                f"`{figure.metric}` of the run {figure.run.label} {verdict.outcome}: {verdict.reason or 'no reason'}."
            )


def _differs(verdict: Verdict) -> Failed:
    figure = verdict.figure
    logged, given = show(verdict.logged), show(verdict.recomputed)
    if logged == given:
        logged, given = repr(verdict.logged), repr(verdict.recomputed)
    return Failed(
        f"The run logged `{figure.metric}` {logged}; its own model gives {given} on {figure.month}.",
        expected=f"{given}, what the logged model gives on {figure.month}",
        found=f"{logged}, logged as `{figure.metric}`",
        where=f"run {figure.run.label} in experiment “{figure.run.experiment}”",
        advice="log the figure and the model of the same fit, measured on that month, in one run",
    )


class Listening:
    """A rescorer that notes what came of the figures that one check asked for."""

    def __init__(self, rescorer: Rescorer | None) -> None:
        self._rescorer = rescorer
        self._seen: list[Verdict | None] = []

    def __call__(self, evidence: Evidence, figures: Sequence[Figure]) -> tuple[Verdict | None, ...]:
        """What the rescorer says; where there is none, nothing is known of any figure."""
        verdicts = self._rescorer(evidence, figures) if self._rescorer else (None,) * len(figures)
        self._seen += verdicts
        return verdicts

    @property
    def basis(self) -> Basis | None:
        """REPRODUCED when each figure came out again, LOGGED when one was believed; None when there were none."""
        if not self._seen:
            return None
        whole = all(verdict is not None and verdict.outcome is Outcome.REPRODUCED for verdict in self._seen)
        return Basis.REPRODUCED if whole else Basis.LOGGED
