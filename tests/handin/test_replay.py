"""`flowcoach replay` as a learner types it: what it says of a script that fails, and their work as it was."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from flowcoach import course
from flowcoach.workspace import Workspace
from tests.handin.conftest import flowcoach
from tests.prove import stage

SECTION = course.section("2.7")


def hashes(here: Workspace) -> dict[str, str]:
    """Each file and folder of a workspace with the SHA-256 of its content, but for what the coach keeps for itself."""
    return {
        path.relative_to(here.folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in here.folder.rglob("*")
        if ".flowcoach" not in path.parts
    }


@pytest.fixture
def here(prepared: Workspace, tmp_path: Path) -> Workspace:
    """A workspace in which the homework was not begun: its first gap is open."""
    return stage.copy(prepared, tmp_path / "course")


def test_an_open_gap_ends_it_with_the_script_its_last_words_and_what_to_do(here: Workspace) -> None:
    before = hashes(here)
    done = flowcoach("replay", folder=here.folder)
    assert done.returncode == 2
    assert "homework/preprocess_data.py ended with exit code 1:\npreprocess_data.py stops at gap 1" in done.stderr
    assert done.stderr.endswith("Next: mend it, commit, and replay\n")
    assert hashes(here) == before


def test_of_a_script_that_raises_it_tells_the_error_and_not_the_whole_way_there(here: Workspace) -> None:
    stage.hand_out(SECTION, here)
    script = here.folder / "homework" / "preprocess_data.py"
    text = script.read_text(encoding="utf-8")
    wrong = text.replace("    output.mkdir(", '    raise ValueError("no such month")\n    output.mkdir(', 1)
    script.write_text(wrong, encoding="utf-8")
    before = hashes(here)
    done = flowcoach("replay", "--json", folder=here.folder)
    assert done.returncode == 2
    problem = json.loads(done.stdout)["problem"]
    said = problem["cause"].splitlines()
    assert said[0] == "homework/preprocess_data.py ended with exit code 1:"
    assert said[-1] == "ValueError: no such month"
    assert len(said) <= 7
    assert problem["next_step"] == "mend it, commit, and replay"
    assert hashes(here) == before
