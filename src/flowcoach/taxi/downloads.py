"""Fetching the published months: resumed, tried again when that may help, checked, and written whole or not at all."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowcoach.problem import Problem
from flowcoach.taxi.files import replacing
from flowcoach.taxi.months import KNOWN, Month, file_name
from flowcoach.taxi.part import Origin, Part

if TYPE_CHECKING:
    import requests

PUBLISHER = "https://d37ci6vzurychx.cloudfront.net/trip-data"
_MAGIC = b"PAR1"  # a Parquet file begins and ends with it (Apache Parquet, file format)
_MAY_PASS = frozenset({408, 425, 429})  # and every status from 500 on
_RANGES = frozenset({206, 416})  # partial content, and the range that was asked for is not there
_CHUNK = 1 << 14

Progress = Callable[[int, int | None], None]


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


class _MayPassError(Exception):
    """A failure that may be gone at the next try; the message says what happened."""


def _unseen(done: int, total: int | None) -> None:
    """Show nothing."""


class _RefusedError(Exception):
    """What no further try would mend: the message is one sentence, `advice` what to do with no full stop."""

    def __init__(self, cause: str, advice: str) -> None:
        super().__init__(cause)
        self.advice = advice


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

    url = f"{mirror.rstrip('/')}/{name}"
    part = Part(path.with_name(f"{name}.part"))
    by_hand = f"or put the file into the folder {path.parent} by hand, under the name {name}."
    again = Retrying(
        retry=retry_if_exception_type(_MayPassError),
        stop=stop_after_attempt(patience.tries),
        wait=wait_exponential(patience.pause),
        reraise=True,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        again(_fetch, url, part, show, patience.silence)
        _require_parquet(url, part)
        with replacing(path) as unfinished, part.open() as file, unfinished.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        part.discard()
    except _MayPassError as error:
        raise Problem(
            f"{url} could not be fetched: {error} ({patience.tries} tries).",
            f"Try again later, what has come is kept; name another mirror with --mirror; {by_hand}",
        ) from error
    except _RefusedError as error:
        raise Problem(str(error), f"{error.advice}; {by_hand}") from error
    except requests.RequestException as error:
        raise Problem(
            f"{url} could not be fetched: {_short(error)}.",
            f"Check the address, and name a mirror as https://… with --mirror or FLOWCOACH_MIRROR; {by_hand}",
        ) from error
    except OSError as error:
        raise Problem(
            f"{path} could not be written: {error.strerror or error}.",
            f"Make room or mend the permissions of the folder {path.parent}, then try again.",
        ) from error
    return Download(path, _warning(url, path, known))


def _fetch(url: str, part: Part, progress: Progress, silence: float) -> None:
    """Bring the part to its end in one request, from where it stands if the server still has the same file."""
    import requests

    try:
        origin = part.origin()
        if origin is None or origin.url != url:
            origin, held = None, 0
        else:
            held = part.held()
            if held == origin.size:
                return
        ask = {"Accept-Encoding": "identity"}
        if origin and origin.version and held:
            ask |= {"Range": f"bytes={held}-", "If-Range": origin.version}
        with requests.get(url, headers=ask, stream=True, timeout=silence) as response:
            _require_success(url, response)
            if response.status_code in _RANGES:
                _require_continuation(part, response, origin, held)
            else:
                part.begin(_origin(url, response))
            _append(part, response, progress)
    except requests.exceptions.SSLError:
        raise
    except requests.Timeout as error:
        raise _MayPassError(f"no answer within {silence:g} seconds") from error
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise _MayPassError(f"no connection, or it broke ({_short(error)})") from error


def _append(part: Part, response: requests.Response, progress: Progress) -> None:
    """Write down what comes. Raises `_MayPassError` if it ends early."""
    origin = part.origin()
    size, held = origin.size if origin else None, part.held()
    progress(held, size)
    with part.append() as file:
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            held += len(chunk)
            progress(held, size)
    first, last = part.ends()
    if size is not None and held < size:
        raise _MayPassError(f"it ended after {held:,} of {size:,} bytes")
    if size is None and first == _MAGIC != last:
        raise _MayPassError(f"it ended early, after {held:,} bytes")


def _origin(url: str, response: requests.Response) -> Origin:
    """Return what the server says that it sends."""
    headers = response.headers
    if headers.get("Content-Encoding", "identity") != "identity":
        return Origin(url, version=None, size=None)  # lengths and ranges then count packed bytes
    length = headers.get("Content-Length", "")
    return Origin(url, _version(response), int(length) if length.isdecimal() else None)


def _version(response: requests.Response) -> str | None:
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified")  # a weak ETag proves nothing


def _require_success(url: str, response: requests.Response) -> None:
    answer = f"the server answered {response.status_code} {response.reason}".rstrip()
    if response.status_code in (200, *_RANGES):
        return
    if response.status_code in _MAY_PASS or response.status_code >= 500:
        raise _MayPassError(answer)
    if response.status_code in (403, 404, 410):
        raise _RefusedError(
            f"{url} is not there for us: {answer}.",
            "Try a month that is published, as 2023-01 (the publisher says 403 for those that are not), or another "
            "mirror with --mirror",
        )
    raise _RefusedError(
        f"{url} could not be fetched: {answer}.",
        "Open the address in a browser to see why, or name another mirror with --mirror",
    )


def _require_continuation(part: Part, response: requests.Response, origin: Origin | None, held: int) -> None:
    """Raise `_MayPassError`, having dropped the part, unless the answer goes on exactly where the part ends."""
    said = response.headers.get("Content-Range", "")
    told = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", said)
    if not (
        origin
        and told
        and (int(told[1]), int(told[2])) == (held, origin.size)
        and _version(response) in (origin.version, None)
    ):
        part.discard()
        raise _MayPassError(f"the server did not go on where we were, at {held:,} bytes, but sent {said or 'no range'}")


def _require_parquet(url: str, part: Part) -> None:
    """Raise `_RefusedError`, having dropped the part, unless it begins and ends as Parquet does."""
    first, last = part.ends()
    if first == last == _MAGIC:
        return
    part.discard()
    seen = f"begins with {first!r}" if first != _MAGIC else f"ends with {last!r}"
    raise _RefusedError(
        f"{url} is not a Parquet file: it {seen} instead of {_MAGIC!r}.",
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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _short(error: Exception) -> str:
    """Return the innermost cause in its own words, as "[Errno 111] Connection refused"."""
    inner: BaseException = error
    while causes := [cause for cause in (*inner.args, getattr(inner, "reason", None)) if isinstance(cause, Exception)]:
        inner = causes[-1]
    return str(inner).rsplit(": ", 1)[-1].rstrip(".?")
