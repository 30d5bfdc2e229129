"""Green taxi trips: synthetic months, the publisher's own, and the features that the course learns from.

Importing this is light: pandas, numpy, scikit-learn and requests are imported by the functions that need them.
"""

from flowcoach.taxi.downloads import PUBLISHER, Download, Patience, download, mirror
from flowcoach.taxi.features import PAIR, TARGET, ZONES, pipeline, prepare
from flowcoach.taxi.frames import SCHEMA, read, write
from flowcoach.taxi.months import KNOWN, Month, file_name
from flowcoach.taxi.synthetic import month

__all__ = [
    "KNOWN",
    "PAIR",
    "PUBLISHER",
    "SCHEMA",
    "TARGET",
    "ZONES",
    "Download",
    "Month",
    "Patience",
    "download",
    "file_name",
    "mirror",
    "month",
    "pipeline",
    "prepare",
    "read",
    "write",
]
