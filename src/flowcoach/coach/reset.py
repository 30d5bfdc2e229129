"""Set a section's exercise back to how it came, with what was there kept under today's date."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flowcoach.atomic import replacing
from flowcoach.coach.start import fresh_exercise
from flowcoach.course import Section
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace


@dataclass(frozen=True)
class Reset:
    """The files that were written anew, and the folder that keeps what they said before (None: no file was there)."""

    written: tuple[Path, ...]
    backup: Path | None


def reset(section: Section, here: Workspace) -> Reset:
    """Set the files of a section's exercise back; the store, the answers and a learner's own files stay.

    Raises Problem when the section has no exercise, and when something cannot be written; then nothing is lost either.
    """
    folder = here.folder / section.place
    fresh = {folder / name: content for name, content in fresh_exercise(section).items()}
    if not fresh:
        raise Problem(f"Section {section.id} has no exercise to set back.", "see what there is: flowcoach list")
    changed = {path: content for path, content in fresh.items() if not _holds(path, content)}
    try:
        backup = _keep([path for path in changed if path.is_file()], here.folder, section)
        _write(changed)
    except OSError as error:
        raise Problem(
            f"{error.filename or folder} cannot be written: {error.strerror or error}.",
            "close programs that have it open, and make room on the disk; your own copy is still there",
        ) from error
    return Reset(tuple(changed), backup)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


def _keep(files: list[Path], workspace: Path, section: Section) -> Path | None:
    """Copy files into a new folder of the workspace's backups."""
    if not files:
        return None
    backup = _new_folder(workspace / ".flowcoach" / "backups", section.name)
    for path in files:
        shutil.copy2(path, backup / path.name)
    return backup


def _new_folder(parent: Path, name: str) -> Path:
    """A folder that was not there before, however many a second are made."""
    parent.mkdir(parents=True, exist_ok=True)
    dated = f"{datetime.now():%Y-%m-%d-%H%M%S}-{name}"
    number = 1
    while True:
        folder = parent / (dated if number == 1 else f"{dated}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _write(files: Mapping[Path, bytes]) -> None:
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as unfinished:
            unfinished.write_bytes(content)
