"""What a learner concluded, from `answers.toml`: one table a section, one key a question.

The homework brings a file of its own, with its questions in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowcoach.evidence import toml
from flowcoach.evidence.records import NotFound

FILE = "answers.toml"
HOMEWORK = "homework/answers.toml"


@dataclass(frozen=True)
class Answers:
    """The answers of a workspace, by section and question. `fault` says why `file` could not be read."""

    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    fault: str | None = None
    file: str = FILE

    def get(self, section: str, question: str) -> Any:
        """The answer to one question.

        Raises NotFound when it was not answered, or when the file is not valid TOML.
        """
        where = f"{FILE}, table [“{section}”]"
        if self.fault:
            raise NotFound(
                f"{self.file} cannot be read: {self.fault}.",
                expected="valid TOML",
                found=self.fault,
                where=self.file,
                advice='put text in quotes, as in name = "text", and close each quote and bracket',
            )
        answer = self.sections.get(section, {}).get(question)
        if answer is None or answer == "":
            raise NotFound(
                f"The question `{question}` has no answer yet.",
                expected=f"an answer to `{question}`",
                found="no answer",
                where=where,
                advice="answer it in the exercise notebook and run that cell, or edit the file",
            )
        return answer


def read(folder: Path) -> Answers:
    """Read the answers of the workspace in `folder`; a missing file means no answers yet."""
    sections: dict[str, dict[str, Any]] = {}
    for file in (HOMEWORK, FILE):
        try:
            tables = toml.read(folder / file)
        except FileNotFoundError:
            continue
        except OSError as error:
            return Answers(fault=error.strerror or str(error), file=file)
        except ValueError as error:
            return Answers(fault=str(error), file=file)
        for name, table in tables.items():
            if isinstance(table, dict):
                sections[name] = {**sections.get(name, {}), **table}
    return Answers(sections)
