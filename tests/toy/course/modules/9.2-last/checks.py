"""What must hold in 9.2 Last."""

from flowcoach.checks import check, expect
from flowcoach.evidence import Evidence


@check("9.2/tagged", points=1, hints=["tag it"])
def tagged(evidence: Evidence) -> None:
    """A run carries the tag `seen`"""
    expect(evidence.experiment("Default").runs.with_tag("seen").count(), "runs with the tag").is_at_least(1)
