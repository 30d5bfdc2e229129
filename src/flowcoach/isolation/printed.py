"""What a command prints, however much: the beginning and the end of it are kept."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from typing import IO


class Listener(threading.Thread):
    """Reads a stream to its end, so that whoever writes never has to wait, and keeps at most `most` bytes."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        super().__init__(daemon=True)
        self.stream = stream
        self.most = most
        self.first = bytearray()
        self.last = bytearray()
        self.left_out = 0

    def run(self) -> None:
        """Read to the end."""
        half = self.most // 2
        with suppress(OSError, ValueError):
            while piece := os.read(self.stream.fileno(), 2**16):
                room = max(0, half - len(self.first))
                self.first += piece[:room]
                self.last += piece[room:]
                if (over := len(self.last) - half) > 0:
                    del self.last[:over]
                    self.left_out += over

    @property
    def text(self) -> str:
        """What was kept, and how much was not, in characters that steer no terminal."""
        between = f"\n… {self.left_out:,} bytes left out …\n".encode() if self.left_out else b""
        text = (bytes(self.first) + between + bytes(self.last)).decode("utf-8", errors="replace")
        return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text.replace("\r\n", "\n"))
