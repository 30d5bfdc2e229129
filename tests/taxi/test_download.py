"""Fetching months: from a good mirror, from bad ones, and from one that has changed meanwhile."""

from __future__ import annotations

import hashlib
import socket
from pathlib import Path

import pytest

from flowcoach import taxi
from flowcoach.problem import Problem
from flowcoach.taxi import KNOWN, PUBLISHER, Patience, download
from flowcoach.taxi.part import Origin, Part
from tests.taxi.mirrors import Answer, Request, mirror

# The inside of a Parquet file is not the downloader's business; its ends are.
TRIPS = b"PAR1" + bytes(range(256)) * 400 + b"PAR1"
OTHER = b"PAR1" + bytes(range(255, -1, -1)) * 300 + b"PAR1"
NAME = "green_tripdata_2031-01.parquet"
AT_ONCE = Patience(tries=3, silence=5, pause=0)
REAL = Path(__file__).parents[3] / "shared" / "tlc"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def fetch(folder: Path, *answers: Answer, patience: Patience = AT_ONCE, month: tuple[int, int] = (2031, 1)):
    """Download a month from a mirror with these answers; what it gave, and what the mirror was asked."""
    with mirror(*answers) as there:
        return download(*month, folder, mirror=there.address, patience=patience), there.asked


def refusal(folder: Path, *answers: Answer, patience: Patience = AT_ONCE) -> tuple[Problem, int]:
    """Download a month that will not come; the problem, and how often the mirror was asked."""
    with mirror(*answers) as there, pytest.raises(Problem) as caught:
        download(2031, 1, folder, mirror=there.address, patience=patience)
    return caught.value, len(there.asked)


def good(request: Request) -> None:
    request.serve(TRIPS)


def broken_off(request: Request) -> None:
    request.serve(TRIPS, upto=50_000)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# A good mirror


def test_a_month_lands_under_its_published_name_and_nothing_beside_it(tmp_path):
    got, _ = fetch(tmp_path / "new" / "data", good)
    assert got.path == tmp_path / "new" / "data" / NAME
    assert got.path.read_bytes() == TRIPS
    assert files(got.path.parent) == [NAME]


def test_progress_goes_from_nothing_to_everything_and_knows_the_whole(tmp_path):
    seen = []
    with mirror(good) as there:
        download(2031, 1, tmp_path, mirror=there.address, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, len(TRIPS))
    assert seen[-1] == (len(TRIPS), len(TRIPS))
    assert seen == sorted(seen)


def test_a_server_that_does_not_tell_the_length_is_good_enough(tmp_path):
    got, asked = fetch(tmp_path, lambda request: request.answer(200, TRIPS, Content_Length=None))
    assert got.path.read_bytes() == TRIPS
    assert len(asked) == 1


def test_a_file_that_is_not_the_published_one_gives_way_to_what_comes(tmp_path):
    (tmp_path / NAME).write_bytes(b"synthetic")
    got, _ = fetch(tmp_path, good)
    assert got.path.read_bytes() == TRIPS


def test_an_address_may_end_with_a_slash(tmp_path):
    with mirror(good) as there:
        assert download(2031, 1, tmp_path, mirror=f"{there.address}/", patience=AT_ONCE).path.exists()


# Checksums


def test_a_month_whose_checksum_nobody_knows_comes_without_a_warning(tmp_path):
    got, _ = fetch(tmp_path, good)
    assert got.warning is None


def test_a_known_month_with_another_checksum_comes_with_a_warning_that_names_both(tmp_path):
    got, _ = fetch(tmp_path, good, month=(2023, 1))
    assert got.path.read_bytes() == TRIPS
    assert got.warning
    assert KNOWN[2023, 1].sha256 in got.warning
    assert hashlib.sha256(TRIPS).hexdigest() in got.warning


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real months in ../shared/tlc")
def test_a_published_month_comes_without_a_warning_and_is_not_fetched_twice(tmp_path):
    published = (REAL / "green_tripdata_2023-01.parquet").read_bytes()
    with mirror(lambda request: request.serve(published)) as there:
        seen = []
        for _ in range(2):
            got = download(2023, 1, tmp_path, mirror=there.address, progress=lambda *now: seen.append(now))
            assert got.warning is None
    assert len(there.asked) == 1
    assert seen[-1] == (KNOWN[2023, 1].size, KNOWN[2023, 1].size)


# What may pass


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_a_server_in_trouble_is_asked_again(tmp_path, status):
    got, asked = fetch(tmp_path, lambda request: request.answer(status), good)
    assert got.path.read_bytes() == TRIPS
    assert len(asked) == 2


def test_a_server_that_stays_in_trouble_is_given_up_with_its_own_words(tmp_path):
    problem, asked = refusal(tmp_path, lambda request: request.answer(503))
    assert asked == AT_ONCE.tries
    assert "503 Service Unavailable" in problem.cause


def test_a_download_that_breaks_off_goes_on_where_it_was(tmp_path):
    got, asked = fetch(tmp_path, broken_off, good)
    assert got.path.read_bytes() == TRIPS
    start = int(asked[1]["Range"].removeprefix("bytes=").removesuffix("-"))
    assert 30_000 < start <= 50_000  # the last piece may be lost with the connection
    assert asked[1]["If-Range"] == '"one"'


def test_without_an_etag_the_date_of_the_file_says_whether_it_is_the_same(tmp_path):
    date = "Wed, 01 Mar 2023 12:00:00 GMT"

    def dated(request: Request) -> None:
        request.answer(200, TRIPS[:50_000], Content_Length=len(TRIPS), Last_Modified=date, ETag='W/"weak"')

    _, asked = fetch(tmp_path, dated, good)
    assert asked[1]["If-Range"] == date


def test_a_file_without_a_version_is_fetched_from_the_start_again(tmp_path):
    got, asked = fetch(tmp_path, lambda r: r.answer(200, TRIPS[:50_000], Content_Length=len(TRIPS)), good)
    assert got.path.read_bytes() == TRIPS
    assert "Range" not in asked[1]


def test_a_server_that_falls_silent_in_the_middle_is_asked_for_the_rest(tmp_path):
    def stall(request: Request) -> None:
        broken_off(request)
        request.hang()

    got, asked = fetch(tmp_path, stall, good, patience=Patience(tries=2, silence=0.1, pause=0))
    assert got.path.read_bytes() == TRIPS
    assert "Range" in asked[1]


def test_a_server_that_never_answers_is_given_up_with_the_seconds_waited(tmp_path):
    problem, asked = refusal(tmp_path, Request.hang, patience=Patience(tries=2, silence=0.1, pause=0))
    assert "no answer within 0.1 seconds" in problem.cause
    assert asked == 2


def test_a_body_without_a_length_that_breaks_off_is_fetched_again(tmp_path):
    got, _ = fetch(tmp_path, lambda request: request.answer(200, TRIPS[:9_000], Content_Length=None), good)
    assert got.path.read_bytes() == TRIPS


# Resuming another day


def test_what_has_come_is_kept_for_the_next_download(tmp_path):
    refusal(tmp_path, broken_off, lambda request: request.answer(500))
    assert files(tmp_path) == [f"{NAME}.part"]


def test_ctrl_c_leaves_the_part_and_nothing_else(tmp_path):
    def interrupt(done: int, total: int | None) -> None:
        if done > 30_000:
            raise KeyboardInterrupt

    with mirror(good) as there, pytest.raises(KeyboardInterrupt):
        download(2031, 1, tmp_path, mirror=there.address, progress=interrupt, patience=AT_ONCE)
    assert files(tmp_path) == [f"{NAME}.part"]
    assert Part(tmp_path / f"{NAME}.part").held() > 30_000


def interrupted(folder: Path, address: str, size: int | None = len(TRIPS)) -> None:
    """Leave behind what an interrupted download from this address does."""
    part = Part(folder / f"{NAME}.part")
    part.begin(Origin(f"{address}/{NAME}", '"one"', size))
    with part.append() as file:
        file.write(TRIPS[:50_000])


def test_the_next_download_goes_on_from_the_part_and_removes_it(tmp_path):
    seen = []
    with mirror(good) as there:
        interrupted(tmp_path, there.address)
        download(2031, 1, tmp_path, mirror=there.address, progress=lambda *now: seen.append(now))
    assert seen[0] == (50_000, len(TRIPS))
    assert (tmp_path / NAME).read_bytes() == TRIPS
    assert files(tmp_path) == [NAME]


def test_a_file_that_changed_meanwhile_is_fetched_whole(tmp_path):
    with mirror(lambda request: request.serve(OTHER, etag='"two"')) as there:
        interrupted(tmp_path, there.address)
        download(2031, 1, tmp_path, mirror=there.address, patience=AT_ONCE)
    assert (tmp_path / NAME).read_bytes() == OTHER


def test_the_beginning_of_another_mirrors_file_is_not_continued(tmp_path):
    with mirror(good) as there:
        interrupted(tmp_path, "http://127.0.0.1:1")
        download(2031, 1, tmp_path, mirror=there.address, patience=AT_ONCE)
    assert "Range" not in there.asked[0]
    assert (tmp_path / NAME).read_bytes() == TRIPS


@pytest.mark.parametrize("noise", [b"", b"PAR1 of an older kind", b'{"what": 1}\nPAR1', b"[1]\n", b"\xff" * 9000])
def test_a_part_that_is_none_is_fetched_anew(tmp_path, noise):
    (tmp_path / f"{NAME}.part").write_bytes(noise)
    got, _ = fetch(tmp_path, good)
    assert got.path.read_bytes() == TRIPS


# A mirror that lies


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Range": f"bytes 10-{len(TRIPS) - 1}/{len(TRIPS)}", "ETag": '"one"'},
        {"Content_Range": f"bytes 50000-{len(TRIPS) - 1}/{len(TRIPS) + 5}", "ETag": '"one"'},
        {"Content_Range": f"bytes 50000-{len(TRIPS) - 1}/{len(TRIPS)}", "ETag": '"two"'},
        {"ETag": '"one"'},
    ],
    ids=["another start", "another size", "another version", "no range"],
)
def test_a_continuation_of_something_else_is_dropped_and_the_file_fetched_whole(tmp_path, headers):
    with mirror(lambda request: request.answer(206, TRIPS[50_000:], **headers), good) as there:
        interrupted(tmp_path, there.address)
        download(2031, 1, tmp_path, mirror=there.address, patience=AT_ONCE)
    assert "Range" not in there.asked[1]
    assert (tmp_path / NAME).read_bytes() == TRIPS


def test_a_range_that_is_not_there_is_answered_by_starting_again(tmp_path):
    with mirror(lambda request: request.answer(416, Content_Range="bytes */10"), good) as there:
        interrupted(tmp_path, there.address)
        download(2031, 1, tmp_path, mirror=there.address, patience=AT_ONCE)
    assert (tmp_path / NAME).read_bytes() == TRIPS


def test_a_sign_in_page_is_refused_and_not_asked_for_again(tmp_path):
    page = b"<!DOCTYPE html><title>Welcome to our network</title>"
    problem, asked = refusal(tmp_path, lambda request: request.answer(200, page, Content_Type="text/html"))
    assert asked == 1
    assert "is not a Parquet file: it begins with b'<!DO'" in problem.cause
    assert "sign in" in problem.next_step
    assert files(tmp_path) == []


@pytest.mark.parametrize("body", [b"", b"PAR", b"PAR1"[:3] + b"2" + TRIPS])
def test_a_body_that_does_not_begin_as_parquet_is_refused(tmp_path, body):
    problem, _ = refusal(tmp_path, lambda request: request.answer(200, body))
    assert "is not a Parquet file" in problem.cause


def test_a_length_that_is_too_short_is_refused(tmp_path):
    problem, _ = refusal(tmp_path, lambda request: request.answer(200, TRIPS, Content_Length=len(TRIPS) - 10))
    assert "is not a Parquet file: it ends with" in problem.cause
    assert files(tmp_path) == []


def test_a_length_that_is_too_long_is_refused_after_all_tries(tmp_path):
    problem, asked = refusal(tmp_path, lambda request: request.answer(200, TRIPS, Content_Length=len(TRIPS) + 10))
    assert asked == AT_ONCE.tries
    assert "could not be fetched" in problem.cause
    assert not (tmp_path / NAME).exists()


# What will not pass


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_month_that_is_not_there_is_asked_for_once(tmp_path, status):
    problem, asked = refusal(tmp_path, lambda request: request.answer(status))
    assert asked == 1
    assert f"the server answered {status}" in problem.cause
    assert "2023-01" in problem.next_step


def test_another_answer_is_reported_as_it_is(tmp_path):
    problem, asked = refusal(tmp_path, lambda request: request.answer(418))
    assert asked == 1
    assert "418" in problem.cause


def test_offline_the_message_names_the_folder_and_the_file_name(tmp_path):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, but not listening: whoever knocks is refused
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with pytest.raises(Problem) as caught:
            download(2031, 1, tmp_path, mirror=address, patience=AT_ONCE)
    assert "no connection" in caught.value.cause
    assert f"{address}/{NAME}" in caught.value.cause
    assert f"the folder {tmp_path}" in caught.value.next_step
    assert f"the name {NAME}" in caught.value.next_step
    assert files(tmp_path) == []


def test_a_failure_leaves_the_file_that_was_there(tmp_path):
    (tmp_path / NAME).write_bytes(b"synthetic")
    refusal(tmp_path, lambda request: request.answer(404))
    assert (tmp_path / NAME).read_bytes() == b"synthetic"


@pytest.mark.parametrize("address", ["data.example", "ftp://data.example"])
def test_an_address_that_is_none_is_named_with_what_an_address_looks_like(tmp_path, address):
    with pytest.raises(Problem) as caught:
        download(2031, 1, tmp_path, mirror=address, patience=AT_ONCE)
    assert address in caught.value.cause
    assert "https://" in caught.value.next_step


def test_a_folder_that_is_a_file_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(Problem, match="could not be written"):
        fetch(tmp_path / "data", good)


def test_a_month_that_does_not_exist_is_not_asked_for(tmp_path):
    with pytest.raises(Problem, match="2023-13 is not a month"):
        download(2023, 13, tmp_path, mirror="http://127.0.0.1:1")


# Where from


def test_the_mirror_is_the_publisher_unless_the_environment_names_another(monkeypatch):
    monkeypatch.delenv("FLOWCOACH_MIRROR", raising=False)
    assert taxi.mirror() == PUBLISHER
    monkeypatch.setenv("FLOWCOACH_MIRROR", "https://mirror.example/taxi")
    assert taxi.mirror() == "https://mirror.example/taxi"
