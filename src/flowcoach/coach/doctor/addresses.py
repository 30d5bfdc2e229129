"""Troubles of addresses: where scripts, terminal and UI look for the store, and who else stands there."""

from __future__ import annotations

import json
import os
import re
import socket
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from flowcoach.coach.doctor.patient import LOCAL, Answer, Patient, ask
from flowcoach.coach.doctor.sources import text_of
from flowcoach.coach.doctor.trouble import Finding, trouble
from flowcoach.evidence import Evidence, Run, RunQuery, Runs, Store
from flowcoach.evidence.opening import path_of
from flowcoach.evidence.sqlite import SqliteStore
from flowcoach.evidence.stores import shown
from flowcoach.problem import Problem
from flowcoach.workspace import SETTINGS

_DEFAULT = "mlflow.db"  # the file that MLflow makes in the current folder when no address is set
REMOVE = "del" if os.name == "nt" else "rm"
RENAME = "ren" if os.name == "nt" else "mv"
# On Windows in the words of PowerShell, to which `set` would mean something else, in silence.
UNSET = "Remove-Item Env:MLFLOW_TRACKING_URI" if os.name == "nt" else "unset MLFLOW_TRACKING_URI"


@trouble("port-busy")
def port_busy(patient: Patient) -> Iterator[Finding]:
    """Another program holds the port that MLflow's UI wants: `mlflow ui` then ends at once, with an exit code that
    claims success."""
    if _is_the_store(patient) or not listens(patient.port) or _version_at(patient.port):
        return
    yield Finding(
        f"{_holder(patient.port)} listens on port {patient.port}",
        f"127.0.0.1:{patient.port}",
        "flowcoach ui",
    )


@trouble("no-store")
def no_store(patient: Patient) -> Iterator[Finding]:
    """The file of your store is not where its address says: it was moved, renamed or deleted, or the address is wrong.
    Put it back if you can, for a new one begins empty."""
    if patient.missing is None:
        return
    where = patient.shown(patient.missing)
    if patient.store == patient.here.own_store:
        yield Finding("there is no such file", where, f"flowcoach start {patient.typed(patient.here.folder)}")
    else:
        yield Finding("MLFLOW_TRACKING_URI names a file that is not there", where, UNSET)


@trouble("two-stores")
def two_stores(patient: Patient) -> Iterator[Finding]:
    """Your scripts write to one store while something else looks at another, so new runs seem to be missing."""
    if not isinstance(patient.evidence, Evidence):
        return
    yield from _another_ui(patient)
    yield from _newest_elsewhere(patient, patient.evidence)


def _another_ui(patient: Patient) -> Iterator[Finding]:
    if _is_the_store(patient) or patient.own is None or not _version_at(patient.port):
        return
    answer = ask(f"http://127.0.0.1:{patient.port}", "/api/2.0/mlflow/experiments/search?max_results=1000")
    with suppress(ValueError, KeyError, TypeError):
        theirs = json.loads(answer.text)["experiments"] if isinstance(answer, Answer) else []
        known = {(one.id, one.name, one.artifact_location) for one in patient.own.experiments()}
        strange = [
            one["name"]
            for one in theirs
            if (one["experiment_id"], one["name"], one.get("artifact_location")) not in known
        ]
        if strange:
            yield Finding(
                f"the UI on port {patient.port} shows an experiment “{strange[0]}” that your store does not have",
                f"your store is {shown(patient.store)}",
                "flowcoach ui",
            )


def _newest_elsewhere(patient: Patient, evidence: Evidence) -> Iterator[Finding]:
    own = _newest(evidence.stores[0])
    for store in evidence.stores[1:]:
        path = _file_of(store)
        last = _newest(store)
        if path is None or path.name != _DEFAULT or not patient.runs_code_in(path.parent):
            continue
        if last is not None and (own is None or (last.start_time or 0) > (own.start_time or 0)):
            yield Finding(
                f"your newest runs lie in another store: {patient.shown(path)}",
                f"the workspace looks at {shown(patient.store)}",
                # A script that names a store can no longer be used with another one; a notebook has no terminal.
                "mlflow.set_tracking_uri(workspace.find().store)"
                if _by_notebook(last)
                else _set(patient.here.own_store),
            )


def _newest(store: Store) -> Run | None:
    return next(iter(Runs(((store, RunQuery()),), "").by_start(newest_first=True).take(1)), None)


def _by_notebook(run: Run) -> bool:
    """Whether a notebook made the run: what MLflow takes for its script is the launcher of the kernel."""
    source = run.tags.get("mlflow.source.name", "")
    return source.endswith(("ipykernel_launcher.py", ".ipynb")) or run.tags.get("mlflow.source.type") == "NOTEBOOK"


def _file_of(store: Store) -> Path | None:
    with suppress(Problem):
        return path_of(store.address) if store.address.startswith("sqlite:") else None
    return None


@trouble("wrong-folder")
def wrong_folder(patient: Patient) -> Iterator[Finding]:
    """Something ran without the store's address and made an empty store in the folder it stood in; a UI opened from
    there is blank."""
    strays = [path for path in patient.found.databases if path.name == _DEFAULT and patient.runs_code_in(path.parent)]
    if not patient.stands_in.is_relative_to(patient.here.folder):
        strays += [path for path in (patient.stands_in / _DEFAULT,) if path.is_file()]
    for path in strays:
        if not _is_own(patient, path) and _is_empty(path):
            yield Finding("a store without any run", patient.shown(path), f"{REMOVE} {patient.typed(path)}")


def _is_own(patient: Patient, path: Path) -> bool:
    """Whether this is the store in use, or the one of the settings while the terminal names another."""
    own = [patient.database]
    with suppress(Problem):
        own.append(path_of(patient.here.own_store) if patient.here.own_store.startswith("sqlite") else None)
    return any(one is not None and one.exists() and one.samefile(path) for one in own)


def _is_empty(path: Path) -> bool:
    try:
        store = SqliteStore(path)
    except Problem:
        return False
    try:
        return not store.run_ids() and not store.registered_models()
    except Problem:
        return False
    finally:
        store.close()


@trouble("old-mlruns")
def old_mlruns(patient: Patient) -> Iterator[Finding]:
    """A folder `mlruns` of an older MLflow is in the way: where it lies, today's MLflow refuses to start unless it is
    told an address."""
    for path in patient.found.file_stores:
        if path.name == "mlruns" and patient.store not in (str(path), path.as_uri()):
            away = '"old-mlruns"' if os.name == "nt" else patient.typed(path.with_name("old-mlruns"))
            yield Finding(
                "a file store, the form of store that MLflow has retired",
                patient.shown(path),
                f"mlflow migrate-filestore --source {patient.typed(path.parent)} --target sqlite:///old-runs.db"
                f", then {RENAME} {patient.typed(path)} {away}",
            )


@trouble("malformed-address")
def malformed_address(patient: Patient) -> Iterator[Finding]:
    """A tracking address is not written as MLflow wants it, so MLflow refuses it or keeps the runs somewhere else."""
    if patient.variable and (better := _better(patient.variable)):
        yield Finding(
            f"the address {shown(patient.variable)}",
            "the variable MLFLOW_TRACKING_URI of this terminal",
            _set(better),
        )
    if better := _better(patient.here.address):
        yield Finding(f"the address {shown(patient.here.address)}", SETTINGS, f'store = "{better}"')
    for source in patient.sources:
        for call in source.calls():
            address = text_of(call.argument("uri", 0)) if call.last == "set_tracking_uri" else None
            if address and "{}" not in address and (better := _better(address)):
                yield Finding(f"the address {shown(address)}", call.where, f'mlflow.set_tracking_uri("{better}")')
    for folder in (patient.here.folder, patient.here.folder / "exercises"):
        for path in folder.glob("sqlite:*"):
            yield Finding(
                "a folder that MLflow made of a malformed address",
                patient.shown(path),
                "mlflow.set_tracking_uri(workspace.find().store)",
            )


def _better(address: str) -> str | None:
    """How a malformed address has to be written; None for one that is in order."""
    if match := re.match(r"sqlite:(/?(?!/))?/*(.*)", address, re.IGNORECASE):
        with suppress(Problem):
            path_of(address)
            return None
        root, name = match.groups(default="")  # one slash alone is meant as the root
        return f"sqlite:///{_DEFAULT if name in ('', ':memory:') else root + name}"
    if re.match(r"https?:(?!//[^/])", address):
        return re.sub(r"^(https?):/*", r"\1://", address)
    if re.match(r"(localhost|[\w.-]+):\d+($|/)", address):
        return f"http://{address}"
    if "://" not in address and re.search(r"\.(db|db3|sqlite|sqlite3)$", address):
        return f"sqlite:///{address.removeprefix('file:')}"
    return None


@trouble("address-unset")
def address_unset(patient: Patient) -> Iterator[Finding]:
    """The command `mlflow` knows only the variable MLFLOW_TRACKING_URI, and without it looks at a file mlflow.db in
    the current folder, which is not your store."""
    if patient.variable or _better(patient.here.address) or patient.here.address == f"sqlite:///{_DEFAULT}":
        return
    yield Finding(
        f"the variable is not set, and your store is {shown(patient.here.own_store)}",
        "this terminal",
        _set(patient.here.own_store),
    )


def _set(address: str) -> str:
    """What to type so that this terminal names an address, whatever blanks are in it."""
    return f'{"$env:" if os.name == "nt" else "export "}MLFLOW_TRACKING_URI="{address}"'


@trouble("server-down")
def server_down(patient: Patient) -> Iterator[Finding]:
    """No tracking server answers at your address; MLflow hides that behind minutes of retries, unless
    MLFLOW_HTTP_REQUEST_MAX_RETRIES is 1."""
    if not isinstance(patient.server, Exception):
        return
    where = urllib.parse.urlsplit(patient.store)
    reason = getattr(patient.server, "reason", None) or patient.server
    yield Finding(
        f"no answer: {getattr(reason, 'strerror', None) or reason}",
        shown(patient.store),
        f"mlflow server --port {where.port or 5000} --backend-store-uri sqlite:///{_DEFAULT}"
        if where.hostname in LOCAL
        else UNSET
        if patient.variable
        else f'store = "sqlite:///{_DEFAULT}" in {SETTINGS}',
    )


@trouble("host-refused")
def host_refused(patient: Patient) -> Iterator[Finding]:
    """The tracking server answers only to host names that it was told when it was started, and yours is not one."""
    answer = patient.server
    if isinstance(answer, Answer) and answer.status == 403 and "Invalid Host header" in answer.text:
        host = urllib.parse.urlsplit(patient.store).netloc.rpartition("@")[2]
        yield Finding(
            "403, Invalid Host header",
            shown(patient.store),
            f'mlflow server --allowed-hosts "localhost:*,127.0.0.1:*,{host}"  (on the server)',
        )


def _is_the_store(patient: Patient) -> bool:
    """Whether the server that is meant to be at the port is the workspace's store itself."""
    with suppress(ValueError):
        where = urllib.parse.urlsplit(patient.store)
        return where.scheme.startswith("http") and where.hostname in LOCAL and where.port == patient.port
    return False


def listens(port: int) -> bool:
    """Whether something listens on a port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


def _version_at(port: int) -> str:
    """The version of the MLflow that serves at a port of this machine; "" when none does."""
    answer = ask(f"http://127.0.0.1:{port}", "/version") if listens(port) else None
    text = answer.text.strip() if isinstance(answer, Answer) and answer.status == 200 else ""
    return text if re.fullmatch(r"\d+\.\d+[\w.+-]*", text) else ""


def _holder(port: int) -> str:
    """The program that listens on a port, as far as one may see it."""
    with suppress(Exception):  # psutil may be missing, and systems differ in what they let see
        import psutil

        for connection in psutil.net_connections("inet"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr[1:2] == (port,) and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return "a program of which the system does not say the name"
