"""Fixtures that more than one folder of tests uses."""

from __future__ import annotations

import pytest

from flowcoach import course
from flowcoach.coach.start import start
from flowcoach.workspace import Workspace


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--section", help="prove just this section, as 2.3")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares an expensive workspace in one worker: a section's proof, else a file's tests."""
    for item in items:
        section = getattr(item, "callspec", None) and item.callspec.params.get("section")  # pyright: ignore
        group = f"prove-{section.id}" if isinstance(section, course.Section) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _no_inherited_workspace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a workspace or a store of their own in the environment."""
    for name in ("FLOWCOACH_WORKSPACE", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace as `flowcoach start` makes it, with short months. Copy it before you change it."""
    return start(tmp_path_factory.mktemp("prepared") / "course", learner="prove", trips=1500)
