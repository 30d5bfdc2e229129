"""The one shape of result, `flowcoach/result/v1`: data that every face draws and nothing else knows how to judge."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

SCHEMA = "flowcoach/result/v1"
_BRIEF = ("id", "status", "state", "points", "max_points", "message", "evidence", "misconception")


class State(StrEnum):
    """What became of a check. `ERROR` is the grader's fault, never the learner's."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    ERROR = "error"


class Basis(StrEnum):
    """What a verdict rests on: figures as logged, or figures that the logged model reproduced."""

    LOGGED = "logged"
    REPRODUCED = "reproduced"


@dataclass(frozen=True)
class CheckResult:
    """The verdict on one check.

    `points` is what was earned of `max_points`; a `bonus` check stands beyond the section's maximum.
    `message` says why it did not pass (None when it passed); `expected`, `found`, `where` and `advice` make it
    precise. `misconception` names the recognised mistake; then `message` is that mistake's own, and says it all.
    `hints` are the pushes a learner may ask for, in order; `why` is what the skill is good for at work.
    `status` is the word that a profile has for the verdict, and `evidence` what it saw; of a section both are None.
    `basis` is what a pass rests on, None where no figure of a model is in play.
    """

    id: str
    title: str
    state: State
    points: float
    max_points: float
    bonus: bool = False
    message: str | None = None
    expected: str | None = None
    found: str | None = None
    where: str | None = None
    advice: str | None = None
    misconception: str | None = None
    hints: tuple[str, ...] = ()
    why: str | None = None
    status: str | None = None
    evidence: str | None = None
    basis: Basis | None = None


@dataclass(frozen=True)
class SectionResult:
    """The verdicts on one section's checks, in the order a learner works through them."""

    id: str
    title: str
    checks: tuple[CheckResult, ...]

    @property
    def points(self) -> float:
        """Points earned, bonus included."""
        return sum(check.points for check in self.checks)

    @property
    def max_points(self) -> float:
        """Points that can be earned without any bonus: a constant of the course."""
        return sum(check.max_points for check in self.checks if not check.bonus)


@dataclass(frozen=True)
class Obstacle:
    """Why nothing could be checked: one cause and one next step."""

    cause: str
    next_step: str


@dataclass(frozen=True)
class Result:
    """Everything one invocation found out."""

    flowcoach: str
    sections: tuple[SectionResult, ...] = ()
    stores: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    problem: Obstacle | None = None

    @property
    def checks(self) -> tuple[CheckResult, ...]:
        """All checks of all sections, in order."""
        return tuple(check for section in self.sections for check in section.checks)

    @property
    def basis(self) -> Basis:
        """REPRODUCED when the logged models gave every figure that a pass rests on; LOGGED when one was believed."""
        bases = {check.basis for check in self.checks} - {None}
        return Basis.REPRODUCED if bases == {Basis.REPRODUCED} else Basis.LOGGED

    @property
    def points(self) -> float:
        """Points earned, bonus included."""
        return sum(section.points for section in self.sections)

    @property
    def max_points(self) -> float:
        """Points that can be earned without any bonus."""
        return sum(section.max_points for section in self.sections)

    @property
    def needs_regrade(self) -> bool:
        """Whether a check broke by our fault, so that its zero is not the learner's."""
        return any(check.state is State.ERROR for check in self.checks)

    @property
    def exit_code(self) -> int:
        """0 all passed; 1 any failed or skipped and no error; 2 any error or nothing was checked.

        A bonus that is not earned costs nothing, unless only bonuses were asked for; in error it counts like any other.
        """
        if self.problem or self.needs_regrade or not self.checks:
            return 2
        required = [check for check in self.checks if not check.bonus] or self.checks
        return 0 if all(check.state is State.PASSED for check in required) else 1


def to_dict(result: Result) -> dict[str, Any]:
    """The result as plain data, in the form that `schema/result-v1.json` describes."""
    brief = [_brief(check) for check in result.checks if check.status is not None]
    return {
        "schema": SCHEMA,
        "flowcoach": result.flowcoach,
        "basis": result.basis.value,
        "points": result.points,
        "max_points": result.max_points,
        "needs_regrade": result.needs_regrade,
        "exit_code": result.exit_code,
        "stores": list(result.stores),
        "warnings": list(result.warnings),
        "problem": asdict(result.problem) if result.problem else None,
        "sections": [
            {
                "id": section.id,
                "title": section.title,
                "points": section.points,
                "max_points": section.max_points,
                "checks": [_check(check) for check in section.checks],
            }
            for section in result.sections
        ],
        **({"checks": brief} if brief else {}),
    }


def _check(check: CheckResult) -> dict[str, Any]:
    basis = check.basis.value if check.basis else None
    return {**asdict(check), "state": check.state.value, "hints": list(check.hints), "basis": basis}


def _brief(check: CheckResult) -> dict[str, Any]:
    """A profile's check in short, for whoever compares many homeworks."""
    data = _check(check)
    return {key: data[key] for key in _BRIEF}


def from_dict(data: dict[str, Any]) -> Result:
    """Read back what `to_dict` wrote.

    Raises ValueError when `data` is not a `flowcoach/result/v1`.
    """
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        found = data.get("schema") if isinstance(data, dict) else data
        raise ValueError(f"expected a {SCHEMA}, found {found!r}")
    try:
        return _read(data)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"this {SCHEMA} is not whole: {type(error).__name__}: {error}") from error


def _read(data: dict[str, Any]) -> Result:
    sections = tuple(
        SectionResult(
            id=section["id"],
            title=section["title"],
            checks=tuple(
                CheckResult(
                    **{
                        **check,
                        "state": State(check["state"]),
                        "hints": tuple(check["hints"]),
                        "basis": Basis(check["basis"]) if check["basis"] else None,
                    },
                )
                for check in section["checks"]
            ),
        )
        for section in data["sections"]
    )
    return Result(
        flowcoach=data["flowcoach"],
        sections=sections,
        stores=tuple(data["stores"]),
        warnings=tuple(data["warnings"]),
        problem=Obstacle(**data["problem"]) if data["problem"] else None,
    )
