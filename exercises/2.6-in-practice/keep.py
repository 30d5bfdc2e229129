"""Look after the team's store, as the one who has its keys. In your workspace, while the lab is up:

    flowcoach lab run --as operator exercises/2.6-in-practice/keep.py backup FOLDER
    flowcoach lab run --as operator exercises/2.6-in-practice/keep.py restore FOLDER   after: flowcoach lab break server
    flowcoach lab run --as operator exercises/2.6-in-practice/keep.py gc

What opens the database and the bucket comes by the environment: PGPASSWORD, AWS_SECRET_ACCESS_KEY and their like.
"""

import os
import subprocess
import sys
import urllib.request
from pathlib import Path

DATABASES = ("mlflow", "mlflow_auth")  # what is tracked; who may see it
BUCKET = "mlflow"


def bucket():
    """A client of the S3 store; where it is and the keys to it are in the environment."""
    import boto3

    return boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])


def backup(folder: Path) -> None:
    """Two copies. The database first: then every file that its rows name was there when the files were copied."""
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"{folder} is not empty. Take a new folder for each backup.")
    folder.mkdir(parents=True, exist_ok=True)
    for name in DATABASES:  # each as it was at one moment, whoever writes meanwhile
        subprocess.run(["pg_dump", "--format=custom", f"--file={folder / name}.dump", name], check=True)
    files, s3 = folder / "bucket", bucket()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET)
    keys = [found["Key"] for page in pages for found in page.get("Contents", ())]
    for key in keys:
        target = files / key
        target.parent.mkdir(parents=True, exist_ok=True)
        s3.download_file(BUCKET, key, str(target))
    print(f"{len(DATABASES)} databases and {len(keys)} files are in {folder}")


def restore(folder: Path) -> None:
    """The rows, all or none of them, then the files. Nobody may log meanwhile, so the server has to be down."""
    missing = [name for name in DATABASES if not (folder / f"{name}.dump").is_file()]
    if missing:
        sys.exit(f"There is no {missing[0]}.dump in {folder}. Name the folder of a backup.")
    if answers():
        sys.exit("The server is up, and people may be logging. First: flowcoach lab break server")
    for name in DATABASES:
        whole = ["pg_restore", "--clean", "--if-exists", "--single-transaction", f"--dbname={name}"]
        subprocess.run([*whole, f"{folder / name}.dump"], check=True)
    files, s3 = [path for path in (folder / "bucket").rglob("*") if path.is_file()], bucket()
    for path in files:
        s3.upload_file(str(path), BUCKET, path.relative_to(folder / "bucket").as_posix())
    print(f"{len(DATABASES)} databases and {len(files)} files are back. Next: flowcoach lab mend server")


def gc() -> None:
    """Empty the trash: rows in the database, files through the server."""
    where = ["--backend-store-uri", os.environ["MLFLOW_BACKEND_STORE_URI"]]
    where += ["--tracking-uri", os.environ["MLFLOW_TRACKING_URI"]]
    subprocess.run([sys.executable, "-m", "mlflow", "gc", *where], check=True)


def answers() -> bool:
    """Whether the server is up."""
    try:
        with urllib.request.urlopen(f"{os.environ['MLFLOW_TRACKING_URI']}/health", timeout=5):
            return True
    except OSError:
        return False


if not {"PGPASSWORD", "AWS_SECRET_ACCESS_KEY"} <= os.environ.keys():
    sys.exit("The keys are missing. Start it through the lab: flowcoach lab up team, then lab run --as operator …")
match sys.argv[1:]:
    case ["backup", folder]:
        backup(Path(folder))
    case ["restore", folder]:
        restore(Path(folder))
    case ["gc"]:
        gc()
    case _:
        sys.exit(__doc__)
