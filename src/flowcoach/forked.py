"""Run scripts one after the other without importing MLflow for each: libraries are imported once, scripts run in forks.

`python -m flowcoach.forked` is a process that does so: it reads one JSON line a script, {"script", "arguments", "log"},
and answers each with a line, {"code"}. A script finds itself as if it had been started by itself: its arguments, its
folder first on the path, its output in the file `log`. Where there is no fork (Windows), it is started by itself.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

CAN_FORK = hasattr(os, "fork")
_HEAVY = ("mlflow", "mlflow.sklearn", "pandas", "pyarrow.parquet", "sklearn.ensemble", "optuna", "click")


def preload() -> None:
    """Import what takes seconds, where forks will inherit it."""
    if CAN_FORK:
        for name in _HEAVY:
            with suppress(ImportError):
                __import__(name)


def run(script: str, arguments: Sequence[str], log: Path) -> int:
    """Run a script to its end, both its streams going to the file `log`; its exit code comes back."""
    with log.open("wb") as said:
        if CAN_FORK:
            child = os.fork()
            if child == 0:
                _become(script, arguments, said.fileno())
            _, status = os.waitpid(child, 0)
            return os.waitstatus_to_exitcode(status)
        words = [sys.executable, script, *arguments]
        return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=False).returncode


def _become(script: str, arguments: Sequence[str], out: int) -> NoReturn:
    """Go on as the script, and never come back."""
    code = 1
    try:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(out, 1)
        os.dup2(out, 2)
        sys.argv = [script, *arguments]
        sys.path[0] = str(Path(script).resolve().parent)
        runpy.run_path(script, run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(bool(end.code))
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        with suppress(Exception):
            _finish()
        os._exit(code & 0xFF)


def _finish() -> None:
    """What a Python that ends would do: whatever was registered for the end, then the streams."""
    import atexit

    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()


def main() -> None:
    """Answer one line after the other."""
    preload()
    for line in sys.stdin:
        job = json.loads(line)
        code = run(job["script"], job["arguments"], Path(job["log"]))
        sys.stdout.write(json.dumps({"code": code}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
