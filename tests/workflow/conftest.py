"""A disk that can be full."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path):
    """A function that puts a disk of so many bytes at a folder; it can be made larger or read-only afterwards."""
    mounted = []

    def mount(folder: Path, options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        if folder in mounted:
            options = f"remount,{options}"
        called = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True
        )
        if called.returncode:
            pytest.skip(f"no disk can be mounted here: {called.stderr.strip()}")
        mounted.append(folder)
        if "ro" not in options:
            (folder / "other").touch()  # Snakemake removes an empty folder, which this one cannot be

    yield mount
    for folder in dict.fromkeys(mounted):
        subprocess.run(["umount", folder], check=True)
