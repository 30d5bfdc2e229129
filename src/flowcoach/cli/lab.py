"""The lab of section 2.6: up, status, run, break, mend, logs, down."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flowcoach import workspace
from flowcoach.cli.manner import Course, new_console, telling, until_told_to_end
from flowcoach.cli.root import main
from flowcoach.evidence.stores import shown
from flowcoach.lab.notes import ACCOUNTS, LEARNER, OPERATOR
from flowcoach.lab.places import SITUATIONS, Places
from flowcoach.problem import Problem

if TYPE_CHECKING:
    from flowcoach.lab.control import Lab


_AS = "The account, on a team's server; the operator also gets the keys to database and bucket."


@main.group(cls=Course)
def lab() -> None:
    """The servers of an office and of a real team, on your own machine (section 2.6).

    \b
    flowcoach lab up team         PostgreSQL, an S3 store, a server with logins
    flowcoach lab run hours.py    your script, through whatever is up
    flowcoach lab break database  see what happens; flowcoach lab mend database
    flowcoach lab down
    """


@lab.command()
@click.argument("situation", type=click.Choice(SITUATIONS))
@click.option("--detach", is_flag=True, help="Come back when it is ready; flowcoach lab down ends it.")
@click.option("--fresh", is_flag=True, help="Remove what this situation kept, and start over.")
@click.option("--public", metavar="HOST", help="Also let other machines in, under this host name.")
@click.option("--database", metavar="URL", help="Your own PostgreSQL: postgresql://user:password@host/name.")
@click.option("--bucket", metavar="S3", help="Your own bucket, s3://name; AWS_… and MLFLOW_S3_ENDPOINT_URL say where.")
@click.pass_obj
def up(
    folder: Path | None,
    situation: str,
    detach: bool,
    fresh: bool,
    public: str | None,
    database: str | None,
    bucket: str | None,
) -> None:
    """Start one of the three set-ups. Data stays from one up to the next.

    \b
    flowcoach lab up alone        starts nothing: a file and a folder are enough
    flowcoach lab up local        one server on a SQLite file and a folder
    flowcoach lab up team         PostgreSQL, an S3 store, a server with logins
    """
    from flowcoach.lab import control
    from flowcoach.lab.plan import Order

    here = workspace.find(explicit=folder)
    if situation == "alone":
        control.alone(here)
        click.echo(f"Alone needs no server. Log to {here.own_store}")
        click.echo("Next: flowcoach lab run hours.py")
        return
    if situation == "local" and (database or bucket):
        raise Problem("A local server has a file and a folder.", "flowcoach lab up team takes --database and --bucket")
    order = Order(situation, public, database, bucket)
    with until_told_to_end():
        with telling("Starting the lab (half a minute)", steps=3) as say:
            up, keeper = control.up(here, order, fresh=fresh, stay=detach, say=say)
        try:
            _tell(up)
            if detach:
                click.echo("Next: flowcoach lab run hours.py; flowcoach lab down ends it")
                return
            click.echo("Next: flowcoach lab run hours.py, in a second terminal. Ctrl-C here ends the lab.")
            with suppress(KeyboardInterrupt):  # that is how one leaves
                keeper.wait()
        finally:
            if not detach:
                control.end(keeper)
    click.echo("The lab is down; what it kept stays.")


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="Write it as JSON.")
@click.pass_obj
def status(folder: Path | None, as_json: bool) -> None:
    """Say what is up, where it listens, what is broken and where bytes lie.

    Exit codes: 0 all is well; 1 something is broken, or nothing is up.
    """
    from flowcoach.lab import control

    here = workspace.find(explicit=folder)
    up = control.find(here)
    if as_json:
        import json
        from dataclasses import asdict

        click.echo(json.dumps({"up": asdict(up.state) if up else None, "broken": control.broken_in(up) if up else []}))
    elif up is None:
        click.echo(f"No server is up: you are alone, with {here.own_store}")
        click.echo("Next: flowcoach lab up local, or flowcoach lab up team")
    else:
        _tell(up)
    sys.exit(0 if up and up.state.ready and not control.broken_in(up) else 1)


def _tell(up: Lab) -> None:
    """What a lab that is up consists of."""
    from rich.table import Table

    from flowcoach.lab import control

    click.secho(f"The lab is up: {up.state.situation}", bold=True)
    click.echo(f"  tracking address  {up.address}")
    if up.state.situation == "team":
        click.echo(f"  accounts          {', '.join(ACCOUNTS)}; passwords: {up.places.own / 'secrets.json'}")
    click.echo(f"  what it keeps     {up.places.data / up.state.situation}")
    if not up.places.postgres.is_relative_to(up.places.data) and up.state.situation == "team":
        click.echo(f"                    {up.places.postgres}")
    table = Table(box=None, pad_edge=False)
    for title in ("server", "state", "port", "process"):
        table.add_column(title)
    for one in up.state.services:
        table.add_row(one.name, one.state, str(one.port), str(one.pid))
    new_console().print(table)
    for what in control.broken_in(up):
        click.echo(f"Broken: {what}. Next: flowcoach lab mend {what}")


@lab.command(context_settings={"ignore_unknown_options": True})
@click.option("--as", "account", type=click.Choice((*ACCOUNTS, OPERATOR)), default=LEARNER, help=_AS)
@click.argument("script", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def run(folder: Path | None, account: str, script: Path, arguments: tuple[str, ...]) -> None:
    """Run a Python script with the address, and the login, of whatever is up.

    \b
    flowcoach lab run hours.py
    flowcoach lab run --as colleague hours.py
    flowcoach lab run --as operator exercises/2.6-in-practice/keep.py backup FOLDER

    The exit code is the script's.
    """
    from flowcoach.coach import scripts
    from flowcoach.lab import control

    here = workspace.find(explicit=folder)
    up = control.find(here)
    alone = {**scripts.environment(here), "MLFLOW_TRACKING_URI": here.own_store}
    variables = up.environment(account) if up else alone
    click.echo(f"Logging to {shown(variables['MLFLOW_TRACKING_URI'])}{_as(up, account)}", err=True)
    command = [sys.executable, str(script), *arguments]
    sys.exit(subprocess.run(command, env=variables, check=False).returncode)


def _as(up: Lab | None, account: str) -> str:
    return f" as {account}" if up and up.state.situation == "team" else ""


class _Broken(click.ParamType):
    """What can be broken, with help for each."""

    name = "what"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """One of the words, or a usage error."""
        from flowcoach.lab.control import BREAKS

        if value not in BREAKS:
            self.fail(f"{value!r} is none of {', '.join(BREAKS)}.", param, ctx)
        return value


@lab.command("break")
@click.argument("what", type=_Broken())
@click.pass_obj
def break_(folder: Path | None, what: str) -> None:
    """Break something, as life does, and see what becomes of a run.

    \b
    flowcoach lab break database     PostgreSQL, as by a power cut
    flowcoach lab break files        the S3 store
    flowcoach lab break server       MLflow's server
    flowcoach lab break rights       the colleague may no longer see “team-server”
    flowcoach lab break name         scripts come in under a host name the server does not know
    """
    from flowcoach.lab import control

    control.break_(_up(folder), what)
    click.echo(f"Broken: {what}.\nNext: see what your scripts say, then flowcoach lab mend {what}")


@lab.command()
@click.argument("what", type=_Broken())
@click.pass_obj
def mend(folder: Path | None, what: str) -> None:
    """Mend what was broken."""
    from flowcoach.lab import control

    with telling(f"Mending {what}", steps=1):
        control.mend(_up(folder), what)
    click.echo(f"Mended: {what}.\nNext: flowcoach check 2.6 says what survived")


@lab.command()
@click.argument("server", required=False)
@click.pass_obj
def logs(folder: Path | None, server: str | None) -> None:
    """Show what the servers printed last, or all that one of them printed: flowcoach lab logs mlflow."""
    places = Places(workspace.find(explicit=folder))
    found = sorted(places.own.glob("*.log"))
    names = [path.stem for path in found]
    if not found:
        raise Problem("No server has printed anything yet.", "flowcoach lab up team")
    if server is not None and server not in names:
        raise Problem(f"There is no server {server!r}.", f"take one of: {', '.join(names)}")
    from flowcoach.report.text import lines

    for path in found:
        said = lines(path.read_text(encoding="utf-8", errors="replace").rstrip("\n"))
        if server is None:
            click.secho(path.stem, bold=True)
            said = said[-10:]
        if server in (None, path.stem):
            click.echo("\n".join(said))


@lab.command()
@click.pass_obj
def down(folder: Path | None) -> None:
    """End all servers, however they were started. What they kept stays."""
    from flowcoach.lab import control

    with telling("Ending the lab", steps=1):
        was_up = control.down(workspace.find(explicit=folder))
    click.echo("The lab is down; what it kept stays." if was_up else "No server was up.")


def _up(folder: Path | None) -> Lab:
    from flowcoach.lab import control

    found = control.find(workspace.find(explicit=folder))
    if found is None:
        raise Problem("No server is up.", "flowcoach lab up team")
    return found
