"""The faces that machines read: each is what its format's own tools expect."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any
from xml.etree import ElementTree

import jsonschema
import pytest
from junitparser import JUnitXml

from flowcoach.report import as_json, junit, notebook
from flowcoach.result import CheckResult, Result, SectionResult, State, from_dict, to_dict
from tests.report.examples import HOSTILE, ONE_PASSED, PROBLEM, RESULT

SCHEMA = json.loads(files("flowcoach").joinpath("schema/result-v1.json").read_text(encoding="utf-8"))
every_result = pytest.mark.parametrize("result", [RESULT, ONE_PASSED, PROBLEM], ids=["all", "passed", "problem"])


def validate(data: Any) -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(data)


# JSON


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@every_result
def test_json_is_valid_against_the_schema(result: Result) -> None:
    validate(json.loads(as_json.dumps(result)))


@every_result
def test_json_is_read_back_whole(result: Result) -> None:
    assert from_dict(json.loads(as_json.dumps(result))) == result


@every_result
def test_json_is_ascii_so_that_any_pipe_carries_it(result: Result) -> None:
    assert as_json.dumps(result).isascii()


def test_keys_come_in_the_order_of_the_schema() -> None:
    data = to_dict(RESULT)
    assert list(data) == [name for name in SCHEMA["properties"] if name != "checks"]  # that is a profile's
    assert list(data["sections"][0]) == list(SCHEMA["$defs"]["section"]["properties"])
    assert list(data["sections"][0]["checks"][0]) == list(SCHEMA["$defs"]["check"]["properties"])


def test_every_field_is_there_described_and_no_other_is_allowed() -> None:
    for described in (SCHEMA, *(SCHEMA["$defs"][name] for name in ("section", "check", "problem"))):
        optional = {"checks"} if described is SCHEMA else set()
        assert described["required"] == [name for name in described["properties"] if name not in optional]
        assert described["additionalProperties"] is False
        assert all("description" in field for field in described["properties"].values())


def test_the_states_of_the_schema_are_the_states() -> None:
    assert SCHEMA["$defs"]["check"]["properties"]["state"]["enum"] == [state.value for state in State]


@pytest.mark.parametrize("change", [{"state": "green"}, {"points": -1}, {"id": "2.3"}, {"extra": 1}, {"hints": None}])
def test_what_is_no_check_is_not_valid(change: dict[str, Any]) -> None:
    data = to_dict(RESULT)
    data["sections"][0]["checks"][0] |= change
    with pytest.raises(jsonschema.ValidationError):
        validate(data)


def test_nan_is_never_written() -> None:
    odd = CheckResult("2.3/a", "A", State.PASSED, float("nan"), 1)
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_json.dumps(Result("0", (SectionResult("2.3", "T", (odd,)),)))


@pytest.mark.parametrize(
    "data", [{}, [], None, {"schema": "flowcoach/result/v2"}, {"schema": "flowcoach/result/v1", "sections": [{}]}]
)
def test_what_is_no_result_is_not_read(data: Any) -> None:
    with pytest.raises(ValueError, match="flowcoach/result/v1"):
        from_dict(data)


# JUnit XML


def test_junit_opens_in_a_standard_parser_with_the_right_counts() -> None:
    document = JUnitXml.fromstring(junit.dumps(RESULT).encode())
    assert (document.tests, document.failures, document.errors, document.skipped) == (7, 2, 1, 2)
    assert [(suite.name, suite.tests) for suite in document] == [
        ("2.2 Getting started", 1),
        ("2.3 Experiment tracking", 6),
    ]


def test_junit_opens_in_the_parser_of_python_too() -> None:
    cases = {case.get("name"): case for case in ElementTree.fromstring(junit.dumps(RESULT)).iter("testcase")}
    verdicts = {name: [child.tag for child in case if child.tag != "properties"] for name, case in cases.items()}
    assert verdicts == {
        "2.2/store": [],
        "2.3/trials": ["failure"],
        "2.3/best": ["skipped"],
        "2.3/autolog": ["failure"],
        "2.3/data": ["error"],
        "2.3/notes": [],
        "2.3/second-search": ["skipped"],  # a bonus costs nothing
    }


def test_junit_says_why_and_what_it_was_worth() -> None:
    (case,) = ElementTree.fromstring(junit.dumps(RESULT)).iterfind(".//testcase[@name='2.3/trials']")
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "Finished trials with the four knobs and `rmse`: expected at least 15, found 3."
    assert "where     experiment “forest-search”" in (failure.text or "")
    assert {p.get("name"): p.get("value") for p in case.iter("property")}.items() >= {
        "points": "0",
        "max_points": "2",
    }.items()


def test_junit_invents_no_times() -> None:
    assert not any("time" in element.attrib for element in ElementTree.fromstring(junit.dumps(RESULT)).iter())


def test_junit_says_why_nothing_could_be_checked() -> None:
    (case,) = ElementTree.fromstring(junit.dumps(PROBLEM)).iter("testcase")
    error = case.find("error")
    assert error is not None
    assert "is not a database" in (error.get("message") or "")
    assert (error.text or "").startswith("Next: name the right file")


# Notebook HTML


class Page(HTMLParser):
    """Collects tags, and complains of those that are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.summaries: list[tuple[int, str]] = []  # how many <details> deep, and what it says
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert all(name == "style" for name, _ in attrs)
        self.tags.append(tag)
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "summary":
            self.summaries.append((self.open.count("details"), data))


@every_result
def test_notebook_html_is_whole_and_holds_only_our_own_tags(result: Result) -> None:
    page = Page(notebook.html(result))
    assert set(page.tags) <= {"div", "span", "b", "br", "code", "details", "summary"}


def test_a_learners_tags_are_text_in_the_notebook() -> None:
    assert "<script" in HOSTILE
    assert "<script" not in notebook.html(RESULT)


def test_hints_open_one_inside_the_other() -> None:
    trials = RESULT.sections[1].checks[0]
    one = Result("0.1.0", (SectionResult("2.3", "T", (trials,)),))
    assert Page(notebook.html(one)).summaries == [(1, "hint 1 of 3"), (2, "hint 2 of 3"), (3, "hint 3 of 3")]


def test_after_a_pass_the_notebook_says_why_and_offers_no_hint() -> None:
    text = notebook.html(ONE_PASSED)
    assert "Work that lies in two stores is compared by nobody.<br>An address" in text
    assert "hint" not in text
