"""An S3 store from a wheel, SeaweedFS (https://github.com/seaweedfs/seaweedfs), and the bucket that MLflow needs.

One program is four servers (master, volume, filer, S3), which ask each other for a key of ours; the S3 one asks for
S3's own. What they say to each other by gRPC is open to other users of this machine: a lab is no place for secrets.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flowcoach.atomic import write_text
from flowcoach.lab.notes import Secrets
from flowcoach.lab.places import Places
from flowcoach.lab.service import HOST, Service

NAME = "s3"
BUCKET = "mlflow"
_SERVERS = ("s3", "master", "volume", "filer")
PORTS = (*_SERVERS, *(f"{server}.grpc" for server in _SERVERS))
REGION = "us-east-1"


def service(places: Places, ports: Mapping[str, int], secrets: Secrets) -> Service:
    """SeaweedFS on `ports` of this machine (named as in PORTS), its data in the lab's folder."""
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or "weed"
    numbers = [f"-{name}.port={ports[name]}" for name in _SERVERS]
    numbers += [f"-{name}.port.grpc={ports[f'{name}.grpc']}" for name in _SERVERS]
    words = [f"-dir={places.bucket}", f"-ip={HOST}", f"-ip.bind={HOST}", "-filer", "-s3", *numbers]
    words += [f"-s3.config={places.own / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    words += [
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=1024",
        "-volume.max=100",
        "-volume.preStopSeconds=0",
    ]
    address = f"http://{HOST}:{ports[NAME]}"
    return Service(
        NAME,
        "SeaweedFS, an S3 store",
        ports[NAME],
        (program, "-logtostderr=true", "server", *words),
        places.own,  # where it finds its security.toml
        answers=lambda: _has_bucket(address, secrets),
        environment={"HOME": str(places.bucket)},
        prepare=lambda: _prepare(places, secrets),
        tidy=lambda: _remove_sockets(ports.values()),
        seconds=2,  # its servers wait for each other to end; what was acknowledged is in the kernel's hands by then
    )


def variables(secrets: Secrets, port: int) -> dict[str, str]:
    """What MLflow's server needs in its environment to reach the bucket. Clients need none of it."""
    return {
        "MLFLOW_S3_ENDPOINT_URL": f"http://{HOST}:{port}",
        "AWS_ACCESS_KEY_ID": secrets.s3_key,
        "AWS_SECRET_ACCESS_KEY": secrets.s3_secret,
        "AWS_DEFAULT_REGION": REGION,
    }


def client(address: str, secrets: Secrets) -> Any:
    """A client of the S3 store, which gives up soon."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=address,
        aws_access_key_id=secrets.s3_key,
        aws_secret_access_key=secrets.s3_secret,
        region_name=REGION,
        config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 0}),
    )


def _prepare(places: Places, secrets: Secrets) -> None:
    """Write who may do what (https://github.com/seaweedfs/seaweedfs/wiki/Amazon-S3-API), and the inner key."""
    places.bucket.mkdir(parents=True, exist_ok=True)
    pair = {"accessKey": secrets.s3_key, "secretKey": secrets.s3_secret}
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    known = {"identities": [{"name": "mlflow", "credentials": [pair], "actions": actions}]}
    write_text(places.own / "s3.json", json.dumps(known), private=True)
    tables = ("jwt.signing", "jwt.signing.read", "jwt.filer_signing", "jwt.filer_signing.read")
    keys = "".join(f'[{table}]\nkey = "{secrets.inner}"\n' for table in tables)
    write_text(places.own / "security.toml", keys, private=True)


def _remove_sockets(ports: Iterable[int]) -> None:
    """Remove the sockets that it makes in /tmp, whatever it is told, and leaves there when it is killed."""
    for port in ports:
        for path in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
            path.unlink(missing_ok=True)


def _has_bucket(address: str, secrets: Secrets) -> bool:
    """Whether the bucket is there and takes a file; it is made when it is not."""
    from botocore.exceptions import BotoCoreError, ClientError

    with suppress(BotoCoreError, ClientError):
        s3 = client(address, secrets)
        if BUCKET not in {one["Name"] for one in s3.list_buckets()["Buckets"]}:
            s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=".ready", Body=b"ready")
        return True
    return False
