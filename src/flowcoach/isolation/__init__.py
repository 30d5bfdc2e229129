"""Run what must not be trusted: on copies, with limits, and for other people's work in a sandbox.

`Trust.OWN` is a limited subprocess: enough for one's own scripts and models, which could do harm without flowcoach just
as well. It keeps a mistake (memory, time, output without end) from taking the machine along; it is no wall.

`Trust.FOREIGN` is bubblewrap (https://github.com/containers/bubblewrap): no network, a world made of the system's
libraries and this Python alone, read-only, and one writable folder of copies. Started by root, the command runs as a
user that nobody is, for no limit on processes holds for root. It does not promise to withstand a hole in the kernel.
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
