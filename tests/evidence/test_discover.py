"""Which stores of a workspace are found, which are left alone, and what an address may be."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowcoach.evidence import Evidence, discover
from flowcoach.evidence.discover import gather, look, open_store
from flowcoach.evidence.files import FileStore
from flowcoach.evidence.sqlite import SqliteStore
from flowcoach.problem import Problem
from flowcoach.workspace import Workspace


@pytest.fixture
def home(prepared: Workspace, tmp_path: Path) -> Path:
    """A workspace's folder with its own store."""
    folder = tmp_path / "course"
    folder.mkdir()
    put_store(prepared, folder / "mlflow.db")
    return folder


def put_store(prepared: Workspace, path: Path) -> None:
    """An empty store that MLflow made, at `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(prepared.folder / "mlflow.db", path)


def put_files(root: Path, name: str = "tuning") -> None:
    """A file store with one experiment and one run."""
    (root / "7" / "a").mkdir(parents=True)
    (root / "7" / "meta.yaml").write_text(f"experiment_id: '7'\nname: {name}\nartifact_location: x\n")
    (root / "7" / "a" / "meta.yaml").write_text("run_id: a\nexperiment_id: '7'\nstatus: 3\nstart_time: 1\n")


def found(home: Path) -> list[str]:
    """The stores of the evidence, by their place in the workspace."""
    evidence = gather(home, f"sqlite:///{(home / 'mlflow.db').as_posix()}")
    try:
        assert evidence.warnings == ()
        return [
            Path(store.address.removeprefix("sqlite:///")).relative_to(home).as_posix() for store in evidence.stores
        ]
    finally:
        evidence.close()


def test_the_configured_store_comes_first_and_not_twice(home: Path) -> None:
    assert found(home) == ["mlflow.db"]


@pytest.mark.parametrize(
    "place",
    [
        "backend.db",
        "homework/mlflow.db",
        "mlruns/mlflow.db",
        "sqlite:/mlflow.db" if os.name == "posix" else "sqlite/mlflow.db",
        "homework/02/deep/er/mlflow.sqlite3",
        "homework/store",
    ],
)
def test_another_database_is_found_where_learners_leave_one(prepared: Workspace, home: Path, place: str) -> None:
    put_store(prepared, home / place)
    assert found(home) == ["mlflow.db", place]


@pytest.mark.parametrize("place", ["mlruns", "homework/mlruns", "homework/my-runs"])
def test_a_file_store_is_found_by_its_shape(home: Path, place: str) -> None:
    put_files(home / place)
    assert found(home) == ["mlflow.db", place]


def test_a_database_inside_a_file_store_is_found_with_it(prepared: Workspace, home: Path) -> None:
    put_files(home / "mlruns")
    put_store(prepared, home / "mlruns" / "mlflow.db")
    assert found(home) == ["mlflow.db", "mlruns/mlflow.db", "mlruns"]


@pytest.mark.parametrize(
    "place",
    [
        ".flowcoach/prepared.db",
        ".git/x.db",
        "homework/.hidden/mlflow.db",
        "mlartifacts/1/a/artifacts/mlflow.db",
        "mlruns/1/a/artifacts/mlflow.db",
        "homework/artifacts/mlflow.db",
        "node_modules/x/mlflow.db",
        "__pycache__/mlflow.db",
        "a/b/c/d/e/f/g/mlflow.db",
        "notes/mlflow.txt",
    ],
)
def test_what_is_no_place_of_a_store_is_left_alone(prepared: Workspace, home: Path, place: str) -> None:
    put_store(prepared, home / place)
    assert found(home) == ["mlflow.db"]


@pytest.mark.parametrize("sign", ["pyvenv.cfg", "flowcoach.toml"])
def test_environments_and_other_workspaces_are_left_alone(prepared: Workspace, home: Path, sign: str) -> None:
    put_store(prepared, home / "inner" / "deeper" / "mlflow.db")
    (home / "inner" / sign).touch()
    assert found(home) == ["mlflow.db"]


def test_a_database_of_another_program_is_passed_over_in_silence(home: Path) -> None:
    with closing(sqlite3.connect(home / "gradebook.db")) as other, other:
        other.execute("CREATE TABLE alembic_version (version_num TEXT)")
        other.execute("CREATE TABLE student (id TEXT)")
    (home / "notes.db").write_text("not a database")
    (home / "empty.db").touch()
    assert found(home) == ["mlflow.db"]


def test_links_are_not_followed_and_loops_end(prepared: Workspace, home: Path, tmp_path: Path) -> None:
    put_store(prepared, tmp_path / "elsewhere" / "mlflow.db")
    try:
        (home / "loop").symlink_to(home)
        (home / "out").symlink_to(tmp_path / "elsewhere")
        (home / "linked.db").symlink_to(tmp_path / "elsewhere" / "mlflow.db")
    except OSError:
        pytest.skip("this system makes no links")
    assert found(home) == ["mlflow.db"]


def test_a_configured_store_behind_a_link_is_not_found_again(home: Path, tmp_path: Path) -> None:
    try:
        (tmp_path / "link").symlink_to(home)
    except OSError:
        pytest.skip("this system makes no links")
    evidence = gather(home, f"sqlite:///{(tmp_path / 'link' / 'mlflow.db').as_posix()}")
    assert len(evidence.stores) == 1


def test_a_discovered_store_that_cannot_be_read_is_a_warning(home: Path) -> None:
    whole = (home / "mlflow.db").read_bytes()
    (home / "broken.db").write_bytes(whole[: len(whole) // 3])
    evidence = gather(home, f"sqlite:///{(home / 'mlflow.db').as_posix()}")
    assert len(evidence.stores) == 1
    assert ["broken.db" in warning for warning in evidence.warnings] == [True]


def test_a_broken_piece_of_a_discovered_file_store_becomes_a_warning_when_it_is_read(home: Path) -> None:
    put_files(home / "mlruns")
    (home / "mlruns" / "7" / "a" / "meta.yaml").write_text("{broken")
    evidence = gather(home, f"sqlite:///{(home / 'mlflow.db').as_posix()}")
    assert evidence.runs.count() == 0
    assert ["was left out" in warning for warning in evidence.warnings] == [True]


def test_many_artifacts_cost_nothing(home: Path) -> None:
    folder = home / "mlartifacts" / "1" / "a" / "artifacts"
    folder.mkdir(parents=True)
    for number in range(2000):
        (folder / f"{number}.db").touch()
    (home / "few").mkdir()
    seen: list[str] = []

    def count(path: str | Path) -> Iterator[os.DirEntry[str]]:
        seen.append(str(path))
        return real(path)

    real, os.scandir = os.scandir, count  # pyright: ignore
    try:
        look(home)
    finally:
        os.scandir = real
    assert not [path for path in seen if "artifacts" in Path(path).parts]


def test_the_walk_ends_in_a_folder_without_end(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (home / f"{number}.txt").touch()
    monkeypatch.setattr(discover, "_ENTRIES", 10)
    (warning,) = look(home).warnings
    assert str(home) in warning


class TestAddresses:
    """What a tracking address may be, and what is said of the others."""

    def test_a_file_store_is_a_folder_or_its_uri(self, tmp_path: Path) -> None:
        root = tmp_path / "my runs"
        put_files(root)
        assert isinstance(open_store(str(root)), FileStore)
        assert isinstance(open_store(root.as_uri()), FileStore)

    def test_a_sqlite_file_is_named_with_its_kind(self, home: Path) -> None:
        store = open_store(f"sqlite:///{(home / 'mlflow.db').as_posix()}")
        assert isinstance(store, SqliteStore)
        store.close()

    @pytest.mark.parametrize(
        ("address", "advice"),
        [
            ("mlflow.db", "write sqlite:///mlflow.db"),
            ("sqlite://x.db", "sqlite:///x.db"),
            ("postgresql://user:secret@host/mlflow", "mlflow server --backend-store-uri"),
            ("mysql+pymysql://host/mlflow", "mlflow server --backend-store-uri"),
            ("databricks", "mlflow server --backend-store-uri"),
            ("databricks://profile", "mlflow server --backend-store-uri"),
            ("no-such-folder", "check the tracking address"),
            ("file:///no-such-folder", "check the tracking address"),
            ("sqlite:///no-such-file.db", "flowcoach doctor says how"),
        ],
    )
    def test_any_other_address_has_a_next_step(self, address: str, advice: str) -> None:
        with pytest.raises(Problem) as raised:
            open_store(address)
        assert advice in raised.value.next_step
        assert "secret" not in raised.value.cause + raised.value.next_step

    def test_a_folder_that_is_no_store_is_said_so(self, tmp_path: Path) -> None:
        with pytest.raises(Problem, match="is not a file store of MLflow"):
            open_store(str(tmp_path))

    def test_a_configured_store_that_is_missing_ends_the_look(self, tmp_path: Path) -> None:
        with pytest.raises(Problem):
            gather(tmp_path, f"sqlite:///{(tmp_path / 'mlflow.db').as_posix()}")


@pytest.fixture
def files_first(home: Path) -> Evidence:
    put_files(home / "mlruns")
    return gather(home, (home / "mlruns").as_uri())


def test_a_file_store_may_be_the_configured_one(files_first: Evidence) -> None:
    assert [type(store) for store in files_first.stores[:1]] == [FileStore]
    assert len(files_first.stores) == 2
    assert files_first.configured is files_first.stores[0]
