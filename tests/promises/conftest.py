"""The tests of PROMISES: those that need machines use the end-to-end tests' own workshop."""

from __future__ import annotations

import sys
from pathlib import Path

from rehearsal import moto_settings as moto_settings  # before all of moto, which reads it when first imported
from tests.e2e.conftest import workshop as workshop

# The unit tests' stand-ins and servers, for promises that need no machines.
sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))
