"""Look at a logged model's files before anything loads them: what kind it is, and whether it may be loaded at all."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowcoach.evidence import Artifacts, NotFound, Unavailable
from flowcoach.evidence.mlmodel import read
from flowcoach.rescore import pickles
from flowcoach.rescore.pickles import Unfit

_FLAVORS = {"python_function", "sklearn"}
_LARGEST = 2**28  # bytes, unpacked
_RATIO = 200
_SCHEMA = 2**25  # bytes of a skops file's description; a pipeline takes a few thousandths
# How skops may rebuild a thing, and of which types beside those that a pickle may name. No functions, no methods.
_NODES = {
    *("CachedNode", "DictNode", "DtypeNode", "JsonNode", "ListNode", "LossNode", "NdArrayNode", "ObjectNode"),
    *("RandomStateNode", "SliceNode", "SparseMatrixNode", "TreeNode", "TupleNode", "TypeNode"),
}
_BUILTINS = {"bool", "dict", "float", "int", "list", "NoneType", "str", "tuple"}
_NUMBERS = {"bool", "bool_", "float32", "float64", "int32", "int64", "ndarray", "dtype", "uint64", "uint32", "str_"}
VECTORIZERS = ("dv.pkl", "preprocessor.b", "preprocessor.pkl", "dict_vectorizer.pkl", "vectorizer.pkl", "dv.b")


@dataclass(frozen=True)
class Vetted:
    """A model that may be loaded: its file, how it was written ("skops" or "pickle"), the columns that it was given
    (None when it does not say), its requirements, and the run that its files name ("" for none)."""

    file: Path
    format: str
    columns: tuple[str, ...] | None
    requirements: tuple[str, ...]
    run_id: str = ""


def vet(files: Artifacts) -> Vetted:
    """Look at the files of a logged model.

    Raises Unfit with the reason when they must not, or cannot, be loaded, and Unavailable when one is not there.
    """
    model = describe(files)
    if model.format == "skops":
        _look_into_skops(model.file)
    else:
        pickles.inspect(model.file)
    return model


def describe(files: Artifacts) -> Vetted:
    """What a logged model's `MLmodel` says of it, for a look that loads nothing. Raises Unfit as `vet` does."""
    try:
        about = read(files)
    except NotFound as missing:
        if "MLmodel" not in files.files():
            raise Unavailable("its file “MLmodel” is missing") from missing
        raise Unfit("its MLmodel cannot be read") from missing
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
        raise Unavailable(f"its file {_word(name)} is missing") from missing
    format = about.serialization_format
    if format not in ("skops", "cloudpickle", "pickle"):
        raise Unfit(f"it was written as {_word(format)}, which is not read here")
    columns = tuple(column.name for column in about.inputs) if about.inputs else None
    if columns and not all(columns):
        columns = None
    return Vetted(path, "skops" if format == "skops" else "pickle", columns, about.requirements, about.run_id)


def vet_pickle(path: Path) -> Path:
    """Look at a pickled vectorizer. Raises Unfit with the reason when it must not be loaded."""
    pickles.inspect(path)
    return path


def _look_into_skops(path: Path) -> None:
    """A skops file is a ZIP of arrays and a description; both are looked at, and skops asks once more."""
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
    try:
        with zipfile.ZipFile(path) as archive, archive.open("schema.json") as file:
            text = file.read(_SCHEMA + 1)
            if len(text) > _SCHEMA:
                raise ValueError("its description is too long")
            for loader, module, name in _nodes(json.loads(text)):
                if loader not in _NODES or not _plain(module, name):
                    raise Unfit(
                        f"loading {path.name} would build {_word(f'{module}.{name}')}, which no model here needs"
                    )
    except Unfit:
        raise
    except Exception as error:  # crafted archives and descriptions trip their readers in many ways
        raise Unfit(f"the description in {path.name} cannot be read: {str(error)[:200]}") from error


def _nodes(schema: Any) -> Iterator[tuple[Any, Any, Any]]:
    """How each thing of a skops description is rebuilt: the node, and module and name of its type."""
    open = [schema]
    while open:
        found = open.pop()
        if isinstance(found, dict):
            if found.keys() & {"__loader__", "__module__", "__class__"}:
                yield found.get("__loader__"), found.get("__module__"), found.get("__class__")
            open += found.values()
        elif isinstance(found, list):
            open += found


def _plain(module: Any, name: Any) -> bool:
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    own = {"builtins": _BUILTINS, "numpy": _NUMBERS}.get(module, set())
    return name in own or pickles.is_known(module, name)


def _word(value: Any) -> str:
    return f"“{str(value)[:80]}”"
