"""The project's folders. No other module counts parent folders."""

from pathlib import Path

WORKFLOW = Path(__file__).resolve().parents[2]
"""On the Python path, it makes `frontiers` importable."""
PROJECT = WORKFLOW.parent
PACKAGE = WORKFLOW / "frontiers"
SCRIPTS = WORKFLOW / "scripts"
CONFIG_SCHEMAS = WORKFLOW / "schemas" / "config"
TABLE_SCHEMAS = WORKFLOW / "schemas" / "tables"
DATA = PROJECT / "data"
