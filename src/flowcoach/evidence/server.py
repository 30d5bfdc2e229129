"""Asking an MLflow tracking server a question over its REST API, and saying in one line why it did not answer."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from flowcoach.evidence.stores import shown
from flowcoach.problem import Problem

_LARGEST = 2**26  # bytes of one answer; a thousand runs take about a twentieth of that
_CHUNK = 2**16


class Refused(Problem):
    """The server is there and well, but does not take this question (an older MLflow, say)."""


class Server:
    """A tracking server at `address`, asked without retries; an answer that takes longer than `seconds` is a Problem.

    Credentials come from the address (`https://name:password@host`), else from the variables that MLflow's client
    reads: MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD. `address` has none.
    """

    def __init__(self, address: str, *, seconds: float) -> None:
        try:
            parts = urllib.parse.urlsplit(address)
            place = parts.hostname and f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
            host = f"{place or ''}:{parts.port}" if parts.port else place
        except ValueError as error:
            raise Problem(f"{shown(address)} is no address of a server.", f"write it as {_EXAMPLE}") from error
        if not host:
            raise Problem(f"{shown(address)} names no server.", f"write it as {_EXAMPLE}")
        self.address = urllib.parse.urlunsplit((parts.scheme, host, parts.path.rstrip("/"), "", ""))
        self._seconds = seconds
        self._headers = {"Content-Type": "application/json", **_authorization(parts.username, parts.password)}
        self._opener = urllib.request.build_opener(_NoRedirect)

    def ask(
        self,
        endpoint: str,
        question: dict[str, Any],
        *,
        method: str = "POST",
        version: str = "2.0",
        service: str = "mlflow",
    ) -> dict[str, Any]:
        """The answer of `/api/<version>/<service>/<endpoint>` (https://mlflow.org/docs/latest/rest-api.html).

        Raises Refused when the server does not know this question, Problem for everything else that is in the way.
        """
        url, body = f"{self.address}/api/{version}/{service}/{endpoint}", None
        if method == "GET":
            url = f"{url}?{urllib.parse.urlencode(question)}"
        else:
            body = json.dumps(question).encode()
        text = self._answer(urllib.request.Request(url, body, self._headers, method=method))
        answer = _object(text)
        if answer is None:
            raise Problem(
                f"{self.address} answers with {_kind(text)}, not with MLflow's data.",
                "check the address: the same in a browser must show MLflow, not a sign-in page or another site",
            )
        return answer

    def file(self, path: str) -> bytes:
        """The content of a file that the server keeps, by its path in the server's place for artifacts (quoted).

        Raises as `ask` does.
        """
        return self._answer(
            urllib.request.Request(f"{self.address}/api/2.0/mlflow-artifacts/artifacts/{path}", headers=self._headers)
        )

    def _answer(self, request: urllib.request.Request) -> bytes:
        try:
            return self._within(lambda: self._read(request))
        except urllib.error.HTTPError as error:
            raise self._refusal(error, self._beginning(error)) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise self._silence(error) from error

    def _within(self, read: Callable[[], bytes]) -> bytes:
        """What `read` returns or raises; TimeoutError when it takes too long.

        It runs in a thread of its own, for a time-out of a socket begins anew with each byte that drips.
        """
        done: Future[bytes] = Future()

        def work() -> None:
            try:
                done.set_result(read())
            except BaseException as error:
                done.set_exception(error)

        threading.Thread(target=work, daemon=True).start()
        return done.result(timeout=self._seconds)

    def _beginning(self, error: urllib.error.HTTPError) -> bytes:
        """The first words that come with an error's status."""
        try:
            return self._within(lambda: error.read(_CHUNK))
        except (OSError, http.client.HTTPException):
            return b""

    def _read(self, request: urllib.request.Request) -> bytes:
        parts: list[bytes] = []
        size = 0
        with self._opener.open(request, timeout=self._seconds) as response:
            while part := response.read1(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > _LARGEST:
                    raise ValueError("its answer has no end")
            if response.length:
                raise http.client.IncompleteRead(b"", response.length)
        return b"".join(parts)

    def _refusal(self, error: urllib.error.HTTPError, text: bytes) -> Exception:
        """What an answer with an error's status means."""
        said = _object(text) or {}
        if error.code == 401:
            return Problem(
                f"The server at {self.address} asks who you are (401).",
                "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN",
            )
        if error.code == 403 and b"Host header" in text:
            host = urllib.parse.urlsplit(self.address).netloc
            return Problem(
                f"The server at {self.address} does not answer to that host name (403, Invalid Host header).",
                f'use localhost, or start it with: mlflow server --allowed-hosts "localhost,localhost:*,{host}" …',
            )
        if error.code in (403, 407):
            return Problem(
                f"The server at {self.address} does not let you in ({error.code}).",
                "ask whoever runs it for access; behind a proxy, add the host to NO_PROXY",
            )
        if 300 <= error.code < 400:
            return Problem(
                f"{self.address} sends you elsewhere ({error.code}): {error.headers.get('Location', 'nowhere')}.",
                "use the address of the MLflow server itself; for one behind a sign-in, set MLFLOW_TRACKING_TOKEN",
            )
        if error.code < 500 and (said.get("error_code") or error.code == 400):
            return Refused(
                f"The server at {self.address} does not take the question: {_first_line(said, error)}.",
                "it may run a much older MLflow: read its store's file instead, or upgrade it",
            )
        elif error.code in (404, 405):
            return Problem(
                f"{self.address} is no MLflow tracking server: it has no /api/2.0/mlflow ({error.code}).",
                f"check the port and the path of the address; it looks like {_EXAMPLE}",
            )
        return Problem(
            f"The server at {self.address} has trouble of its own ({error.code}): {_first_line(said, error)}.",
            "look at what the server printed, then ask again",
        )

    def _silence(self, error: Exception) -> Problem:
        """Why there was no answer at all."""
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, TimeoutError):
            return Problem(
                f"The server at {self.address} did not answer within {self._seconds:g} s.",
                "look whether it is busy or stuck, then ask again",
            )
        if isinstance(reason, ConnectionRefusedError):
            return Problem(
                f"No server answers at {self.address}.",
                "start it (mlflow server …), or check the port in the address",
            )
        if isinstance(reason, ssl.SSLError):
            return Problem(
                f"{self.address} cannot be trusted or speaks no https: {reason.reason or reason}.",
                "check http or https in the address, and the server's certificate",
            )
        if isinstance(reason, http.client.HTTPException | ValueError):
            return Problem(
                f"What answers at {self.address} breaks off or speaks no HTTP: {str(reason) or type(reason).__name__}.",
                "check the port in the address, and what the server printed",
            )
        detail = getattr(reason, "strerror", None) or str(reason)
        return Problem(
            f"{self.address} cannot be reached: {detail}.",
            "check the host's spelling and your network",
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer too: MLflow sends none, sign-in pages do."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""


_EXAMPLE = "http://localhost:5000"


def _authorization(name: str | None, password: str | None) -> dict[str, str]:
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    if name is None and token:
        return {"Authorization": f"Bearer {token}"}
    if name is None:
        name, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    else:
        name, password = urllib.parse.unquote(name), urllib.parse.unquote(password or "")
    if name is None:
        return {}
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password or ''}".encode()).decode()}


def _first_line(said: dict[str, Any], error: urllib.error.HTTPError) -> str:
    lines = str(said.get("message") or error.reason).strip().splitlines()
    return lines[0][:200].rstrip(".") if lines else "no reason given"


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _kind(text: bytes) -> str:
    return "a web page" if text.lstrip()[:1] == b"<" else "nothing" if not text.strip() else "something else"
