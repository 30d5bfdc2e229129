"""Where the lab keeps what it needs: data in the workspace's folder `lab`, for all to see; the rest in `.flowcoach`."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from flowcoach.workspace import Workspace

SITUATIONS = ("alone", "local", "team")


@dataclass(frozen=True)
class Places:
    """The folders and files of one workspace's lab."""

    workspace: Workspace

    @property
    def data(self) -> Path:
        """What the servers keep between ups."""
        return self.workspace.folder / "lab"

    @property
    def own(self) -> Path:
        """Notes, secrets and logs; nobody but their owner may look into it."""
        return self.workspace.folder / ".flowcoach" / "lab"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's folder.

        PostgreSQL does not run as root. For root it runs as nobody, who can reach nothing below root's folders, so it
        lies in /var/tmp, which outlives a restart (https://refspecs.linuxfoundation.org/FHS_3.0/fhs/ch05s15.html).
        """
        if runs_as_root():
            digest = hashlib.sha256(str(self.workspace.folder.resolve()).encode()).hexdigest()[:12]
            return Path("/var/tmp") / f"flowcoach-lab-{digest}"
        return self.data / "team" / "postgresql"

    @property
    def bucket(self) -> Path:
        """The S3 store's folder."""
        return self.data / "team" / "bucket"

    def log(self, service: str) -> Path:
        """What a server prints."""
        return self.own / f"{service}.log"

    def make(self) -> None:
        """Make the folder for secrets and notes, for its owner only."""
        self.own.mkdir(parents=True, exist_ok=True)
        if os.name == "posix":
            self.own.chmod(0o700)


def runs_as_root() -> bool:
    """Whether this process may do everything."""
    return hasattr(os, "geteuid") and os.geteuid() == 0
