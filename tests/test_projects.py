"""The page on MLflow Projects, beside the files that it speaks of."""

from __future__ import annotations

from flowcoach import course
from tests.pages.page import blocks


def test_the_page_shows_the_files_of_the_project_as_they_are() -> None:
    section = course.section("2.6")
    shown = [block.text for block in blocks(section.folder / "projects.md") if block.language == "yaml"]
    handed_out = course.root() / "exercises" / section.name
    assert shown == [(handed_out / name).read_text(encoding="utf-8") for name in ("MLproject", "python_env.yaml")]
