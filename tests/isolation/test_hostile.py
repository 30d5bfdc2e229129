"""Hostile programs end within their limits, leave nothing behind, and change nothing for who comes next."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import uuid
from _thread import interrupt_main
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer

import psutil
import pytest

from flowcoach.isolation import Ability, Ended, Finished, Limits, NoResult, NotIsolated, Trust, probe, read_result, run
from tests.isolation import hostile

pytestmark = pytest.mark.skipif(os.name != "posix", reason="these programs use what Windows does not have")

LIMITS = Limits(seconds=10, memory=2**27, disk=2**24, files=200, processes=30, output=2000)
MARGIN = 3  # seconds to look, to end everything, and for a busy machine


@dataclass
class Attack:
    """Runs hostile programs in a folder of their own, and looks at the host afterwards."""

    trust: Trust
    folder: Path
    word: str
    took: float = 0

    def __call__(self, program: str, *words: object, limits: Limits = LIMITS, **options: object) -> Finished:
        command = [sys.executable, "-I", "-S", "-c", program, self.word, *map(str, words)]
        began = time.monotonic()
        done = run(command, folder=self.folder, trust=self.trust, limits=limits, **options)  # type: ignore[arg-type]
        self.took = time.monotonic() - began
        return done

    @property
    def alive(self) -> list[str]:
        """The processes that are still there, of all that carry this attack's word."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if self.word in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
        return found

    @property
    def left(self) -> int:
        """The bytes on the disk in its folder."""
        return sum(path.lstat().st_blocks * 512 for path in self.folder.rglob("*"))


@pytest.fixture(scope="module")
def ability() -> Ability:
    return probe()


@contextmanager
def attacking(trust: Trust, tmp_path: Path, ability: Ability) -> Iterator[Attack]:
    """An attack; when it is over nothing of it runs, little of it is left, and the next program works."""
    if trust is Trust.FOREIGN and not ability.sandbox:
        pytest.skip(ability.reason)
    folder, after = tmp_path / "scratch", tmp_path / "next"
    folder.mkdir()
    after.mkdir()
    attack = Attack(trust, folder, uuid.uuid4().hex)
    yield attack
    assert attack.alive == []
    assert attack.took < LIMITS.seconds + MARGIN
    assert attack.left < 4 * LIMITS.disk
    done = Attack(trust, after, uuid.uuid4().hex)(hostile.LEAVES_A_RESULT)
    assert (done.ok, done.output, read_result(after, "result")) == (True, "done\n", b"42")


@pytest.fixture(params=list(Trust))
def attack(request: pytest.FixtureRequest, tmp_path: Path, ability: Ability) -> Iterator[Attack]:
    """By one's own program, and by somebody else's."""
    with attacking(request.param, tmp_path, ability) as attack:
        yield attack


@pytest.fixture
def foreign(tmp_path: Path, ability: Ability) -> Iterator[Attack]:
    """By somebody else's program: of what one's own may do."""
    with attacking(Trust.FOREIGN, tmp_path, ability) as attack:
        yield attack


@pytest.fixture
def canaries(tmp_path: Path) -> Iterator[list[Path]]:
    """Files that nobody's program should see: in the home folder, beside the scratch folder, and where one works."""
    name = f"canary-{uuid.uuid4().hex}"
    places = [Path.home() / name, tmp_path / name, Path.cwd() / name]
    try:
        for path in places:
            path.write_text("a token", encoding="utf-8")
            path.chmod(0o666)
        yield places
    finally:
        for path in places:
            path.unlink(missing_ok=True)


def test_one_that_exits_at_once_is_told_by_its_code(attack: Attack) -> None:
    assert attack(hostile.EXITS_AT_ONCE) == Finished(3, "")


def test_one_that_sleeps_is_ended(attack: Attack) -> None:
    done = attack(hostile.SLEEPS, limits=Limits(seconds=0.5))
    assert (done.ok, done.ended) == (False, Ended.TIME)
    assert done.why(Limits(seconds=0.5)) == "it took more than 0.5 s"


def test_one_that_forks_without_end_comes_to_no_more_processes_than_it_may(attack: Attack) -> None:
    done = attack(hostile.FORKS_WITHOUT_END, limits=Limits(seconds=1, processes=30))
    assert done.ended in (Ended.PROCESSES, Ended.TIME)


def test_in_a_sandbox_the_kernel_refuses_one_process_too_many(foreign: Attack) -> None:
    done = foreign(hostile.FORKS_UNTIL_IT_IS_REFUSED, limits=LIMITS)
    assert done.ok
    assert done.output in {f"{count} Resource temporarily unavailable\n" for count in (28, 29)}


def test_one_that_doubles_itself_is_ended(foreign: Attack) -> None:
    done = foreign(hostile.FORKS_TWICE_EACH, limits=Limits(seconds=1, processes=30))
    assert done.ended in (Ended.PROCESSES, Ended.TIME)


def test_one_that_allocates_without_end_is_ended(attack: Attack) -> None:
    done = attack(hostile.ALLOCATES_WITHOUT_END)
    assert done.ended is Ended.MEMORY or "MemoryError" in done.output


@pytest.mark.parametrize(
    "program",
    [
        hostile.WRITES_ONE_FILE,
        hostile.WRITES_LARGE_FILES,
        hostile.WRITES_MANY_FILES,
        hostile.WRITES_FOLDERS_IN_FOLDERS,
        hostile.WRITES_FILES_WITHOUT_A_NAME,
    ],
    ids=["one file", "large files", "many files", "folders in folders", "files without a name"],
)
def test_one_that_writes_without_end_is_ended(attack: Attack, program: str) -> None:
    done = attack(program)
    assert not done.ok
    assert done.ended in (Ended.DISK, Ended.MEMORY) or "File too large" in done.output


def test_what_lies_too_deep_to_be_counted_is_too_much(attack: Attack) -> None:
    assert attack(hostile.HIDES_IN_THE_DEEP).ended is Ended.DISK
    assert list(attack.folder.iterdir()) == []


def test_what_lies_where_nobody_can_look_is_too_much(attack: Attack) -> None:
    done = attack(hostile.HIDES_BEHIND_A_CLOSED_DOOR)
    assert (done.ended is Ended.DISK) == (os.geteuid() != 0)  # root can look
    assert list(attack.folder.rglob("hidden")) == (
        [] if done.ended is Ended.DISK else [attack.folder / "closed/within/hidden"]
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="files of memory alone are Linux's")
def test_one_that_fills_files_of_memory_alone_is_ended(attack: Attack) -> None:
    assert attack(hostile.FILLS_MEMORY_THAT_LOOKS_LIKE_A_DISK).ended in (Ended.MEMORY, Ended.DISK)


def test_nothing_but_its_folder_and_a_little_memory_can_be_filled(foreign: Attack) -> None:
    done = foreign(hostile.FILLS_EVERY_OTHER_PLACE, limits=Limits(seconds=10))
    word, wrote = done.output.split()
    assert (word, int(wrote) <= 3 * 2**26) == ("wrote", True)


def test_what_it_prints_is_kept_at_both_ends_only(attack: Attack) -> None:
    done = attack(hostile.PRINTS_WITHOUT_MEASURE)
    assert done.ok
    assert done.output.startswith("the beginning\nxxx")
    assert done.output.endswith("xxxthe end\n")
    assert len(done.output) < LIMITS.output + 100


def test_what_it_prints_steers_no_terminal(attack: Attack) -> None:
    said = attack(hostile.PRINTS_WHAT_STEERS_A_TERMINAL).output
    assert "all checks passed" in said
    assert not set("\x1b\x07\u202e") & set(said)


def test_a_result_that_is_printed_is_none(attack: Attack) -> None:
    assert attack(hostile.PRINTS_A_RESULT).ok
    with pytest.raises(NoResult, match="left no result"):
        read_result(attack.folder, "result")


@pytest.mark.parametrize(
    ("program", "found"),
    [
        (hostile.LEAVES_A_LINK, "cannot be read"),
        (hostile.LEAVES_A_PIPE, "not a file"),
        (hostile.LEAVES_A_FOLDER, "not a file|cannot be read"),
        (hostile.LEAVES_A_HUGE_HOLE, "more than 1,000"),
    ],
    ids=["link", "pipe", "folder", "hole"],
)
def test_only_a_plain_file_of_fair_size_is_a_result(
    attack: Attack, program: str, found: str, canaries: list[Path]
) -> None:
    assert attack(program, canaries[0]).ok
    with pytest.raises(NoResult, match=found):
        read_result(attack.folder, "result", most=1000)


def test_one_that_ends_its_group_ends_itself(attack: Attack) -> None:
    assert not attack(hostile.ENDS_ITS_GROUP).ok


def test_one_that_ends_whom_it_can_ends_only_itself(foreign: Attack, canaries: list[Path]) -> None:
    assert foreign(hostile.ENDS_WHOM_IT_CAN, canaries[0]).ended is not Ended.TIME
    assert psutil.pid_exists(os.getpid())


def test_children_that_it_leaves_are_ended(attack: Attack) -> None:
    assert attack(hostile.LEAVES_A_CHILD).ok  # that nobody is left, the fixture sees


def test_children_that_forgot_where_they_came_from_are_ended(foreign: Attack) -> None:
    assert foreign(hostile.LEAVES_A_CHILD_THAT_FORGOT_WHERE_IT_CAME_FROM).ok


def test_its_environment_holds_no_secret(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_TOKEN", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somewhere")
    done = attack("import os; print(dict(os.environ))", environment={"GIVEN": "this"})
    assert "secret" not in done.output
    assert "somewhere" not in done.output
    assert "'GIVEN': 'this'" in done.output


def test_a_sandbox_is_a_world_of_its_own(foreign: Attack, canaries: list[Path]) -> None:
    seen = json.loads(foreign(hostile.SHOWS_WHERE_IT_IS, limits=Limits(seconds=10)).output)
    assert seen["canaries"] == []
    assert seen["rights"] == "0000000000000000"
    assert seen["new rights"] == "1"
    assert seen["user"] != 0
    assert 0 not in seen["groups"]
    assert len(seen["processes"]) < 5
    assert seen["input"] == ""
    assert seen["files"] == ["0", "1", "2", "3"]  # the last is the look itself


def test_a_sandbox_shows_what_it_was_given_and_nothing_else(
    foreign: Attack, tmp_path: Path, canaries: list[Path]
) -> None:
    given = tmp_path / "given"
    given.mkdir()
    (given / "note").write_text("for you", encoding="utf-8")
    done = foreign(hostile.READS, *canaries, given / "note", readable=[given])
    assert done.output.splitlines() == ["No such file or directory"] * 3 + ["for you"]


def test_a_sandbox_reaches_nobody(foreign: Attack, tmp_path: Path) -> None:
    with ExitStack() as open:
        lines = [
            open.enter_context(closing(socket.socket(family))) for family in (socket.AF_INET, *2 * [socket.AF_UNIX])
        ]
        for line, address in zip(lines, (("127.0.0.1", 0), str(tmp_path / "line"), "\0" + foreign.word), strict=True):
            line.bind(address)
            line.listen()
            line.setblocking(False)
        done = foreign(hostile.CALLS_HOME, lines[0].getsockname()[1], tmp_path / "line")
        assert "connected" not in done.output
        for line in lines:
            with pytest.raises(BlockingIOError):
                line.accept()


def test_who_interrupts_flowcoach_interrupts_it_too(attack: Attack) -> None:
    Timer(0.3, interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        attack(hostile.SLEEPS)


def test_it_does_not_outlive_a_flowcoach_that_was_killed(foreign: Attack) -> None:
    program = (
        "import sys; from pathlib import Path; from flowcoach.isolation import Trust, run;"
        " run(sys.argv[2:], folder=Path(sys.argv[1]), trust=Trust.FOREIGN)"
    )
    command = [sys.executable, "-I", "-S", "-c", hostile.SLEEPS, foreign.word]
    flowcoach = subprocess.Popen([sys.executable, "-c", program, str(foreign.folder), *command])
    try:
        wait_until(lambda: any(line.startswith(sys.executable) and "run(" not in line for line in foreign.alive))
    finally:
        flowcoach.kill()
        flowcoach.wait()
    wait_until(lambda: foreign.alive == [])


def wait_until(holds: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("name", ["../result", "/etc/passwd", "a/result", ".."])
def test_a_result_lies_in_the_folder_itself(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a file"):
        read_result(tmp_path, name)


def test_without_a_sandbox_nothing_foreign_runs_and_the_next_step_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(NotIsolated, match="apt install bubblewrap"):
        run([sys.executable, "-c", ""], folder=tmp_path, trust=Trust.FOREIGN)
    assert not probe().sandbox


def test_a_bubblewrap_that_is_forbidden_to_work_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    found = probe()
    assert not found.sandbox
    assert "setting up uid map" in found.reason
    assert "its administrator can allow them" in found.reason


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_other_systems_are_told_what_would_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert "take a Linux machine" in probe().reason
