"""A marker that tells Snakemake to grant a model's next job its GPUs.

A job that only makes its tables anew is granted none. If it then finds that requests must be decoded, it leaves
the marker and stops; the next job that had its GPUs removes it.
"""

from pathlib import Path


def marker(journal_dir: Path, model: str) -> Path:
    """Return the file whose existence says that the next job of `model` must be granted its GPUs."""
    return Path(journal_dir) / model / "needs-devices"


def needs_devices(journal_dir: Path, model: str) -> bool:
    """Return whether a job of `model` stopped because it was granted too few GPUs."""
    return marker(journal_dir, model).exists()


def ask_for_devices(journal_dir: Path, model: str, code: str | None) -> Path:
    """Write the marker, which holds the digest of the code that found requests missing; return it."""
    path = marker(journal_dir, model)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{code or ''}\n")
    return path


def clear(journal_dir: Path, model: str) -> None:
    """Remove the marker, if there is one."""
    marker(journal_dir, model).unlink(missing_ok=True)
