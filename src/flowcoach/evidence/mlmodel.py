"""The file `MLmodel` of a logged model, read as plain text: what kind of model it is, without loading it.

The format is MLflow's (https://mlflow.org/docs/latest/ml/model/): YAML, with the signature's columns as JSON in it, and
`requirements.txt` beside it. Whatever a stranger wrote there, only texts and lists come out.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from flowcoach.evidence.artifacts import Artifacts
from flowcoach.evidence.records import NotFound

_LARGEST = 2**20  # bytes; signatures of thousands of columns fit
_LONGEST_LIST = 2**16  # bytes; the requirements of a whole machine take a quarter of that
_MOST = 5000  # pieces of YAML; MLflow writes about a hundred, and a signature is one of them


@dataclass(frozen=True)
class Column:
    """A column of a signature. `type` is MLflow's word for it: "string", "double", "long", …"""

    name: str
    type: str


@dataclass(frozen=True)
class MLmodel:
    """What a logged model says of itself.

    `flavors` are the ways to load it ("python_function", "sklearn", …) with their settings; `inputs` and `outputs` are
    the signature's columns, None when it has no signature; `requirements` are the lines of its requirements.txt;
    `input_example` is whether one was saved; `mlflow_version` wrote it; `run_id` is the run that logged it, or
    "".
    """

    flavors: dict[str, dict[str, Any]] = field(default_factory=dict)
    inputs: tuple[Column, ...] | None = None
    outputs: tuple[Column, ...] | None = None
    requirements: tuple[str, ...] = ()
    input_example: bool = False
    mlflow_version: str = ""
    run_id: str = ""

    @property
    def serialization_format(self) -> str:
        """How a scikit-learn model was written: "skops", "cloudpickle", "pickle", or "" for another kind of model."""
        found = self.flavors.get("sklearn", {}).get("serialization_format", "")
        return found if isinstance(found, str) else ""


def read(files: Artifacts) -> MLmodel:
    """Read a logged model's `MLmodel`.

    Raises NotFound when there is none, or when it is not valid.
    """
    import yaml

    path = files.file("MLmodel")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST)
        if next(islice(yaml.parse(text, Loader=loader), _MOST, None), None):  # to build them would take seconds
            raise ValueError(f"it has more than {_MOST} parts")
        found = yaml.load(text, Loader=loader)
    except Exception as error:  # a crafted one trips the reader in many ways
        raise _broken(files, str(error)) from error
    if not isinstance(found, dict):
        raise _broken(files, "it is no list of keys and values")
    flavors = found.get("flavors")
    signature = found.get("signature")
    signature = signature if isinstance(signature, dict) else {}
    return MLmodel(
        flavors={name: flavor for name, flavor in flavors.items() if isinstance(name, str) and isinstance(flavor, dict)}
        if isinstance(flavors, dict)
        else {},
        inputs=_columns(signature.get("inputs")),
        outputs=_columns(signature.get("outputs")),
        requirements=_requirements(files),
        input_example=bool(found.get("saved_input_example_info")),
        mlflow_version=_text(found.get("mlflow_version")),
        run_id=_text(found.get("run_id")),
    )


def _columns(text: object) -> tuple[Column, ...] | None:
    try:
        columns = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        columns = None
    if not isinstance(columns, list):
        return None
    return tuple(Column(_text(one.get("name")), _text(one.get("type"))) for one in columns if isinstance(one, dict))


def _requirements(files: Artifacts) -> tuple[str, ...]:
    try:
        with files.file("requirements.txt").open("rb") as file:
            text = file.read(_LONGEST_LIST).decode("utf-8", errors="replace")
    except (NotFound, OSError):
        return ()
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _broken(files: Artifacts, why: str) -> NotFound:
    return NotFound(
        "The file `MLmodel` cannot be read.",
        expected="the description that log_model writes",
        found=why.splitlines()[0][:200] if why else "something else",
        where=files.location,
        advice="log the model once more; nobody needs to edit that file",
    )
