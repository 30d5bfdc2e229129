"""The watch as a process of its own, in a pseudo-terminal: keys, signals, another size, rest while nothing happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psutil
import pytest

from flowcoach.workspace import Workspace
from tests.toy import COMMAND, log_run

if sys.platform == "win32":
    pytest.skip("pseudo-terminals of this kind are not for Windows", allow_module_level=True)

from tests.terminal import Terminal, terminal

RESTORED = "\x1b[?1049l"  # the terminal's own screen is back


@contextmanager
def watching(here: Workspace, *words: str) -> Iterator[Terminal]:
    with terminal([sys.executable, "-c", COMMAND, *words], here.folder) as screen:
        yield screen


@pytest.mark.parametrize("face", [(), ("--plain",)])
def test_a_logged_run_turns_its_step_green_at_once(
    face: tuple[str, ...], toy: Workspace, record_property: Callable[[str, object], None]
) -> None:
    with watching(toy, "watch", "9.2", *face) as screen:
        screen.sees("Runs with the tag")
        log_run(toy, "one", seen="yes")
        took = screen.sees("✓ A run carries the tag")
    record_property(f"seconds from the end of a run to the green line, watch {' '.join(face)}", round(took, 3))
    assert took < 0.5


@pytest.mark.parametrize("key", ["q", "\x03"], ids=["q", "ctrl-c"])
def test_the_screen_ends_in_good_order(key: str, toy: Workspace) -> None:
    with watching(toy, "watch") as screen:
        screen.sees("Step 1 of 3")
        screen.press(key)
        assert screen.ends() == 0
    assert RESTORED in screen.said
    assert "Traceback" not in screen.said


def test_plain_lines_end_with_ctrl_c_in_good_order(toy: Workspace) -> None:
    with watching(toy, "watch", "--plain") as screen:
        screen.sees("hint")
        screen.press("\x03")
        assert screen.ends() == 0
    assert "Traceback" not in screen.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_is_restored_when_the_system_ends_it(number: signal.Signals, toy: Workspace) -> None:
    with watching(toy, "watch") as screen:
        screen.sees("Step 1 of 3")
        screen.process.send_signal(number)
        assert screen.ends() == 128 + number
    assert RESTORED in screen.said


def test_plain_lines_end_when_the_system_says_so(toy: Workspace) -> None:
    with watching(toy, "watch", "--plain") as screen:
        screen.sees("hint")
        screen.process.terminate()
        assert screen.ends() != 0
    assert "Traceback" not in screen.said


def test_another_size_is_drawn_anew(toy: Workspace) -> None:
    with watching(toy, "watch") as screen:
        screen.sees("Step 1 of 3")
        for size in ((50, 20), (10, 3), (160, 50)):
            screen.forget()
            screen.resize(*size)
            screen.process.send_signal(signal.SIGWINCH)
        screen.sees("Step 1 of 3")


@pytest.mark.parametrize("face", [(), ("--plain",)])
def test_it_rests_while_nothing_happens(
    face: tuple[str, ...], toy: Workspace, record_property: Callable[[str, object], None]
) -> None:
    with watching(toy, "watch", *face) as screen:
        screen.sees("Step 1 of 3")
        time.sleep(1)  # until it has settled
        process = psutil.Process(screen.process.pid)
        shares = []
        while len(shares) < 3 and min(shares, default=1.0) >= 0.01:  # a busy machine's caches make one look dearer
            before, seconds = process.cpu_times(), 4.0
            time.sleep(seconds)
            after = process.cpu_times()
            shares.append((after.user + after.system - before.user - before.system) / seconds)
    record_property(f"processor while idle, watch {' '.join(face)}", ", ".join(f"{share:.1%}" for share in shares))
    assert min(shares) < 0.01


def test_where_no_terminal_is_it_says_plain_lines(toy: Workspace) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, "watch"],
        cwd=toy.folder,
        env={**os.environ, "PYTHONUTF8": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "Watching 9.1 Toy: 0 of 3 points. Ctrl-C ends it.\n"
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait() == 0
    assert "\x1b" not in rest
