"""Helpers of tests: fakes, servers, machines, workshops.

`ROOT` is the repository's root.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
