"""Which servers a situation has, in the order in which they start."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from flowcoach.evidence.served import Served
from flowcoach.lab import bucket, notes, postgres, rights, tracking
from flowcoach.lab.places import Places
from flowcoach.lab.service import HOST, Service

_FIRST = {tracking.NAME: 5000}


@dataclass(frozen=True)
class Order:
    """What was asked for: the situation; a host name under which others may come in; one's own database and bucket.

    `database` is the address of an own PostgreSQL, with a user who may make databases in it or finds them made;
    `bucket` is s3://name, at the S3 endpoint and with the keys that the environment names as for any S3 client.
    """

    situation: str
    public: str | None = None
    database: str | None = None
    bucket: str | None = None


@dataclass(frozen=True)
class Plan:
    """Servers to start side by side, then the one that needs them; the address to log to."""

    first: tuple[Service, ...]
    last: Service
    address: str
    served: Served

    @property
    def services(self) -> tuple[Service, ...]:
        """All, in the order in which they start."""
        return (*self.first, self.last)


def plan(order: Order, places: Places) -> Plan:
    """The servers of a situation that has some, on ports that are free now."""
    secrets = notes.secrets_of(places)
    ports = _Ports(notes.read_ports(places))
    port = ports.of(tracking.NAME)
    address = f"http://{HOST}:{port}"
    if order.situation == "local":
        server = tracking.for_an_office(places, port, order.public)
        plan = Plan((), server, address, Served(tracking.store_of(places), "the lab's local server"))
    else:
        first: list[Service] = []
        database, accounts = order.database, order.database
        if database is None:
            first.append(postgres.service(places, ports.of(postgres.NAME), secrets))
            database, accounts = (postgres.uri(secrets, first[-1].port, name) for name in postgres.DATABASES)
        storage: Mapping[str, str] = {n: v for n, v in os.environ.items() if n.startswith(("AWS_", "MLFLOW_S3_"))}
        if order.bucket is None:
            first.append(bucket.service(places, {name: ports.of(name) for name in bucket.PORTS}, secrets))
            storage = bucket.variables(secrets, first[-1].port)
        last = tracking.for_a_team(
            places,
            port,
            order.public,
            secrets,
            postgres.for_sqlalchemy(database),
            postgres.for_sqlalchemy(accounts or database),
            order.bucket or f"s3://{bucket.BUCKET}",
            storage,
        )
        login = rights.with_login(address, notes.ADMIN, secrets)
        plan = Plan(tuple(first), last, address, Served(login, "the lab's team server"))
    notes.write_ports(places, ports.chosen)
    return plan


class _Ports:
    """Free ports of this machine: those of last time where nobody took them, so that addresses stay."""

    def __init__(self, before: Mapping[str, int]) -> None:
        self.chosen = dict(before)
        self._taken: set[int] = set()

    def of(self, name: str) -> int:
        """The port for what has this name."""
        for wanted in (self.chosen.get(name), _FIRST.get(name), 0):
            port = None if wanted is None or wanted in self._taken else _free(wanted)
            if port is not None and port not in self._taken:
                self._taken.add(port)
                self.chosen[name] = port
                return port
        return self.of(name)


def _free(port: int) -> int | None:
    """This port if nobody listens on it (0: any that is free), else None."""
    with socket.socket() as probe, suppress(OSError):
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((HOST, port))
        return probe.getsockname()[1]
    return None
