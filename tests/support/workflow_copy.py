"""A copy of the project to run Snakemake in, with a configuration of its own."""

import copy
import os
import re
import shutil
from pathlib import Path

import yaml

from support import forks
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

    def copied(self, folder: Path) -> "Workflow":
        """Return a copy of this copy at `folder`, with what it has made, their times included."""
        other = copy.copy(self)
        shutil.copytree(self.folder, folder, symlinks=True)
        other.folder, other.config, other.edited = folder, copy.deepcopy(self.config), {}
        return other

    def edit(self, name: str, content: bytes | None = None) -> None:
        """Give the file `name` of the copy other content; without any, an empty line, and a statement in Python."""
        path = self.folder / name
        self.edited.setdefault(path, (path.read_bytes(), path.stat()))
        more = b"\nEDITED = True\n" if path.suffix == ".py" else b"\n"
        path.write_bytes(path.read_bytes() + more if content is None else content)

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
        for name in ("published", "recorded"):
            self.config["studies"][name]["analysis"]["draws"] = 200
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

    def environment(self, variables=()) -> dict[str, str]:
        """Return the environment of a Snakemake, with more variables."""
        return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | dict(variables)

    def snakemake(self, *arguments, check=True, variables=(), **options):
        """Run Snakemake in the copy, with more environment variables; return the process with its output as text."""
        self.write()
        command = ["-m", "snakemake", "--cores", "2", *arguments]
        called = forks.python(command, self.folder, self.environment(variables), **options)
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

    def planned(self, *arguments) -> set[str]:
        """Return the files that a run would make now, as the dry run lists them."""
        text = self.snakemake("--dry-run", "--quiet", "host", *arguments)
        found = re.findall(r"^    output: (.*)$", text.stdout + text.stderr, re.MULTILINE)
        return {path for line in found for path in line.split(", ")}
