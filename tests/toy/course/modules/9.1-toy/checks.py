"""What must hold in 9.1 Toy."""

from flowcoach.checks import check, expect
from flowcoach.evidence import Evidence


@check("9.1/first", points=1, hints=["softly", "plainly"], why="It matters.\nAt work.")
def first(evidence: Evidence) -> None:
    """The first answer is 1"""
    expect(evidence.answers.get("9.1", "first"), "the first answer").equals(1)


@check("9.1/second", points=2, needs=[first], hints=["count on"])
def second(evidence: Evidence) -> None:
    """The second answer is 2"""
    expect(evidence.answers.get("9.1", "second"), "the second answer").equals(2)


@check("9.1/extra", points=1, bonus=True)
def extra(evidence: Evidence) -> None:
    """The extra answer is 3"""
    expect(evidence.answers.get("9.1", "extra"), "the extra answer").equals(3)
