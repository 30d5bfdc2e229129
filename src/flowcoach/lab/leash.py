"""Run one server for as long as somebody holds the other end of this program's input. It needs nothing but Python.

    python -I -S leash.py '{"command": […], "signal": "SIGTERM", "seconds": 10}'

The input says what to do: a `k` kills the server at once, as a power cut would; the end of the input, which comes when
the holder closes it *or dies in whatever way*, ends it in good order. The exit code is the server's own.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any


def main() -> int:
    """Start the server, wait for its end or for the word to end it."""
    given = json.loads(sys.argv[1])
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # whoever ends the holder ends us by the pipe, in good order
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    who = {"user": given["user"], "group": given["group"], "extra_groups": []} if "user" in given else {}
    session = os.name == "posix"  # of its own: a Ctrl-C in the terminal is not for the server
    server = subprocess.Popen(given["command"], stdin=subprocess.DEVNULL, stdout=2, start_new_session=session, **who)
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    threading.Thread(target=_obey, args=(server, given), daemon=True).start()
    code = server.wait()
    if session:
        _signal(server, "SIGKILL")  # what it left behind
    return code


def _obey(server: "subprocess.Popen[Any]", given: dict[str, Any]) -> None:
    """Read the input until it ends, and end the server then."""
    while word := os.read(0, 1):
        if word == b"k":
            _signal(server, "SIGKILL")
    _signal(server, given["signal"])
    try:
        server.wait(given["seconds"])
    except subprocess.TimeoutExpired:
        _signal(server, "SIGKILL")


def _signal(server: "subprocess.Popen[Any]", name: str) -> None:
    """Send a signal to the server and all that it started; on Windows, there is but one way to end a program."""
    if os.name != "posix":
        subprocess.run(["taskkill", "/T", "/F", "/PID", str(server.pid)], capture_output=True, check=False)
        return
    with suppress(ProcessLookupError):
        os.killpg(server.pid, getattr(signal, name))


if __name__ == "__main__":
    sys.exit(main())
