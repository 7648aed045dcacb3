"""The commands of conda that `snakemake --use-conda` calls, over py-rattler's solver and installer.

Called as `command.py ROOT COMMAND...` by ROOT/bin/conda. A channel is a folder below ROOT/channels, never the
network; the pip section goes to the new environment's own pip, called as conda calls it.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from rattler import Channel, ChannelPriority, Gateway, MatchSpec, Subdir, VirtualPackage, install, solve

VERSION = "24.7.1"  # the oldest that Snakemake 9 takes
KEYS = {"name", "channels", "dependencies"}


def main() -> None:
    """Do one command."""
    root = Path(sys.argv[1])
    parser = argparse.ArgumentParser(prog="conda")
    parser.add_argument("--version", action="version", version=f"conda {VERSION}")
    commands = parser.add_subparsers(required=True)
    asked = commands.add_parser("info")
    asked.add_argument("--json", action="store_true", required=True)
    about = {"conda_prefix": str(root), "platform": str(Subdir.current()), "conda_version": VERSION}
    asked.set_defaults(run=lambda _: print(json.dumps(about)))
    asked = commands.add_parser("config")
    asked.add_argument("--get", required=True)
    asked.add_argument("--json", action="store_true", required=True)
    asked.set_defaults(run=lambda arguments: print(json.dumps({"get": {arguments.get: "strict"}})))
    asked = commands.add_parser("env").add_subparsers(required=True).add_parser("create")
    asked.add_argument("--quiet", action="store_true")
    asked.add_argument("--no-default-packages", action="store_true")
    asked.add_argument("--file", type=Path, required=True)
    asked.add_argument("--prefix", type=Path, required=True)
    asked.set_defaults(run=lambda arguments: create(root, arguments.file, arguments.prefix))
    asked = commands.add_parser("clean")
    asked.add_argument("-y", action="store_true")
    asked.add_argument("--tarballs", action="store_true")
    asked.set_defaults(run=lambda _: None)  # the cache goes with the stand-in
    arguments = parser.parse_args(sys.argv[2:])
    arguments.run(arguments)


def create(root: Path, file: Path, prefix: Path) -> None:
    """Make the environment that `file` describes at `prefix`."""
    described = yaml.safe_load(file.read_text())
    if unknown := set(described) - KEYS:
        sys.exit(f"conda: {file}: unknown keys {sorted(unknown)}")
    specifications = [entry for entry in described["dependencies"] if isinstance(entry, str)]
    sections = [entry for entry in described["dependencies"] if not isinstance(entry, str)]
    if any(set(section) != {"pip"} for section in sections):
        sys.exit(f"conda: {file}: a section other than `pip`")
    channels = [root / "channels" / name for name in described["channels"]]
    if absent := [channel.name for channel in channels if not channel.is_dir()]:
        sys.exit(f"conda: {file}: no such channel here: {absent}")
    asyncio.run(link(root, channels, specifications, prefix))
    for section in sections:
        install_with_pip(file, section["pip"], prefix)


async def link(root: Path, channels: list[Path], specifications: list[str], prefix: Path) -> None:
    """Solve the specifications against the channels and install what that gives."""
    records = await solve(
        [Channel(channel.as_uri()) for channel in channels],
        [MatchSpec(specification, strict=True) for specification in specifications],
        gateway=Gateway(cache_dir=root / "cache/repodata"),
        platforms=[str(Subdir.current()), "noarch"],
        virtual_packages=VirtualPackage.detect(),
        channel_priority=ChannelPriority.Strict,
    )
    await install(records, prefix, cache_dir=root / "cache/packages", show_progress=False)


def install_with_pip(file: Path, requirements: list[str], prefix: Path) -> None:
    """Hand the pip section to the environment's pip."""
    if not (prefix / "bin/pip").exists():
        sys.exit(f"conda: {file}: a pip section, but no pip among the dependencies")
    with tempfile.NamedTemporaryFile("w", suffix=".requirements.txt", dir=file.parent) as listed:
        listed.write("\n".join(requirements) + "\n")
        listed.flush()
        pip = [prefix / "bin/python", "-m", "pip", "install", "-U", "-r", listed.name, "--exists-action=b"]
        done = subprocess.run(pip)
    if done.returncode:
        sys.exit(f"conda: {file}: pip ended with status {done.returncode}")


if __name__ == "__main__":
    main()
