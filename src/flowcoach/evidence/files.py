"""A file store of MLflow (an `mlruns/` folder), read directly and read-only, without importing mlflow.

MLflow's own client makes `.trash` and `models` folders in a store it opens and costs seconds to import, so the few
small files are read here. The layout is MLflow's (`mlflow/store/tracking/file_store.py` and
`mlflow/store/model_registry/file_store.py`, versions 1.26 to 3.17):

    <experiment>/meta.yaml, tags/                     .trash/<experiment>/…        once it was deleted
    <experiment>/<run>/meta.yaml, params/, metrics/, tags/, inputs/                a file a key
    <experiment>/datasets/<dataset>/meta.yaml         <experiment>/models/m-…/meta.yaml, params/, tags/
    models/<name>/meta.yaml, tags/, aliases/, version-<n>/meta.yaml, version-<n>/tags/

Links in the folder are not followed: what lies elsewhere did not come along.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from flowcoach.evidence.query import RunQuery
from flowcoach.evidence.records import (
    MODEL_STATUS,
    Dataset,
    ExperimentRecord,
    LoggedModel,
    ModelMetric,
    ModelVersion,
    RegisteredModel,
    Run,
    as_stored,
    is_prompt,
    latest,
)
from flowcoach.problem import Problem

META = "meta.yaml"
TRASH = ".trash"
MODELS = "models"
_RESERVED = {"tags", "datasets", "traces", MODELS}  # of an experiment's folders, those that are no runs
_RUN_STATUS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_REWRITES = 10
_DEEPEST = 125  # folders; MLflow's longest key is 250 characters
_LARGEST = 32 * 2**20  # no file of a store comes near; a hostile one may


class FileStore:
    """A read-only look at one folder. What was read is remembered for as long as the object lives.

    Raises Problem when `root` is no such folder. A broken piece of it is left out, and `warnings` says so.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.address = str(root)
        self._warnings: dict[str, None] = {}  # each once, in order
        self._patience = _REWRITES
        self._runs: dict[str, list[Run]] = {}
        if not root.is_dir():
            found = "is a file" if root.exists() else "does not exist"
            raise Problem(f"{root} {found}; a file store of MLflow is a folder.", "check the tracking address")
        if not is_file_store(root):
            raise Problem(
                f"{root} is not a file store of MLflow: no folder in it has an experiment's {META}.",
                "check the tracking address; a store in a SQLite file is written sqlite:///mlflow.db",
            )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What could not be read, as far as anybody has looked."""
        return tuple(self._warnings)

    def experiments(self) -> tuple[ExperimentRecord, ...]:
        """All experiments, deleted ones too, ordered by id."""
        return tuple(record for record, _ in self._experiments)

    def runs(self, query: RunQuery) -> list[Run]:
        """The runs that answer `query`, in its order."""
        chosen = [
            run
            for record, folder in self._experiments
            if record.active and (query.experiment_ids is None or record.id in query.experiment_ids)
            for run in self._runs_in(record, folder)
        ]
        return query.apply(chosen)

    def count(self, query: RunQuery) -> int:
        """How many runs answer `query`, its limit aside."""
        return len(self.runs(replace(query, skip=0, limit=None)))

    def distinct_params(self, query: RunQuery, keys: tuple[str, ...]) -> Set[tuple[str, ...]]:
        """The different combinations of values that the runs of `query` log for these parameters (all keys present)."""
        found = [run.params for run in self.runs(replace(query, skip=0, limit=None))]
        return {tuple(params[key] for key in keys) for params in found if params.keys() >= set(keys)}

    def run_ids(self, among: Set[str] | None = None) -> Set[str]:
        """The ids of all runs, deleted ones too; with `among`, of those only."""
        found = {run.id for record, folder in self._experiments for run in self._runs_in(record, folder)}
        return found if among is None else found & among

    def registered_models(self) -> tuple[RegisteredModel, ...]:
        """All registered models with their versions, ordered by name."""
        return self._registered_models

    def history(self, run_id: str, key: str) -> tuple[tuple[int, float], ...]:
        """Every value that a run logged for a metric, as (step, value) in order, each once; NaN is left out."""
        found: set[tuple[int, float]] = set()
        for _, experiment in self._experiments:
            text = self._values(experiment / run_id / "metrics").get(key, "")
            with suppress(ValueError):  # what is no list of values was warned of when the run was read
                logged = [_logged(line) for line in text.splitlines() if line.strip()]
                found |= {(step, value) for step, _, value in logged if not math.isnan(value)}
        return tuple(sorted(found))

    def datasets(self, run_id: str) -> tuple[Dataset, ...]:
        """The datasets that a run took in."""
        return tuple(
            sorted(self._datasets(run_id), key=lambda dataset: (dataset.name, dataset.digest, dataset.context))
        )

    def logged_models(self, run_id: str) -> tuple[LoggedModel, ...]:
        """The models that a run logged (MLflow 3)."""
        return tuple(model for _, _, model in self._models if model.source_run_id == run_id)

    def models_in(self, experiment_id: str) -> tuple[LoggedModel, ...]:
        """The models of an experiment, those logged outside any run too, oldest first."""
        found = [(created, model.id, model) for place, created, model in self._models if place == experiment_id]
        return tuple(model for _, _, model in sorted(found, key=lambda one: one[:2]))

    def served(self, location: str) -> None:
        """None: whatever this store names lies on a disk, where it is looked for."""

    def close(self) -> None:
        """Nothing is held open."""

    @cached_property
    def _experiments(self) -> list[tuple[ExperimentRecord, Path]]:
        active = [folder for folder in _folders(self.root) if folder.name not in (TRASH, MODELS)]
        found = []
        for folder in (*active, *_folders(self.root / TRASH)):
            meta = self._meta(folder)
            if meta is None:
                continue
            if _text(meta.get("experiment_id")) != folder.name:
                self._warn(folder / META, f"it names experiment {_text(meta.get('experiment_id')) or 'nothing'}")
                continue
            record = ExperimentRecord(
                id=folder.name,
                name=_text(meta.get("name")),
                active=folder.parent == self.root and meta.get("lifecycle_stage", "active") == "active",
                artifact_location=_text(meta.get("artifact_location")),
                tags=self._values(folder / "tags"),
                store=self,
            )
            found.append((record, folder))
        return sorted(found, key=lambda pair: (len(pair[0].id), pair[0].id))  # as numbers are ordered

    def _runs_in(self, record: ExperimentRecord, folder: Path) -> list[Run]:
        if record.id not in self._runs:
            folders = [one for one in _folders(folder) if one.name not in _RESERVED]
            self._runs[record.id] = [run for one in folders if (run := self._run(record, one)) is not None]
        return self._runs[record.id]

    def _run(self, record: ExperimentRecord, folder: Path) -> Run | None:
        meta = self._meta(folder)
        if meta is None:
            return None
        if meta.get("run_id", meta.get("run_uuid")) != folder.name or _text(meta.get("experiment_id")) != record.id:
            self._warn(folder / META, "it names another run or experiment")
            return None
        tags = self._values(folder / "tags")
        return Run(
            id=folder.name,
            name=_text(meta.get("run_name")) or tags.get("mlflow.runName", ""),  # MLflow 1 kept it in the tag only
            experiment_id=record.id,
            experiment=record.name,
            status=_word(_RUN_STATUS, meta.get("status", 1)),
            active=meta.get("lifecycle_stage", "active") == "active",
            start_time=_whole(meta.get("start_time")),
            end_time=_whole(meta.get("end_time")),
            artifact_uri=_text(meta.get("artifact_uri")),
            params=self._values(folder / "params"),
            metrics=self._metrics(folder / "metrics"),
            tags=tags,
            store=self,
        )

    def _metrics(self, folder: Path) -> dict[str, float]:
        found = {}
        for key, text in self._values(folder).items():
            try:
                found[key] = max(_logged(line) for line in text.splitlines() if line.strip())[-1]
            except ValueError:
                self._warn(folder / key, "it is no list of logged values")
        return found

    def _model_metrics(self, folder: Path) -> Iterator[tuple[int, int, ModelMetric]]:
        for key, text in self._values(folder).items():
            try:
                yield from [_logged_of_model(key, line) for line in text.splitlines() if line.strip()]
            except ValueError:
                self._warn(folder / key, "it is no list of logged values")

    def _datasets(self, run_id: str) -> Iterator[Dataset]:
        for _, experiment in self._experiments:
            for input in _folders(experiment / run_id / "inputs"):
                link = self._meta(input) or {}
                if link.get("source_type") != "DATASET":
                    continue
                known = {folder.name: folder for folder in _folders(experiment / "datasets")}
                source = known.get(_text(link.get("source_id")))
                meta = self._meta(source) if source else None
                if meta is None:
                    self._warn(input / META, "it names a dataset that is not here")
                    continue
                tags = link.get("tags")
                yield Dataset(
                    name=_text(meta.get("name")),
                    digest=_text(meta.get("digest")),
                    context=_text(tags.get("mlflow.data.context")) if isinstance(tags, dict) else "",
                    source_type=_text(meta.get("source_type")),
                    source=_text(meta.get("source")),
                )

    @cached_property
    def _models(self) -> list[tuple[str, int, LoggedModel]]:
        """The experiment, the time of its making, and each model, ordered by id."""
        found = []
        for record, experiment in self._experiments:
            for folder in _folders(experiment / MODELS):
                meta = self._meta(folder)
                if meta is None or meta.get("lifecycle_stage", "active") != "active":
                    continue
                model = LoggedModel(
                    id=folder.name,
                    name=_text(meta.get("name")),
                    status=_word(MODEL_STATUS, meta.get("status", 0)),
                    artifact_location=_text(meta.get("artifact_location")),
                    source_run_id=_text(meta.get("source_run_id")),
                    params=self._values(folder / "params"),
                    tags=self._values(folder / "tags"),
                    metrics=latest(self._model_metrics(folder / "metrics")),
                )
                found.append((record.id, _whole(meta.get("creation_timestamp")) or 0, model))
        return sorted(found, key=lambda one: one[2].id)

    @cached_property
    def _registered_models(self) -> tuple[RegisteredModel, ...]:
        found = []
        for folder in _folders(self.root / MODELS):
            meta = self._meta(folder)
            if meta is None:
                continue
            name, tags = _text(meta.get("name")), self._values(folder / "tags")
            if is_prompt(tags):
                continue
            versions = sorted(self._versions(name, folder), key=lambda version: version.version)
            found.append(
                RegisteredModel(
                    name=name,
                    description=_text(meta.get("description")),
                    tags=tags,
                    versions=tuple(versions),
                    store=self,
                )
            )
        return tuple(sorted(found, key=lambda model: model.name))

    def _versions(self, name: str, folder: Path) -> Iterator[ModelVersion]:
        aliases: dict[str, list[str]] = {}
        for alias, number in sorted(self._values(folder / "aliases").items()):
            aliases.setdefault(number, []).append(alias)
        for one in _folders(folder):
            number = one.name.removeprefix("version-")
            meta = self._meta(one) if one.name.startswith("version-") and number.isdigit() else None
            if meta is None or meta.get("current_stage") == "Deleted_Internal":
                continue
            yield ModelVersion(
                name=name,
                version=int(number),
                stage=_text(meta.get("current_stage")) or "None",
                source=_text(meta.get("source")),
                run_id=_text(meta.get("run_id")),
                status=_text(meta.get("status")),
                description=_text(meta.get("description")),
                aliases=tuple(aliases.get(number, ())),
                tags=self._values(one / "tags"),
                store=self,
            )

    def _meta(self, folder: Path) -> dict[str, Any] | None:
        """The `meta.yaml` of a folder; None when it has none, or a broken one."""
        import yaml

        text = self._text_of(folder / META)
        while text is not None and not text.strip() and self._patience > 0:
            self._patience -= 1
            time.sleep(0.05)  # MLflow empties the file before it writes it anew
            text = self._text_of(folder / META)
        if text is None:
            return None
        try:
            meta = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        except Exception:  # a crafted one trips the reader in many ways
            meta = None
        if not isinstance(meta, dict):
            self._warn(folder / META, "it is no list of keys and values")
            return None
        return meta

    def _values(self, folder: Path) -> dict[str, str]:
        """The texts of a folder's files by key; a key with slashes lies in folders of its own."""
        found: dict[str, str] = {}
        if folder.is_symlink():
            return found
        for parent, folders, files in os.walk(folder):
            folders.sort()
            if len(Path(parent).parts) - len(folder.parts) >= _DEEPEST:
                folders.clear()
            for name in sorted(files):
                path = Path(parent, name)
                text = self._text_of(path)
                if text is not None:
                    found[path.relative_to(folder).as_posix()] = text
        return found

    def _text_of(self, path: Path) -> str | None:
        """The text of a small regular file; None when it is not there, or cannot be read."""
        try:
            if path.is_symlink() or not path.is_file():
                return None
            if path.stat().st_size > _LARGEST:
                self._warn(path, "it is too large")
                return None
            return path.read_bytes().decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self._warn(path, str(error))
            return None

    def _warn(self, path: Path, why: str) -> None:
        self._warnings[f"{path} was left out: {why}."] = None


def is_file_store(folder: Path) -> bool:
    """Whether a folder has the shape of a file store: some folder in it has an experiment's `meta.yaml`."""
    return any(_is_experiment(one) for place in (folder, folder / TRASH) for one in _folders(place))


def _is_experiment(folder: Path) -> bool:
    meta = folder / META
    try:
        if not meta.is_file():  # a pipe would be waited for without end
            return False
        with meta.open("rb") as file:
            return b"artifact_location" in file.read(4096)
    except OSError:
        return False


def _folders(parent: Path) -> list[Path]:
    """The folders directly in `parent`, links aside, in order of name; none when it cannot be listed."""
    try:
        with os.scandir(parent) as entries:
            return sorted(Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _logged(line: str) -> tuple[int, int, float]:
    """Step, time and value of a line `time value [step [dataset digest]]`.

    Raises ValueError for any other line.
    """
    at, value, *rest = line.split(" ", 3)
    return (int(rest[0]) if rest else 0, int(at), as_stored(float(value)))


def _logged_of_model(key: str, line: str) -> tuple[int, int, ModelMetric]:
    """Step, time and figure of a line `time value step run [dataset digest]`; a dataset's name may hold blanks.

    Raises ValueError for any other line.
    """
    at, value, step, run, *rest = line.rstrip("\n").split(" ", 4)
    name, _, digest = rest[0].rpartition(" ") if rest else ("", "", "")
    return int(step), int(at), ModelMetric(key, as_stored(float(value)), run, name, digest)


def _text(value: object) -> str:
    """A scalar as text; "" for what MLflow writes nowhere and may be endless: lists, tables, numbers of any length."""
    if isinstance(value, dict | list | tuple | set) or value is None:
        return ""
    return "" if isinstance(value, int) and _whole(value) is None else str(value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and abs(value) < 2**63 else None


def _word(words: Mapping[int, str], value: object) -> str:
    """The word that stands for a number of MLflow's; any other value as it is."""
    return words.get(value, _text(value)) if isinstance(value, int) else _text(value)
