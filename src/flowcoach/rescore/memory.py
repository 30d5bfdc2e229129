"""What was re-computed before, remembered by content: the same model and month give the same figure."""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flowcoach.atomic import write_text
from flowcoach.rescore.months import Month
from flowcoach.rescore.vet import Vetted

_CODE = "1"  # another number when the way to compute changes


@dataclass(frozen=True)
class Memory:
    """Figures in a folder of one's own workspace. Nobody else's is ever believed."""

    folder: Path

    def recall(self, key: str) -> float | None:
        """The RMSE in minutes that was computed for this key, if it was."""
        with suppress(OSError, ValueError, KeyError, TypeError):
            value = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))["rmse"]
            if isinstance(value, float) and math.isfinite(value):
                return value
        return None

    def keep(self, key: str, rmse: float) -> None:
        """Remember an RMSE. A workspace that cannot be written to remembers nothing."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            write_text(self.folder / f"{key}.json", json.dumps({"rmse": rmse}) + "\n")


def key(model: Vetted, vectorizer: Path | None, month: Month) -> str:
    """The name of a re-computation: a SHA-256, in hex, of everything that it depends on."""
    digest = hashlib.sha256(f"{_CODE} {model.format} {model.columns} {month.digest}".encode())
    for path in (model.file, vectorizer):
        if path is not None:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
