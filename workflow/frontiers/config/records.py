"""What Snakemake has recorded of the files it made."""

from base64 import urlsafe_b64encode
from pathlib import Path

FOLDER = Path(".snakemake/metadata")
LONGEST = 255
"""Bytes in the name of a file, beyond which Snakemake divides it among folders."""


def is_recorded(path: Path) -> bool:
    """Return whether Snakemake has recorded parameters and code of the file at `path`, as it was named by its rule.

    A name too long for one file counts as recorded.
    """
    name = urlsafe_b64encode(str(path).encode()).decode()
    return len(name) >= LONGEST or (FOLDER / name).exists()
