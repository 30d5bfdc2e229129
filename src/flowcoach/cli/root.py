"""The command `flowcoach` itself: with nothing asked, it says where the learner is."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import click

from flowcoach import __version__, course, workspace
from flowcoach.cli.manner import (
    Course,
    remember,
    to_open,
)
from flowcoach.problem import Problem
from flowcoach.result import State

ROOT_HELP = """Do the MLflow course and be told at once, and truthfully, what holds.

\b
A first evening:
  flowcoach start my-course     make a workspace: your store, your trips, your exercises
  cd my-course
  flowcoach run 2.1             run the section's script
  flowcoach ui                  look at what it left behind
  flowcoach check 2.1           what holds, what does not, what to do next
  flowcoach watch               the same at once, while you work
  flowcoach hint 2.1            one more push, each time you ask
  flowcoach                     where you are, and the one next step

\b
Exit codes: 0 all passed; 1 something failed or was skipped; 2 an error, or nothing could be judged.
"""


@click.group(
    cls=Course, invoke_without_command=True, help=ROOT_HELP, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="flowcoach")
@click.option(
    "--workspace",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The workspace to look at; else FLOWCOACH_WORKSPACE, else the nearest folder with a flowcoach.toml.",
)
@click.pass_context
def main(context: click.Context, folder: Path | None) -> None:
    """Find out what was asked; with nothing asked, say where the learner is."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # a pipe on Windows may lack characters of the course
        sys.stdout.reconfigure(errors="backslashreplace")
    context.obj = folder
    if context.invoked_subcommand is None:
        _status(folder)


def _status(folder: Path | None) -> None:
    from flowcoach.coach.status import place

    try:
        here = workspace.find(explicit=folder)
    except Problem as problem:
        if folder is not None:
            raise
        click.echo("flowcoach: a course on MLflow that checks what you really did.\n")
        click.echo(problem.cause)
        click.echo(f"Next: {problem.next_step}")
        click.echo("All commands: flowcoach --help")
        sys.exit(2)
    result = course.look((), here.folder, here.store)
    known = remember(here, lambda known: known.with_done(result.checks))
    now = place(result.sections, at=known.at)
    if now is None:
        click.echo(
            f"All {len(result.checks)} steps hold: {result.points:g} of {result.max_points:g} points. Well done."
        )
        return
    step = f"{now.section.id}, step {now.number} of {len(now.section.checks)}"
    done = sum(check.state is State.PASSED for check in result.checks)
    click.echo(f"{here.folder.name}: {done} of {len(result.checks)} steps hold.")
    click.echo(f"You are at {step}: {now.check.title}.")
    if now.begun:
        click.echo(f"Next: work on that step, then flowcoach check {now.section.id}")
        click.echo(f"      its exercise: {to_open(now.section.id, here.folder)}")
    elif now.section.id in known.ran:
        click.echo(f"Next: {to_open(now.section.id, here.folder)}")
    else:
        click.echo(f"Next: flowcoach run {now.section.id}, then {to_open(now.section.id, here.folder)}")
