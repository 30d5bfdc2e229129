"""Who may do what on the team's server: accounts and rights, by the REST API of MLflow's login.

https://mlflow.org/docs/latest/api_reference/auth/rest-api.html
"""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote, urlsplit

from flowcoach.evidence.server import Refused, Server
from flowcoach.lab.notes import ADMIN, COLLEAGUE, LEARNER, Secrets

EXPERIMENT = "team-server"
_RIGHTS = {LEARNER: "READ", COLLEAGUE: "EDIT"}
_SECONDS = 20


def set_up(address: str, secrets: Secrets) -> None:
    """Make the two accounts, and an experiment that one may write into and the other may look at."""
    server = Server(with_login(address, ADMIN, secrets), seconds=_SECONDS)
    for name in (LEARNER, COLLEAGUE):
        try:
            server.ask("users/create", {"username": name, "password": secrets.passwords[name]})
        except Refused:  # there since an earlier up
            server.ask("users/update-password", {"username": name, "password": secrets.passwords[name]}, method="PATCH")
    with suppress(Refused):  # there since an earlier up
        server.ask("experiments/create", {"name": EXPERIMENT})
    for name, right in _RIGHTS.items():
        _set(server, name, right)


def revoke(address: str, secrets: Secrets) -> None:
    """Take the colleague's right away."""
    _set(Server(with_login(address, ADMIN, secrets), seconds=_SECONDS), COLLEAGUE, None)


def restore(address: str, secrets: Secrets) -> None:
    """Give the colleague's right back."""
    _set(Server(with_login(address, ADMIN, secrets), seconds=_SECONDS), COLLEAGUE, _RIGHTS[COLLEAGUE])


def with_login(address: str, account: str, secrets: Secrets) -> str:
    """The address with a name and a password in it."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{account}:{quote(secrets.passwords[account], safe='')}@{parts.netloc}"


def _set(server: Server, account: str, right: str | None) -> None:
    """Give an account this right on the experiment, in place of what it had; None takes it away."""
    found = server.ask("experiments/get-by-name", {"experiment_name": EXPERIMENT}, method="GET")
    id = found["experiment"]["experiment_id"]
    which = {"username": account, "resource_type": "experiment", "resource_id": id}
    with suppress(Refused):  # it had none
        server.ask("users/permissions/revoke", which, version="3.0")
    if right is not None:
        server.ask("users/permissions/grant", {**which, "permission": right}, version="3.0")
