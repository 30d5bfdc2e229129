"""The process that keeps the lab's servers: starts them in order, watches them, and does what the commands want.

    python -m flowcoach.lab.keeper FOLDER '{"situation": "team"}' [--stay]

It ends, and everything with it, when it is asked to (`Wanted.down`, SIGTERM) and when its input ends, which is when
whoever started it is gone; with `--stay` its input does not matter.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flowcoach import workspace
from flowcoach.lab import notes, service
from flowcoach.lab.notes import BROKEN, ENDED, READY, STARTING, ServiceNote, State
from flowcoach.lab.places import Places
from flowcoach.lab.plan import Order, Plan, plan
from flowcoach.lab.service import Running, Service
from flowcoach.problem import Problem, refused

_LOOK_EVERY = 0.1  # seconds
_READY_WITHIN = 120


class Keeper:
    """The servers of one lab that is up."""

    def __init__(self, places: Places, order: Order, asked_to_end: threading.Event) -> None:
        self._places = places
        self._order = order
        self._asked = asked_to_end
        self._running: dict[str, Running] = {}
        self._state = State(order.situation, os.getpid(), _born(), uuid.uuid4().hex)

    def keep(self) -> None:
        """Start everything, and look after it until asked to end. Raises Problem when it cannot start."""
        self._tell(self._state)
        servers = plan(self._order, self._places)
        self._tell(replace(self._state, address=servers.address))
        try:
            self._start_all(servers)
            notes.write_served(self._places, servers.served)
            self._tell(replace(self._state, ready=True))
            while not self._asked.wait(_LOOK_EVERY) and not notes.read_wanted(self._places).down:
                self._bring_about(servers)
        finally:
            self._end_all()

    def give_up(self, problem: Problem) -> None:
        """Say why the lab did not come up."""
        self._tell(replace(self._state, services=(), cause=problem.cause, next_step=problem.next_step))

    def _start_all(self, servers: Plan) -> None:
        for group in (servers.first, (servers.last,)):
            for one in group:
                self._start(one)
            for one in group:
                self._wait_for(one)

    def _start(self, one: Service) -> None:
        self._running[one.name] = service.start(one, self._places.log(one.name), self._state.mark)
        self._note(one, STARTING)

    def _wait_for(self, one: Service) -> None:
        deadline = time.monotonic() + _READY_WITHIN
        while not one.answers():
            if self._running[one.name].code is not None:
                raise self._failed(one, "ended at once")
            if time.monotonic() > deadline:
                raise self._failed(one, f"did not answer within {_READY_WITHIN} s")
            if self._asked.wait(_LOOK_EVERY) or notes.read_wanted(self._places).down:
                raise _Asked
        one.afterwards()
        self._note(one, READY)

    def _failed(self, one: Service, how: str) -> Problem:
        log = self._places.log(one.name)
        last = "\n".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-4:])
        return Problem(f"{one.what} {how}. It said last:\n{last}", f"flowcoach lab logs {one.name} shows all of it")

    def _bring_about(self, servers: Plan) -> None:
        """Break what is wanted broken, mend what no longer is, and note what ended by itself."""
        wanted = notes.read_wanted(self._places).broken
        for one in servers.services:
            running = self._running[one.name]
            state = next(note.state for note in self._state.services if note.name == one.name)
            if one.name in wanted and state in (READY, STARTING):
                running.kill()
                self._note(one, BROKEN)
            elif one.name not in wanted and state == BROKEN:
                self._start(one)
            elif state == STARTING and running.code is None and one.answers():
                self._note(one, READY)
            elif state in (READY, STARTING) and running.code is not None:
                self._note(one, ENDED)

    def _end_all(self) -> None:
        """End the servers in good order, those first that need the others."""
        for name in reversed(list(self._running)):
            self._running[name].end()

    def _note(self, one: Service, state: str) -> None:
        running = self._running[one.name]
        self._tell(self._state.with_service(ServiceNote(one.name, state, running.pid, one.port, running.code)))

    def _tell(self, state: State) -> None:
        self._state = state
        notes.write_state(self._places, state)


class _Asked(Exception):
    """Somebody wants all to end before it had begun."""


def main(words: Sequence[str]) -> int:
    """Keep the lab of the workspace in the first word; the exit code is 0 unless it did not come up (2)."""
    places = Places(workspace.load(Path(words[0])))
    asked = threading.Event()
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: asked.set())
    if "--stay" not in words:
        threading.Thread(target=_until_input_ends, args=(asked,), daemon=True).start()
    places.make()
    keeper = Keeper(places, Order(**json.loads(words[1])), asked)
    try:
        keeper.keep()
    except _Asked:
        pass
    except (Problem, OSError) as error:
        problem = error if isinstance(error, Problem) else refused(error, "mend that, then the same again")
        keeper.give_up(problem)
        return 2
    notes.forget_state(places)
    return 0


def _until_input_ends(asked: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    asked.set()


def _born() -> float:
    import psutil

    return psutil.Process().create_time()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
