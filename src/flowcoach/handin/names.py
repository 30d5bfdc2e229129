"""What a learner's files say about their machine: paths and a login name, which nobody who grades needs."""

from __future__ import annotations

import getpass
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

LOGIN = "learner"
HOME = "~"


@dataclass(frozen=True)
class Rewriter:
    """Replaces what is private. `pairs` are texts with their replacements, the longest first; `login` is the name that
    runs carry, "" to leave names as they are."""

    pairs: tuple[tuple[str, str], ...]
    login: str

    def text(self, text: str) -> str:
        """The text with paths of the workspace made relative to it, and other private paths replaced."""
        for private, plain in self.pairs:
            text = text.replace(private, plain)
        return text

    def name(self, text: str) -> str:
        """A value that may be a login name, whole."""
        return LOGIN if self.login and text == self.login else self.text(text)

    def touches(self, content: bytes) -> bool:
        """Whether a file's bytes hold any of the private paths."""
        return any(private.encode() in content for private, _ in self.pairs)


def rewriter(workspace: Path, *, keep_names: bool) -> Rewriter:
    """What is private on this machine. With `keep_names`, only the workspace's own place is replaced."""
    pairs = dict(_inside(workspace))
    if not keep_names:
        pairs |= _place(Path(sys.prefix), "env") | _place(Path(sys.base_prefix), "python")
        if (home := _home()) is not None:
            pairs |= _place(home, HOME)
    ordered = sorted(pairs.items(), key=lambda pair: -len(pair[0]))
    return Rewriter(tuple(ordered), "" if keep_names else _login())


def _inside(folder: Path) -> dict[str, str]:
    found = {}
    for place in dict.fromkeys((folder, folder.resolve())):
        plain = place.as_posix()
        for written in (place.as_uri(), f"file://{plain}", plain, quote(plain), str(place)):
            found |= {f"{written}/": "", f"{written}\\": "", written: "."}
    return found


def _place(folder: Path, name: str) -> dict[str, str]:
    written = (folder.as_posix(), str(folder), quote(folder.as_posix()))
    return {f"{place}{slash}": f"{name}/" for place in written for slash in "/\\" if len(place) > 3}


def _home() -> Path | None:
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if len(home.parts) > 1 else None


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
