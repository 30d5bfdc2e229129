"""What a learner's files say about their machine: paths and a login name, which nobody who grades needs."""

from __future__ import annotations

import getpass
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

LOGIN = "learner"
HOME = "~"
ELSEWHERE = "elsewhere"

# A path from the root of a machine, with or without `file://`, where a value or a quoted text begins.
_ABSOLUTE = re.compile(
    r"""(?P<before>^|["']|^[\w. -]+:[ ])(?:file://)?(?:/|(?:/?[A-Za-z]:[/\\]{1,2}))"""
    r"""(?P<path>[^/\\\s"':]+(?:[/\\]{1,2}[^/\\\s"':]+)+)""",
    re.MULTILINE,
)
_SEPARATOR = re.compile(r"[/\\]+")
_KEPT = ("mlartifacts", "mlruns")  # below these, files are found again (evidence/artifacts.py)


@dataclass(frozen=True)
class Rewriter:
    """Replaces what is private. `places` are folders with what stands for them, the longest first, "" for the
    workspace; `login` is the name that runs carry, "" to leave names and paths elsewhere as they are."""

    places: tuple[tuple[str, str], ...]
    login: str

    def text(self, text: str) -> str:
        """The text with paths of the workspace made relative to it, and other private folders replaced."""
        for place, plain in self.places:
            if place in text:
                text = _of(place, inside=not plain).sub(lambda found, plain=plain: _instead(found, plain), text)
        return text

    def record(self, text: str) -> str:
        """What MLflow wrote: as `text`, and paths of other places, and the login name where MLflow notes it."""
        text = self.text(text)
        if not self.login:
            return text
        noted = rf"""(["']?(?:mlflow\.user|user_id)["']?:\s*["']?){re.escape(self.login)}(?![\w.-])"""
        return re.sub(noted, rf"\g<1>{LOGIN}", _ABSOLUTE.sub(_elsewhere, text))

    def name(self, text: str) -> str:
        """As `record`, for a value that may be a login name, whole."""
        return LOGIN if self.login and text == self.login else self.record(text)

    def touches(self, content: bytes) -> bool:
        """Whether a file's bytes hold any of the private places."""
        return any(place.encode() in content for place, _ in self.places)


def rewriter(workspace: Path, *, keep_names: bool) -> Rewriter:
    """What is private on this machine. With `keep_names`, only the workspace's own place is replaced."""
    places = {written: "" for place in (workspace, workspace.resolve()) for written in _written(place)}
    if not keep_names:
        others = [(Path(sys.prefix), "env"), (Path(sys.base_prefix), "python")]
        if (home := _home()) is not None:
            others.append((home, HOME))
        for place, name in others:
            if len(place.parts) > 1:
                places = dict.fromkeys(_written(place), name) | places
    ordered = sorted(places.items(), key=lambda pair: (-len(pair[0]), pair[0]))
    return Rewriter(tuple(ordered), "" if keep_names else login())


def login() -> str:
    """The name that MLflow notes with each run on this machine; "" when there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def _written(place: Path) -> set[str]:
    """A folder as files may write it: with either slash, escaped in JSON, and in a URI."""
    return {place.as_posix(), quote(place.as_posix()), str(place), str(place).replace("\\", "\\\\")}


def _of(place: str, *, inside: bool) -> re.Pattern[str]:
    """The folder itself or what is below it, not another whose name begins alike."""
    before, after = ("(?:file:///?(?=/|[A-Za-z]:))?", r"(?P<slash>[/\\]{1,2})?") if inside else ("", "(?P<slash>)")
    return re.compile(rf"{before}{re.escape(place)}(?![\w-]|\.\w){after}")


def _instead(found: re.Match[str], plain: str) -> str:
    return plain or ("" if found["slash"] else ".")


def _elsewhere(found: re.Match[str]) -> str:
    """A place on this machine, by what still helps: the artifacts' own tail, else the name."""
    parts = _SEPARATOR.split(found["path"])
    start = next((at for at, part in enumerate(parts) if part in _KEPT), None)
    return found["before"] + ("/".join(parts[start:]) if start is not None else f"{ELSEWHERE}/{parts[-1]}")


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:
        return None
