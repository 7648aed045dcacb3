"""Where the tests find the project, its shipped data, and the reference data in its parent folder."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SHARED = ROOT.parent / "shared"
"""Absent for most users: tests that use it skip, saying so."""
