"""The commands around a workspace: start, run, data, ui, doctor, portfolio, demo, completion."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from flowcoach import course, workspace
from flowcoach.cli.manner import (
    MONTH,
    STAGES,
    Sections,
    named_months,
    new_console,
    quoted,
    remember,
    show,
    telling,
    to_open,
    until_told_to_end,
)
from flowcoach.cli.root import main
from flowcoach.evidence.stores import shown
from flowcoach.problem import Problem


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--learner", help="An id of your own; it picks which trips are yours. Random when not given.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of real months.")
@click.option("--months", nargs=3, type=MONTH, metavar="TRAIN VALID TEST", help="Three months, as 2023-01.")
@click.option("--real", is_flag=True, help="Fetch the real months instead of drawing synthetic ones.")
@click.option("--at", type=Sections(), metavar="SECTION", help="Begin in the middle, with this section.")
def start(
    folder: Path, learner: str | None, data: Path | None, months: tuple[Any, ...] | None, real: bool, at: str | None
) -> None:
    """Make a workspace: your store, your trips, your exercises.

    \b
    flowcoach start my-course
    flowcoach start my-course --real             on the real months, fetched from their publisher
    flowcoach start my-course --data ~/taxi      on real months you have
    flowcoach start my-course --at 2.5           in the middle; the sections before can still be done
    """
    from flowcoach.coach import start as coach

    for parent in folder.resolve().parents:
        if (parent / workspace.SETTINGS).is_file():
            raise Problem(f"You are in a workspace already: {parent}", "go on in it: flowcoach says where you are")
    begin = course.section(at) if at else course.sections()[0]
    ignored = (
        {"--learner": learner, "--data": data, "--months": months, "--real": real}
        if (folder / workspace.SETTINGS).exists()
        else {}
    )
    with telling("Making your workspace", steps=5 if at else 4) as say:
        made = coach.start(
            folder,
            learner=learner,
            data=data,
            months=named_months(months),
            fetch=_fetch if real else None,
            say=lambda t: say(STAGES[t]),
        )
        say("Telling Jupyter about this Python")
        kernel = coach.register_kernel()
        if at:
            say(f"Running the script of {begin.id}")
            coach.begin_at(begin, made)
    click.secho(f"Your workspace is ready: {made.folder}", bold=True)
    click.echo(f"  tracking address  {made.own_store}")
    click.echo(f"  your trips        {made.data}  ({', '.join(made.month_names)})")
    click.echo(f"  Jupyter kernel    {'Python (flowcoach)' if kernel else 'none: pip install flowcoach[notebooks]'}")
    if made.store != made.own_store:
        click.secho(f"MLFLOW_TRACKING_URI is set and wins: {shown(made.store)}", fg="yellow")
    if given := [name for name, value in ignored.items() if value]:
        click.secho(
            f"It was there before, so {' and '.join(given)} changed nothing: "
            f"edit {made.folder / workspace.SETTINGS}, or start a new folder.",
            fg="yellow",
        )
    click.echo("\nNext:")
    if folder.resolve() != Path.cwd():
        click.echo(f"  cd {quoted(folder)}")
    click.echo(f"  {to_open(begin.id, made.folder, inside=made.folder)}" if at else f"  flowcoach run {begin.id}")


@main.command()
@click.argument("name", type=Sections(), metavar="SECTION")
@click.pass_obj
def run(folder: Path | None, name: str) -> None:
    """Run a section's script in your workspace: flowcoach run 2.3."""
    from flowcoach.coach import scripts

    section = course.section(name)
    here = workspace.find(explicit=folder)
    scripts.require("mlflow", "optuna", "pandas", "sklearn")
    with until_told_to_end():
        code = scripts.run(section.folder / "run.py", here)
    if code == 0:
        remember(here, lambda known: known.having_run(section.id))
        click.echo(f"\nNext: {to_open(section.id, here.folder)}, or look around with flowcoach ui")
    sys.exit(code)


@main.command()
@click.option("--download", is_flag=True, help="Fetch the real months from their publisher.")
@click.option("--mirror", help="Another address to fetch from; also FLOWCOACH_MIRROR.")
@click.pass_obj
def data(folder: Path | None, download: bool, mirror: str | None) -> None:
    """Show your months; make or fetch the ones that are missing.

    \b
    flowcoach data                synthetic trips, no network needed
    flowcoach data --download     the real ones (about 1.5 MB a month)
    """
    here = workspace.find(explicit=folder)
    if download or mirror:
        _download(here, mirror)
        here = workspace.note_real(here)
    else:
        from flowcoach.coach import start as coach

        for path in coach.write_months(here):
            click.echo(f"made     {path}")
    for path in (*here.months, *filter(None, [here.final])):
        click.echo(f"{path.stat().st_size:>9,} bytes  {path}")


def _fetch(here: workspace.Workspace) -> None:
    """Fetch the workspace's months without a bar of its own, for one is drawn already."""
    from flowcoach import taxi
    from flowcoach.coach.scripts import require

    require("requests", "tenacity", "pyarrow")
    for name in (*here.month_names, *filter(None, [here.final_name])):
        year, month = (int(part) for part in name.split("-"))
        if warning := taxi.download(year, month, here.data, mirror=taxi.mirror()).warning:
            click.echo(warning, err=True)


def _download(here: workspace.Workspace, mirror: str | None) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from flowcoach import taxi
    from flowcoach.coach.scripts import require

    require("requests", "tenacity", "pyarrow")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=new_console(stderr=True)) as progress:
        for name in (*here.month_names, *filter(None, [here.final_name])):
            year, month = (int(part) for part in name.split("-"))
            task = progress.add_task(name, total=None)

            def show(done: int, total: int | None, task: Any = task) -> None:
                progress.update(task, completed=done, total=total)

            got = taxi.download(year, month, here.data, mirror=mirror or taxi.mirror(), progress=show)
            if got.warning:
                progress.console.print(got.warning)


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), help="5000 when free, else any free one.")
@click.option("--demo", "of_demo", is_flag=True, help="Look at what `flowcoach demo` left behind.")
@click.option("--browser/--no-browser", default=True, help="Open it in your browser.")
@click.pass_obj
def ui(folder: Path | None, port: int | None, of_demo: bool, browser: bool) -> None:
    """Open MLflow's UI on your store; Ctrl-C ends it.

    \b
    flowcoach ui
    flowcoach ui --demo           what `flowcoach demo` left behind
    """
    from flowcoach.coach import ui as coach

    here = workspace.find(explicit=_demo_folder(folder) if of_demo else folder)
    if here.store.startswith("http"):
        click.echo(f"Your store is a server already: {shown(here.store)}")
        if browser:
            click.launch(here.store)
        return
    chosen = coach.free_port(port) if port else coach.free_port()
    if port and chosen != port:
        raise Problem(f"Port {port} is taken.", "leave --port away: flowcoach ui finds a free one")
    with until_told_to_end(), coach.serve(here, chosen) as server:
        with telling("Starting MLflow's UI (about 15 s)", steps=1):
            coach.wait_until_ready(server, chosen, here)
        address = f"http://{coach.HOST}:{chosen}"
        click.echo(f"MLflow shows {shown(here.store)}\n  {address}\nCtrl-C ends it.")
        if browser:
            click.launch(address)
        with suppress(KeyboardInterrupt):  # that is how one leaves
            server.wait()
            raise Problem("MLflow's UI ended by itself.", f"read what it said: {coach.log_of(here)}")


@main.command()
@click.option("--json", "as_json", is_flag=True, help="Write what was found as JSON.")
@click.pass_obj
def doctor(folder: Path | None, as_json: bool) -> None:
    """Say what is in the way: address, store, server, kernel, code. It changes nothing.

    \b
    flowcoach doctor
    flowcoach doctor --json | jq '.troubles[].id'

    Exit codes: 0 no trouble; 1 troubles found; 2 nothing could be looked at.
    """
    import json

    from flowcoach.coach.doctor import Patient, examine, show

    try:
        diagnoses = examine(Patient.of(workspace.find(explicit=folder)))
    except Problem as problem:
        if as_json:
            click.echo(json.dumps(show.to_dict(problem), indent=2))
            sys.exit(2)
        raise
    if as_json:
        click.echo(json.dumps(show.to_dict(diagnoses), indent=2))
    else:
        show.render(diagnoses, new_console())
    sys.exit(1 if diagnoses else 0)


@main.command()
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Else portfolio.html in the workspace.")
@click.pass_obj
def portfolio(folder: Path | None, out: Path | None) -> None:
    """Write one page to show an employer: verified steps, plots of your runs, your registered models.

    \b
    flowcoach portfolio
    flowcoach portfolio --out ~/Desktop/mlflow.html
    """
    from flowcoach.coach.portfolio import write

    here = workspace.find(explicit=folder)
    with telling("Drawing your portfolio", steps=1):
        written = write(here, out or here.folder / "portfolio.html")
    from flowcoach.report.text import plural

    shown = (plural(written.steps, "step"), plural(written.experiments, "experiment"), plural(written.models, "model"))
    click.echo(f"Your portfolio shows {', '.join(shown)}: {written.path}")
    click.echo("Next: open it in a browser; it is one file, and loads nothing. Print it there to have it as a PDF.")


def _demo_folder(folder: Path | None) -> Path:
    return folder or Path(".demo")


@main.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of real months.")
@click.option("--months", nargs=3, type=MONTH, metavar="TRAIN VALID TEST", help="Three months, as 2023-01.")
@click.option("--workspace", "place", type=click.Path(file_okay=False, path_type=Path), help="Where; else ./.demo")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON instead.")
@click.pass_obj
def demo(
    folder: Path | None, data: Path | None, months: tuple[Any, ...] | None, place: Path | None, as_json: bool
) -> None:
    """Play the whole course in a throw-away workspace, check it, replay the homework and hand it in.

    \b
    flowcoach demo
    flowcoach demo --data ~/taxi --months 2023-01 2023-02 2023-03
    """
    from flowcoach.coach.demo import demo as play
    from flowcoach.report.text import score

    target = place or _demo_folder(folder)
    with telling("Setting the stage", steps=4 + 2 * len(course.sections())) as say:
        played = play(target, data=data, months=named_months(months), say=lambda t: say(STAGES.get(t, f"Playing {t}")))
    made, result, again = played.workspace, played.result, played.replayed
    show(result, as_json=as_json, junit=None)
    if not as_json:
        click.echo(f"Replayed from copies, the homework has {score(again.points, again.max_points)}.")
        click.echo(f"Handed in, and graded once more from there: {quoted(played.bundle.path)}")
        look = "flowcoach ui --demo" if target == Path(".demo") else f"flowcoach --workspace {quoted(target)} ui"
        click.echo(f"The workspace stays: {made.folder}\nLook at it with: {look}")
    sys.exit(max(result.exit_code, again.exit_code))


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script: flowcoach completion bash >> ~/.bashrc."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(main, {}, "flowcoach", "_FLOWCOACH_COMPLETE").source())
