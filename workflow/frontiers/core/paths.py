"""Where the project keeps what the package reads. Nothing else counts parent folders."""

from pathlib import Path

WORKFLOW = Path(__file__).resolve().parents[2]
"""Put on the Python path, it makes `frontiers` importable."""
PROJECT = WORKFLOW.parent
PACKAGE = WORKFLOW / "frontiers"
SCRIPTS = WORKFLOW / "scripts"
CONFIG_SCHEMAS = WORKFLOW / "schemas" / "config"
TABLE_SCHEMAS = WORKFLOW / "schemas" / "tables"
DATA = PROJECT / "data"
