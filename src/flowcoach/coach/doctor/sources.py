"""The learner's scripts and notebooks, read as text: their code as syntax trees, and the errors that notebooks keep.

Nothing is run. A notebook is JSON (https://nbformat.readthedocs.io): a list of cells, each with its source and, when
it was run, its outputs.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LARGEST = 2**25  # bytes; a notebook beyond is full of pictures
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_MAGIC = re.compile(r"^\s*[%!?].*$", re.MULTILINE)


@dataclass(frozen=True)
class Call:
    """One call in a source: its name with dots, as "mlflow.set_tracking_uri", and where it stands."""

    name: str
    node: ast.Call
    where: str

    @property
    def last(self) -> str:
        """The last part of the name."""
        return self.name.rpartition(".")[2]

    def argument(self, name: str, position: int | None = None) -> ast.expr | None:
        """The expression given for an argument, by name or else by position; None when it was not given."""
        for keyword in self.node.keywords:
            if keyword.arg == name:
                return keyword.value
        if position is not None and position < len(self.node.args):
            return self.node.args[position]
        return None


@dataclass(frozen=True)
class Part:
    """A script, or one cell of a notebook. `where` is how messages name it."""

    where: str
    tree: ast.Module


@dataclass(frozen=True)
class Said:
    """An error that a notebook keeps below a cell."""

    text: str
    where: str


@dataclass(frozen=True)
class Source:
    """A script or a notebook. `kernel` is the one a notebook asks for; `errors` are those saved in it."""

    path: Path
    name: str
    parts: tuple[Part, ...]
    errors: tuple[Said, ...] = ()
    kernel: str = ""

    def calls(self) -> list[Call]:
        """All calls, in the order they are written."""
        return [call for part in self.parts for call in calls_in(part.tree, part.where)]

    def strings(self) -> set[str]:
        """All texts that stand in the code as they are."""
        nodes = (node for part in self.parts for node in ast.walk(part.tree))
        return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}

    def attributes(self) -> set[str]:
        """All names that stand behind a dot."""
        nodes = (node for part in self.parts for node in ast.walk(part.tree))
        return {node.attr for node in nodes if isinstance(node, ast.Attribute)}


def calls_in(tree: ast.AST, where: str = "") -> list[Call]:
    """All calls in a syntax tree, in the order they are written."""
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    found.sort(key=lambda node: (node.lineno, node.col_offset))
    return [Call(dotted(node.func), node, f"{where}, line {node.lineno}") for node in found]


def dotted(node: ast.expr) -> str:
    """The name of what is called, as far as it is one: "mlflow.start_run", ".fit" for the method of something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def text_of(node: ast.expr | None) -> str | None:
    """A text that stands in the code, with `{}` where an f-string puts something in; None for anything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return None


def read(paths: Sequence[Path], folder: Path) -> tuple[Source, ...]:
    """Read scripts and notebooks; what is no Python or no notebook is left out."""
    found = (_read(path, path.relative_to(folder).as_posix()) for path in paths)
    return tuple(source for source in found if source is not None)


def _read(path: Path, name: str) -> Source | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if path.suffix == ".py":
            return Source(path, name, tuple(_parsed(text, name)))
        notebook = json.loads(text)
        return Source(path, name, *_of_notebook(notebook["cells"], name), _kernel(notebook))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _of_notebook(cells: list[dict[str, Any]], name: str) -> tuple[tuple[Part, ...], tuple[Said, ...]]:
    parts: list[Part] = []
    errors: list[Said] = []
    for number, cell in enumerate(cells, start=1):
        if cell["cell_type"] != "code":
            continue
        where = f"{name}, cell {number}"
        parts += _parsed(_MAGIC.sub("pass", _joined(cell["source"])), where)
        errors += [
            Said(f"{output.get('ename', '')}: {_COLOUR.sub('', str(output.get('evalue', '')))}", where)
            for output in cell.get("outputs", ())
            if output.get("output_type") == "error"
        ]
    return tuple(parts), tuple(errors)


def _parsed(text: str, where: str) -> Iterator[Part]:
    try:
        with warnings.catch_warnings(action="ignore"):  # an odd escape in a text, say
            yield Part(where, ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


def _kernel(notebook: dict[str, Any]) -> str:
    return str(notebook.get("metadata", {}).get("kernelspec", {}).get("name", ""))
