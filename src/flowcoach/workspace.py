"""The workspace: the folder a learner works in. Finding it, reading its settings, writing its answers."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from flowcoach.atomic import write_text
from flowcoach.evidence import toml
from flowcoach.evidence.answers import FILE as ANSWERS
from flowcoach.problem import Problem

T = TypeVar("T")

SETTINGS = "flowcoach.toml"
MONTHS = ("2023-01", "2023-02", "2023-03")
_SALT = "flowcoach-1"  # another one gives every learner other variants
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_EXAMPLES = {
    "learner": 'learner = "your-id"',
    "store": 'store = "sqlite:///mlflow.db"',
    "data": 'the table [data], and in it folder = "data"',
    "folder": 'folder = "data"',
    "months": f"months = {list(MONTHS)}",
    "trips": "trips = 6000",
    "real": "real = true",
}


# The variable as this process was started with: mlflow.set_tracking_uri overwrites it, right or wrong.
INHERITED = os.environ.get("MLFLOW_TRACKING_URI")


@dataclass(frozen=True)
class Workspace:
    """A learner's folder and its settings.

    `learner` seeds which trips are theirs. `address` is the store as the settings write it, relative paths counting
    from the folder. `data` is the folder of the months; `month_names` are training, validation and test month, in
    this order, as "2023-01"; `final_name` is one more, which takes no part in choosing ("" when there is none); `trips`
    is how many trips a synthetic month has; `real` is whether the settings say that the months are the publisher's own.
    """

    folder: Path
    learner: str
    address: str
    data: Path
    month_names: tuple[str, ...]
    trips: int
    final_name: str = ""
    real: bool = False

    @property
    def store(self) -> str:
        """The tracking address to use: MLFLOW_TRACKING_URI when this process was started with it, else `own_store`."""
        return INHERITED or self.own_store

    @property
    def own_store(self) -> str:
        """The tracking address of the settings, absolute whatever folder one stands in."""
        return absolute(self.address, self.folder)

    @property
    def artifacts(self) -> str:
        """Where new experiments keep their files, as a URI that does not depend on the current folder."""
        return (self.folder / "mlartifacts").as_uri()

    @property
    def seed(self) -> int:
        """The number that picks this learner's trips: the first 32 bits of the SHA-256 of their id."""
        return int.from_bytes(hashlib.sha256(self.learner.encode()).digest()[:4], "big")

    @property
    def rescored(self) -> Path:
        """Where figures that its models gave again are remembered."""
        return self.folder / ".flowcoach" / "rescored"

    @property
    def months(self) -> tuple[Path, ...]:
        """The files of the training, validation and test month."""
        return tuple(month_file(self.data, name) for name in self.month_names)

    @property
    def final(self) -> Path | None:
        """The file of the month that is measured once, at the very end; None when the settings name none."""
        return month_file(self.data, self.final_name) if self.final_name else None

    @property
    def is_real(self) -> bool:
        """Whether the months are real ones, which cannot be made again: they were fetched, or lie elsewhere."""
        return self.real or not Path(os.path.normpath(self.data)).is_relative_to(self.folder)

    def pick(self, question: str, options: Sequence[T]) -> T:
        """This learner's own variant of a question: one of the options, which stays the same for good."""
        return pick(self.learner, question, options)

    def answer(self, section: str, **answers: Any) -> None:
        """Write answers into `answers.toml`, leaving all others as they are. The file is replaced in one step.

        Arrays and columns of numpy and pandas are kept as lists. Raises Problem when the file that is there is not
        valid TOML, and for an answer that a text file cannot hold.
        """
        import tomlkit

        path = self.folder / ANSWERS
        try:
            document = tomlkit.parse(path.read_text(encoding="utf-8-sig")) if path.exists() else tomlkit.document()
        except ValueError as error:
            raise Problem(f"{path} is not valid TOML: {error}.", "mend that line, or delete the file") from error
        table = document.get(section)
        if not isinstance(table, dict):
            table = document[section] = tomlkit.table()
        for question, answer in answers.items():
            try:
                table[question] = "" if answer is None else _plain(answer)
            except (ValueError, TypeError) as error:
                raise Problem(
                    f"The answer `{question}` is a {type(answer).__name__}, which a text file cannot hold.",
                    "give a text, a number, or a list of them",
                ) from error
        write_text(path, tomlkit.dumps(document))


def _plain(answer: Any) -> Any:
    """An answer without numpy and pandas: their numbers, arrays and columns become numbers and lists."""
    if isinstance(answer, list | tuple):
        return [_plain(item) for item in answer]
    if isinstance(answer, dict):
        return {key: _plain(item) for key, item in answer.items()}
    return answer.tolist() if hasattr(answer, "tolist") else answer


def pick(learner: str, question: str, options: Sequence[T]) -> T:
    """The variant of a question that a learner gets: the SHA-256 of salt, learner id and question says which.

    `options` are all variants, in an order that stays.
    """
    digest = hashlib.sha256("\0".join((_SALT, learner, question)).encode()).digest()
    return options[int.from_bytes(digest[:8], "big") % len(options)]


def next_month(name: str) -> str:
    """The month after another: "2024-01" after "2023-12"."""
    year, month = (int(part) for part in name.split("-"))
    return f"{year + month // 12}-{month % 12 + 1:02d}"


def note_real(here: Workspace) -> Workspace:
    """Write into the settings that the months are real ones; everything else in the file stays as it is."""
    import tomlkit

    path = here.folder / SETTINGS
    document = tomlkit.parse(path.read_text(encoding="utf-8"))
    table = document.setdefault("data", tomlkit.table())
    if table.get("real") is not True:
        table["real"] = True
        write_text(path, tomlkit.dumps(document))
    return load(here.folder)


def remove(folder: Path) -> None:
    """Remove a workspace with everything in it, the read-only files of a git repository too, which Windows keeps."""

    def make_writable(action: Callable[[str], object], path: str, _: object) -> None:
        Path(path).chmod(stat.S_IWRITE)
        action(path)

    shutil.rmtree(folder, onerror=make_writable)


def month_file(folder: Path, name: str) -> Path:
    """The file of a month such as "2023-01", under the publisher's name."""
    return folder / f"green_tripdata_{name}.parquet"


def find(start: Path | None = None, *, explicit: Path | None = None) -> Workspace:
    """The workspace: `explicit`, else FLOWCOACH_WORKSPACE, else the nearest parent of `start` with the settings file.

    `start` is the current folder when not given. Raises Problem when there is none, or its settings cannot be read.
    """
    named = explicit or (Path(value) if (value := os.environ.get("FLOWCOACH_WORKSPACE")) else None)
    if named is not None:
        if (named / SETTINGS).is_file():
            return load(named)
        raise Problem(f"{named} is not a workspace: it has no {SETTINGS}.", f"make one: flowcoach start {named}")
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / SETTINGS).is_file():
            return load(folder)
    raise Problem(
        f"There is no workspace here: neither {here} nor a folder above it has a {SETTINGS}.",
        "make one with `flowcoach start my-course`, or go into yours with cd",
    )


def load(folder: Path) -> Workspace:
    """Read the settings of the workspace in `folder`. Raises Problem when they are not valid."""
    folder = folder.resolve()
    path = folder / SETTINGS
    try:
        settings = toml.read(path)
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror}.", "check the file's permissions") from error
    except ValueError as error:
        raise Problem(f"{path} is not valid TOML: {error}.", "mend that line; every value is text in quotes") from error
    data = _setting(path, settings, "data", dict, {})
    months = tuple(_setting(path, data, "months", list, list(MONTHS)))
    if len(months) < 3:
        raise Problem(
            f"{path} names {len(months)} months; the course needs three: training, validation, test.",
            f"set months = {list(MONTHS)} in its table [data]",
        )
    if len(set(map(str, months))) < len(months):
        raise Problem(f"{path} names a month twice.", f"set months = {list(MONTHS)} in its table [data]")
    if not all(isinstance(month, str) and _MONTH.fullmatch(month) for month in months):
        raise Problem(f"{path} names months that are none.", f"write year and month in quotes: months = {list(MONTHS)}")
    return Workspace(
        folder=folder,
        learner=str(_setting(path, settings, "learner", (str, int), "learner")),
        address=_setting(path, settings, "store", str, "sqlite:///mlflow.db"),
        data=folder / _setting(path, data, "folder", str, "data"),
        month_names=months[:3],
        final_name=months[3] if len(months) > 3 else "",
        real=_setting(path, data, "real", bool, False),
        trips=_setting(path, data, "trips", int, 6000),
    )


def _setting(path: Path, table: dict[str, Any], key: str, kind: type | tuple[type, ...], default: Any) -> Any:
    """The value of one setting, `default` when it is not set. Raises Problem when it is of another kind."""
    value = table.get(key, default)
    if isinstance(value, kind):
        return value
    raise Problem(
        f"{path}: `{key}` cannot be a value of the kind {type(value).__name__}.",
        f"write {_EXAMPLES[key]}, or leave the line out",
    )


def absolute(address: str, folder: Path) -> str:
    """A tracking address whose relative file path counts from `folder`; other addresses unchanged.

    SQLite addresses are SQLAlchemy's: `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite:///C:/absolute.db`.
    It ends the path at a `?` and takes `%20` for a blank, so what looks so in the name of the folder is escaped.
    """
    prefix = "sqlite:///"
    if address.startswith(prefix):
        escaped = re.sub(r"%(?=[0-9A-Fa-f]{2})|\?", lambda found: f"%{ord(found[0]):X}", str(folder))
        return prefix + (Path(escaped) / address.removeprefix(prefix)).as_posix()
    if "://" in address or address.startswith("file:"):
        return address
    return (folder / address).as_uri()
