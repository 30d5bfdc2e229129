"""What goes with a submission: the answers to the original course's form, kept in `submission.toml`."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path

from flowcoach.atomic import write_text
from flowcoach.evidence import toml
from flowcoach.problem import Problem

FILE = "submission.toml"
QUESTIONS = {
    "code": "Link to your code (a repository)",
    "hours_lectures": "Hours spent on lectures and pages",
    "hours_homework": "Hours spent on the homework",
    "post": "Link to a post about what you learned (learning in public)",
    "remarks": "Anything you want to say",
}


@dataclass(frozen=True)
class Form:
    """The answers; all but the link to the code may be empty."""

    code: str = ""
    hours_lectures: str = ""
    hours_homework: str = ""
    post: str = ""
    remarks: str = ""


def read(folder: Path) -> Form:
    """The form as the workspace keeps it, empty when it keeps none. Raises Problem for a file that is not valid."""
    try:
        found = toml.read(folder / FILE)
    except FileNotFoundError:
        return Form()
    except (OSError, ValueError) as error:
        raise Problem(f"{FILE} cannot be read: {error}.", "mend that line, or delete the file") from error
    known = {field.name for field in fields(Form)}
    return Form(**{name: str(value)[:2000] for name, value in found.items() if name in known})


def write(form: Form, folder: Path) -> None:
    """Keep the form in the workspace."""
    import tomlkit

    document = tomlkit.document()
    for name, value in asdict(form).items():
        document.add(tomlkit.comment(QUESTIONS[name]))
        document[name] = value
    write_text(folder / FILE, tomlkit.dumps(document))
