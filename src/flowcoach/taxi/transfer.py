"""One request for a file: the bytes that are still missing, if the server goes on where the last one broke off."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from flowcoach.taxi.part import Origin, Part

if TYPE_CHECKING:
    import requests

MAGIC = b"PAR1"  # a Parquet file begins and ends with it (Apache Parquet, file format)
_MAY_PASS = frozenset({408, 425, 429})  # and every status from 500 on
_RANGES = frozenset({206, 416})  # partial content, and the range that was asked for is not there
_CHUNK = 1 << 14

Progress = Callable[[int, int | None], None]


class MayPassError(Exception):
    """A failure that may be gone at the next try; the message says what happened."""


class RefusedError(Exception):
    """What no further try would mend: the message is one sentence, `advice` what to do with no full stop."""

    def __init__(self, cause: str, advice: str) -> None:
        super().__init__(cause)
        self.advice = advice


def fetch(url: str, part: Part, progress: Progress, silence: float) -> None:
    """Bring the part to its end in one request, from where it stands if the server still has the same file.

    `progress` is called with the bytes that are there and those that there will be, None if the server does not
    say; `silence` is how many seconds the server may say nothing. Raises `MayPassError` with what came kept, and
    `RefusedError`; `requests.RequestException` for an address that is none, and for a server nobody vouches for.
    """
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
        raise MayPassError(f"no answer within {silence:g} seconds") from error
    except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise MayPassError(f"no connection, or it broke ({innermost(error)})") from error


def _append(part: Part, response: requests.Response, progress: Progress) -> None:
    """Write down what comes. Raises `MayPassError` if it ends early."""
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
        raise MayPassError(f"it ended after {held:,} of {size:,} bytes")
    if size is None and first == MAGIC != last:
        raise MayPassError(f"it ended early, after {held:,} bytes")


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
        raise MayPassError(answer)
    if response.status_code in (403, 404, 410):
        raise RefusedError(
            f"{url} is not to be had: {answer}.",
            "Try a month that is published, as 2023-01 (the publisher says 403 for those that are not), or another "
            "mirror with --mirror",
        )
    raise RefusedError(
        f"{url} could not be fetched: {answer}.",
        "Open the address in a browser to see why, or name another mirror with --mirror",
    )


def _require_continuation(part: Part, response: requests.Response, origin: Origin | None, held: int) -> None:
    """Raise `MayPassError`, having dropped the part, unless the answer goes on exactly where the part ends."""
    said = response.headers.get("Content-Range", "")
    told = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", said)
    if not (
        origin
        and told
        and (int(told[1]), int(told[2])) == (held, origin.size)
        and _version(response) in (origin.version, None)
    ):
        part.discard()
        raise MayPassError(f"the server did not go on where we were, at {held:,} bytes, but sent {said or 'no range'}")


def innermost(error: Exception) -> str:
    """Return the innermost cause in its own words, without the connection that they begin with."""
    inner: BaseException = error
    while causes := [cause for cause in (*inner.args, getattr(inner, "reason", None)) if isinstance(cause, Exception)]:
        inner = causes[-1]
    return " ".join(re.sub(r"^\w+\(.*?\): ", "", str(inner)).split()).rstrip(".?")
