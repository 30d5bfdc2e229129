"""Look at a logged model's files before anything loads them: what kind it is, and whether it may be loaded at all."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowcoach.evidence import Artifacts, NotFound
from flowcoach.evidence.mlmodel import read
from flowcoach.rescore import pickles
from flowcoach.rescore.pickles import Unfit

_FLAVORS = {"python_function", "sklearn"}
_LARGEST = 2**28  # bytes, unpacked
_RATIO = 200
VECTORIZERS = ("dv.pkl", "preprocessor.b", "preprocessor.pkl", "dict_vectorizer.pkl", "vectorizer.pkl", "dv.b")


@dataclass(frozen=True)
class Vetted:
    """A model that may be loaded: its file, how it was written ("skops" or "pickle"), the columns that it was given
    (None when it does not say), its requirements."""

    file: Path
    format: str
    columns: tuple[str, ...] | None
    requirements: tuple[str, ...]


def vet(files: Artifacts) -> Vetted:
    """Look at the files of a logged model. Raises Unfit with the reason when they must not, or cannot, be loaded."""
    try:
        about = read(files)
    except NotFound as missing:
        raise Unfit("its MLmodel is missing or cannot be read") from missing
    strange = sorted(set(about.flavors) - _FLAVORS)
    if strange or "sklearn" not in about.flavors:
        raise Unfit(
            f"it is a model of {', '.join(strange)[:80] or 'no kind'}; models of scikit-learn can be loaded here"
        )
    sklearn, function = about.flavors["sklearn"], about.flavors.get("python_function", {})
    loader = function.get("loader_module", "mlflow.sklearn")
    if loader != "mlflow.sklearn":
        raise Unfit(f"its MLmodel asks for the loader {_word(loader)}")
    for flavor in (sklearn, function):
        for key in ("code", "model_code_path", "data"):
            if flavor.get(key):
                raise Unfit(f"its MLmodel brings code or data of its own ({key}: {_word(flavor[key])})")
    name = sklearn.get("pickled_model")
    if not isinstance(name, str) or "/" in name or "\\" in name:
        raise Unfit(f"its MLmodel names the model's file {_word(name)}")
    try:
        path = files.file(name)
    except NotFound as missing:
        raise Unfit(f"its file {_word(name)} is missing") from missing
    format = about.serialization_format
    if format == "skops":
        _look_into_skops(path)
    elif format in ("cloudpickle", "pickle"):
        pickles.inspect(path)
    else:
        raise Unfit(f"it was written as {_word(format)}, which is not read here")
    columns = tuple(column.name for column in about.inputs) if about.inputs else None
    if columns and not all(columns):
        columns = None
    return Vetted(path, "skops" if format == "skops" else "pickle", columns, about.requirements)


def vet_pickle(path: Path) -> Path:
    """Look at a pickled vectorizer. Raises Unfit with the reason when it must not be loaded."""
    pickles.inspect(path)
    return path


def _look_into_skops(path: Path) -> None:
    """A skops file is a ZIP of arrays and a description; which types it may hold, skops itself asks while loading."""
    try:
        with zipfile.ZipFile(path) as archive:
            sizes = [(one.file_size, one.compress_size, one.filename) for one in archive.infolist()]
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unfit(f"{path.name} is no skops file: {error}") from error
    if "schema.json" not in {name for *_, name in sizes}:
        raise Unfit(f"{path.name} is no skops file: it has no schema.json")
    if sum(size for size, *_ in sizes) > _LARGEST or any(
        size > _RATIO * max(packed, 1000) for size, packed, _ in sizes
    ):
        raise Unfit(f"{path.name} would unpack to more than a model takes")


def _word(value: Any) -> str:
    return f"“{str(value)[:80]}”"
