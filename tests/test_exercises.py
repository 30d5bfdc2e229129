"""The exercises that learners get: generated, never edited, and in step with the checks."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import jupytext
import nbformat
import pytest

from flowcoach import course
from flowcoach.course import Section
from tools import exercises
from tools.notebooks import KERNEL

NOTEBOOKS = [section for section in course.sections() if not section.is_homework]
SCRIPTS = sorted(
    path
    for section in course.sections()
    if section.is_homework
    for path in (exercises.ROOT / section.place).glob("*.py")
)
every_section = pytest.mark.parametrize("section", NOTEBOOKS, ids=lambda section: section.id)


def exercise(section: Section) -> nbformat.NotebookNode:
    path = exercises.ROOT / "exercises" / section.name / "exercise.ipynb"
    return nbformat.read(path, as_version=nbformat.NO_CONVERT)


def test_generating_them_again_elsewhere_changes_no_byte(tmp_path: Path) -> None:
    committed = {
        path.relative_to(exercises.ROOT): path.read_bytes().replace(b"\r\n", b"\n")  # git on Windows may add them
        for path in (*(exercises.ROOT / "exercises").glob("*/*"), *(exercises.ROOT / "homework").glob("*"))
        if path.is_file()
    }
    assert {path: text.encode() for path, text in exercises.build(exercises.ROOT, tmp_path).items()} == committed


@every_section
def test_every_check_has_one_graded_cell_with_its_name_and_points(section: Section) -> None:
    cells = [cell for cell in exercise(section).cells if cell.metadata.get("nbgrader", {}).get("grade")]
    marks = [cell.metadata.nbgrader for cell in cells]
    graded = [(f"{section.id}/{mark.grade_id}", mark.points) for mark in marks]
    assert graded == [(check.id, check.points) for check in section.checks]
    assert [cell.source for cell in cells] == [f'check("{check.id}")' for check in section.checks]


@every_section
def test_it_is_a_valid_notebook_with_no_id_twice(section: Section) -> None:
    notebook = exercise(section)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))


@every_section
def test_it_names_any_python_and_holds_no_output(section: Section) -> None:
    notebook = exercise(section)
    assert notebook.metadata == {"kernelspec": KERNEL}
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.outputs == [] and cell.execution_count is None for cell in code)


@every_section
def test_it_gives_no_solution_away_and_every_cell_compiles(section: Section) -> None:
    for cell in exercise(section).cells:
        assert "SOLUTION" not in cell.source
        if cell.cell_type == "code":
            compile(cell.source, cell.id, "exec")
        if cell.metadata.get("nbgrader", {}).get("solution"):
            assert "# your code here" in cell.source


@every_section
def test_an_evening_begins_with_the_first_cell_and_no_other(section: Section) -> None:
    """A kernel started anew knows nothing of the evening before: its solution may use no name from there."""
    cells = jupytext.read(exercises.ROOT / "solutions" / section.name / "exercise.py").cells
    code = [cell.source for cell in cells if cell.cell_type == "code"]
    evenings: list[list[str]] = [[]]
    for cell in cells:
        if cell.cell_type == "markdown" and re.search(r"^## .*\bevening\)", cell.source, re.MULTILINE):
            evenings.append([code[0]])
        elif cell.cell_type == "code":
            evenings[-1].append(cell.source)
    for evening in evenings:
        names = [node for node in ast.walk(ast.parse("\n".join(evening))) if isinstance(node, ast.Name)]
        read = {name.id for name in names if isinstance(name.ctx, ast.Load)}
        assert read - _bound("\n".join(evening)) - set(dir(builtins)) == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_of_the_homework_gives_no_solution_away_and_compiles(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert "SOLUTION" not in text
    assert "# Gap " in text
    compile(text, script.name, "exec")


def _bound(source: str) -> set[str]:
    """The names that a program gives a meaning to, in any of its scopes."""
    bound: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add((other or name).partition(".")[0])
    return bound
