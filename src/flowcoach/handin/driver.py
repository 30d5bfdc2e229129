"""Run a homework's scripts one after the other, in the workspace that is the current folder.

Run by path, in a process of its own, with the plan in `plan.json`: {"steps": [{"script", "arguments", "server"}],
"store", "artifacts"}. What became of each step is written to `played.json`: [{"script", "code", "output"}]; it ends
with the first step that fails. Libraries that take seconds to import are imported once (`flowcoach.forked`).
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowcoach import forked

HOST = "127.0.0.1"
LOG = Path("played.log")
KEPT = 4000  # characters of what a script printed
WAIT = 120  # seconds for the server


def main() -> int:
    """Play the plan. 0 when every script came to a good end."""
    plan = json.loads(Path("plan.json").read_text(encoding="utf-8"))
    server, address = None, ""
    if any(step["server"] for step in plan["steps"]):
        address = f"http://{HOST}:{_free_port()}"
        server = _serve(plan, address)  # it takes a while to be ready, and nobody waits for it yet
    forked.preload()
    played: list[dict[str, Any]] = []
    try:
        for step in plan["steps"]:
            if step["server"] and not _is_up(address):
                played.append({"script": step["script"], "code": 1, "output": "the tracking server did not start"})
                break
            arguments = [text.replace("{server}", address) for text in step["arguments"]]
            code = forked.run(step["script"], arguments, LOG)
            output = LOG.read_text(encoding="utf-8", errors="replace")[-KEPT:]
            played.append({"script": step["script"], "code": code, "output": output})
            if code:
                break
    finally:
        if server is not None:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=10)
        Path("played.json").write_text(json.dumps(played), encoding="utf-8")
    return int(any(step["code"] for step in played))


def _serve(plan: dict[str, Any], address: str) -> subprocess.Popen[bytes]:
    """A tracking server on the workspace's store, which keeps files in its folder of artifacts."""
    port = address.rsplit(":", 1)[1]
    words = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", port, "--workers", "1"]
    words += ["--backend-store-uri", plan["store"], "--artifacts-destination", plan["artifacts"]]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    environment.pop("MLFLOW_TRACKING_URI", None)
    return subprocess.Popen(
        words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _is_up(address: str) -> bool:
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=2) as answer:
            return answer.status == 200
        time.sleep(0.1)
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    sys.exit(main())
