"""A server that does not answer as it should: one line that says why, and a next step."""

from __future__ import annotations

import itertools
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from flowcoach.evidence import Order, RunQuery
from flowcoach.evidence.rest import RestStore
from flowcoach.problem import Problem

Answer = Callable[[BaseHTTPRequestHandler], object]
HTML = b"<!doctype html><title>Sign in</title>"
COUNTED = itertools.count(1)
EXPERIMENT = {"experiment_id": "1", "name": "a", "lifecycle_stage": "active", "artifact_location": "x"}


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """A server of this process that answers each request by `answer`; its address comes back."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer(self)

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(
    status: int, body: bytes, kind: str = "application/json", **headers: str
) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Type", kind)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


def breaks_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "1000")
    request.end_headers()
    request.wfile.write(b'{"experiments": [')


def mlflow_error(code: str, message: str) -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


TROUBLES = {
    "401": (says(401, b"Unauthorized"), "asks who you are", "MLFLOW_TRACKING_USERNAME"),
    "403 for the host's name": (
        says(403, b"Invalid Host header - possible DNS rebinding attack detected", "text/plain"),
        "does not answer to that host name",
        "--allowed-hosts",
    ),
    "403": (says(403, mlflow_error("PERMISSION_DENIED", "no")), "does not let you in", "access"),
    "a redirect": (says(302, b"", Location="https://sso.example/login"), "sso.example/login", "MLFLOW_TRACKING_TOKEN"),
    "a web page": (says(200, HTML, "text/html"), "answers with a web page", "check the address"),
    "nothing": (says(200, b""), "answers with nothing", "check the address"),
    "a list": (says(200, b"[]"), "answers with something else", "check the address"),
    "another path": (says(404, HTML, "text/html"), "is no MLflow tracking server", "check the port and the path"),
    "500": (says(500, HTML, "text/html"), "has trouble of its own (500)", "what the server printed"),
    "500 with a reason": (
        says(500, mlflow_error("INTERNAL_ERROR", "database is locked\nmore")),
        "(500): database is locked.",
        "what the server printed",
    ),
    "503": (says(503, b"busy", "text/plain"), "(503)", "what the server printed"),
    "an answer that breaks off": (breaks_off, "breaks off", "check the port"),
    "other words": (
        says(200, b'{"experiments": [{"id": 1}]}'),
        "words that are not MLflow's",
        "MLflow tracking server",
    ),
    "other shapes": (says(200, b'{"experiments": ["a"]}'), "words that are not MLflow's", "MLflow tracking server"),
}


@pytest.mark.parametrize(("answer", "cause", "advice"), TROUBLES.values(), ids=TROUBLES.keys())
def test_each_trouble_has_one_line_and_a_next_step(answer: Answer, cause: str, advice: str) -> None:
    with serving(answer) as address, pytest.raises(Problem, match=re.escape(cause)) as raised:
        RestStore(address)
    assert advice in raised.value.next_step
    assert address in raised.value.cause
    assert "\n" not in raised.value.cause


def test_a_server_that_is_down_is_said_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers there
        with pytest.raises(Problem, match="No server answers at") as raised:
            RestStore(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert "mlflow server" in raised.value.next_step


def test_a_server_that_is_slow_is_given_up() -> None:
    hurry = threading.Event()
    with serving(lambda _: hurry.wait(10)) as address:
        with pytest.raises(Problem, match=r"did not answer within 0\.2 s") as raised:
            RestStore(address, seconds=0.2)
        hurry.set()
    assert "busy" in raised.value.next_step


def test_a_server_that_drips_is_given_up() -> None:
    enough = threading.Event()

    def drips(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not enough.wait(0.02):
            try:
                request.wfile.write(b" ")
            except OSError:
                return

    with serving(drips) as address:
        with pytest.raises(Problem, match="did not answer within"):
            RestStore(address, seconds=0.3)
        enough.set()


def test_what_speaks_no_http_is_said_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(Problem, match="speaks no HTTP"):
            RestStore(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join()


@pytest.mark.parametrize("address", ["http://", "http://localhost:port", "http://[::1", "http:///path"])
def test_a_malformed_address_is_said_so(address: str) -> None:
    with pytest.raises(Problem) as raised:
        RestStore(address)
    assert "http://localhost:5000" in raised.value.next_step


def test_a_host_that_does_not_exist_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(Problem, match="cannot be reached: Name or service not known") as raised:
        RestStore("http://mlflow.invalid:5000")
    assert "spelling" in raised.value.next_step


def test_credentials_are_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    def remember(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers["Authorization"])
        says(200, b"{}")(request)

    with serving(remember) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
        RestStore(address)
        store = RestStore(address.replace("://", "://ada:secret@") + "/")
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "token")
        RestStore(address)
    assert seen == ["Basic YWRhOnNlY3JldA==", "Basic YWRhOnNlY3JldA==", "Bearer token"]
    assert store.address == address


def test_a_filter_that_an_older_server_refuses_is_applied_here() -> None:
    def older(request: BaseHTTPRequestHandler) -> None:
        question = request.body  # pyright: ignore[reportAttributeAccessIssue]
        if request.path.endswith("experiments/search"):
            return says(200, json.dumps({"experiments": [EXPERIMENT]}).encode())(request)
        if question.get("filter") or question.get("order_by"):
            return says(400, mlflow_error("INVALID_PARAMETER_VALUE", "no such filter"))(request)
        runs = [
            {"info": {"run_id": id, "experiment_id": "1", "status": status, "start_time": 1}}
            for id, status in (("a", "FAILED"), ("b", "FINISHED"))
        ]
        token = {} if question.get("page_token") else {"next_page_token": "more"}
        half = runs[1:] if question.get("page_token") else runs[:1]
        return says(200, json.dumps({"runs": half, **token}).encode())(request)

    with serving(older) as address:
        store = RestStore(address)
        assert [run.id for run in store.runs(RunQuery(statuses=("FINISHED",), limit=1))] == ["b"]
        assert [run.id for run in store.runs(RunQuery(limit=1))] == ["a"]


def test_a_server_of_mlflow_2_has_no_logged_models() -> None:
    def older(request: BaseHTTPRequestHandler) -> None:
        if request.path.endswith("experiments/search"):
            return says(200, json.dumps({"experiments": [EXPERIMENT]}).encode())(request)
        return says(404, mlflow_error("ENDPOINT_NOT_FOUND", "No endpoint"))(request)

    with serving(older) as address:
        assert RestStore(address).logged_models("a") == ()


def test_trouble_in_the_middle_is_a_problem_too() -> None:
    def falls_ill(request: BaseHTTPRequestHandler) -> None:
        if request.path.endswith("experiments/search"):
            return says(200, json.dumps({"experiments": [EXPERIMENT]}).encode())(request)
        return says(500, b"")(request)

    with serving(falls_ill) as address:
        store = RestStore(address)
        with pytest.raises(Problem, match="trouble of its own"):
            store.runs(RunQuery())


@pytest.mark.parametrize(
    "beginning", ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 500 Oh\r\n\r\n"], ids=["headers", "an error"]
)
def test_a_server_that_drips_anything_is_given_up(beginning: str) -> None:
    enough = threading.Event()

    def drips(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(beginning.encode())
        while not enough.wait(0.02):
            try:
                request.wfile.write(b"a")
            except OSError:
                return

    with serving(drips) as address:
        with pytest.raises(Problem):
            RestStore(address, seconds=0.3)
        enough.set()


@pytest.mark.parametrize(
    "tokens", [lambda: "again", lambda: str(next(COUNTED))], ids=["the same page", "ever new ones"]
)
def test_pages_without_end_are_given_up(tokens: Callable[[], str]) -> None:
    def turns(request: BaseHTTPRequestHandler) -> None:
        says(200, json.dumps({"experiments": [], "next_page_token": tokens()}).encode())(request)

    with serving(turns) as address, pytest.raises(Problem, match="comes to no end"):
        RestStore(address, seconds=0.1)


@pytest.mark.parametrize(
    "odd",
    [
        {"info": {"run_name": ["a"]}},
        {"info": {"status": 3}},
        {"info": {"start_time": "9" * 400}},
        {"data": {"metrics": [{"key": "rmse", "value": 10**400}]}},
        {"data": {"params": [{"key": ["depth"], "value": "3"}]}},
        {"data": {"tags": [{"key": "a", "value": 3}]}},
        {"inputs": [1]},
    ],
    ids=str,
)
def test_what_mlflow_never_says_is_the_servers_fault_not_ours(odd: dict[str, Any]) -> None:
    info = {"run_id": "a" * 32, "experiment_id": "1", "start_time": 1, "lifecycle_stage": "active"}
    run = {"info": {**info, **odd.get("info", {})}, **{key: odd[key] for key in odd if key != "info"}}

    def answers(request: BaseHTTPRequestHandler) -> None:
        found = {"experiments": [EXPERIMENT]} if request.path.endswith("experiments/search") else {"runs": [run]}
        says(200, json.dumps(found).encode())(request)

    with serving(answers) as address, pytest.raises(Problem, match="not MLflow's"):
        RestStore(address).runs(RunQuery(order=Order("rmse")))


def test_an_experiment_whose_name_is_no_text_is_the_servers_fault_not_ours() -> None:
    found = {"experiments": [{**EXPERIMENT, "name": 7}]}
    with serving(says(200, json.dumps(found).encode())) as address, pytest.raises(Problem, match="not MLflow's"):
        RestStore(address)
