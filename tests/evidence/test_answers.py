"""What a learner concluded, read from a file that may hold anything, or be no file at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowcoach.evidence import NotFound, answers


def read(folder: Path, text: str | bytes) -> answers.Answers:
    (folder / answers.FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
    return answers.read(folder)


def test_no_file_means_no_answers_yet(tmp_path: Path) -> None:
    assert answers.read(tmp_path) == answers.Answers()


def test_an_answer_is_found_by_section_and_question(tmp_path: Path) -> None:
    assert read(tmp_path, '["2.2"]\nauthor = "ada"\n').get("2.2", "author") == "ada"


def test_a_byte_order_mark_and_the_line_ends_of_windows_are_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path, b'\xef\xbb\xbf["2.2"]\r\nauthor = "ada"\r\n').get("2.2", "author") == "ada"


@pytest.mark.parametrize("question", ["author", "nothing"])
def test_a_section_that_is_no_table_has_no_answers(tmp_path: Path, question: str) -> None:
    with pytest.raises(NotFound, match="no answer yet"):
        read(tmp_path, '"2.2" = 3\n').get("2.2", question)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("author = ada\n", "Invalid value"),
        (b"author = '\xff'\n", "codec"),
        ("a = " + "[" * 20_000, "nests too deeply"),
        ("a = " + "9" * 10_000, "digits"),
        ("a = 0x" + "9" * 10_000, "digits"),
        (".".join("a" * 20_000) + " = 1\n", "dots"),
        ("a = '" + "a" * 100_000 + "'\n", "larger than 64 KB"),
    ],
    ids=["no TOML", "no text", "nested", "endless number", "endless hexadecimal", "endless key", "large"],
)
def test_a_file_that_cannot_be_read_is_said_in_one_line(tmp_path: Path, text: str | bytes, why: str) -> None:
    with pytest.raises(NotFound, match=why):
        read(tmp_path, text).get("2.2", "author")


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / answers.FILE).mkdir()
    assert answers.read(tmp_path).fault == "it is not a file"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / answers.FILE)
    assert answers.read(tmp_path).fault == "it is not a file"
