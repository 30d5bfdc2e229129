"""Fetching the published months: resumed, tried again when that may help, checked, and written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from flowcoach.atomic import replacing
from flowcoach.problem import Problem
from flowcoach.taxi.months import KNOWN, Month, file_name
from flowcoach.taxi.part import Part
from flowcoach.taxi.transfer import MAGIC, MayPassError, Progress, RefusedError, fetch, innermost

PUBLISHER = "https://d37ci6vzurychx.cloudfront.net/trip-data"


@dataclass(frozen=True)
class Patience:
    """How often a server is asked, how long it may stay silent, and the pause before asking again, in seconds.

    The pause doubles from one try to the next.
    """

    tries: int = 4
    silence: float = 20.0
    pause: float = 0.5


_USUAL = Patience()


@dataclass(frozen=True)
class Download:
    """A month's file at `path`, and what is to be said about it, if anything."""

    path: Path
    warning: str | None = None


def mirror() -> str:
    """Return the address that months are fetched from: FLOWCOACH_MIRROR when set, else the publisher's."""
    return os.environ.get("FLOWCOACH_MIRROR") or PUBLISHER


def download(
    year: int,
    month: int,
    folder: str | Path,
    *,
    mirror: str = PUBLISHER,
    progress: Progress | None = None,
    patience: Patience = _USUAL,
) -> Download:
    """Fetch a month's file into the folder, which is made if need be, and return where it lies.

    `mirror` is the address below which the files lie under the publisher's names. `progress` is called with the
    bytes that are there and those that there will be, None if the server does not say. A file that is there
    already and has the checksum of the published one is not fetched again; any other is replaced, once the new
    one is complete. Whatever stops a download, Ctrl-C included, leaves its beginning in a file named `.part`,
    from which the next one goes on.

    A known month with another checksum comes with a warning, because older mirrors carry re-encoded copies.
    Raises `Problem` if the file cannot be fetched or is not Parquet, and for a month that does not exist.
    """
    import requests
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

    name = file_name(year, month)
    show = progress or _unseen
    path, known = Path(folder).absolute() / name, KNOWN.get((year, month))
    if known and path.is_file() and _sha256(path) == known.sha256:
        show(known.size, known.size)
        return Download(path)

    url = f"{mirror.removesuffix('/')}/{name}"
    part = Part(path.with_name(f"{name}.part"))
    by_hand = f"or put the file into the folder {path.parent} by hand, under the name {name}."
    again = Retrying(
        retry=retry_if_exception_type(MayPassError),
        stop=stop_after_attempt(patience.tries),
        wait=wait_exponential(patience.pause),
        reraise=True,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        again(fetch, url, part, show, patience.silence)
        _require_parquet(url, part)
        with replacing(path) as unfinished, part.open() as file, unfinished.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        part.discard()
    except MayPassError as error:
        raise Problem(
            f"{url} could not be fetched: {error} ({patience.tries} tries).",
            f"Try again later, what has come is kept; name another mirror with --mirror; {by_hand}",
        ) from error
    except RefusedError as error:
        raise Problem(str(error), f"{error.advice}; {by_hand}") from error
    except requests.RequestException as error:
        raise Problem(
            f"{url} could not be fetched: {innermost(error)}.",
            f"Check the address, and name a mirror as https://… with --mirror or FLOWCOACH_MIRROR; {by_hand}",
        ) from error
    except OSError as error:
        raise Problem(
            f"{path} could not be written: {error.strerror or error}.",
            f"Make room or mend the permissions of the folder {path.parent}, then try again.",
        ) from error
    return Download(path, _warning(url, path, known))


def _require_parquet(url: str, part: Part) -> None:
    """Raise `RefusedError`, having dropped the part, unless it begins and ends as Parquet does."""
    first, last = part.ends()
    if first == last == MAGIC:
        return
    part.discard()
    seen = f"begins with {first!r}" if first != MAGIC else f"ends with {last!r}"
    raise RefusedError(
        f"{url} is not a Parquet file: it {seen} instead of {MAGIC!r}.",
        "Open the address in a browser (a network that wants you to sign in answers everything with a page of its "
        "own), or name another mirror with --mirror",
    )


def _warning(url: str, path: Path, known: Month | None) -> str | None:
    if known is None or (found := _sha256(path)) == known.sha256:
        return None
    return (
        f"{url} is not byte for byte the file that was published: its SHA-256 is {found}, the published one's "
        f"{known.sha256}. Older mirrors carry re-encoded copies, with the same trips; if your figures differ from "
        "the course's, fetch from the publisher."
    )


def _unseen(done: int, total: int | None) -> None:
    """Show nothing."""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
