"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import os
import re

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from flowcoach import workspace
from flowcoach.coach.start import start
from flowcoach.workspace import Workspace
from tests.toy import toy  # noqa: F401 (a fixture of many)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--section", help="prove just this section, as 2.3")


class ByWorkspace(LoadScopeScheduling):
    """Keep what shares an expensive workspace in one worker.

    That is a file's tests, and all tests of the lab; of the pages those of one section; and of the proof everything
    about one section, in whichever file.
    """

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        section = re.search(r"\[(\d+\.\d+)", test)
        if "/lab/" in file:
            return "lab"
        if section and "/prove/" in file:
            return f"prove {section[1]}"
        return f"{file} {section[1]}" if section and "test_pages" in file else file


# What takes minutes begins first, so that no worker is left alone with it at the end.
LONGEST = ("test_nbgrader", "coach/test_demo.py", "test_pages", "/lab/", "test_new_section", "/browser/", "/prove/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the tests by how long their files take."""

    def place(item: pytest.Item) -> int:
        return next((place for place, name in enumerate(LONGEST) if name in item.nodeid), len(LONGEST))

    items.sort(key=place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByWorkspace:
    # pytest-xdist's own groups (3.8) go unnoticed under pytest 9.2.
    config.option.loadscopereorder = False  # ours is a better order than by the number of tests
    return ByWorkspace(config, log)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what tests measured on the way, and would not judge."""
    measured = [pair for report in terminalreporter.getreports("passed") for pair in report.user_properties]
    if measured:
        terminalreporter.section("measured")
        for name, value in measured:
            terminalreporter.line(f"{name}: {value}")


@pytest.fixture(autouse=True)
def _no_inherited_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a workspace or a store of their own in the environment."""
    for name in ("FLOWCOACH_WORKSPACE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(workspace, "INHERITED", None)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)  # some sign their commits, and are asked how


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace as `flowcoach start` makes it, with short months. Copy it before you change it."""
    return start(tmp_path_factory.mktemp("prepared") / "course", learner="prove", trips=1500)
