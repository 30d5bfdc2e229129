"""The pages of the sections: what stands there to be typed is typed, and does what the page says.

Every page (each *.md in a section's folder) is read from top to bottom by somebody who types what it says, in a
workspace of their own in which run.py was run; a page that makes its workspace itself (`flowcoach start`) begins in an
empty folder.

- A `console` line is run for real, in the order of the page, in the folder that `cd` led to. It ends with exit code 0;
  `flowcoach check`, `submit`, `verify` and `replay` may end with 1, for steps that are open. A program that runs on
  (`mlflow ui`, `mlflow server`, `mlflow models serve`, `flowcoach ui`, `flowcoach watch`, `jupyter …`) is waited for
  until it answers, and ends with the page.
- A `python` block runs in one session that began with run.py, between the commands around it. A block with `...` in it
  is a fragment: it compiles, and its lines stand in run.py.
- A `text` block right after one of these is what it prints, word for word, but for numbers, ids, times, paths,
  addresses and the width of columns. A line `…` in it stands for lines left out.
- What may differ from what a reader types: ports (a free one is swapped in, also in the lines that follow), no browser
  is opened, MLflow starts no job runners, and pip looks at no index, for everything is installed.
- Blocks of `yaml`, `toml` and `json` are well-formed; `mermaid` is drawn by whoever shows the page. There is no other.
- Links and pictures inside the course lead to files.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from itertools import takewhile
from pathlib import Path

import pytest
import yaml
from pyarrow import parquet

from flowcoach import course, workspace
from flowcoach.coach import scripts
from flowcoach.coach.start import start
from flowcoach.course import Section
from flowcoach.workspace import MONTHS, Workspace
from tests.pages.page import agrees, blocks
from tests.pages.reader import Reader
from tests.prove import stage

PAGES = [(section, page) for section in course.sections() for page in sorted(section.folder.glob("*.md"))]
every_page = pytest.mark.parametrize(
    ("section", "page"), PAGES, ids=[f"{section.id}-{page.stem}" for section, page in PAGES]
)
TLC = Path(__file__).parents[2] / "shared" / "tlc"
READERS = {"yaml": yaml.safe_load, "toml": tomllib.loads, "json": json.loads}


@pytest.fixture(scope="session")
def real(prepared: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace with real months instead of synthetic ones: of each, every fourth trip, first day to last.

    (Whole months, and the figures published for them, are for tests/homework.)
    """
    if not TLC.is_dir():
        pytest.skip("the real months are not here: ../shared/tlc")
    store, folder = prepared.folder / "mlflow.db", tmp_path_factory.mktemp("real")
    for name in MONTHS:
        trips = parquet.read_table(workspace.month_file(TLC, name))
        parquet.write_table(trips.take(list(range(0, len(trips), 4))), workspace.month_file(folder, name))
    return start(folder / "course", learner="prove", data=folder, months=MONTHS, store=store)


def words(line: str) -> str:
    """A line of code without its comment and its indentation."""
    return line.split("  #")[0].strip()


@every_page
def test_what_a_page_says_to_type_works_in_its_order(
    section: Section, page: Path, prepared: Workspace, tmp_path: Path
) -> None:
    makes_its_own = any(line.startswith("flowcoach start") for block in blocks(page) for line in block.lines)
    desk = tmp_path / "desk"
    if makes_its_own:
        desk.mkdir()
    else:
        stage.copy(prepared, desk)
    if section.is_homework:
        stage.hand_out(section, workspace.load(desk))  # its reader has filled the gaps
    (tmp_path / "scratch").mkdir()
    with Reader(section, desk, tmp_path / "scratch") as reader:
        for block in blocks(page):
            reader.read(block)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("section", course.sections(), ids=lambda section: section.id)
def test_a_section_works_on_the_real_months_too(section: Section, real: Workspace, tmp_path: Path) -> None:
    """Its script, the Python on its pages (up to where a server is asked) and its solution, unchanged."""
    desk = stage.copy(real, tmp_path / "desk")
    (tmp_path / "scratch").mkdir()
    with Reader(section, desk.folder, tmp_path / "scratch") as reader:
        for page in sorted(section.folder.glob("*.md")):
            python = (block for block in blocks(page) if block.language == "python")
            for block in takewhile(lambda block: "127.0.0.1" not in block.text, python):
                reader.read(replace(block, output=None))
    if section.is_homework:
        stage.hand_out(section, desk)
        stage.work_homework(section, desk)
        assert list(stage.not_passed(section, desk)) == ["2.7/final-figure"]  # there is no fourth month among them
        return
    scripts.run(course.root() / "solutions" / section.name / "exercise.py", desk, quiet=True)
    assert stage.not_passed(section, desk) == {}


@every_page
def test_a_fragment_of_python_stands_in_the_script(section: Section, page: Path) -> None:
    script = {words(line) for line in (section.folder / "run.py").read_text(encoding="utf-8").splitlines()}
    for block in blocks(page):
        if block.language == "python" and block.is_fragment:
            compile(block.text, page.name, "exec")
            assert {words(line) for line in block.text.splitlines()} - script - {"..."} == set()


@every_page
def test_a_page_has_no_block_that_nobody_tries(section: Section, page: Path) -> None:
    for block in blocks(page):
        if block.language in READERS:
            READERS[block.language](block.text)
        else:
            assert block.language in ("console", "python", "text", "mermaid"), block


@every_page
def test_every_link_inside_the_course_leads_to_a_file(section: Section, page: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert link.startswith("https://") or (section.folder / link).is_file(), link


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("run tree-again (1f2e3d4c), FINISHED", "run tree-again (0a9b8c7d), FINISHED"),
        ("12 runs, the lowest 5.43", "1,200 runs, the lowest 6.1e-05"),
        ("off by 5.43 minutes", "off by 5.431234567890123 minutes"),
        ("Read sqlite:///mlflow.db", "Read sqlite:////home/ann/my-course/mlflow.db"),
        ("open http://127.0.0.1:5000", "open http://127.0.0.1:43210"),
        ("made data/green_tripdata_2023-01.parquet", r"made C:\course\data\green_tripdata_2023-01.parquet"),
        ("models:/m-0123456789abcdef0123456789abcdef", "models:/m-f123456789abcdef0123456789abcdef"),
        ("name   rmse\n-----  ----\nlasso  8.5", "name         rmse\n-----------  ------\nlasso        10.25"),
        ("first\n…\nlast", "first\nsecond\nthird\nlast\n"),
    ],
)
def test_ids_numbers_paths_and_widths_may_differ_from_the_page(shown: str, printed: str) -> None:
    assert agrees(shown, printed)


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("3 of 7 steps passed", "3 of 7 steps failed"),
        ("one line", "one line\nand another"),
        ("first\n…\nlast", "first\nsecond"),
        ("see section two", "see 2"),
    ],
)
def test_words_may_not_differ_from_the_page(shown: str, printed: str) -> None:
    assert not agrees(shown, printed)
