"""Paths of tables that a study keeps per model, benchmark and strategy: `<model>/<benchmark>.<strategy>.parquet`."""

from pathlib import Path

from frontiers.core.cli import UserError


def name_of(path: Path) -> tuple[str, str, str]:
    """Return model, benchmark and strategy from a path `<model>/<benchmark>.<strategy>.parquet`."""
    benchmark, dot, strategy = path.name.removesuffix(".parquet").rpartition(".")
    if not dot or path.suffix != ".parquet":
        raise UserError(f"{path}: expected a path that ends in <model>/<benchmark>.<strategy>.parquet")
    return path.parent.name, benchmark, strategy
