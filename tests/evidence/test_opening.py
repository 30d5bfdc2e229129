"""How a SQLite file is opened: right whatever state its writer left it in, and without a trace."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from flowcoach.evidence.opening import Database, NotMlflow, Patience, path_of
from flowcoach.problem import Problem

HASTY = Patience(lock=0.05, question=0.05)
COUNT = "SELECT count(*) FROM runs"

# A writer of its own process: does what it is told, says so, and then dies or ends in an orderly way.
WRITER = """
import os, sqlite3, sys
path, ending, *statements = sys.argv[1:]
store = sqlite3.connect(path, isolation_level=None)
for statement in statements:
    store.execute(statement).fetchall()
print("done", flush=True)
sys.stdin.readline()
if ending == "dies":
    os._exit(1)
store.close()
"""

MANY = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)"
    " INSERT INTO runs SELECT hex(randomblob(200)) FROM n"
)


def write(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as store:
        for statement in statements:
            store.execute(statement).fetchall()


@contextmanager
def writer(path: Path, *statements: str, ending: str = "orderly") -> Iterator[subprocess.Popen[str]]:
    """Another process that has done `statements` and still holds the file, until the end of the block."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), ending, *statements],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "done\n"
        yield process
        process.communicate("end\n")


def killed(path: Path, *statements: str) -> None:
    with writer(path, *statements, ending="dies"):
        pass


def count(path: Path) -> int:
    with closing(Database(path)) as database:
        return database.ask(COUNT)[0][0]


def traces(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Everything in the folder: names, bytes, times of modification, and the folder's own time."""
    found = {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}
    return {**found, ".": (b"", folder.stat().st_mtime_ns)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of one table with two rows, alone in its folder."""
    folder = tmp_path / "a folder with 100% of ünusual letters"
    folder.mkdir()
    write(folder / "store.db", "CREATE TABLE runs (id TEXT)", "INSERT INTO runs VALUES ('a'), ('b')")
    return folder / "store.db"


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The system's folder for temporary files, empty at first."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def wal(path: Path) -> None:
    write(path, "PRAGMA journal_mode = WAL")


def hot_journal(path: Path) -> None:
    killed(path, "PRAGMA cache_size = 1", "BEGIN", MANY)
    assert path.with_name("store.db-journal").stat().st_size > 512


def persistent_journal(path: Path) -> None:
    write(path, "PRAGMA journal_mode = PERSIST", "UPDATE runs SET id = id || 'x'")
    assert path.with_name("store.db-journal").exists()


def log_with_index(path: Path) -> None:
    wal(path)
    killed(path, "INSERT INTO runs VALUES ('c')")
    assert path.with_name("store.db-shm").exists()


def log_alone(path: Path) -> None:
    log_with_index(path)
    path.with_name("store.db-shm").unlink()


def index_alone(path: Path) -> None:
    wal(path)
    path.with_name("store.db-shm").write_bytes(b"\0" * 32768)


def empty_log(path: Path) -> None:
    wal(path)
    path.with_name("store.db-wal").touch()


STATES: dict[str, tuple[Callable[[Path], None], int]] = {
    "rollback journal": (lambda path: None, 2),
    "hot journal": (hot_journal, 2),
    "persistent journal": (persistent_journal, 2),
    "write-ahead log, neither beside": (wal, 2),
    "write-ahead log with its index": (log_with_index, 3),
    "write-ahead log alone": (log_alone, 3),
    "index of a log alone": (index_alone, 2),
    "empty log": (empty_log, 2),
}


@pytest.mark.parametrize("state", STATES)
def test_every_state_is_read_right_and_left_as_it_was(path: Path, temporary: Path, state: str) -> None:
    build, rows = STATES[state]
    build(path)
    before = traces(path.parent)
    database = Database(path)
    assert database.ask(COUNT)[0][0] == rows
    during = traces(path.parent)
    database.close()
    assert during == before
    assert traces(path.parent) == before
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("mode", ["DELETE", "WAL"])
def test_a_file_that_a_writer_holds_is_read_as_it_was_committed(path: Path, mode: str) -> None:
    write(path, f"PRAGMA journal_mode = {mode}")
    with writer(path, "INSERT INTO runs VALUES ('c')", "BEGIN IMMEDIATE", "INSERT INTO runs VALUES ('d')"):
        before = traces(path.parent)
        assert count(path) == 3
        assert traces(path.parent) == before


def test_what_is_written_to_an_immutable_file_meanwhile_is_seen(path: Path) -> None:
    wal(path)
    with closing(Database(path)) as database:
        assert database.ask(COUNT)[0][0] == 2
        write(path, "INSERT INTO runs VALUES ('c')")
        assert database.ask(COUNT)[0][0] == 3
        with writer(path, "INSERT INTO runs VALUES ('d')"):
            assert database.ask(COUNT)[0][0] == 4


def test_a_writer_that_dies_between_two_questions_is_rolled_back(path: Path) -> None:
    with closing(Database(path)) as database:
        assert database.ask(COUNT)[0][0] == 2
        hot_journal(path)
        before = traces(path.parent)
        assert database.ask(COUNT)[0][0] == 2
        assert traces(path.parent) == before


def copying(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[int], object]) -> list[str]:
    """Let `meanwhile` happen before each copy of a file, told how many there were; the names copied, as they come."""
    names: list[str] = []
    copy = shutil.copyfile

    def interrupted(source: Path, target: Path) -> None:
        meanwhile(len(names))
        copy(source, target)
        names.append(source.name)

    monkeypatch.setattr(shutil, "copyfile", interrupted)
    return names


def test_a_copy_is_taken_again_when_the_file_changed_meanwhile(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_alone(path)
    copied = copying(monkeypatch, lambda copies: os.utime(path, (0, 0)) if copies == 1 else None)
    assert count(path) == 3
    assert copied == ["store.db", "store.db-wal"] * 2


def test_a_file_that_never_rests_is_a_problem(path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log_alone(path)
    copying(monkeypatch, lambda copies: os.utime(path, (copies, copies)))
    assert "changes faster than it can be read" in problem(path).cause
    assert list(temporary.iterdir()) == []


def test_a_full_disk_is_said_where_the_copy_was_to_be(
    path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(copies: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log_alone(path)
    copying(monkeypatch, full)
    assert f"make room in {temporary}" in problem(path).next_step
    assert list(temporary.iterdir()) == []


def test_a_link_is_followed_to_where_the_log_lies(path: Path, tmp_path: Path) -> None:
    log_alone(path)
    link = tmp_path / "link.db"
    try:
        link.symlink_to(path)
    except OSError:
        pytest.skip("this system lets nobody make links")
    assert count(link) == 3


@pytest.mark.parametrize("state", [*STATES, "held by a writer"])
def test_a_folder_that_may_not_be_written_to_is_no_hindrance(state: str) -> None:
    with folder_of_another() as folder:
        path = folder / "store.db"
        write(path, "CREATE TABLE runs (id TEXT)", "INSERT INTO runs VALUES ('a'), ('b')")
        build, rows = STATES.get(state, (wal, 3))
        build(path)
        for file in folder.iterdir():
            file.chmod(0o444)
        folder.chmod(0o555)
        if state == "held by a writer":
            with writer(path, "INSERT INTO runs VALUES ('c')"):
                assert without_rights(lambda: count(path)) == str(rows)
        else:
            assert without_rights(lambda: count(path)) == str(rows)


def test_a_file_that_may_not_be_read_is_a_problem() -> None:
    with folder_of_another() as folder:
        write(folder / "store.db", "CREATE TABLE runs (id TEXT)")
        (folder / "store.db").chmod(0)
        said = without_rights(lambda: problem(folder / "store.db").cause)
        assert "cannot be read: Permission denied" in said


@contextmanager
def folder_of_another() -> Iterator[Path]:
    """A folder where everybody may pass, but only its owner may write."""
    if os.name == "nt":
        pytest.skip("Windows keeps rights in another way")
    folder = Path(tempfile.mkdtemp(dir=Path(os.path.realpath("/tmp")))).resolve()
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def without_rights(question: Callable[[], object]) -> str:
    """What `question` answers in a process that may write nowhere but to the system's temporary folder."""
    ours, theirs = socket.socketpair()
    child = os.fork()
    if child == 0:  # never returns into pytest
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            tempfile.tempdir = "/tmp"
            answer = str(question())
        except BaseException as error:
            answer = f"{type(error).__name__}: {getattr(error, 'cause', error)}"
        theirs.sendall(answer.encode())
        os._exit(0)
    theirs.close()
    with ours:
        answer = b"".join(iter(lambda: ours.recv(4096), b""))
    os.waitpid(child, 0)
    return answer.decode()


def problem(path: Path, statement: str = COUNT) -> Problem:
    with pytest.raises(Problem) as raised, closing(Database(path, HASTY)) as database:
        database.ask(statement)
    return raised.value


def text(path: Path) -> None:
    path.write_text("<html>Sign in to go on</html>" * 20, encoding="utf-8")


def truncated(path: Path) -> None:
    write(path, MANY)
    os.truncate(path, 10_000)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    if not hasattr(os, "mkfifo"):
        pytest.skip("Windows has no such files")
    os.mkfifo(path)


def log_of_pipes(path: Path) -> None:
    log_with_index(path)
    for suffix in ("-wal", "-shm"):
        pipe(path.with_name(path.name + suffix))


def log_without_end(path: Path) -> None:
    log_alone(path)
    os.truncate(path.with_name("store.db-wal"), 2**30)


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "There is no store at"),
    "a folder": (folder, "is a folder"),
    "a pipe": (pipe, "is not a file"),
    "a log that is a pipe": (log_of_pipes, "is not a file"),
    "a log without end": (log_without_end, "too large to be copied"),
    "empty": (lambda path: os.truncate(path, 0), "is empty"),
    "text": (text, "is not a SQLite database"),
    "only a header": (lambda path: os.truncate(path, 50), "is damaged"),
    "truncated": (truncated, "is damaged"),
    "noise after the header": (lambda path: path.write_bytes(path.read_bytes()[:100] + b"noise" * 3000), "is damaged"),
}


@pytest.mark.parametrize("state", BAD)
def test_a_bad_file_is_a_problem_with_one_cause_and_a_next_step(path: Path, temporary: Path, state: str) -> None:
    build, cause = BAD[state]
    build(path)
    said = problem(path)
    assert cause in said.cause
    assert str(path) in said.cause
    assert "\n" not in said.cause
    assert said.next_step
    assert list(temporary.iterdir()) == []


def test_a_damaged_file_that_had_to_be_copied_leaves_no_copy_behind(path: Path, temporary: Path) -> None:
    log_alone(path)
    path.write_bytes(path.read_bytes()[:100] + b"noise" * 3000)
    problem(path)
    assert list(temporary.iterdir()) == []


def test_what_is_no_database_is_told_from_a_damaged_one(path: Path) -> None:
    text(path)
    assert isinstance(problem(path), NotMlflow)
    truncated_path = path.with_name("other.db")
    write(truncated_path, "CREATE TABLE runs (id TEXT)")
    truncated(truncated_path)
    assert not isinstance(problem(truncated_path), NotMlflow)


def test_a_lock_is_not_waited_for_without_end(path: Path) -> None:
    with writer(path, "BEGIN EXCLUSIVE"):
        said = problem(path)
    assert "locked by another program" in said.cause


def test_a_question_is_not_waited_for_without_end(path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    assert "took more than 0.05 s" in problem(path, endless).cause


def test_no_lock_is_held_between_two_questions(path: Path) -> None:
    with closing(Database(path)) as database:
        database.ask(COUNT)
        with closing(sqlite3.connect(path, timeout=0)) as store, store:
            store.execute("BEGIN EXCLUSIVE")


def test_bytes_that_are_not_text_are_read_all_the_same(path: Path) -> None:
    write(path, "INSERT INTO runs VALUES (CAST(x'ff41' AS TEXT))")
    with closing(Database(path)) as database:
        assert database.ask("SELECT id FROM runs")[2][0] == "\ufffdA"


def test_a_row_without_end_is_not_loaded(path: Path) -> None:
    write(path, "INSERT INTO runs VALUES (zeroblob(40000000))")
    assert "too big" in problem(path, "SELECT id FROM runs").cause


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("sqlite:///mlflow.db", "mlflow.db"),
        ("sqlite:////home/me/mlflow.db", "/home/me/mlflow.db"),
        ("sqlite:///C:/Users/me/mlflow.db", "C:/Users/me/mlflow.db"),
        ("sqlite+pysqlite:///mlflow.db", "mlflow.db"),
        ("sqlite:///my%20runs/mlflow.db", "my runs/mlflow.db"),
        ("sqlite:///mlflow.db?timeout=30", "mlflow.db"),
    ],
)
def test_an_address_names_a_file_as_it_does_for_mlflow(address: str, path: str) -> None:
    assert path_of(address) == Path(path)


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("sqlite://mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:/mlflow.db", "sqlite:///mlflow.db"),
        ("SQLITE:///mlflow.db", "sqlite:///mlflow.db"),
        ("sqlite:///file:mlflow.db?uri=true", "sqlite:///mlflow.db"),
        ("sqlite:///:memory:", "keep runs in a file"),
        ("sqlite://", "keep runs in a file"),
    ],
)
def test_a_malformed_address_is_answered_with_the_right_form(address: str, advice: str) -> None:
    with pytest.raises(Problem) as raised:
        path_of(address)
    assert address in raised.value.cause
    assert advice in raised.value.next_step
