"""How a learner's text is made safe, once for every face."""

from __future__ import annotations

import pytest

from flowcoach.report.text import clean, explain, fit, plural, score
from flowcoach.result import CheckResult, State


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("bell\x07", r"bell\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\nb\r\tc", r"a\nb\r\tc"),
        ("a\x00b\x7f", r"a\x00b\x7f"),
        ("\u202eevil", r"\u202eevil"),
        ("\u2028", r"\u2028"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
        ("\udc80", r"\udc80"),
        ("\ufffe\uffff", r"\ufffe\uffff"),
    ],
)
def test_what_could_move_hide_or_reorder_text_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize("text", ["“forest-search” … `rmse` ≥ 15", "żółć 学习 👩‍🔬", r"C:\new\table", "[bold]x[/]"])
def test_ordinary_text_of_any_language_stays(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("“✓” …", "utf-8", "“✓” …"),
        ("“✓” …", "ascii", '"+" ...'),
        ("“ü”", "cp1252", "“ü”"),
        ("ü 学", "ascii", r"\xfc \u5b66"),
    ],
)
def test_text_is_written_in_the_characters_that_a_stream_has(text: str, encoding: str, shown: str) -> None:
    assert fit(text, encoding) == shown


def test_a_check_is_explained_by_its_message_and_what_is_known_of_the_rest() -> None:
    check = CheckResult("2.3/a", "A", State.FAILED, 0, 1, message="No.", found="3\n4", advice="log it")
    assert explain(check) == "No.\n  found     3\\n4\n  try       log it"


def test_one_point_is_no_points() -> None:
    assert (score(0.5, 1), score(1, 3), plural(0, "hint")) == ("0.5 of 1 point", "1 of 3 points", "0 hints")
