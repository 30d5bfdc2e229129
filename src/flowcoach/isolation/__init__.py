"""Run what must not be trusted: on copies, with limits, and for other people's work in a sandbox.

Either way a command gets a scratch folder of copies, an environment without tokens, no input, and limits on time,
memory, disk, processes and output; it hands back files, of which only plain ones of fair size are read (`read_result`).
What it prints is for people to read and is never taken for a result. At its end everything that it started is ended.

`Trust.OWN` is a limited subprocess: enough for one's own scripts and models, which could do harm without flowcoach just
as well. It keeps a mistake (memory, time, output without end) from taking the machine along. It is no wall: such a
command can read what its owner can, reach the network, and end its owner's other programs. A child that leaves its
parents *and* empties its environment is not found.

On Windows and macOS the kernel keeps no such limit for us: only what is looked at from outside holds there.

`Trust.FOREIGN` is bubblewrap (https://github.com/containers/bubblewrap), on Linux: no network, no sight of other
processes, and a read-only world of the system's libraries, this Python with its packages, and what the caller names. No
home folder, no workspace, nothing of /etc that is anybody's. Started by root, the command runs as a user id that nobody
has, for no limit on processes holds for root; started by anybody else, as that user in a user namespace of its own.
`probe` tries it, and says why not where it cannot be.

What it does not promise: to withstand a hole in the kernel; limits to the byte (they are looked at twenty times a
second, so a little more may be used before the end); that several sandboxes at once share one limit. Only a virtual
machine or a container around all of it adds to that.
"""

from flowcoach.isolation.limits import Ended, Finished, Limits, NotIsolated, Trust
from flowcoach.isolation.results import NoResult, read_result
from flowcoach.isolation.run import run
from flowcoach.isolation.sandbox import Ability, probe

__all__ = [
    "Ability",
    "Ended",
    "Finished",
    "Limits",
    "NoResult",
    "NotIsolated",
    "Trust",
    "probe",
    "read_result",
    "run",
]
