"""The commands of a learner at work: check, watch, hint, solution, reset, list."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from flowcoach import __version__, course, workspace
from flowcoach.cli.manner import (
    Sections,
    new_console,
    quoted,
    remember,
    show,
    telling,
)
from flowcoach.cli.root import main
from flowcoach.problem import Problem
from flowcoach.result import Obstacle, Result, State


@main.command()
@click.argument("names", nargs=-1, type=Sections(steps=True), metavar="[SECTION]...")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON (flowcoach/result/v1) instead.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result as JUnit XML.")
@click.option("--rescore", is_flag=True, help="Believe a figure only after its logged model gave it again (seconds).")
@click.option("--profile", metavar="NAME", help="Judge the homework of the original course in a folder, as it is.")
@click.pass_obj
def check(
    folder: Path | None, names: tuple[str, ...], as_json: bool, junit: Path | None, rescore: bool, profile: str | None
) -> None:
    """Say what holds, what does not, and what to do next.

    \b
    flowcoach check               everything
    flowcoach check 2.3           one section
    flowcoach check 2.3/trials    one step
    flowcoach check --json 2.3    for machines
    flowcoach check --rescore 2.7 ask the logged models again
    flowcoach check --profile zoomcamp-2024 FOLDER
    """
    try:
        if profile is not None:
            result = _look_at_homework(profile, names)
        else:
            here = workspace.find(explicit=folder)
            result = _look(names, here, compute=rescore)
    except Problem as problem:
        if not as_json and not junit:
            raise
        result = Result(flowcoach=__version__, problem=Obstacle(problem.cause, problem.next_step))
    show(result, as_json=as_json, junit=junit)
    sys.exit(result.exit_code)


def _look(names: tuple[str, ...], here: workspace.Workspace, *, compute: bool) -> Result:
    """What holds in the workspace; with `compute`, logged models are asked again, else what they gave before counts."""
    if not compute and not here.rescored.is_dir():  # nothing to recall, and so nothing to import
        return course.look(names, here.folder, here.store)
    from flowcoach import rescore

    if not compute:
        return course.look(names, here.folder, here.store, rescorer=rescore.own(here, compute=False))
    from flowcoach.coach.scripts import require

    require("pandas", "pyarrow", "psutil", "sklearn", "skops")
    with telling("Looking at what was logged", steps=2) as say:
        return course.look(names, here.folder, here.store, rescorer=rescore.own(here, compute=True, say=say))


def _look_at_homework(profile: str, names: tuple[str, ...]) -> Result:
    from flowcoach import profiles

    if len(names) > 1:
        raise Problem(
            f"A profile judges one folder at a time, not {len(names)}.",
            f"flowcoach check --profile {profile} {names[0]}",
        )
    return profiles.look(profile, Path(names[0] if names else "."))


@main.command()
@click.argument("name", required=False, type=Sections(), metavar="[SECTION]")
@click.option("--plain", is_flag=True, help="Plain lines, also on a terminal.")
@click.pass_obj
def watch(folder: Path | None, name: str | None, plain: bool) -> None:
    """Turn each step green the moment your work shows it; Ctrl-C ends it.

    \b
    flowcoach watch               from where you are
    flowcoach watch 2.3           just this section
    flowcoach watch --plain       lines that scroll, and nothing else
    """
    import threading

    from flowcoach.coach.scripts import require
    from flowcoach.coach.watch import Watch

    here = workspace.find(explicit=folder)
    require("watchfiles", *(() if plain else ("textual",)))
    console = new_console()
    if console.is_terminal and sys.stdin.isatty() and not (plain or console.is_dumb_terminal):
        from flowcoach.coach.watch_screen import Screen

        screen = Screen(Watch(here, name))
        screen.run()
        sys.exit(screen.return_code or 0)
    from flowcoach.coach.watch_plain import narrate

    with suppress(KeyboardInterrupt):  # that is how one leaves
        narrate(Watch(here, name), console, threading.Event())


@main.command()
@click.argument("name", type=Sections(steps=True), metavar="SECTION")
@click.pass_obj
def hint(folder: Path | None, name: str) -> None:
    """Give one more push, each time you ask.

    \b
    flowcoach hint 2.3            for the first step that is open
    flowcoach hint 2.3/trials     for this step
    """
    from flowcoach.coach import hints
    from flowcoach.report.text import clean, lines

    here = workspace.find(explicit=folder)
    step = hints.step(name, here)
    click.secho(f"{step.id}: {clean(step.title)}", bold=True)
    if step.state is State.PASSED:
        click.echo(f"This holds already.\nNext: flowcoach check {step.id.partition('/')[0]}")
        return
    push = hints.push(step, here.folder)
    for number, text in enumerate(push.seen, start=1):
        if push.again or number == len(push.seen):
            first, *rest = lines(text)
            click.echo("\n".join([f"  hint {number} of {len(step.hints)}  {first}", *rest]))
    if not push.last:
        click.echo(f"Next: try it; for one more push, flowcoach hint {step.id}")
        return
    page = course.section(step.id.partition("/")[0]).folder / "README.md"
    click.echo(f"{'There is' if push.again else 'This was the last;'} no further hint. Where else to look:")
    click.echo(f"  what is seen     flowcoach check {step.id}")
    click.echo(f"  the explanation  {page}")
    click.echo(f"  the solution     flowcoach solution {step.id.partition('/')[0]} --anyway")


@main.command()
@click.argument("name", type=Sections(), metavar="SECTION")
@click.option("--anyway", is_flag=True, help="Also while steps are open.")
@click.pass_obj
def solution(folder: Path | None, name: str, anyway: bool) -> None:
    """Show a section's solution, once all its steps hold.

    \b
    flowcoach solution 2.3
    flowcoach solution 2.3 --anyway > solution.py
    """
    from flowcoach.coach import solution as coach

    section = course.section(name)
    cells = coach.of(section)
    if anyway:
        click.echo(
            "What you read here you will not find out by yourself any more. Your points stay what they are.", err=True
        )
    else:
        here = workspace.find(explicit=folder)
        result = course.look((section.id,), here.folder, here.store)
        if result.exit_code != 0:
            raise Problem(
                f"The solution of {section.id} is for comparing, once all its steps hold.",
                f"flowcoach hint {section.id} gives a push; to read it now: flowcoach solution {section.id} --anyway",
            )
    console = new_console()
    if not console.is_terminal:
        click.echo(coach.script(cells).encode(), nl=False)  # Python reads UTF-8, whatever this system writes
        return
    from rich.markdown import Markdown
    from rich.syntax import Syntax

    for cell in cells:
        console.print(Markdown(cell.text) if cell.is_prose else Syntax(cell.text, "python", word_wrap=True))
        console.print()


@main.command()
@click.argument("name", type=Sections(), metavar="SECTION")
@click.pass_obj
def reset(folder: Path | None, name: str) -> None:
    """Set a section's exercise back to how it came: flowcoach reset 2.3.

    What you wrote is kept under today's date. Your store, your answers and your points stay what they are.
    """
    from flowcoach.coach import reset as coach

    id, step, _ = name.partition("/")
    section = course.section(id)
    if step:
        raise Problem("reset takes a whole section, not one step.", f"flowcoach reset {id}")
    here = workspace.find(explicit=folder)
    done = coach.reset(section, here)
    if not done.written:
        click.echo(f"The exercise of {section.id} is as it came: there is nothing to set back.")
        return
    for path in done.written:
        click.echo(f"new      {quoted(path)}")
    if done.backup:
        copy = "copy" if sys.platform == "win32" else "cp"
        for path in sorted(done.backup.iterdir()):
            click.echo(f"yours    {quoted(path)}")
            target = here.folder / section.place / path.name
            click.echo(f"  to bring it back: {copy} {quoted(path)} {quoted(target)}")
    click.echo("Is it open in Jupyter? Choose File > Reload Notebook from Disk there, before you save.")


@main.command("list")
@click.argument("names", nargs=-1, type=Sections(steps=True), metavar="[SECTION]...")
@click.option("--json", "as_json", is_flag=True, help="Write the list as JSON.")
@click.pass_obj
def list_(folder: Path | None, names: tuple[str, ...], as_json: bool) -> None:
    """List the sections with their steps and points; in a workspace, what is done and what is open.

    \b
    flowcoach list
    flowcoach list 2.3
    flowcoach list --json | jq '.[].id'
    """
    from flowcoach.coach.listing import listing
    from flowcoach.coach.progress import Progress

    chosen = course.select(names)
    try:
        here = workspace.find(explicit=folder)
        result = course.look(names, here.folder, here.store)
    except Problem as problem:
        if folder is not None:
            raise
        click.echo(f"The plain list: {problem.cause}\n", err=True)
        listed = listing(chosen, None, Progress())
    else:
        listed = listing(chosen, result, remember(here, lambda known: known.with_done(result.checks)))
    if as_json:
        import json

        click.echo(json.dumps(listed, indent=2))
        return
    for section in listed:
        _list_section(section)


def _list_section(section: dict[str, Any]) -> None:
    checks = section["checks"]
    required = [check for check in checks if not check["bonus"]]
    points = f"{sum(check['points'] for check in required):g} points"
    seen = any("state" in check for check in checks)
    if seen:
        done = sum(check["state"] == State.PASSED for check in required)
        told = f"{done} of {len(required)} steps, {sum(check['earned'] for check in checks):g} of {points}"
    else:
        told = f"{len(checks)} steps, {points}"
    click.secho(f"{section['id']} {section['title']}", bold=True, nl=False)
    click.echo(f"  {told}")
    for number, check in enumerate(checks, start=1):
        bonus = " (bonus)" if check["bonus"] else ""
        state = ("done  " if check["state"] == State.PASSED else "open  ") if seen else ""
        click.echo(f"  {state}{number}. {check['title']}{bonus}")
