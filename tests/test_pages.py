"""The pages of the sections that are written: what stands there to be typed works when it is typed.

- A `python` block runs after run.py, in one session with the blocks before it. A block with `...` in it is a fragment:
  it compiles, and its lines stand in run.py.
- A `console` line of flowcoach or mlflow is one that the program understands, and `flowcoach check` is asked for real.
  Nothing else is started: the proof runs `flowcoach run`, every workspace here comes from `flowcoach start`, servers
  and `jupyter` run on, and `pip` would change the environment.
- Links and pictures inside the course lead to files.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import mlflow.cli
import pytest

import flowcoach.cli
from flowcoach import course
from flowcoach.coach import scripts
from flowcoach.course import Section
from flowcoach.workspace import Workspace
from tests.prove import stage

every_section = pytest.mark.parametrize("section", course.sections(), ids=lambda section: section.id)


def page(section: Section) -> str:
    return (section.folder / "README.md").read_text(encoding="utf-8")


def blocks(section: Section, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page(section), flags=re.MULTILINE | re.DOTALL)


def is_fragment(block: str) -> bool:
    return bool(re.search(r"^\s*\.\.\.", block, flags=re.MULTILINE))


def words(line: str) -> str:
    """A line of code without its comment and its indentation."""
    return line.split("  #")[0].strip()


def commands(section: Section) -> list[str]:
    return [line for block in blocks(section, "console") for line in block.splitlines() if line.strip()]


@every_section
def test_every_complete_block_of_python_runs_where_the_script_ends(
    section: Section, prepared: Workspace, tmp_path: Path
) -> None:
    here = stage.copy(prepared, tmp_path / "course")
    complete = [block for block in blocks(section, "python") if not is_fragment(block)]
    script = (section.folder / "run.py").read_text(encoding="utf-8")
    (tmp_path / "page.py").write_text("\n\n".join([script, *complete]), encoding="utf-8")
    assert scripts.run(tmp_path / "page.py", here, quiet=True) == 0


@every_section
def test_a_fragment_of_python_stands_in_the_script(section: Section) -> None:
    script = {words(line) for line in (section.folder / "run.py").read_text(encoding="utf-8").splitlines()}
    for block in filter(is_fragment, blocks(section, "python")):
        compile(block, section.name, "exec")
        assert {words(line) for line in block.splitlines()} - script - {"..."} == set()


@every_section
def test_every_check_is_answered(section: Section, prepared: Workspace) -> None:
    for command in commands(section):
        program, *rest = shlex.split(command)
        if (program, rest[0]) == ("flowcoach", "check"):
            asked = [sys.executable, "-m", "flowcoach", *rest]
            done = subprocess.run(asked, env=scripts.environment(prepared), capture_output=True, check=False)
            assert done.returncode == 1, f"{command}: {done.stderr}"


@every_section
def test_every_command_is_understood(section: Section) -> None:
    programs = {"flowcoach": flowcoach.cli.main, "mlflow": mlflow.cli.cli}
    for command in commands(section):
        program, *rest = shlex.split(command.split(">")[0])
        if program in programs:
            context = click.Context(programs[program])
            name, found, arguments = programs[program].resolve_command(context, rest)
            assert found is not None
            found.make_context(name, arguments)  # parses, and starts nothing
        else:
            assert rest[:2] == ["-m", "pip"] or program in ("cd", "jupyter"), f"{command}: say here how it is tried"


@every_section
def test_every_link_inside_the_course_leads_to_a_file(section: Section) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page(section)):
        assert link.startswith("https://") or (section.folder / link).is_file(), link
