"""The commands around handing in: submit, verify, replay, ci."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowcoach import __version__, course, workspace
from flowcoach.atomic import write_text
from flowcoach.cli.manner import Sections, quoted, show, telling
from flowcoach.cli.root import main
from flowcoach.problem import Problem
from flowcoach.result import Obstacle, Result, State, to_dict

if TYPE_CHECKING:
    from flowcoach.handin.form import Form


@main.command()
@click.argument("names", nargs=-1, type=Sections(), metavar="[SECTION]...")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Else submission.zip in the workspace.")
@click.option("--yes", is_flag=True, help="Ask nothing: what submission.toml says, and private names replaced.")
@click.option("--keep-names", is_flag=True, help="Leave your login name and home paths in the bundle.")
@click.option("--json", "as_json", is_flag=True, help="Say what was written as JSON.")
@click.pass_obj
def submit(
    folder: Path | None, names: tuple[str, ...], out: Path | None, yes: bool, keep_names: bool, as_json: bool
) -> None:
    """Hand in: check everything, ask the models again, and write one bundle that anybody can verify.

    \b
    flowcoach submit              the homework, and each section in which a step holds
    flowcoach submit 2.7          the homework alone
    flowcoach submit --yes        without a question, from submission.toml

    Exit codes: 0 written, and all passed; 1 written, with steps still open; 2 nothing was written.
    """
    from flowcoach import rescore
    from flowcoach.coach.scripts import require
    from flowcoach.handin.bundle import DEFAULT
    from flowcoach.handin.names import login, rewriter
    from flowcoach.handin.submit import submit as hand_in

    require("pandas", "pyarrow", "psutil", "sklearn", "skops")
    here = workspace.find(explicit=folder)
    is_asked = sys.stdin.isatty() and not yes
    form = _form(here, is_asked=is_asked)
    with telling("Looking at what you did", steps=4) as say:
        chosen = names or _begun(here)
        rescorer = rescore.own(here, compute=True, say=say)
        result = course.look(
            chosen, here.folder, here.store, rescorer=rescorer, lab=False
        )  # a bundle carries no server
    if not as_json:
        click.secho("This is what a grader will see:\n", bold=True)
        show(result, as_json=False, junit=None)
    if is_asked and not keep_names:
        click.echo(f"\nEvery run holds your login name, {login() or 'unknown'}; and stores and files hold paths:")
        for place, plain in rewriter(here.folder, keep_names=False).places:
            click.echo(f"  {place} would become {plain or 'relative to the workspace'}")
        keep_names = not click.confirm("Replace them in the bundle (your own store stays as it is)?", default=True)
    with telling("Writing the bundle", steps=3) as say:
        ready = hand_in(
            here, form, result, rewriter(here.folder, keep_names=keep_names), out or here.folder / DEFAULT, say
        )
    if as_json:
        told = {"file": str(ready.path), "sha256": ready.sha256, "bytes": ready.size, "result": to_dict(result)}
        click.echo(json.dumps(told, indent=2))
    else:
        click.secho(
            f"\nReady: {quoted(ready.path)} ({ready.size / 2**20:.1f} MB), graded once more and the same.", bold=True
        )
        if ready.private and not keep_names:
            click.echo(f"Private paths were replaced in {len(ready.private)} files, and in the stores.")
        for name in ready.remaining[:5]:
            click.echo(f"A path of this machine stays in {name}, which is no text to be rewritten.")
        click.echo(f"Next: hand in that file; whoever gets it types: flowcoach verify {quoted(ready.path)}")
    sys.exit(result.exit_code)


def _begun(here: workspace.Workspace) -> tuple[str, ...]:
    """The homework, and the sections in which a step holds."""
    found = course.look((), here.folder, here.store, lab=False)
    homework = {section.id for section in course.sections() if section.is_homework}
    begun = {one.id for one in found.sections if any(check.state is State.PASSED for check in one.checks)}
    return tuple(one.id for one in found.sections if one.id in homework | begun)


def _form(here: workspace.Workspace, *, is_asked: bool) -> Form:
    """The learner's answers to the form; what is missing is asked at a terminal, and kept."""
    from flowcoach.handin import form

    known = form.read(here.folder)
    if is_asked and not known.code.strip():
        answers = {
            name: click.prompt(
                question,
                default=getattr(known, name),
                show_default=bool(getattr(known, name)),
                value_proc=_link if name == "code" else str.strip,
            )
            for name, question in form.QUESTIONS.items()
        }
        known = form.Form(**answers)
        form.write(known, here.folder)
    if not known.code.strip():
        raise Problem(
            f"The link to your code is missing in {form.FILE}.",
            'write it there, as code = "https://…", or run flowcoach submit at a terminal, which asks for it',
        )
    return known


def _link(text: str) -> str:
    """What was typed as the link to the code; an empty one is asked for again."""
    if not text.strip():
        raise click.UsageError("whoever grades it needs this link, as https://…; the other questions may stay empty.")
    return text.strip()


@main.command()
@click.argument("bundle", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--rescore", is_flag=True, help="Ask the models in it again, in a sandbox.")
@click.option("--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Real months, to ask on.")
@click.option("--json", "as_json", is_flag=True, help="Write what was found as JSON.")
def verify(bundle: Path, rescore: bool, data: Path | None, as_json: bool) -> None:
    """Say whether a bundle is whole, unaltered, and worth what it claims. Nothing of it is executed.

    \b
    flowcoach verify submission.zip
    flowcoach verify submission.zip --rescore

    Exit codes: 0 whole, and all passed; 1 whole, with steps that did not pass; 2 altered, or not to be read.
    """
    from flowcoach.handin.verify import verify as look

    if not bundle.is_file():
        raise Problem(f"There is no file {bundle}.", "name the bundle that flowcoach submit wrote")
    with tempfile.TemporaryDirectory(prefix="flowcoach-") as scratch, telling("Unpacking and checking", steps=1):
        found = look(bundle, Path(scratch), ask_models=rescore or data is not None, published=data)
    if as_json:
        result = to_dict(found.result) if found.result else None
        told = {
            "learner": found.learner,
            "form": found.form,
            "problems": list(found.problems),
            "warnings": list(found.warnings),
            "exit_code": found.exit_code,
            "result": result,
        }
        click.echo(json.dumps(told, indent=2))
        sys.exit(found.exit_code)
    from flowcoach.report.text import clean

    if found.result is not None:
        show(found.result, as_json=False, junit=None)
    for warning in found.warnings:
        click.secho(f"Warning: {clean(warning)}", fg="yellow", err=True)
    for problem in found.problems:
        click.secho(clean(problem), fg="red", err=True)
    if found.problems:
        click.echo("Next: ask for the bundle as flowcoach submit wrote it; this one cannot be judged.", err=True)
    else:
        click.echo(f"Whole and unaltered: the bundle of {clean(found.learner)}.")
    sys.exit(found.exit_code)


@main.command()
@click.argument("source", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="[FOLDER]")
@click.option("--foreign", is_flag=True, help="Somebody else's work: in a sandbox, or not at all.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON (flowcoach/result/v1) instead.")
@click.pass_obj
def replay(folder: Path | None, source: Path | None, foreign: bool, as_json: bool) -> None:
    """Run the committed homework once more, from clean copies in a new workspace, and check what that leaves behind.

    \b
    flowcoach replay              your own, about a minute
    flowcoach replay FOLDER --foreign

    Your workspace is not written to. Exit codes are those of check.
    """
    from flowcoach.coach.scripts import require

    require("mlflow", "pandas", "pyarrow", "psutil", "sklearn", "optuna")
    place = source or workspace.find(explicit=folder).folder
    with telling("Copying what was committed", steps=3) as say:
        result = _replay(place, foreign=foreign, say=say)
    show(result, as_json=as_json, junit=None)
    sys.exit(result.exit_code)


def _replay(place: Path, *, foreign: bool, say: Any) -> Result:
    from flowcoach.handin.ci import replayed
    from flowcoach.isolation import Trust

    with tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True) as scratch:
        try:
            return replayed(place, Path(scratch), Trust.FOREIGN if foreign else Trust.OWN, say)
        except Problem as problem:
            return Result(flowcoach=__version__, problem=Obstacle(problem.cause, problem.next_step))


@main.command()
@click.argument("source", required=False, type=click.Path(file_okay=False, path_type=Path), metavar="[FOLDER]")
@click.option("--section", "names", multiple=True, type=Sections(), help="Check this section; else the homework.")
@click.option("--replay", "again", is_flag=True, help="Also run the committed homework once more, in a sandbox.")
@click.option("--summary", type=click.Path(dir_okay=False, path_type=Path), help="Markdown; else GITHUB_STEP_SUMMARY.")
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write the result as JUnit XML.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON (flowcoach/result/v1) instead.")
def ci(
    source: Path | None,
    names: tuple[str, ...],
    again: bool,
    summary: Path | None,
    junit: Path | None,
    as_json: bool,
) -> None:
    """Judge what is committed in a repository: it asks nothing, sets nothing up, and runs nothing of it.

    \b
    flowcoach ci
    flowcoach ci --junit flowcoach.xml --summary summary.md
    flowcoach ci --replay         also runs the committed scripts, in a sandbox

    Exit codes: 0 all passed; 1 something failed or was skipped; 2 an error, or nothing could be judged.
    """
    from flowcoach.handin import ci as job

    place = source or Path.cwd()
    with tempfile.TemporaryDirectory(prefix="flowcoach-", ignore_cleanup_errors=True) as scratch:
        with telling("Looking at what was committed", steps=1):
            try:
                result = job.committed_work(place, Path(scratch), names)
            except Problem as problem:
                result = Result(flowcoach=__version__, problem=Obstacle(problem.cause, problem.next_step))
        results = {"What was committed": result}
    if again:
        with telling("Copying what was committed", steps=3) as say:
            results["Replayed"] = _replay(place, foreign=True, say=say)
    job.summarise(results, summary)
    for title, one in results.items():
        if len(results) > 1 and not as_json:
            click.secho(f"\n{title}", bold=True)
        if one.problem and not as_json:
            click.echo(f"{one.problem.cause}\nNext: {one.problem.next_step}", err=True)
        elif not as_json:
            show(one, as_json=False, junit=None)
    whole = job.together(results)
    if as_json or junit:
        if junit:
            from flowcoach.report import junit as face

            write_text(junit, face.dumps(whole))
        if as_json:
            show(whole, as_json=True, junit=None)
    sys.exit(max(one.exit_code for one in results.values()))
