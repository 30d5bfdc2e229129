"""The bundle that a learner hands in: a ZIP of evidence with a manifest, the same bytes whenever nothing has changed.

`manifest.json` is a `flowcoach/submission/v1` (schema/submission-v1.json): who, the form, versions, the SHA-256 of
every other file, and what `flowcoach check` said. The archive holds no clock, no duration and no absolute path.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from flowcoach import __version__
from flowcoach.atomic import replacing
from flowcoach.evidence import Evidence, LoggedModel, NotFound, Run, Unavailable
from flowcoach.evidence.discover import look
from flowcoach.handin.archive import Refused, look_at_names
from flowcoach.handin.form import Form
from flowcoach.handin.names import Rewriter
from flowcoach.handin.snapshot import snapshot
from flowcoach.problem import Problem
from flowcoach.result import Result, to_dict
from flowcoach.workspace import SETTINGS, Workspace

SCHEMA = "flowcoach/submission/v1"
MANIFEST = "manifest.json"
DEFAULT = "submission.zip"
LARGEST = 100 * 2**20  # bytes, before packing
_LIBRARIES = ("mlflow", "scikit-learn", "pandas", "numpy", "pyarrow", "optuna", "skops")
_TEXT = 2**24  # bytes; larger files are data, not text with paths in it
_BEGAN = (1980, 1, 1, 0, 0, 0)  # the first moment that a ZIP file knows
_LEFT_OUT = {"data", "env", "venv", "node_modules", "__pycache__", "site-packages"}
_ARTIFACTS = ("mlartifacts", "mlruns")
_MOST = 20_000  # files


@dataclass(frozen=True)
class Contents:
    """What goes into a bundle: files by name. `private` lists those in which private paths were replaced, `remaining`
    those that hold some and are not text, and so stay as they are."""

    files: dict[str, bytes]
    private: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()


def collect(
    here: Workspace, evidence: Evidence, rewriter: Rewriter, scratch: Path, target: Path | None = None
) -> Contents:
    """Read everything that counts: stores, artifacts of runs and models that were not deleted, scripts, notebooks,
    answers. Nothing in the workspace changes; `scratch` is an empty folder; `target`, an older bundle, is left out.

    Raises Problem for more than a bundle holds, with what is large, and for a store that cannot be read.
    """
    files: dict[str, bytes] = {}
    private, remaining = [], []
    found = look(here.folder)
    records = {*_artifacts(evidence, here.folder), *_file_stores(found.file_stores)}
    paths = {*_own_files(here), *records, *found.databases} - (
        {target.absolute(), target.resolve()} if target else set()
    )
    _require_room(here.folder, paths)
    _require_names(path.relative_to(here.folder).as_posix() for path in sorted(paths))
    for path in found.databases:
        copy = scratch / "store.db"
        snapshot(path, copy, rewriter)
        files[path.relative_to(here.folder).as_posix()] = copy.read_bytes()
    for path in sorted(paths - set(found.databases)):
        name = path.relative_to(here.folder).as_posix()
        content = path.read_bytes()
        is_name = path in records and path.parent.name == "tags"
        plain = _rewritten(content, rewriter.name if is_name else rewriter.record if path in records else rewriter.text)
        if plain is None and rewriter.touches(content):
            remaining.append(name)
        elif plain is not None and plain != content:
            private.append(name)
        files[name] = content if plain is None else plain
    files[SETTINGS] = _settings(here)
    return Contents(files, tuple(private), tuple(remaining))


def manifest(here: Workspace, form: Form, contents: Contents, result: Result, rewriter: Rewriter) -> bytes:
    """The manifest of a bundle with these contents, as JSON text."""
    inside = tuple(store for store in result.stores if not store.startswith(("http://", "https://")))
    said = json.dumps(to_dict(replace(result, stores=inside)))
    said = rewriter.record(said.replace("sqlite:///" + here.folder.as_posix() + "/", "sqlite:///"))
    written: dict[str, Any] = {
        "schema": SCHEMA,
        "flowcoach": __version__,
        "learner": here.learner,
        "form": asdict(form),
        "versions": _versions(),
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(contents.files.items())},
        "result": json.loads(said),
    }
    return (json.dumps(written, indent=1, sort_keys=True) + "\n").encode()


def write(target: Path, contents: Contents, about: bytes) -> None:
    """Write the bundle, whole or not at all. Raises OSError when it cannot be written."""
    with replacing(target) as unfinished, zipfile.ZipFile(unfinished, "w") as archive:
        for name, content in sorted({**contents.files, MANIFEST: about}.items()):
            entry = zipfile.ZipInfo(name, _BEGAN)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # the same on every system
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, content, compresslevel=6)


def _own_files(here: Workspace) -> Iterator[Path]:
    """The learner's files: scripts, notebooks, answers and what lies beside them. No data, caches or hidden files."""
    for place, folders, names in os.walk(here.folder):
        parent = Path(place)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _LEFT_OUT
            and name not in _ARTIFACTS
            and not (parent / name).is_symlink()
            and not (parent / name / "pyvenv.cfg").exists()
            and (parent / name).resolve() != here.data.resolve()
        )
        for name in sorted(names):
            path = parent / name
            is_plain = not name.startswith(".") and path.is_file() and not path.is_symlink()
            is_evidence = path.suffix not in (".zip", ".pyc", ".db-wal", ".db-shm", ".db-journal")
            if is_plain and is_evidence and name not in ("progress.toml", "portfolio.html"):
                yield path


def _artifacts(evidence: Evidence, folder: Path) -> Iterator[Path]:
    """The files of the runs and models that were not deleted, as far as they lie in the workspace."""
    found: list[Run | LoggedModel] = list(evidence.runs)
    found += [model for experiment in evidence.experiments for model in experiment.models]
    for one in found:
        try:
            files = evidence.artifacts(one)
        except (NotFound, Unavailable):
            continue
        if files.folder.is_relative_to(folder):
            yield from (files.folder / name for name in files.files())


def _file_stores(roots: list[Path]) -> Iterator[Path]:
    """The records of stores that are folders, without their artifacts."""
    for root in roots:
        for place, folders, names in os.walk(root):
            folders[:] = [name for name in folders if name not in ("artifacts", ".trash")]
            yield from (Path(place, name) for name in names if not Path(place, name).is_symlink())


def _require_room(folder: Path, paths: set[Path]) -> None:
    sizes = {path: path.stat().st_size for path in paths}
    total = sum(sizes.values())
    if total <= LARGEST and len(paths) <= _MOST:
        return
    largest = sorted(paths, key=lambda path: -sizes[path])[:8]
    listed = "\n".join(f"  {sizes[path] / 2**20:8.1f} MB  {path.relative_to(folder).as_posix()}" for path in largest)
    raise Problem(
        f"This would be {total / 2**20:,.0f} MB in {len(paths):,} files; a bundle holds {LARGEST >> 20} MB."
        f" The largest:\n{listed}",
        "delete runs that do not count (mlflow gc frees their files), or move data out of the workspace",
    )


def _require_names(names: Iterable[str]) -> None:
    try:
        look_at_names(names)
    except Refused as reason:
        raise Problem(
            f"A file cannot go into a bundle, which has to open on every system: {reason}.",
            "rename it, or move it out of the workspace",
        ) from reason


def _rewritten(content: bytes, rewrite: Callable[[str], str]) -> bytes | None:
    """The text without private paths; None for what is no text."""
    if len(content) > _TEXT:
        return None
    try:
        return rewrite(content.decode("utf-8")).encode()
    except UnicodeDecodeError:
        return None


def _settings(here: Workspace) -> bytes:
    """The settings that grading needs: learner, months, trips, and a store inside the workspace."""
    import tomlkit

    document = tomlkit.document()
    document["learner"] = here.learner
    is_inside = here.address.startswith("sqlite:///") and not here.address.startswith("sqlite:////")
    document["store"] = here.address if is_inside else "sqlite:///mlflow.db"
    table = tomlkit.table()
    table["folder"] = "data"
    table["real"] = here.is_real
    table["months"] = [*here.month_names, *filter(None, [here.final_name])]
    table["trips"] = here.trips
    document["data"] = table
    return tomlkit.dumps(document).encode()


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
