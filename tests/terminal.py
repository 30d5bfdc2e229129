"""A command in a pseudo-terminal: what it shows, and keys to press. Not for Windows, where importing this fails."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

LONG = 30  # seconds; a machine may be busy
PATIENCE = 5  # seconds, until a key is taken for lost
CTRL_C = "\x03"
# https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: what moves the cursor or colours, and nobody reads
SEQUENCES = re.compile(r"\x1b(\[[0-9;?>=<]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[PX^_].*?\x1b\\|[@-Z\\-_=>])")


class Terminal:
    """A process in a pseudo-terminal, what it said so far, and keys to press."""

    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self.process = process
        self.said = ""
        self._end = end

    def sees(self, text: str) -> float:
        """Seconds until the process has written this."""
        begun = time.monotonic()
        while text not in SEQUENCES.sub("", self.said):
            assert time.monotonic() - begun < LONG, f"no {text!r} in:\n{SEQUENCES.sub('', self.said)}"
            assert self._listen() or self.process.poll() is None, f"ended without {text!r}:\n{self.said}"
        return time.monotonic() - begun

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._end, key.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Make the terminal another size."""
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def interrupt(self) -> int:
        """Press Ctrl-C at a question until the process ends; its exit code.

        Python's input() loses a Ctrl-C that arrives after it showed its question and before it waits for keys, which
        only a machine is quick enough to press.
        """
        begun = time.monotonic()
        pressed = begun - PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() - begun < LONG, f"it did not end:\n{self.said}"
            if time.monotonic() - pressed >= PATIENCE:
                self.press(CTRL_C)
                pressed = time.monotonic()
            self._listen()
        return self.ends()

    def ends(self) -> int:
        """The exit code, once the process has ended."""
        deadline = time.monotonic() + LONG
        while self.process.poll() is None:
            assert time.monotonic() < deadline, f"it did not end:\n{self.said}"
            self._listen()
        while self._listen():
            pass
        return self.process.returncode

    def forget(self) -> None:
        """Forget what was said."""
        while self._listen():
            pass
        self.said = ""

    def _listen(self) -> bool:
        ready, _, _ = select.select([self._end], [], [], 0.02)
        with suppress(OSError):  # the other end is closed
            if ready and (part := os.read(self._end, 2**16)):
                self.said += part.decode("utf-8", "replace")
                return True
        return False


@contextmanager
def terminal(command: Sequence[str], folder: Path) -> Iterator[Terminal]:
    """The command, started in a folder; it is ended at the end."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environment, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=_as_a_shell_does,  # noqa: PLW1509 (no thread of ours holds a lock)
    )
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _as_a_shell_does() -> None:
    """Make Ctrl-C a signal that ends a program, even where the tests are a job in the background, which ignores it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
