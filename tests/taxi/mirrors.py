"""A mirror on this machine that answers as it is told, in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@dataclass(frozen=True)
class Mirror:
    """What the mirror was asked, and the event at whose setting those who hang let go."""

    address: str
    asked: list[dict[str, str]] = field(default_factory=list)
    over: Event = field(default_factory=Event)


@dataclass(frozen=True)
class Request:
    """One question to the mirror, and the means to answer it."""

    headers: dict[str, str]
    handler: BaseHTTPRequestHandler
    over: Event

    def answer(self, status: int, body: bytes = b"", **headers: object) -> None:
        """Send a status, headers (`Content_Length` is as long as the body unless given, None leaves it out), a body."""
        self.handler.send_response(status)
        for name, value in ({"Content_Length": len(body)} | headers).items():
            if value is not None:
                self.handler.send_header(name.replace("_", "-"), str(value))
        self.handler.end_headers()
        self.handler.wfile.write(body)
        self.handler.wfile.flush()

    def serve(self, content: bytes, etag: str = '"one"', upto: int | None = None) -> None:
        """Answer as a good server does, with ranges; break off after `upto` bytes of the file."""
        start = 0
        if "Range" in self.headers and self.headers.get("If-Range", etag) == etag:
            start = int(self.headers["Range"].removeprefix("bytes=").removesuffix("-"))
        ranged = {"Content_Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {}
        body = content[start:upto]
        self.answer(206 if start else 200, body, Content_Length=len(content) - start, ETag=etag, **ranged)

    def hang(self) -> None:
        """Say nothing more until the test is over."""
        self.over.wait(timeout=20)


Answer = Callable[[Request], None]


@contextmanager
def mirror(*answers: Answer) -> Iterator[Mirror]:
    """Run a mirror that answers the first request by the first of these, and so on; the last one answers the rest."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = dict(self.headers.items())
            made.asked.append(headers)
            answer = left.pop(0) if len(left) > 1 else left[0]
            answer(Request(headers, self, made.over))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda request, client_address: None
    made = Mirror(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
