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
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import jsonschema
import pytest

from flowcoach.coach import ui
from flowcoach.handin import submit as hand_in
from flowcoach.handin.bundle import Contents, collect, manifest
from flowcoach.handin.form import Form
from flowcoach.handin.names import rewriter
from flowcoach.problem import Problem
from flowcoach.result import Result
from flowcoach.workspace import Workspace
from tests.handin.conftest import FLOWCOACH, HandedIn, flowcoach

SCHEMA = Path(hand_in.__file__).parents[1] / "schema" / "submission-v1.json"
STEPS = 3  # of the metric of each run that is logged meanwhile


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
            sources = [json.loads(text)["tags"] for (text,) in rows.execute("SELECT dataset_source FROM datasets")]
            users |= {tags["mlflow.user"] for tags in sources if "mlflow.user" in tags}
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


def test_under_a_running_server_no_write_is_disturbed_and_the_snapshot_is_of_one_moment(
    mine: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")  # a write that failed once has failed
    before = _rows(mine.folder / "mlflow.db")
    written: list[str] = []
    done = threading.Event()
    port = ui.free_port(0)
    with ui.serve(mine, port) as server, ThreadPoolExecutor(1) as pool:
        ui.wait_until_ready(server, port, mine)
        writing = pool.submit(_log_runs, f"http://{ui.HOST}:{port}", written, done)
        try:
            deadline = time.monotonic() + 30
            while not written and not writing.done() and time.monotonic() < deadline:
                time.sleep(0.01)
            at_first = len(written)
            submitted = flowcoach("submit", "2.7", "--yes", folder=mine.folder)
            at_last = len(written)
        finally:
            done.set()
        writing.result()  # raises what a write failed with
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    assert 0 < at_first < at_last, "it was written to all the while"

    copied = mine.folder.parent / "snapshot.db"
    copied.write_bytes(read(mine.folder / "submission.zip")["mlflow.db"])
    with closing(sqlite3.connect(copied)) as store:
        assert store.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert store.execute("PRAGMA foreign_key_check").fetchall() == []
    kept = _logged(copied)
    assert at_first <= len(kept) <= at_last + 1, "one may be written and not yet confirmed"
    assert list(kept) == written[: len(kept)], "none is missing in between"
    assert all(len(steps) == STEPS for steps in list(kept.values())[:-1]), "only the last may be half logged"
    assert flowcoach("verify", mine.folder / "submission.zip", folder=mine.folder.parent).returncode == 0

    live = _logged(mine.folder / "mlflow.db")
    assert live == {name: list(range(STEPS)) for name in written}
    assert before <= _rows(mine.folder / "mlflow.db"), "what was there is there, unchanged"
    assert not list(mine.folder.glob("mlflow.db-*"))
    with closing(sqlite3.connect(mine.folder / "mlflow.db", timeout=0, isolation_level=None)) as store:
        store.execute("BEGIN EXCLUSIVE")


def _log_runs(address: str, written: list[str], done: threading.Event) -> None:
    """Log one run after the other through a server, each with a metric; `written` gets the id of each as it ends."""
    from mlflow import MlflowClient

    client = MlflowClient(address)
    experiment = client.create_experiment("meanwhile")
    while not done.is_set():
        run = client.create_run(experiment).info.run_id
        for step in range(STEPS):
            client.log_metric(run, "loss", 1 / (step + 1), step=step)
        client.set_terminated(run)
        written.append(run)


def _logged(path: Path) -> dict[str, list[int]]:
    """The runs that were logged meanwhile, the oldest first, each with the steps of its metric."""
    with closing(sqlite3.connect(path, timeout=30)) as store:
        found = store.execute(
            "SELECT run_uuid, step FROM runs JOIN experiments USING (experiment_id) LEFT JOIN metrics USING (run_uuid)"
            " WHERE experiments.name = 'meanwhile' ORDER BY runs.rowid, step"
        ).fetchall()
    logged: dict[str, list[int]] = {}
    for run, step in found:
        logged.setdefault(run, []).extend([] if step is None else [step])
    return logged


def _rows(path: Path) -> set[tuple[object, ...]]:
    """Each row of a store, with the name of its table."""
    with closing(sqlite3.connect(path, timeout=30)) as store:
        tables = [name for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {(table, *row) for table in tables for row in store.execute(f'SELECT * FROM "{table}"')}


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


def packed(here: Workspace, scratch: Path) -> dict[str, bytes]:
    """What would go into the bundle, with private names replaced."""
    from flowcoach.evidence.discover import gather

    evidence = gather(here.folder, here.own_store)
    try:
        return collect(here, evidence, rewriter(here.folder, keep_names=False), scratch).files
    finally:
        evidence.close()


def test_a_folder_store_goes_without_the_names_in_it(mine: Workspace, tmp_path: Path) -> None:
    user, run = getpass.getuser(), mine.folder / "mlruns" / "1" / ("a" * 32)
    texts = {
        run.parent / "meta.yaml": f"artifact_location: {run.parent.as_uri()}\nexperiment_id: '1'\n"
        "lifecycle_stage: active\nname: files\n",
        run / "meta.yaml": f"artifact_uri: {(run / 'artifacts').as_uri()}\nexperiment_id: '1'\n"
        f"lifecycle_stage: active\nrun_id: {run.name}\nrun_uuid: {run.name}\nstatus: 3\nuser_id: {user}\n",
        run / "tags" / "mlflow.user": user,
        run / "params" / "folder": str(Path.home()),
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    files = packed(mine, tmp_path)
    found = {path: files[path.relative_to(mine.folder).as_posix()].decode() for path in texts}
    assert found[run / "tags" / "mlflow.user"] == "learner"
    assert "user_id: learner\n" in found[run / "meta.yaml"]
    assert f"artifact_uri: mlruns/1/{run.name}/artifacts\n" in found[run / "meta.yaml"]
    assert found[run / "params" / "folder"] == "~"
    assert {path: path.read_text(encoding="utf-8") for path in texts} == texts, "the learner's own store stays"


@pytest.mark.skipif(sys.platform == "win32", reason="its temporary folders lie below the home")
def test_where_a_workspace_lay_before_is_not_told(mine: Workspace, tmp_path: Path) -> None:
    """The copy was worked on in another folder, which is neither this workspace nor below a home."""
    (tmp_path / "store.db").write_bytes(packed(mine, tmp_path)["mlflow.db"])
    with closing(sqlite3.connect(tmp_path / "store.db")) as rows:
        sources = {text for (text,) in rows.execute("SELECT value FROM tags WHERE key = 'mlflow.source.name'")}
        places = {text for (text,) in rows.execute("SELECT artifact_location FROM experiments")}
    assert {text.split("/")[0] for text in sources} == {"elsewhere"}
    assert "mlartifacts/homework-forest" in places


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("{here}/mlartifacts/1", "mlartifacts/1"),
        ("file://{here}/mlartifacts/1", "mlartifacts/1"),
        ("{here}", "."),
        ("{here}-data/months.csv", "elsewhere/months.csv"),
        ('{{"uri": "/mnt/disk/months.csv"}}', '{{"uri": "elsewhere/months.csv"}}'),
        ("C:\\Users\\somebody\\mlruns\\1\\artifacts", "mlruns/1/artifacts"),
        ("https://example.org/a/b", "https://example.org/a/b"),
        ("mlflow-artifacts:/1/models", "mlflow-artifacts:/1/models"),
        ("a 1/2 b", "a 1/2 b"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="paths of POSIX")
def test_a_path_is_told_by_what_still_helps(text: str, plain: str, tmp_path: Path) -> None:
    here = tmp_path / "course"
    here.mkdir()
    found = rewriter(here, keep_names=False).record(text.format(here=here))
    assert found == plain.format()


def test_an_older_bundle_is_no_part_of_the_next_one(mine: Workspace) -> None:
    target = mine.folder / "hand.in"
    assert flowcoach("submit", "2.7", "--yes", "--out", target, folder=mine.folder).returncode == 0
    content = target.read_bytes()
    assert flowcoach("submit", "2.7", "--yes", "--out", target, folder=mine.folder).returncode == 0
    assert target.read_bytes() == content


def test_a_name_that_not_every_system_can_keep_is_named_before_anything_is_packed(
    mine: Workspace, tmp_path: Path
) -> None:
    (mine.folder / "homework" / "aux.md").write_text("", encoding="utf-8")
    with pytest.raises(Problem, match=r"homework/aux\.md.*Windows"):
        packed(mine, tmp_path)


def test_of_a_server_the_bundle_holds_what_lies_here_and_no_address(handed_in: HandedIn, tmp_path: Path) -> None:
    about = manifest(
        handed_in.here,
        Form("x"),
        Contents({}),
        Result(
            flowcoach="1",
            stores=("http://tracking.example:5000", f"sqlite:///{handed_in.here.folder.as_posix()}/mlflow.db"),
        ),
        rewriter(handed_in.here.folder, keep_names=False),
    )
    assert json.loads(about)["result"]["stores"] == ["sqlite:///mlflow.db"]


def test_of_a_lab_that_is_up_nothing_is_claimed_for_a_bundle_carries_no_server(mine: Workspace) -> None:
    lab = mine.folder / ".flowcoach" / "lab"
    lab.mkdir(parents=True)
    note = {"address": "http://127.0.0.1:9", "about": "the lab's team server"}
    (lab / "served.json").write_text(json.dumps(note), encoding="utf-8")
    done = flowcoach("submit", "2.7", "--yes", "--json", folder=mine.folder)
    assert json.loads(done.stdout)["result"]["warnings"] == []
    assert done.returncode == 0


def test_names_may_be_kept(mine: Workspace, tmp_path: Path) -> None:
    from flowcoach.evidence.discover import gather

    evidence = gather(mine.folder, mine.own_store)
    kept = collect(mine, evidence, rewriter(mine.folder, keep_names=True), tmp_path)
    assert getpass.getuser().encode() in kept.files["mlflow.db"]
