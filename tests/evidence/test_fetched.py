"""Files that only a tracking server reaches: fetched through it, within bounds, and gone afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

import pytest

from flowcoach.evidence import fetched
from flowcoach.evidence.fetched import Fetched
from flowcoach.evidence.records import NotFound, Unavailable
from flowcoach.evidence.server import Server
from tests.evidence.test_rest_trouble import says, serving

ROOT = "/api/2.0/mlflow-artifacts/artifacts"


def holding(files: dict[str, bytes], *odd: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """A server with these files, which lists these odd names besides."""

    def answers(request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path != ROOT:
            says(200, files[parts.path.removeprefix(f"{ROOT}/")])(request)
            return
        folder = f"{parse_qs(parts.query)['path'][0]}/"
        below = [name.removeprefix(folder) for name in files if name.startswith(folder)]
        found = {name.split("/")[0]: "/" in name for name in below} | dict.fromkeys(odd, False)
        listed = [{"path": name, "is_dir": is_folder} for name, is_folder in found.items()]
        says(200, json.dumps({"files": listed}).encode())(request)

    return answers


@contextmanager
def kept(answers: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[Fetched]:
    """What is fetched from a server that answers like this, until the block ends."""
    with serving(answers) as address:
        fetching = Fetched(Server(address, seconds=5), seconds=5)
        yield fetching
        fetching.close()


def test_the_files_of_a_run_are_listed_and_one_comes_when_it_is_asked_for() -> None:
    files = {"1/abc/artifacts/a.txt": b"a", "1/abc/artifacts/model/MLmodel": b"m", "1/other/artifacts/b.txt": b"b"}
    with kept(holding(files)) as fetching:
        found = fetching.at("mlflow-artifacts:/1/abc/artifacts")
        assert found is not None
        assert found.files() == ("a.txt", "model/MLmodel")
        assert not found.folder.exists()
        assert found.file("model/MLmodel").read_bytes() == b"m"
        assert [path.name for path in found.folder.rglob("*") if path.is_file()] == ["MLmodel"]
        fetching.close()
        assert not found.folder.exists()


def test_the_files_below_a_folder_are_had_alike() -> None:
    with kept(holding({"1/abc/model/MLmodel": b"m", "1/abc/model/deep/x": b"x", "1/abc/models.txt": b"-"})) as fetching:
        found = fetching.at("mlflow-artifacts:/1/abc")
        assert found is not None
        below = found.below("model")
        assert below is not None
        assert below.files() == ("MLmodel", "deep/x")
        assert below.file("deep/x").read_bytes() == b"x"
        assert found.below("nothing") is None


def test_a_file_that_is_not_there_is_not_found() -> None:
    with kept(holding({"1/a.txt": b"a"})) as fetching:
        found = fetching.at("mlflow-artifacts:/1")
        assert found is not None
        with pytest.raises(NotFound) as missing:
            found.file("b.txt")
        assert missing.value.found == "a.txt"


def test_a_name_that_leads_elsewhere_is_passed_over() -> None:
    with kept(holding({"1/a.txt": b"a"}, "..", "../b.txt", "/etc/b.txt", "c\\d.txt", "")) as fetching:
        found = fetching.at("mlflow-artifacts:/1")
        assert found is not None
        assert found.files() == ("a.txt",)


def test_what_is_too_much_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "_BYTES", 5)
    with kept(holding({"1/a.txt": b"aaa", "1/b.txt": b"bbb"})) as fetching:
        found = fetching.at("mlflow-artifacts:/1")
        assert found is not None
        assert found.file("a.txt").read_bytes() == b"aaa"
        with pytest.raises(Unavailable, match="too large"):
            found.file("b.txt")


def test_a_name_that_this_system_cannot_keep_is_a_reason_and_no_crash() -> None:
    with kept(holding({f"1/{'a' * 300}/b": b"a", "1/c": b"c"})) as fetching:
        found = fetching.at("mlflow-artifacts:/1")
        assert found is not None
        assert found.file("c").read_bytes() == b"c"
        with pytest.raises(Unavailable, match="could not be kept"):
            found.file(f"{'a' * 300}/b")


def test_folders_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "_ENTRIES", 20)
    endless = says(200, b'{"files": [{"path": "again", "is_dir": true}]}')
    with kept(endless) as fetching, pytest.raises(Unavailable, match="too many"):
        fetching.at("mlflow-artifacts:/1")


def test_a_server_whose_files_are_out_of_reach_says_so_each_time_and_gives_others_still() -> None:
    asked: list[str] = []

    def answers(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        if "path=2" in request.path:
            says(200, b'{"files": []}')(request)
        else:
            says(500, b"no bucket")(request)

    with kept(answers) as fetching:
        for _ in range(2):
            with pytest.raises(Unavailable, match="could not be listed"):
                fetching.at("mlflow-artifacts:/1")
        assert fetching.at("mlflow-artifacts:/2") is not None
        assert len(asked) == 2  # each location is asked for once


def test_a_file_that_the_server_cannot_give_now_is_a_reason_and_the_others_are_had() -> None:
    def answers(request: BaseHTTPRequestHandler) -> None:
        if request.path.endswith("/b.txt"):
            says(500, b"no bucket")(request)
        else:
            holding({"1/a.txt": b"a", "1/b.txt": b"b"})(request)

    with kept(answers) as fetching:
        found = fetching.at("mlflow-artifacts:/1")
        assert found is not None
        with pytest.raises(Unavailable, match="could not be fetched"):
            found.file("b.txt")
        assert found.file("a.txt").read_bytes() == b"a"


@pytest.mark.parametrize("location", ["file:///1", "s3://bucket/1", "", "/1"])
def test_only_what_lies_behind_the_server_is_asked_of_it(location: str) -> None:
    assert Fetched(Server("http://127.0.0.1:9", seconds=1), seconds=1).at(location) is None


def test_a_server_without_a_proxy_has_nothing_to_give() -> None:
    with kept(says(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')) as fetching:
        assert fetching.at("mlflow-artifacts:/1") is None
