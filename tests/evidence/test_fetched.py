"""Files that only a tracking server reaches: fetched through it, within bounds, and gone afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from flowcoach.evidence import fetched
from flowcoach.evidence.fetched import Fetched
from flowcoach.evidence.records import Unavailable
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


def test_all_files_of_a_run_come_in_their_places() -> None:
    files = {"1/abc/artifacts/a.txt": b"a", "1/abc/artifacts/model/MLmodel": b"m", "1/other/artifacts/b.txt": b"b"}
    with serving(holding(files)) as address:
        kept = Fetched(Server(address, seconds=5), seconds=5)
        folder = kept.folder("mlflow-artifacts:/1/abc/artifacts")
        assert folder is not None
        assert {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")} == {
            "a.txt": b"a"
        }
        assert (folder / "model" / "MLmodel").read_bytes() == b"m"
        kept.close()
        assert not folder.exists()


def test_a_name_that_leads_elsewhere_is_passed_over(tmp_path: Path) -> None:
    with serving(holding({"1/a.txt": b"a"}, "..", "../b.txt", "/etc/b.txt", "c\\d.txt", "")) as address:
        kept = Fetched(Server(address, seconds=5), seconds=5)
        folder = kept.folder("mlflow-artifacts:/1")
        assert folder is not None
        assert [path.name for path in folder.rglob("*")] == ["a.txt"]
        kept.close()


def test_what_is_too_much_is_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "_BYTES", 5)
    with serving(holding({"1/a.txt": b"aaa", "1/b.txt": b"bbb"})) as address:
        kept = Fetched(Server(address, seconds=5), seconds=5)
        with pytest.raises(Unavailable, match="too large"):
            kept.folder("mlflow-artifacts:/1")
        kept.close()


def test_a_name_that_this_system_cannot_keep_is_a_reason_and_no_crash() -> None:
    with serving(holding({f"1/{'a' * 300}": b"a"})) as address:
        kept = Fetched(Server(address, seconds=5), seconds=5)
        with pytest.raises(Unavailable, match="could not be kept"):
            kept.folder("mlflow-artifacts:/1")
        kept.close()


def test_folders_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetched, "_ENTRIES", 20)
    with serving(says(200, b'{"files": [{"path": "again", "is_dir": true}]}')) as address:
        kept = Fetched(Server(address, seconds=5), seconds=5)
        with pytest.raises(Unavailable, match="too many"):
            kept.folder("mlflow-artifacts:/1")
        kept.close()


def test_a_server_whose_files_are_out_of_reach_says_so_each_time_and_gives_others_still() -> None:
    asked: list[str] = []

    def answers(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.path)
        if "path=2" in request.path:
            says(200, b'{"files": []}')(request)
        else:
            says(500, b"no bucket")(request)

    with serving(answers) as address:
        kept = Fetched(Server(address, seconds=5), seconds=5)
        for _ in range(2):
            with pytest.raises(Unavailable, match="could not be fetched"):
                kept.folder("mlflow-artifacts:/1")
        assert kept.folder("mlflow-artifacts:/2") is not None
        assert len(asked) == 2  # each location is asked for once
        kept.close()


@pytest.mark.parametrize("location", ["file:///1", "s3://bucket/1", "", "/1"])
def test_only_what_lies_behind_the_server_is_asked_of_it(location: str) -> None:
    assert Fetched(Server("http://127.0.0.1:9", seconds=1), seconds=1).folder(location) is None


def test_a_server_without_a_proxy_has_nothing_to_give() -> None:
    with serving(says(404, b'{"error_code": "RESOURCE_DOES_NOT_EXIST"}')) as address:
        kept = Fetched(Server(address, seconds=5), seconds=5)
        assert kept.folder("mlflow-artifacts:/1") is None
        kept.close()
