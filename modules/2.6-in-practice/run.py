"""Section 2.6: a store in practice. Where its bytes lie, how a copy goes wrong, and what deleting leaves behind."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
from mlflow.cli import gc

from flowcoach import workspace

# 1. Alone: a folder of its own, in it one file for all that is written and a folder for the files. No server.
here = workspace.find()
practice = here.folder / "practice"
practice.mkdir(exist_ok=True)
database, files = practice / "mlflow.db", practice / "mlartifacts"
address = workspace.absolute("sqlite:///practice/mlflow.db", here.folder)
mlflow.set_tracking_uri(address)
if mlflow.get_experiment_by_name("practice") is None:
    mlflow.create_experiment("practice", artifact_location=(files / "practice").as_uri())
mlflow.set_experiment("practice")

# 2. Two runs, each with a figure and a file: a month of trips.
runs = []
for month in here.months[:2]:
    with mlflow.start_run(run_name=month.stem) as run:
        mlflow.log_metric("megabytes", month.stat().st_size / 1e6)
        mlflow.log_artifact(str(month))
    runs.append(run.info.run_id)


def size(folder: Path) -> int:
    """How many bytes lie in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def verdict(path: Path) -> str:
    """What SQLite says of a database file: “ok”, or its first complaint."""
    with closing(sqlite3.connect(path)) as copy:
        try:
            return copy.execute("PRAGMA integrity_check(1)").fetchone()[0].splitlines()[-1]
        except sqlite3.DatabaseError as error:
            return str(error)


print(f"the database takes {database.stat().st_size:,} bytes, the files {size(files):,}")

# 3. A copy takes a while. In the middle of this one somebody logs a run: the copy is half old and half new.
with database.open("rb") as file:
    first = file.read(database.stat().st_size // 2)
    with mlflow.start_run(run_name="meanwhile"):
        for step in range(10):
            mlflow.log_metrics({f"loss-{number}": 1 / (step + 1) for number in range(30)}, step=step)
    rest = file.read()
(practice / "copied.db").write_bytes(first + rest)
print(f"copied while somebody logged: {verdict(practice / 'copied.db')}")
(practice / "copied.db").unlink()

# 4. The database's own backup waits for a moment when everything is whole. The files are copied beside it.
backup = practice / "backup"
backup.mkdir(exist_ok=True)
with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup / "mlflow.db")) as target:
    source.backup(target)
shutil.copytree(files, backup / "mlartifacts", dirs_exist_ok=True)
print(f"backed up by the database: {verdict(backup / 'mlflow.db')}")

# 5. Delete a run. It is out of sight, and every byte of it is still there.
mlflow.delete_run(runs[-1])
print(f"after deleting a run, the files take {size(files):,} bytes")

# 6. Empty the trash, as `mlflow gc` does in a terminal: now rows and files are gone for good.
gc(["--backend-store-uri", address, "--tracking-uri", address], standalone_mode=False)
print(f"after mlflow gc, {size(files):,}")
