"""What all commands share: how they stop, draw, tell their progress and name files."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from flowcoach import course, workspace
from flowcoach.atomic import write_text
from flowcoach.problem import Problem, refused
from flowcoach.result import Result

if TYPE_CHECKING:
    from rich.console import Console

    from flowcoach.coach.progress import Progress


MONTH = click.DateTime(["%Y-%m"])


class Course(click.Group):
    """A group whose commands may raise a Problem: it ends with one line, a next step and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked; nothing that a user can mend, and no Ctrl-C, ends in a traceback."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            stop(problem)
        except (KeyboardInterrupt, click.Abort):
            stop(Problem("Stopped: you pressed Ctrl-C.", "nothing is lost; run the same again when you like"))
        except BrokenPipeError:
            raise  # whoever read along has gone; click ends in silence
        except OSError as error:  # a folder that is gone, a full disk, a name too long, …
            stop(refused(error, "mend that, then run the same again"))


def stop(problem: Problem) -> NoReturn:
    """Say what stopped the command and what to do next, on standard error, and end with exit code 2."""
    from flowcoach.report.text import lines

    with suppress(OSError):  # a full disk takes no message either
        click.secho("\n".join(lines(problem.cause)), fg="red", err=True)
        click.echo("\n".join(lines(f"Next: {problem.next_step}")), err=True)
    sys.exit(2)


def new_console(*, stderr: bool = False) -> Console:
    """A console that draws what it is given, and reads nothing into it."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


@contextmanager
def telling(first: str, *, steps: int) -> Iterator[Any]:
    """Say each of `steps` on standard error as it begins: on a terminal with a bar, which a single step does not need.

    Elsewhere in plain lines.
    """
    console = new_console(stderr=True)
    if not console.is_terminal:
        console.print(f"{first} …")
        yield lambda text: console.print(f"{text} …")
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = (BarColumn(20), MofNCompleteColumn()) if steps > 1 else ()
    columns = (SpinnerColumn(), *bar, TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"{first} …", total=steps)
        yield lambda text: progress.update(task, advance=1, description=f"{text} …")


class Sections(click.ParamType):
    """A section; with `steps`, also a step by its id. Completes what it takes."""

    name = "section"

    def __init__(self, *, steps: bool = False) -> None:
        self.steps = steps

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:  # noqa: ARG002
        """Offer the ids that begin like this."""
        from click.shell_completion import CompletionItem

        found = course.sections()
        named = [(section.id, section.title) for section in found]
        if self.steps and incomplete.partition("/")[0] in dict(named):
            named += [(check.id, check.title) for check in course.section(incomplete.partition("/")[0]).checks]
        return [CompletionItem(id, help=title) for id, title in named if id.startswith(incomplete)]


def remember(here: workspace.Workspace, change: Callable[[Progress], Progress]) -> Progress:
    """Change the learner's progress, and say when a file that could not be read went aside.

    A workspace that cannot be written to is looked at all the same.
    """
    from flowcoach.coach import progress

    try:
        after, aside = progress.remember(here.folder, change)
    except Problem:
        return change(progress.read(here.folder))
    if aside:
        click.echo(f"{progress.FILE} could not be read. It lies in {aside}, and a new one was begun.", err=True)
    return after


def to_open(id: str, workspace: Path, *, inside: Path | None = None) -> str:
    """What to type, in the folder `inside` (else the current one), to open a section's exercise."""
    section = course.section(id)
    folder = workspace / section.place
    if section.is_homework and (folder / "README.md").is_file():
        return f"read {quoted(folder / 'README.md', inside)} and fill the first gap"
    found = next(iter(sorted(folder.glob("*.ipynb"))), None)
    if found is None:
        return f"flowcoach reset {id} to get its exercise back"
    return f"jupyter notebook {quoted(found, inside)}"


def quoted(path: Path, inside: Path | None = None) -> str:
    """A path as any shell takes it in the folder `inside` (else the current one)."""
    near = inside or Path.cwd()
    shortest = path.relative_to(near) if path.is_relative_to(near) else path
    return str(shortest) if re.fullmatch(r"[\w./\\:~+@-]+", str(shortest)) else f'"{shortest}"'


def show(result: Result, *, as_json: bool, junit: Path | None) -> None:
    """Draw a result on the terminal, or as JSON; with `junit`, write it there too. Raises Problem when that fails."""
    if junit:
        from flowcoach.report import junit as face

        try:
            write_text(junit, face.dumps(result))
        except OSError as error:
            raise Problem(
                f"{junit} cannot be written: {error.strerror}.", "name a file in a folder that exists"
            ) from error
    if as_json:
        from flowcoach.report import as_json as json_face

        click.echo(json_face.dumps(result), nl=False)
        return
    if result.problem:
        stop(Problem(result.problem.cause, result.problem.next_step))
    from flowcoach.report import terminal

    terminal.render(result, new_console())


STAGES = {"trips": "Drawing your taxi trips", "store": "Preparing your MLflow store (the slow part, once)"}


def named_months(chosen: tuple[Any, ...] | None) -> tuple[str, ...]:
    """The months that were named on the command line, as “2023-01”; else the usual ones."""
    return tuple(month.strftime("%Y-%m") for month in chosen) if chosen else workspace.MONTHS


@contextmanager
def until_told_to_end() -> Iterator[None]:
    """Let a request to end (SIGTERM, or the terminal being closed) end what is in here in good order."""
    import signal

    def end(number: int, _: object) -> NoReturn:
        sys.exit(128 + number)

    asked = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in asked}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
