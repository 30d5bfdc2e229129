"""The command `flowcoach`: reads what was asked, calls, draws. No judgement is made here."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from flowcoach import __version__, course, workspace
from flowcoach.atomic import write_text
from flowcoach.evidence.stores import shown
from flowcoach.problem import Problem, refused
from flowcoach.result import Obstacle, Result, State

if TYPE_CHECKING:
    from rich.console import Console

    from flowcoach.coach.progress import Progress

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

MONTH = click.DateTime(["%Y-%m"])


class Course(click.Group):
    """A group whose commands may raise a Problem: it ends with one line, a next step and exit code 2."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run what was asked; nothing that a user can mend, and no Ctrl-C, ends in a traceback."""
        try:
            return super().invoke(ctx)
        except Problem as problem:
            _stop(problem)
        except (KeyboardInterrupt, click.Abort):
            _stop(Problem("Stopped: you pressed Ctrl-C.", "nothing is lost; run the same again when you like"))
        except BrokenPipeError:
            raise  # whoever read along has gone; click ends in silence
        except OSError as error:  # a folder that is gone, a full disk, a name too long, …
            _stop(refused(error, "mend that, then run the same again"))


def _stop(problem: Problem) -> NoReturn:
    from flowcoach.report.text import lines

    with suppress(OSError):  # a full disk takes no message either
        click.secho("\n".join(lines(problem.cause)), fg="red", err=True)
        click.echo("\n".join(lines(f"Next: {problem.next_step}")), err=True)
    sys.exit(2)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False)


@contextmanager
def _progress(first: str, *, steps: int) -> Iterator[Any]:
    """Say each of `steps` on standard error as it begins: on a terminal with a bar, which a single step does not need.

    Elsewhere in plain lines.
    """
    console = _console(stderr=True)
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
    known = _remember(here, lambda known: known.with_done(result.checks))
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
    elif now.section.id in known.ran:
        click.echo(f"Next: {_exercise(now.section.id, here.folder)}")
    else:
        click.echo(f"Next: flowcoach run {now.section.id}, then {_exercise(now.section.id, here.folder)}")


def _remember(here: workspace.Workspace, change: Callable[[Progress], Progress]) -> Progress:
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


def _exercise(id: str, workspace: Path, *, inside: Path | None = None) -> str:
    """What to type, in the folder `inside` (else the current one), to open a section's exercise."""
    folder = workspace / "exercises" / course.section(id).name
    found = next(iter(sorted(folder.glob("*.ipynb"))), None)
    if found is None:
        return f"flowcoach reset {id} to get its exercise back"
    return f"jupyter notebook {_quoted(found, inside)}"


def _quoted(path: Path, inside: Path | None = None) -> str:
    """A path as any shell takes it in the folder `inside` (else the current one)."""
    near = inside or Path.cwd()
    shortest = path.relative_to(near) if path.is_relative_to(near) else path
    return str(shortest) if re.fullmatch(r"[\w./\\:~+@-]+", str(shortest)) else f'"{shortest}"'


@main.command()
@click.argument("names", nargs=-1, type=Sections(steps=True), metavar="[SECTION]...")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON (flowcoach/result/v1) instead.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result as JUnit XML.")
@click.pass_obj
def check(folder: Path | None, names: tuple[str, ...], as_json: bool, junit: Path | None) -> None:
    """Say what holds, what does not, and what to do next.

    \b
    flowcoach check               everything
    flowcoach check 2.3           one section
    flowcoach check 2.3/trials    one step
    flowcoach check --json 2.3    for machines
    """
    try:
        here = workspace.find(explicit=folder)
        result = course.look(names, here.folder, here.store)
    except Problem as problem:
        if not as_json and not junit:
            raise
        result = Result(flowcoach=__version__, problem=Obstacle(problem.cause, problem.next_step))
    _show(result, as_json=as_json, junit=junit)
    sys.exit(result.exit_code)


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
    console = _console()
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
    cells = coach.read(course.root() / "solutions" / section.name / "exercise.py")
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
    console = _console()
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
        click.echo(f"new      {_quoted(path)}")
    if done.backup:
        copy = "copy" if sys.platform == "win32" else "cp"
        for path in sorted(done.backup.iterdir()):
            click.echo(f"yours    {_quoted(path)}")
            target = here.folder / "exercises" / section.name / path.name
            click.echo(f"  to bring it back: {copy} {_quoted(path)} {_quoted(target)}")
    click.echo("Is it open in Jupyter? Choose File > Reload Notebook from Disk there, before you save.")


def _show(result: Result, *, as_json: bool, junit: Path | None) -> None:
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
        _stop(Problem(result.problem.cause, result.problem.next_step))
    from flowcoach.report import terminal

    terminal.render(result, _console())


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
        listed = listing(chosen, result, _remember(here, lambda known: known.with_done(result.checks)))
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


@main.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--learner", help="An id of your own; it picks which trips are yours. Random when not given.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="A folder of real months.")
@click.option("--months", nargs=3, type=MONTH, metavar="TRAIN VALID TEST", help="Three months, as 2023-01.")
@click.option("--at", type=Sections(), metavar="SECTION", help="Begin in the middle, with this section.")
def start(folder: Path, learner: str | None, data: Path | None, months: tuple[Any, ...] | None, at: str | None) -> None:
    """Make a workspace: your store, your trips, your exercises.

    \b
    flowcoach start my-course
    flowcoach start my-course --data ~/taxi      on real months you have
    flowcoach start my-course --at 2.5           in the middle; the sections before can still be done
    """
    from flowcoach.coach import start as coach

    for parent in folder.resolve().parents:
        if (parent / workspace.SETTINGS).is_file():
            raise Problem(f"You are in a workspace already: {parent}", "go on in it: flowcoach says where you are")
    begin = course.section(at) if at else course.sections()[0]
    ignored = (
        {"--learner": learner, "--data": data, "--months": months} if (folder / workspace.SETTINGS).exists() else {}
    )
    with _progress("Making your workspace", steps=5 if at else 4) as say:
        made = coach.start(folder, learner=learner, data=data, months=_months(months), say=lambda t: say(_STAGES[t]))
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
        click.echo(f"  cd {_quoted(folder)}")
    click.echo(f"  {_exercise(begin.id, made.folder, inside=made.folder)}" if at else f"  flowcoach run {begin.id}")


_STAGES = {"trips": "Drawing your taxi trips", "store": "Preparing your MLflow store (the slow part, once)"}


def _months(chosen: tuple[Any, ...] | None) -> tuple[str, ...]:
    return tuple(month.strftime("%Y-%m") for month in chosen) if chosen else workspace.MONTHS


@main.command()
@click.argument("name", type=Sections(), metavar="SECTION")
@click.pass_obj
def run(folder: Path | None, name: str) -> None:
    """Run a section's script in your workspace: flowcoach run 2.3."""
    from flowcoach.coach import scripts

    section = course.section(name)
    here = workspace.find(explicit=folder)
    scripts.require("mlflow", "optuna", "pandas", "sklearn")
    with _until_told_to_end():
        code = scripts.run(section.folder / "run.py", here)
    if code == 0:
        _remember(here, lambda known: known.having_run(section.id))
        click.echo(f"\nNext: {_exercise(section.id, here.folder)}, or look around with flowcoach ui")
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
    else:
        from flowcoach.coach import start as coach

        for path in coach.write_months(here):
            click.echo(f"made     {path}")
    for path in here.months:
        click.echo(f"{path.stat().st_size:>9,} bytes  {path}")


def _download(here: workspace.Workspace, mirror: str | None) -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    from flowcoach import taxi
    from flowcoach.coach.scripts import require

    require("requests", "tenacity", "pyarrow")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=_console(stderr=True)) as progress:
        for name in here.month_names:
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
    with _until_told_to_end(), coach.serve(here, chosen) as server:
        with _progress("Starting MLflow's UI (about 15 s)", steps=1):
            coach.wait_until_ready(server, chosen, here)
        address = f"http://{coach.HOST}:{chosen}"
        click.echo(f"MLflow shows {shown(here.store)}\n  {address}\nCtrl-C ends it.")
        if browser:
            click.launch(address)
        with suppress(KeyboardInterrupt):  # that is how one leaves
            server.wait()
            raise Problem("MLflow's UI ended by itself.", f"read what it said: {coach.log_of(here)}")


@contextmanager
def _until_told_to_end() -> Iterator[None]:
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
    from flowcoach.coach.doctor import Patient, examine, show

    diagnoses = examine(Patient.of(workspace.find(explicit=folder)))
    if as_json:
        import json

        click.echo(json.dumps(show.to_dict(diagnoses), indent=2))
    else:
        show.render(diagnoses, _console())
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
    with _progress("Drawing your portfolio", steps=1):
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
    """Play the whole course in a throw-away workspace and check it.

    \b
    flowcoach demo
    flowcoach demo --data ~/taxi --months 2023-01 2023-02 2023-03
    """
    from flowcoach.coach.demo import demo as play

    target = place or _demo_folder(folder)
    with _progress("Setting the stage", steps=3 + 2 * len(course.sections())) as say:
        made, result = play(
            target, data=data, months=_months(months), say=lambda t: say(_STAGES.get(t, f"Playing {t}"))
        )
    _show(result, as_json=as_json, junit=None)
    if not as_json:
        look = "flowcoach ui --demo" if target == Path(".demo") else f"flowcoach --workspace {_quoted(target)} ui"
        click.echo(f"The workspace stays: {made.folder}\nLook at it with: {look}")
    sys.exit(result.exit_code)


@main.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script: flowcoach completion bash >> ~/.bashrc."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind is not None:
        click.echo(kind(main, {}, "flowcoach", "_FLOWCOACH_COMPLETE").source())
