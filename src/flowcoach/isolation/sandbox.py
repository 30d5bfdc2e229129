"""The sandbox for other people's work: which world bubblewrap makes for it, and whether this machine can."""

from __future__ import annotations

import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowcoach.isolation.limits import Limits, NotIsolated, Trust

HOME = "/home/learner"
# What programs and libraries are loaded from; nothing of it is anybody's own.
_SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin")
_SETTINGS = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives", "/etc/localtime")
_NOBODIES = range(61_184, 65_520)  # user ids that systemd sets aside for users that come and go
_IN_MEMORY = 2**26  # bytes in each folder that is only memory
_INSTALL = "install it: apt install bubblewrap, or dnf install bubblewrap"


@dataclass(frozen=True)
class Ability:
    """Whether somebody else's work can be run here; `reason` says why not, and what would help."""

    sandbox: bool
    reason: str = ""


def probe() -> Ability:
    """Try a sandbox that does nothing. A second's work at most; whoever asks remembers the answer."""
    from flowcoach.isolation.run import run

    with tempfile.TemporaryDirectory(prefix="flowcoach-") as folder:
        try:
            done = run(
                [sys.executable, "-I", "-S", "-c", "print('inside')"],
                folder=Path(folder),
                trust=Trust.FOREIGN,
                limits=Limits(seconds=20),
            )
        except NotIsolated as reason:
            return Ability(False, str(reason))
    if done.ok and "inside" in done.output:
        return Ability(True)
    last = " ".join(done.output.split())[-300:]
    if "user namespace" in last or "setting up uid map" in last or "Operation not permitted" in last:
        advice = "this system forbids user namespaces to ordinary programs; its administrator can allow them to bwrap"
    else:
        advice = f"try it by hand: {shutil.which('bwrap')} --version"
    return Ability(False, f"bubblewrap is here but made no sandbox ({last}); {advice}")


def wrapped(folder: Path, readable: Sequence[Path], told: int) -> list[str]:
    """The words before a command that put it into a sandbox where only `folder` can be written to.

    `told` is an open file where bubblewrap says, as JSON, which process is the first in there. Raises NotIsolated where
    there is no bubblewrap.
    """
    if not sys.platform.startswith("linux"):
        raise NotIsolated("other people's work runs in a sandbox of Linux only; take a Linux machine, or a container")
    program = shutil.which("bwrap")
    if program is None:
        raise NotIsolated(f"bubblewrap is not installed; {_INSTALL}")
    words = [program, "--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
    words += ["--new-session", "--hostname", "sandbox", "--info-fd", str(told)]
    if os.geteuid() == 0:
        words += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-user", *(["--disable-userns"] if _can_disable(program) else [])]
    for path in _SYSTEM:
        if Path(path).is_symlink():
            words += ["--symlink", str(Path(path).readlink()), path]
        elif Path(path).is_dir():
            words += ["--ro-bind", path, path]
    for path in _SETTINGS:
        words += ["--ro-bind-try", path, path]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for path in ("/tmp", "/dev/shm", HOME):  # in memory, and gone at the end
        words += ["--size", str(_IN_MEMORY), "--perms", "1777", "--tmpfs", path]
    shown = dict.fromkeys((*_python(), *(path.absolute() for path in readable)))
    for above in dict.fromkeys(above for path in (*shown, folder) for above in reversed(path.parents)):
        if str(above) not in ("/", "/tmp", HOME):
            words += ["--perms", "0755", "--dir", str(above)]  # root's own would be for root alone
    for path in shown:
        words += ["--ro-bind", str(path), str(path)]
    words += ["--bind", str(folder), str(folder), "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"]
    return [*words, "--"]


def nobody() -> int | None:
    """A user id that nobody has, for a command that root starts; None for anybody else, who stays who they are."""
    return random.choice(_NOBODIES) if os.geteuid() == 0 else None


def counts_alone() -> bool:
    """Whether a limit on processes counts those in the sandbox alone; older kernels count all others of this user."""
    return tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2]) >= (5, 14)


def _python() -> Iterator[Path]:
    """Where this Python, its packages and flowcoach itself lie, apart from the system's own folders.

    Not whole prefixes, for one may be somebody's home folder, or a workspace.
    """
    import flowcoach

    prefixes = [Path(sys.prefix), Path(sys.exec_prefix), Path(sys.base_prefix), Path(sys.base_exec_prefix)]
    program = Path(sys.executable)
    while program.is_symlink():  # each step of the way to the program must be there
        program = program.parent / program.readlink()
        prefixes.append(program.parent.parent)
    parts = ("bin", "lib", "lib64", "share/jupyter", "pyvenv.cfg")
    places = [prefix / part for prefix in prefixes for part in parts] + [Path(flowcoach.__file__).absolute().parent]
    for path in dict.fromkeys(places):
        if path.exists() and not any(path.is_relative_to(system) for system in _SYSTEM):
            yield path


def _can_disable(program: str) -> bool:
    """Whether this bubblewrap knows how to forbid user namespaces inside (since 0.8)."""
    said = subprocess.run([program, "--help"], capture_output=True, encoding="utf-8", errors="replace", check=False)
    return "--disable-userns" in said.stdout
