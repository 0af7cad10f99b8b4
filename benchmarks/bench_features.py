"""Features: see `features.py`."""

from benchmarks.features import measurements as measurements
