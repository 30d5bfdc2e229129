"""Each face of a result against its golden file.

To write the golden files anew after a change that you meant: GOLDEN=write pytest tests/report
"""

from __future__ import annotations

import os
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from flowcoach.atomic import write_text
from flowcoach.report import as_json, junit, notebook, terminal
from flowcoach.result import Basis, CheckResult, Result, SectionResult, State
from tests.report.examples import ONE_PASSED, PROBLEM, RESULT

GOLDEN = Path(__file__).parent / "golden"


def drawn(result: Result, width: int, encoding: str = "utf-8", *, colours: bool = False) -> str:
    """What stands on a terminal of this width and encoding."""
    page = BytesIO()
    stream = TextIOWrapper(page, encoding=encoding, newline="\n")
    console = Console(
        file=stream,
        width=width,
        force_terminal=colours,
        color_system="standard" if colours else None,
        legacy_windows=False,
        no_color=False,
    )
    terminal.render(result, console)
    stream.flush()
    return page.getvalue().decode(encoding)


FACES: dict[str, Callable[[], str]] = {
    "terminal-60.txt": lambda: drawn(RESULT, 60),
    "terminal-80.txt": lambda: drawn(RESULT, 80),
    "terminal-200.txt": lambda: drawn(RESULT, 200),
    "terminal-cp1252.txt": lambda: drawn(RESULT, 80, "cp1252"),
    "terminal-ascii.txt": lambda: drawn(RESULT, 80, "ascii"),
    "terminal-colours.txt": lambda: drawn(RESULT, 80, colours=True).replace("\x1b", "\\e"),
    "terminal-one-passed.txt": lambda: drawn(ONE_PASSED, 80),
    "terminal-problem.txt": lambda: drawn(PROBLEM, 80),
    "result.json": lambda: as_json.dumps(RESULT),
    "problem.json": lambda: as_json.dumps(PROBLEM),
    "junit.xml": lambda: junit.dumps(RESULT),
    "junit-problem.xml": lambda: junit.dumps(PROBLEM),
    "notebook.html": lambda: notebook.html(RESULT),
    "notebook-one-passed.html": lambda: notebook.html(ONE_PASSED),
    "notebook-problem.html": lambda: notebook.html(PROBLEM),
}


@pytest.mark.parametrize("name", FACES)
def test_the_face_is_the_golden_one(name: str) -> None:
    face = FACES[name]()
    if os.environ.get("GOLDEN") == "write":
        write_text(GOLDEN / name, face)
    golden = (GOLDEN / name).read_text(encoding="utf-8")  # universal newlines: git on Windows may have added some
    if name.endswith(".xml"):  # Pythons differ in which quotes they escape
        face, golden = ElementTree.canonicalize(face), ElementTree.canonicalize(golden)
    assert face == golden


@pytest.mark.parametrize("name", FACES)
def test_every_face_ends_in_one_newline(name: str) -> None:
    face = FACES[name]()
    assert face.endswith("\n")
    assert not face.endswith("\n\n")


@pytest.mark.parametrize("name", [name for name in FACES if name != "terminal-colours.txt"])
def test_no_face_lets_a_control_character_through(name: str) -> None:
    found = {
        letter for letter in FACES[name]() if (ord(letter) < 32 or 127 <= ord(letter) < 160) and letter not in "\n\t"
    }
    assert found == set()


@pytest.mark.parametrize("name", [name for name in FACES if name.startswith("terminal") and "200" not in name])
def test_no_line_is_wider_than_the_terminal_nor_ends_in_blanks(name: str) -> None:
    width = 60 if "60" in name else 80
    for line in FACES[name]().replace("\\e", "\x1b").splitlines():
        shown = Console(color_system=None).render_str("").from_ansi(line).plain
        assert len(shown) <= width
        assert shown == shown.rstrip()


@pytest.mark.parametrize(
    ("basis", "words"), [(Basis.LOGGED, "Rests on the figures as logged"), (Basis.REPRODUCED, "Reproduced: the logged")]
)
def test_every_face_tells_what_a_pass_rests_on(basis: Basis, words: str) -> None:
    check = CheckResult("2.7/best", "The best is registered", State.PASSED, 1, 1, basis=basis)
    result = Result(flowcoach="0.1.0", sections=(SectionResult("2.7", "Homework", (check,)),))
    assert words in terminal.dumps(result)
    assert words in notebook.html(result)
    assert f'<property name="basis" value="{basis}"' in junit.dumps(result)
    assert f'"basis": "{basis}"' in as_json.dumps(result)


def test_what_did_not_pass_rests_on_nothing() -> None:
    check = CheckResult("2.7/best", "The best is registered", State.FAILED, 0, 1, message="No.", basis=Basis.LOGGED)
    result = Result(flowcoach="0.1.0", sections=(SectionResult("2.7", "Homework", (check,)),))
    assert "as logged" not in terminal.dumps(result)
