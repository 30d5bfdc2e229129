"""MLflow's own server, in its two shapes: for one office, and for a team behind logins."""

from __future__ import annotations

import http.client
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress

from flowcoach.atomic import write_text
from flowcoach.lab import rights
from flowcoach.lab.notes import ADMIN, Secrets
from flowcoach.lab.places import Places
from flowcoach.lab.service import HOST, Service

NAME = "mlflow"
DATABASE = "mlflow.db"
FILES = "mlartifacts"
_LIGHT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # without its jobs, 2 processes instead of 15


def for_an_office(places: Places, port: int, public: str | None) -> Service:
    """A server on a SQLite file and a folder, which asks nobody who they are."""
    folder = places.data / "local"
    environment = {
        "MLFLOW_BACKEND_STORE_URI": store_of(places),
        "MLFLOW_ARTIFACTS_DESTINATION": (folder / FILES).as_uri(),
    }
    return Service(
        NAME,
        "MLflow's server",
        port,
        _command(port, public),
        folder,
        answers=lambda: answers(port),
        environment={**_LIGHT, **environment, **_names(port, public)},
        prepare=lambda: folder.mkdir(parents=True, exist_ok=True),
    )


def store_of(places: Places) -> str:
    """The SQLite file behind the local server, as a tracking address."""
    return f"sqlite:///{(places.data / 'local' / DATABASE).as_posix()}"


def for_a_team(
    places: Places,
    port: int,
    public: str | None,
    secrets: Secrets,
    database: str,
    accounts: str,
    bucket: str,
    storage: Mapping[str, str],
) -> Service:
    """A server on a database and a bucket, with accounts of its own in a second database.

    All addresses go by the environment and a file, for a command line can be read by everybody on the machine.
    """
    settings = places.own / "accounts.ini"
    environment = {
        "MLFLOW_BACKEND_STORE_URI": database,
        "MLFLOW_ARTIFACTS_DESTINATION": bucket,
        "MLFLOW_AUTH_CONFIG_PATH": str(settings),
        "MLFLOW_AUTH_ADMIN_PASSWORD": secrets.passwords[ADMIN],
        "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.session,
    }
    address = f"http://{HOST}:{port}"
    return Service(
        NAME,
        "MLflow's server, with logins",
        port,
        (*_command(port, public), "--app-name", "basic-auth"),
        places.own,
        answers=lambda: answers(port),
        environment={**_LIGHT, **environment, **storage, **_names(port, public)},
        prepare=lambda: write_text(settings, _accounts(accounts), private=True),
        afterwards=lambda: rights.set_up(address, secrets),
    )


def answers(port: int) -> bool:
    """Whether a server of MLflow answers on this port."""
    with (
        suppress(urllib.error.URLError, OSError, http.client.HTTPException),
        urllib.request.urlopen(f"http://{HOST}:{port}/health", timeout=5) as answer,
    ):
        return answer.status == 200
    return False


def _command(port: int, public: str | None) -> tuple[str, ...]:
    host = "0.0.0.0" if public else HOST
    return (sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(port), "--workers", "1")


def _names(port: int, public: str | None) -> dict[str, str]:
    """The host names that the server answers to; naming some replaces MLflow's own list."""
    names = ["localhost", HOST, *filter(None, [public])]
    return {"MLFLOW_SERVER_ALLOWED_HOSTS": ",".join(one for name in names for one in (name, f"{name}:{port}"))}


def _accounts(database: str) -> str:
    """Settings of the login (https://mlflow.org/docs/latest/self-hosting/security/basic-http-auth/).

    Nobody may see anything that they were not allowed to, and a password that was right is believed for a minute.
    """
    lines = (
        "[mlflow]",
        "default_permission = NO_PERMISSIONS",
        f"database_uri = {database.replace('%', '%%')}",
        f"admin_username = {ADMIN}",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
        "auth_cache_ttl_seconds = 60",
    )
    return os.linesep.join([*lines, ""])
