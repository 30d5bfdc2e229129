"""What was committed: the files of a repository's HEAD, copied without running anything that the repository asks for.

A repository's own settings can name programs (hooks, filters, monitors, helpers of remotes). Only commands that run
none of them are used, `ls-tree` and `cat-file`, with the rest switched off (https://git-scm.com/docs/git-config).
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from flowcoach.problem import Problem

_MOST = 20_000  # files
_LARGEST = 2**29  # bytes, all together
_NEVER = {".git", ".venv", "node_modules", "__pycache__", ".ipynb_checkpoints"}
_QUIET = (
    *("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"),
    *("-c", "protocol.allow=never", "-c", "core.pager=cat", "--no-optional-locks", "--no-pager"),
)


@dataclass(frozen=True)
class Copied:
    """A copy of committed files in `folder`; `warnings` say what was left out, or is not committed."""

    folder: Path
    warnings: tuple[str, ...] = ()


def copy_out(source: Path, target: Path) -> Copied:
    """Copy what `source` has committed into the empty folder `target`; of a folder without git, all of its files.

    Links, submodules and names that could not lie in every folder are left out, with a warning. Raises Problem when
    nothing is committed, when there is more than a submission holds, and without git.
    """
    if not source.is_dir():
        raise Problem(f"There is no folder {source}.", "name the folder of the learner's repository")
    if not (source / ".git").exists():
        warnings = ["This is no git repository, so all files count, committed or not."]
        return _copy(_walk(source), target, warnings)
    if shutil.which("git") is None:
        raise Problem("git is not installed here, and only what was committed counts.", "install git")
    listed = _git(source, "ls-tree", "-r", "-z", "--long", "--full-tree", "HEAD")
    if listed is None:
        raise Problem(f"{source} has no commit yet.", "commit your work: git add . && git commit")
    warnings: list[str] = []
    found: list[tuple[str, bytes, int]] = []
    for line in listed.split(b"\0")[:-1]:
        about, _, name = line.partition(b"\t")
        mode, kind, blob, size = about.split()
        path = os.fsdecode(name)
        if kind != b"blob" or mode == b"120000":
            warnings.append(f"{path[:200]} is a link or another repository, and was left out.")
        else:
            found.append((path, blob, int(size)))
    return _copy(_blobs(source, found), target, warnings)


def _walk(source: Path) -> Iterator[tuple[str, int, bytes | Path]]:
    for parent, folders, names in os.walk(source):
        folders[:] = sorted(name for name in folders if name not in _NEVER and not Path(parent, name).is_symlink())
        for name in sorted(names):
            path = Path(parent, name)
            found = path.lstat()
            if stat.S_ISREG(found.st_mode):
                yield path.relative_to(source).as_posix(), found.st_size, path


def _blobs(source: Path, found: list[tuple[str, bytes, int]]) -> Iterator[tuple[str, int, bytes | Path]]:
    if sum(size for *_, size in found) > _LARGEST:
        yield "", _LARGEST + 1, b""
        return
    asked = b"".join(blob + b"\n" for _, blob, _ in found)
    answered = io.BytesIO(_git(source, "cat-file", "--batch", given=asked) or b"")
    for path, _, size in found:
        if answered.readline().split()[1:] != [b"blob", str(size).encode()]:
            raise Problem(f"{path[:200]} cannot be read from the repository.", "git fsck says what is damaged")
        yield path, size, answered.read(size)
        answered.read(1)


def _copy(files: Iterator[tuple[str, int, bytes | Path]], target: Path, warnings: list[str]) -> Copied:
    seen: set[str] = set()
    total = count = 0
    for name, size, content in files:
        total, count = total + size, count + 1
        if total > _LARGEST or count > _MOST:
            raise Problem(
                f"There is more than a submission holds: over {_LARGEST >> 20} MB, or over {_MOST:,} files.",
                "commit scripts, answers and the bundle of flowcoach submit, not data",
            )
        folded = unicodedata.normalize("NFC", name).casefold()
        parts = PurePosixPath(name).parts
        if folded in seen or not parts or ".." in parts or name.startswith("/") or "\\" in name or "\0" in name:
            warnings.append(f"{name[:200]} has a name that cannot lie beside the others, and was left out.")
            continue
        seen.add(folded)
        path = target.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, Path):
                shutil.copyfile(content, path, follow_symlinks=False)
            else:
                path.write_bytes(content)
        except OSError as error:
            warnings.append(f"{name[:200]} could not be copied: {error.strerror}.")
    shown = tuple(warnings[:20])
    return Copied(target, (*shown, f"… and {len(warnings) - 20} more.") if len(warnings) > 20 else shown)


def _git(source: Path, *words: str, given: bytes = b"") -> bytes | None:
    """What a command of git prints about a repository; None when it fails."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "LC_ALL": "C",
    }
    if "SYSTEMROOT" in os.environ:
        environment["SYSTEMROOT"] = os.environ["SYSTEMROOT"]
    command = ["git", *_QUIET, "-C", str(source), *words]
    done = subprocess.run(command, input=given, env=environment, capture_output=True, check=False, timeout=120)
    return done.stdout if done.returncode == 0 else None
