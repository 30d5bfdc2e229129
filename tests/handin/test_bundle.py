"""What is handed in: the same bytes each time, nothing private, nothing half, and the workspace as it was."""

from __future__ import annotations

import getpass
import json
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from flowcoach.handin import submit as hand_in
from flowcoach.handin.bundle import collect
from flowcoach.handin.form import Form
from flowcoach.handin.names import rewriter
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace
from tests.handin.conftest import FLOWCOACH, HandedIn, flowcoach

SCHEMA = Path(hand_in.__file__).parents[1] / "schema" / "submission-v1.json"


def files(here: Workspace) -> dict[str, tuple[int, bytes]]:
    """Everything in a workspace, with its time of change, but for what submit may write."""
    return {
        path.relative_to(here.folder).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in here.folder.rglob("*")
        if path.is_file() and path.name != "submission.zip" and ".flowcoach" not in path.parts
    }


def read(bundle: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(bundle) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_twice_without_a_change_it_is_the_same_and_the_workspace_is_untouched(mine: Workspace) -> None:
    before = files(mine)
    first = flowcoach("submit", "2.7", "--yes", folder=mine.folder)
    assert first.returncode == 0, first.stderr
    content = (mine.folder / "submission.zip").read_bytes()
    assert flowcoach("submit", "2.7", "--yes", folder=mine.folder).returncode == 0
    assert (mine.folder / "submission.zip").read_bytes() == content
    assert files(mine) == before


def test_nothing_in_it_tells_of_this_machine_or_its_user(handed_in: HandedIn) -> None:
    private = [str(handed_in.here.folder).encode(), f"{Path.home()}/".encode(), sys.prefix.encode()]
    for name, content in read(handed_in.bundle).items():
        assert [one for one in private if one in content] == [], name
    store = handed_in.bundle.parent / "taken-out.db"
    store.write_bytes(read(handed_in.bundle)["mlflow.db"])
    try:
        with closing(sqlite3.connect(store)) as rows:
            users = {text for (text,) in rows.execute("SELECT value FROM tags WHERE key = 'mlflow.user'")}
            users |= {text for (text,) in rows.execute("SELECT DISTINCT user_id FROM runs")}
    finally:
        store.unlink()
    assert getpass.getuser() not in users
    assert "learner" in users


def test_it_holds_no_clock_and_its_entries_are_in_order(handed_in: HandedIn) -> None:
    with zipfile.ZipFile(handed_in.bundle) as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)


def test_its_manifest_is_a_submission(handed_in: HandedIn) -> None:
    manifest = json.loads(read(handed_in.bundle)["manifest.json"])
    jsonschema.validate(manifest, json.loads(SCHEMA.read_text(encoding="utf-8")))
    assert manifest["form"]["code"] == "https://example.org/prove/homework"
    assert manifest["result"]["basis"] == "reproduced"


def test_what_was_deleted_and_the_months_stay_at_home(mine: Workspace, tmp_path: Path) -> None:
    with closing(sqlite3.connect(mine.folder / "mlflow.db")) as store, store:
        store.execute("UPDATE runs SET lifecycle_stage = 'deleted'")
        store.execute("UPDATE logged_models SET lifecycle_stage = 'deleted'")
    done = flowcoach("submit", "2.7", "--yes", folder=mine.folder)
    assert done.returncode == 1
    names = read(mine.folder / "submission.zip").keys()
    assert not [name for name in names if name.startswith(("data/", "mlartifacts/"))]


def test_too_much_is_refused_with_a_list_of_what_is_large(mine: Workspace) -> None:
    with (mine.folder / "homework" / "huge.bin").open("wb") as file:
        file.truncate(101 * 2**20)
    done = flowcoach("submit", "2.7", "--yes", folder=mine.folder)
    assert done.returncode == 2
    assert "homework/huge.bin" in done.stderr
    assert not (mine.folder / "submission.zip").exists()


def test_without_the_link_to_the_code_nothing_is_written(mine: Workspace) -> None:
    (mine.folder / "submission.toml").unlink()
    done = flowcoach("submit", "2.7", "--yes", folder=mine.folder)
    assert done.returncode == 2
    assert "link to your code" in done.stderr
    assert not (mine.folder / "submission.zip").exists()


@pytest.mark.parametrize("stage", ["collect", "manifest", "write", "_grade_again"])
@pytest.mark.parametrize("how", [KeyboardInterrupt, OSError])
def test_interrupted_at_any_stage_the_old_bundle_stays_and_no_half_one_is_there(
    stage: str, how: type[BaseException], handed_in: HandedIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowcoach import course

    def stop(*_: object) -> None:
        raise how

    monkeypatch.setattr(hand_in, stage, stop)
    target = tmp_path / "submission.zip"
    target.write_bytes(b"the old one")
    here = handed_in.here
    result = course.look(("2.7",), here.folder, here.own_store)
    with pytest.raises(how):
        hand_in.submit(here, Form("x"), result, rewriter(here.folder, keep_names=False), target, lambda _: None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"submission.zip": b"the old one"}


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("after", [0.2, 0.45, 0.7])
def test_killed_at_any_moment_it_leaves_a_whole_bundle_or_none(after: float, mine: Workspace) -> None:
    process = subprocess.Popen(
        [str(FLOWCOACH), "submit", "2.7", "--yes"],
        cwd=mine.folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()
    found = mine.folder / "submission.zip"
    assert not found.exists() or zipfile.ZipFile(found).testzip() is None


@pytest.mark.parametrize("journal", ["WAL", "DELETE"])
def test_while_others_write_the_snapshot_is_of_one_moment_and_verifies(journal: str, mine: Workspace) -> None:
    path = mine.folder / "mlflow.db"
    with closing(sqlite3.connect(path)) as store:
        store.execute(f"PRAGMA journal_mode = {journal}")
    done = threading.Event()
    writer = threading.Thread(target=_write_pairs, args=(path, done))
    writer.start()
    try:
        deadline = time.monotonic() + 10
        while not _pairs(path)[0] and time.monotonic() < deadline:
            time.sleep(0.01)
        submitted = flowcoach("submit", "2.7", "--yes", folder=mine.folder)
    finally:
        done.set()
        writer.join()
    assert submitted.returncode == 0, submitted.stderr
    copied = mine.folder.parent / "snapshot.db"
    copied.write_bytes(read(mine.folder / "submission.zip")["mlflow.db"])
    one, other = _pairs(copied)
    assert one == other > 0
    assert flowcoach("verify", mine.folder / "submission.zip", folder=mine.folder.parent).returncode == 0


def _write_pairs(path: Path, done: threading.Event) -> None:
    """Two rows in one transaction, again and again: half of one must never be seen."""
    with closing(sqlite3.connect(path, timeout=30)) as store:
        number = 0
        while not done.is_set():
            with store:
                for name in ("one", "other"):
                    run = f"{name}-{number}"
                    store.execute(
                        "INSERT INTO runs (run_uuid, name, status, start_time, lifecycle_stage, experiment_id)"
                        " VALUES (?, ?, 'FINISHED', 1, 'active', 0)",
                        (run, name),
                    )
            number += 1
            time.sleep(0.002)


def _pairs(path: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(path, timeout=30)) as store:
        counts = dict(store.execute("SELECT name, count(*) FROM runs WHERE name IN ('one', 'other') GROUP BY name"))
    return counts.get("one", 0), counts.get("other", 0)


def test_a_bundle_that_says_something_else_than_the_workspace_is_not_written(
    mine: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flowcoach import course

    result = course.look(("2.7",), mine.folder, mine.own_store)
    (mine.folder / "homework" / "answers.toml").unlink()
    target = tmp_path / "submission.zip"
    with pytest.raises(Problem, match="something else than your workspace"):
        hand_in.submit(mine, Form("x"), result, rewriter(mine.folder, keep_names=False), target, lambda _: None)
    assert not target.exists()


def test_names_may_be_kept(mine: Workspace, tmp_path: Path) -> None:
    from flowcoach.evidence.discover import gather

    evidence = gather(mine.folder, mine.own_store)
    kept = collect(mine, evidence, rewriter(mine.folder, keep_names=True), tmp_path)
    assert getpass.getuser().encode() in kept.files["mlflow.db"]
