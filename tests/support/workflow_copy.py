"""A copy of the project to run Snakemake in, with a configuration of its own."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from support import fork_client, forks
from support.paths import ROOT

COPIED = ["Snakefile", "config.yaml", "workflow", "envs", "data", "profiles"]


class Workflow:
    """A copy of the project at `folder`; `config` is its config.yaml as a mapping, written before each call."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for name in COPIED:
            if (ROOT / name).is_dir():
                ignored = (
                    ("benchmarks",) if name == "data" else ("*.pyc.*",)
                )  # what Python is writing just now
                shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*ignored))
            else:
                shutil.copy(ROOT / name, folder / name)
        for downloaded in ("benchmarks", "models", "hub"):
            shutil.rmtree(folder / "data" / downloaded, ignore_errors=True)
        self.config = yaml.safe_load((ROOT / "config.yaml").read_text())
        self.edited = {}

    def edit(self, name: str, content: bytes | None = None) -> None:
        """Give the file `name` of the copy other content, one more empty line without any."""
        path = self.folder / name
        self.edited.setdefault(path, (path.read_bytes(), path.stat()))
        path.write_bytes(path.read_bytes() + b"\n" if content is None else content)

    def restore(self) -> None:
        """Put back what `edit` has changed, with its times."""
        for path, (content, state) in self.edited.items():
            path.write_bytes(content)
            os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
        self.edited.clear()

    def shrink(self, models, benchmarks, caps, problems, **pocket):
        """Make the pocket study small: the first `problems` of each benchmark, and few draws."""
        import hashlib

        study = self.config["studies"]["pocket"]
        study |= {"models": list(models), "benchmarks": list(benchmarks), "caps": list(caps), **pocket}
        study["analysis"]["draws"] = 200
        self.config["studies"]["published"]["analysis"]["draws"] = 200
        self.config["run"] = ["pocket"]
        for name in benchmarks:
            path = self.folder / self.config["benchmarks"][name]["path"]
            lines = path.read_bytes().splitlines(keepends=True)[:problems]
            path.write_bytes(b"".join(lines))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self.config["benchmarks"][name] |= {"rows": len(lines), "sha256": digest}

    def write(self) -> None:
        """Write the configuration."""
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config, sort_keys=False))

    def snakemake(self, *arguments, check=True, variables=(), **options):
        """Run Snakemake in the copy, with more environment variables; return the process with its output as text."""
        self.write()
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | dict(variables)
        command = ["-m", "snakemake", "--cores", "2", *arguments]
        folder = os.environ.get(forks.VARIABLE)
        if not folder or options or any(name.startswith("PYTHON") for name in dict(variables)):
            called = subprocess.run(
                [sys.executable, *command],
                cwd=self.folder,
                env=environment,
                capture_output=True,
                text=True,
                **options,
            )
        else:
            with (
                tempfile.TemporaryFile("w+") as out,
                tempfile.TemporaryFile("w+") as err,
                open(os.devnull) as nothing,
            ):
                descriptors = [file.fileno() for file in (nothing, out, err)]
                status = fork_client.run(folder, "study", command, str(self.folder), environment, descriptors)
                out.seek(0)
                err.seek(0)
                called = subprocess.CompletedProcess(command, status, out.read(), err.read())
        if check and called.returncode:
            raise AssertionError(called.stdout[-3000:] + called.stderr[-6000:])
        return called

    def jobs(self, *arguments) -> dict[str, int]:
        """Return the jobs a run would do now, by rule, as the dry run counts them."""
        text = self.snakemake("--dry-run", "--quiet", "host", *arguments)
        table = (text.stdout + text.stderr).partition("Job stats:")[2]
        counts = dict(re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE))
        counts.pop("total", None)
        counts.pop("all", None)
        return {rule: int(count) for rule, count in counts.items()}
