"""A bundle is whole, unaltered and worth what it claims, or each fault is named. Nothing of it is believed."""

from __future__ import annotations

import hashlib
import http.server
import json
import sqlite3
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowcoach import isolation
from flowcoach.handin.verify import Verified, verify
from tests.handin.conftest import flowcoach

Files = dict[str, bytes]


def repacked(bundle: Path, change: Callable[[Files], None], *, rehash: bool = False) -> Path:
    """The bundle with other contents; with `rehash`, its manifest lists them as they are now."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    if rehash:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = {
            name: hashlib.sha256(text).hexdigest() for name, text in files.items() if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(bundle, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return bundle


def judged(bundle: Path, tmp_path: Path, *, ask_models: bool = False) -> Verified:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    return verify(bundle, scratch, ask_models=ask_models)


def in_store(files: Files, folder: Path, *statements: str) -> None:
    path = folder / "store.db"
    path.write_bytes(files["mlflow.db"])
    with closing(sqlite3.connect(path)) as store, store:
        for statement in statements:
            store.execute(statement)
    files["mlflow.db"] = path.read_bytes()
    path.unlink()


def manifest(bundled: Files, **changes: Any) -> None:
    bundled["manifest.json"] = json.dumps({**json.loads(bundled["manifest.json"]), **changes}).encode()


def test_an_honest_bundle_is_whole_and_has_its_verdict(bundle: Path, tmp_path: Path) -> None:
    found = judged(bundle, tmp_path)
    assert (found.problems, found.warnings, found.exit_code) == ((), (), 0)
    assert found.learner == "prove"
    assert found.result is not None
    assert found.result.points == 22


def test_a_changed_byte_is_named(bundle: Path, tmp_path: Path) -> None:
    def change(files: Files) -> None:
        files["homework/train.py"] = files["homework/train.py"][:-1] + b"#"

    found = judged(repacked(bundle, change), tmp_path)
    assert found.problems == ("homework/train.py was changed after the manifest was written.",)
    assert found.exit_code == 2


def test_an_added_file_is_named(bundle: Path, tmp_path: Path) -> None:
    found = judged(repacked(bundle, lambda files: files.update({"homework/more.py": b""})), tmp_path)
    assert found.problems == ("homework/more.py was added: the manifest does not list it.",)


def test_a_removed_file_is_named(bundle: Path, tmp_path: Path) -> None:
    def remove(files: Files) -> None:
        del files["homework/hpo.py"]

    found = judged(repacked(bundle, remove), tmp_path)
    assert found.problems == ("homework/hpo.py is missing.",)


def test_a_store_edited_after_the_result_was_written_is_named(bundle: Path, tmp_path: Path) -> None:
    def better(files: Files) -> None:
        in_store(files, tmp_path, "UPDATE latest_metrics SET value = value - 1 WHERE key = 'rmse'")

    found = judged(repacked(bundle, better), tmp_path)
    assert "mlflow.db was changed after the manifest was written." in found.problems


def test_hashed_anew_an_edited_store_says_something_else_than_the_result_and_both_are_shown(
    bundle: Path, tmp_path: Path
) -> None:
    def better(files: Files) -> None:
        in_store(files, tmp_path, "UPDATE latest_metrics SET value = value - 1 WHERE key = 'rmse'")

    found = judged(repacked(bundle, better, rehash=True), tmp_path)
    assert any(
        text.startswith("2.7/forest-figure: the bundle claims passed, its evidence says failed")
        for text in found.problems
    )


def test_a_figure_and_its_answer_both_made_better_are_given_away_by_the_model(bundle: Path, tmp_path: Path) -> None:
    able = isolation.probe()
    if not able.sandbox:
        pytest.skip(able.reason)

    def better(files: Files) -> None:
        in_store(
            files,
            tmp_path,
            "UPDATE latest_metrics SET value = 4.0 WHERE key = 'rmse' AND run_uuid IN (SELECT run_uuid FROM runs"
            " JOIN experiments USING (experiment_id) WHERE experiments.name = 'homework-forest')",
        )
        lines = files["homework/answers.toml"].decode().splitlines()
        lines = ["forest_rmse = 4.0" if line.startswith("forest_rmse") else line for line in lines]
        files["homework/answers.toml"] = "\n".join(lines).encode()

    found = judged(repacked(bundle, better, rehash=True), tmp_path, ask_models=True)
    assert any("The run logged `rmse` 4; its own model gives" in text for text in found.problems), found.problems


def test_answers_of_another_learners_variant_do_not_fit(bundle: Path, tmp_path: Path) -> None:
    def other(files: Files) -> None:
        files["flowcoach.toml"] = files["flowcoach.toml"].replace(b'"prove"', b'"ada"')

    found = judged(repacked(bundle, other, rehash=True), tmp_path)
    assert any("2.7/autologged" in text and "“ada”" in text for text in found.problems)


def test_a_claim_that_is_better_than_its_evidence_is_shown_beside_it(bundle: Path, tmp_path: Path) -> None:
    def claim(files: Files) -> None:
        in_store(files, tmp_path, "DELETE FROM registered_model_aliases")

    found = judged(repacked(bundle, claim, rehash=True), tmp_path)
    assert any("2.7/described: the bundle claims passed, its evidence says failed" in text for text in found.problems)


def test_another_version_of_flowcoach_is_a_warning(bundle: Path, tmp_path: Path) -> None:
    found = judged(repacked(bundle, lambda files: manifest(files, flowcoach="0.0.1")), tmp_path)
    assert found.problems == ()
    assert "made by flowcoach 0.0.1" in found.warnings[0]


def test_the_name_of_another_on_somebodys_work_is_named(bundle: Path, tmp_path: Path) -> None:
    found = judged(repacked(bundle, lambda files: manifest(files, learner="ada")), tmp_path)
    assert found.problems == ("manifest.json says that it is the work of “ada”; its flowcoach.toml says “prove”.",)


def test_a_claim_that_leaves_checks_out_is_named(bundle: Path, tmp_path: Path) -> None:
    def leave_out(files: Files) -> None:
        claimed = json.loads(files["manifest.json"])["result"]
        del claimed["sections"][0]["checks"][0]
        manifest(files, result=claimed)

    found = judged(repacked(bundle, leave_out), tmp_path)
    assert found.problems == ("2.7/preprocessed: the bundle claims nothing, its evidence says passed.",)


def test_claimed_points_are_shown_beside_those_earned(bundle: Path, tmp_path: Path) -> None:
    def claim(files: Files) -> None:
        claimed = json.loads(files["manifest.json"])["result"]
        claimed["sections"][0]["checks"][0]["points"] = 99
        manifest(files, result=claimed)

    found = judged(repacked(bundle, claim), tmp_path)
    text = "2.7/preprocessed: the bundle claims passed with 99 points, its evidence says passed with 2 points."
    assert found.problems == (text,)


def test_a_store_that_is_none_is_named_and_not_where_it_was_unpacked(bundle: Path, tmp_path: Path) -> None:
    noise = b"SQLite format 3\0" + b"noise" * 1000
    found = judged(repacked(bundle, lambda files: files.update({"mlflow.db": noise}), rehash=True), tmp_path)
    assert found.problems == ("mlflow.db is not a SQLite database.",)
    assert found.exit_code == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"schema": "flowcoach/submission/v9"},
        {"files": {"a": "no hash"}},
        {"files": []},
        {"form": "text"},
        {"learner": 7},
        {"result": {}},
        {"result": None},
    ],
    ids=str,
)
def test_a_manifest_that_is_none_is_refused(changes: dict[str, Any], bundle: Path, tmp_path: Path) -> None:
    found = judged(repacked(bundle, lambda files: manifest(files, **changes)), tmp_path)
    assert found.problems
    assert found.problems[0].startswith("manifest.json is not valid")
    assert found.exit_code == 2


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"[" * 100_000, b"\xff\xfe"])
def test_noise_for_a_manifest_is_refused(text: bytes, bundle: Path, tmp_path: Path) -> None:
    found = judged(repacked(bundle, lambda files: files.update({"manifest.json": text})), tmp_path)
    assert found.exit_code == 2


@pytest.fixture
def visited() -> Iterator[tuple[str, list[str]]]:
    """A server on this machine, and the requests that it got."""
    asked: list[str] = []

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_settings_that_name_a_server_or_a_store_elsewhere_are_not_followed(
    bundle: Path, tmp_path: Path, visited: tuple[str, list[str]]
) -> None:
    address, asked = visited
    for store in (address, f"sqlite:///{tmp_path.as_posix()}/elsewhere.db", "sqlite:///../elsewhere.db"):

        def lead_away(files: Files, store: str = store) -> None:
            text = files["flowcoach.toml"].decode()
            files["flowcoach.toml"] = text.replace("sqlite:///mlflow.db", store).encode()

        copied = tmp_path / "copy.zip"
        copied.write_bytes(bundle.read_bytes())
        done = flowcoach(
            "verify",
            repacked(copied, lead_away, rehash=True),
            "--json",
            folder=tmp_path,
            MLFLOW_TRACKING_TOKEN="secret",
        )
        assert json.loads(done.stdout)["result"]["points"] == 22, store
    assert asked == []


@pytest.mark.parametrize("folder", ["", "homework/"])
def test_a_note_of_a_lab_that_names_a_server_is_not_followed(
    folder: str, bundle: Path, tmp_path: Path, visited: tuple[str, list[str]]
) -> None:
    address, asked = visited
    note = json.dumps({"address": address, "about": "the lab's team server"}).encode()

    def lead_away(files: Files) -> None:
        files[f"{folder}.flowcoach/lab/served.json"] = note

    done = flowcoach("verify", repacked(bundle, lead_away, rehash=True), "--json", folder=tmp_path)
    assert json.loads(done.stdout)["result"]["points"] == 22
    assert asked == []


@pytest.mark.parametrize(("name", "code"), [("missing.zip", 2), ("noise.zip", 2)])
def test_what_cannot_be_read_ends_with_two(name: str, code: int, tmp_path: Path) -> None:
    (tmp_path / "noise.zip").write_bytes(b"noise")
    done = flowcoach("verify", name, folder=tmp_path)
    assert done.returncode == code
    assert "Next:" in done.stderr


def test_open_steps_in_a_whole_bundle_end_with_one(bundle: Path, tmp_path: Path) -> None:
    def open_step(files: Files) -> None:
        in_store(files, tmp_path, "DELETE FROM registered_model_aliases")
        found = json.loads(files["manifest.json"])
        for check in found["result"]["sections"][0]["checks"]:
            if check["id"] in ("2.7/described", "2.7/registry-read", "2.7/final-figure"):
                check["state"] = "failed" if check["id"] == "2.7/described" else "skipped"
                check["points"] = 0
        files["manifest.json"] = json.dumps(found).encode()

    done = flowcoach("verify", repacked(bundle, open_step, rehash=True), folder=tmp_path)
    assert done.returncode == 1, done.stderr
