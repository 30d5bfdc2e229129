"""What every face says in words: values made safe to show, and the lines that explain a check."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowcoach.result import Basis, CheckResult, State


@dataclass(frozen=True)
class Style:
    """How a state looks beside its word: a symbol, and colours that suit light and dark."""

    symbol: str
    terminal: str
    html: str


STYLES = {
    State.PASSED: Style("✓", "green", "#2da44e"),
    State.FAILED: Style("✗", "red", "#e5534b"),
    State.SKIPPED: Style("–", "dim", "#8b949e"),
    State.ERROR: Style("!", "magenta", "#a371f7"),
}

_BASES = {
    Basis.LOGGED: "Rests on the figures as logged; --rescore asks their models.",
    Basis.REPRODUCED: "Reproduced: the logged models give these figures again.",
}

# What could move a cursor, hide or reorder text, or not stand in XML 1.0 (https://www.w3.org/TR/xml/#charsets).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_PLAIN = str.maketrans({"✓": "+", "✗": "x", "–": "-", "“": '"', "”": '"', "’": "'", "…": "...", "×": "x", "·": "-"})


def clean(text: str) -> str:
    """One line that is safe to show anywhere: control characters stand there as their escapes, such as `\\x1b`."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def fit(text: str, encoding: str) -> str:
    """The text in the characters of this encoding: ours have a plain double, others stand there as their escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def lines(text: str) -> list[str]:
    """Our own words may have several lines: each of them, safe to show."""
    return [clean(line) for line in text.split("\n")]


def details(check: CheckResult) -> list[tuple[str, str]]:
    """What makes a check's message precise, as labels and lines, in the order they are read; nothing is said twice."""
    told = f"expected {check.expected}, found {check.found}." in (check.message or "")
    both = () if told else (("expected", check.expected), ("found", check.found))
    named = (("status", check.status), *both, ("seen", check.evidence), ("where", check.where), ("try", check.advice))
    return [(label, clean(text)) for label, text in named if text]


def explain(check: CheckResult) -> str:
    """Why a check did not pass, as plain lines: its message, then its details, aligned."""
    return "\n".join([clean(check.message or ""), *(f"  {label:<8}  {text}" for label, text in details(check))])


def basis(check: CheckResult) -> str:
    """What a pass rests on, in a sentence; nothing where no figure of a model is in play."""
    return _BASES[check.basis] if check.basis and check.state is State.PASSED else ""


def worth(check: CheckResult) -> str:
    """What was earned of what can be, short: “1/2”, or “+1/2” for a bonus."""
    return f"{'+' if check.bonus else ''}{check.points:g}/{check.max_points:g}"


def score(points: float, max_points: float) -> str:
    """Points as people write them: “3 of 4 points”."""
    return f"{points:g} of {plural(max_points, 'point')}"


def plural(number: float, noun: str) -> str:
    """A number with its noun: “1 hint”, “3 hints”."""
    return f"{number:g} {noun}{'' if number == 1 else 's'}"
