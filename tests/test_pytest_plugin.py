"""`pytest --flowcoach`: a section's checks as test items."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flowcoach import course
from flowcoach.evidence import Evidence
from flowcoach.problem import Problem

pytest_plugins = ["pytester"]

CHECKS = '''
from flowcoach.checks import check, expect


@check("0.1/holds", points=2)
def holds(evidence):
    """This one holds"""


@check("0.1/fails", points=1)
def fails(evidence):
    """This one does not hold"""
    expect("calm\\x1b[31mowl", "the run", where="experiment “x”", advice="log it").equals("owl")


@check("0.1/later", points=1, needs=[fails])
def later(evidence):
    """This one needs the other"""


@check("0.1/breaks", points=1)
def breaks(evidence):
    """This one breaks"""
    1 / 0


@check("0.1/extra", points=1, bonus=True)
def extra(evidence):
    """This one is a bonus"""
    expect(0, "the extras").is_there()
'''


@pytest.fixture
def workspace(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A workspace with an ordinary test in it, a course of one small section, and no stores."""
    section = pytester.mkdir("course") / "modules" / "0.1-small"
    section.mkdir(parents=True)
    (section / "README.md").write_text("# 0.1 Small\n", encoding="utf-8")
    (section / "checks.py").write_text(CHECKS, encoding="utf-8")
    pytester.makefile(".toml", flowcoach='learner = "x"')
    pytester.makepyfile(test_ordinary="def test_ordinary():\n    assert False")
    monkeypatch.setattr(course, "root", lambda: pytester.path / "course")
    monkeypatch.setattr(course, "gather", lambda folder, store, *, lab: Evidence(stores=()))
    return pytester


def test_the_checks_are_the_only_items_in_their_order(workspace: pytest.Pytester) -> None:
    result = workspace.runpytest("--flowcoach", "0.1", "-v")
    result.assert_outcomes(passed=1, failed=1, skipped=2, errors=1)
    result.stdout.fnmatch_lines(
        [
            "collected 5 items",
            "0.1::0.1/holds PASSED*",
            "0.1::0.1/fails FAILED*",
            "0.1::0.1/later SKIPPED*",
            "0.1::0.1/breaks ERROR*",
            "0.1::0.1/extra SKIPPED*",
        ]
    )


def test_a_failure_is_told_in_the_checks_own_words_without_a_traceback(workspace: pytest.Pytester) -> None:
    result = workspace.runpytest("--flowcoach", "0.1/fails")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*0.1/fails: This one does not hold*",
            "The run: expected “owl”, found “calm\\x1b[[]31mowl”.",
            "  where     experiment “x”",
            "  try       log it",
        ],
        consecutive=True,
    )
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*pytest_plugin.py*")


def test_a_skipped_check_says_what_comes_first(workspace: pytest.Pytester) -> None:
    result = workspace.runpytest("--flowcoach", "0.1/later", "-rs")
    result.stdout.fnmatch_lines(["SKIPPED*First: “This one does not hold”."])


def test_a_check_that_broke_is_an_error_and_says_that_it_is_ours(workspace: pytest.Pytester) -> None:
    result = workspace.runpytest("--flowcoach", "0.1/breaks")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*That is our fault, not yours*", "*ZeroDivisionError: division by zero"])


def test_what_holds_is_green(workspace: pytest.Pytester) -> None:
    assert workspace.runpytest("--flowcoach", "0.1/holds").ret == pytest.ExitCode.OK


def test_the_option_may_be_repeated(workspace: pytest.Pytester) -> None:
    workspace.runpytest("--flowcoach", "0.1/holds", "--flowcoach", "0.1/fails").assert_outcomes(passed=1, failed=1)


def test_items_are_chosen_by_name_as_any_other(workspace: pytest.Pytester) -> None:
    workspace.runpytest("--flowcoach", "0.1", "-k", "holds").assert_outcomes(passed=1, deselected=4)


def test_the_workspace_can_be_elsewhere(workspace: pytest.Pytester, tmp_path: Path) -> None:
    (tmp_path / "flowcoach.toml").write_text('learner = "y"', encoding="utf-8")
    (workspace.path / "flowcoach.toml").unlink()
    result = workspace.runpytest("--flowcoach", "0.1/holds", "--flowcoach-workspace", str(tmp_path))
    result.assert_outcomes(passed=1)


def test_junit_xml_carries_verdicts_and_points(workspace: pytest.Pytester) -> None:
    workspace.runpytest("--flowcoach", "0.1", "--junitxml", "results.xml")
    cases = {case.get("name"): case for case in ElementTree.parse(workspace.path / "results.xml").iter("testcase")}
    verdicts = {name: [child.tag for child in case if child.tag != "properties"] for name, case in cases.items()}
    assert verdicts == {
        "0.1/holds": [],
        "0.1/fails": ["failure"],
        "0.1/later": ["skipped"],
        "0.1/breaks": ["error"],
        "0.1/extra": ["skipped"],
    }
    properties = {p.get("name"): p.get("value") for p in cases["0.1/holds"].iter("property")}
    assert properties == {"title": "This one holds", "points": "2", "max_points": "2"}


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["0.9"], ["ERROR: There is no section “0.9”.", "Next: did you mean 0.1?*"]),
        (["0.1/hold"], ["ERROR: Section 0.1 has no check “0.1/hold”.", "Next: Did you mean 0.1/holds?*"]),
    ],
)
def test_an_unknown_name_is_a_usage_error_with_a_next_step(
    workspace: pytest.Pytester, names: list[str], told: list[str]
) -> None:
    result = workspace.runpytest("--flowcoach", *names)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(told)


def test_no_workspace_is_a_usage_error(workspace: pytest.Pytester) -> None:
    (workspace.path / "flowcoach.toml").unlink()
    result = workspace.runpytest("--flowcoach", "0.1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: There is no workspace here*", "Next: *"])


def test_a_store_that_cannot_be_read_is_a_usage_error(
    workspace: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gather(folder: Path, store: str, *, lab: bool) -> Evidence:
        raise Problem("mlflow.db is not a database.", "name another store")

    monkeypatch.setattr(course, "gather", gather)
    result = workspace.runpytest("--flowcoach", "0.1")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: mlflow.db is not a database.", "Next: name another store"])


def test_without_the_option_pytest_is_as_ever(workspace: pytest.Pytester) -> None:
    workspace.runpytest().assert_outcomes(failed=1)


def test_without_the_option_nothing_of_the_course_is_imported() -> None:
    code = (
        "import sys, flowcoach.pytest_plugin\n"
        "print([name for name in sys.modules if name.startswith('flowcoach.') and name != 'flowcoach.pytest_plugin'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
