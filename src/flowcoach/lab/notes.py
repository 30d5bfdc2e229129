"""What the keeper and the commands write down for each other: who is up, what is wanted, and every secret.

All are JSON files that are replaced in one step, in a folder that only its owner may look into.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from flowcoach.atomic import write_text
from flowcoach.evidence.served import NOTE, Served
from flowcoach.lab.places import Places

BREAKS = "breaks.jsonl"

STARTING, READY, BROKEN, ENDED = "starting", "ready", "broken", "ended"

ADMIN, LEARNER, COLLEAGUE = "admin", "learner", "colleague"
ACCOUNTS = (ADMIN, LEARNER, COLLEAGUE)
OPERATOR = "operator"  # no account: the admin, who also has the keys to the database and the bucket


@dataclass(frozen=True)
class ServiceNote:
    """How one server is: its state, its process, the port it listens on, its exit code once it has ended."""

    name: str
    state: str
    pid: int = 0
    port: int = 0
    code: int | None = None


@dataclass(frozen=True)
class State:
    """What the keeper says of itself.

    `keeper` is its process id, `born` when that process began (seconds since 1970, for ids are used again), `mark` is
    what the environment of everything it started carries. `ready` holds once all servers answered for the first time.
    `cause` and `next_step` say why it gave up.
    """

    situation: str
    keeper: int
    born: float
    mark: str
    address: str = ""
    ready: bool = False
    services: tuple[ServiceNote, ...] = ()
    cause: str = ""
    next_step: str = ""

    def with_service(self, note: ServiceNote) -> State:
        """The same, with this note in place of the one of the same name."""
        kept = {one.name: one for one in self.services} | {note.name: note}
        return replace(self, services=tuple(kept.values()))


@dataclass(frozen=True)
class Wanted:
    """What the commands want of the keeper: which servers are to be broken, what else is, and whether all shall end."""

    broken: tuple[str, ...] = ()
    down: bool = False


@dataclass(frozen=True)
class Secrets:
    """Everything that opens something in the lab, made once and kept between ups."""

    passwords: Mapping[str, str] = field(default_factory=lambda: {name: secrets.token_urlsafe(12) for name in ACCOUNTS})
    postgres: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    s3_key: str = field(default_factory=lambda: secrets.token_hex(10))
    s3_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    session: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    inner: str = field(default_factory=lambda: secrets.token_hex(32))


def read_state(places: Places) -> State | None:
    """What the keeper wrote last; None when there is nothing, or nothing that can be read."""
    found = _read(places.own / "state.json")
    with suppress(TypeError, KeyError):
        services = tuple(ServiceNote(**one) for one in found.pop("services"))
        return State(**found, services=services)
    return None


def write_state(places: Places, state: State) -> None:
    """Tell the commands."""
    _write(places.own / "state.json", asdict(state))


def write_served(places: Places, served: Served) -> None:
    """Tell the checks where the lab's store is."""
    _write(places.own / NOTE.name, served.to_dict())


def note_break(places: Places, what: str, *, broken: bool, at: float) -> None:
    """Add to the list that checks read: what was broken or mended, and when (`at`, seconds since 1970)."""
    places.data.mkdir(exist_ok=True)
    with (places.data / BREAKS).open("a", encoding="utf-8") as book:
        book.write(json.dumps({"what": what, "broken": broken, "at": round(at, 3)}) + "\n")


def forget_state(places: Places) -> None:
    """All has ended: nothing is up and nothing is wanted."""
    for name in ("state.json", "wanted.json", NOTE.name):
        (places.own / name).unlink(missing_ok=True)


def read_wanted(places: Places) -> Wanted:
    """What the commands want; nothing when that cannot be read."""
    with suppress(TypeError, ValueError):
        found = _read(places.own / "wanted.json")
        return Wanted(tuple(found.get("broken", ())), bool(found.get("down", False)))
    return Wanted()


def write_wanted(places: Places, wanted: Wanted) -> None:
    """Tell the keeper."""
    _write(places.own / "wanted.json", asdict(wanted))


def read_secrets(places: Places) -> Secrets | None:
    """The secrets of this lab; None when none were made, or they cannot be read."""
    found = _read(places.own / "secrets.json")
    with suppress(TypeError):
        return Secrets(**found) if found else None
    return None


def secrets_of(places: Places) -> Secrets:
    """The secrets of this lab, made now if there are none."""
    if (known := read_secrets(places)) is None:
        known = Secrets()
        _write(places.own / "secrets.json", asdict(known))
    return known


def read_ports(places: Places) -> dict[str, int]:
    """The ports that were used last, so that an address stays the same from one up to the next."""
    return {name: port for name, port in _read(places.own / "ports.json").items() if isinstance(port, int)}


def write_ports(places: Places, ports: Mapping[str, int]) -> None:
    """Remember the ports."""
    _write(places.own / "ports.json", dict(ports))


def _read(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        found = json.loads(path.read_text(encoding="utf-8"))
        return found if isinstance(found, dict) else {}
    return {}


def _write(path: Path, what: dict[str, Any]) -> None:
    write_text(path, json.dumps(what, indent=1), private=True)
