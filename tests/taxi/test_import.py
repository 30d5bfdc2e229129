"""What it costs to have the trips at hand."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np  # noqa: F401  (so that importing it is not measured)
import pandas as pd  # noqa: F401

from flowcoach import taxi


def test_importing_the_trips_imports_none_of_the_heavy_libraries():
    heavy = "numpy", "pandas", "pyarrow", "sklearn", "requests", "tenacity"
    say = f"import sys, flowcoach.taxi; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", say], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_three_months_of_6000_trips_are_made_in_under_half_a_second():
    begin = time.process_time()
    for month in (1, 2, 3):
        taxi.month(2023, month, trips=6000)
    assert time.process_time() - begin < 0.5
