"""The files with which a real team sets its server up, tried as far as that goes without containers and clouds."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowcoach import course
from flowcoach.lab import bucket, postgres, tracking
from flowcoach.lab.control import Lab
from tests.lab.hands import until

FILES = course.section("2.6").folder / "server"
SAID = {"HOST": "mlflow.example.org", "ADMIN_PASSWORD": "long-and-random", "SESSION_SECRET": "longer-and-random"}


def compose(**values: str) -> dict[str, Any]:
    """The compose file, with the variables of its `.env` filled in."""
    text = (FILES / "compose.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(re.sub(r"\$\{(\w+)[^}]*\}", lambda found: values.get(found[1], "filled"), text))


def test_the_compose_file_starts_a_server_with_logins_on_a_real_database_and_a_real_bucket(
    team: Lab, tmp_path: Path
) -> None:
    import urllib.error
    import urllib.request

    ports = {one.name: one.port for one in team.state.services}
    filled = compose(**SAID, S3_KEY=team.secrets.s3_key, S3_SECRET=team.secrets.s3_secret)
    service, accounts = filled["services"]["mlflow"], filled["configs"]["accounts"]["content"]
    names = f"mlflow:filled@postgres:5432/{postgres.DATABASES[0]}"
    database = postgres.uri(team.secrets, ports[postgres.NAME], postgres.DATABASES[0]).split("://")[1]
    ini = tmp_path / "accounts.ini"
    ini.write_text(accounts.replace(names, database.replace("%", "%%")), encoding="utf-8")
    variables = {name: str(text).replace(names, database) for name, text in service["environment"].items()}
    variables["MLFLOW_S3_ENDPOINT_URL"] = f"http://127.0.0.1:{ports[bucket.NAME]}"
    variables["MLFLOW_AUTH_CONFIG_PATH"] = str(ini)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    variables["MLFLOW_SERVER_ALLOWED_HOSTS"] += f",127.0.0.1:{port}"
    words = shlex.split(service["command"].replace("0.0.0.0", "127.0.0.1").replace("5000", str(port)))
    words = [sys.executable if word == "python" else word for word in words]
    words[words.index("--workers") + 1] = "1"
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            words,
            cwd=tmp_path,
            env={**os.environ, **variables, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until(lambda: tracking.answers(port) or server.poll() is not None, "the server answers")
        assert server.poll() is None, (tmp_path / "log").read_text(encoding="utf-8")[-800:]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0")
        strange = urllib.request.Request(f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0")
        strange.add_header("Host", "elsewhere.example.org")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(strange)
    finally:
        os.killpg(server.pid, 9)
        server.wait()


def test_the_line_that_makes_the_bucket_makes_one(team: Lab) -> None:
    lines = (FILES / "compose.yaml").read_text(encoding="utf-8").splitlines()
    line = next(line for line in lines if "create_bucket" in line)
    text = shlex.split(line.removeprefix("#"))[-1]
    keys = bucket.variables(team.secrets, next(one.port for one in team.state.services if one.name == bucket.NAME))
    made = [sys.executable, "-c", text.replace("Bucket='mlflow'", "Bucket='for-good'")]
    subprocess.run(made, env={**os.environ, **keys}, check=True)
    found = bucket.client(keys["MLFLOW_S3_ENDPOINT_URL"], team.secrets).list_buckets()["Buckets"]
    assert "for-good" in {one["Name"] for one in found}


def test_the_s3_store_of_the_compose_file_is_told_the_servers_keys() -> None:
    filled = compose(**SAID, S3_KEY="key", S3_SECRET="secret")
    told = json.loads(filled["configs"]["s3"]["content"])["identities"][0]["credentials"][0]
    given = filled["services"]["mlflow"]["environment"]
    assert told == {"accessKey": given["AWS_ACCESS_KEY_ID"], "secretKey": given["AWS_SECRET_ACCESS_KEY"]}


def test_the_compose_file_keeps_to_its_specification() -> None:
    words = ["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILES / "compose.yaml")]
    program = shutil.which(words[0], path=str(Path(sys.executable).parent))
    assert program is not None
    assert subprocess.run([program, *words[1:]], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_script_for_a_machine_is_valid_and_starts_the_same_server_with_the_same_variables() -> None:
    script = (FILES / "machine.sh").read_text(encoding="utf-8")
    assert subprocess.run(["bash", "-n", str(FILES / "machine.sh")], check=False).returncode == 0
    service = compose(**SAID)["services"]["mlflow"]
    set_there = set(re.findall(r"^((?:MLFLOW|AWS)_\w+)=", script, re.MULTILINE))
    assert set_there == service["environment"].keys() - {"MLFLOW_S3_ENDPOINT_URL"}  # only for a bucket of one's own
    command = service["command"].replace("0.0.0.0", "127.0.0.1")
    assert f"ExecStart=/opt/mlflow/environment/bin/{command}\n" in script
