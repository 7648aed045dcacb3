"""Repositories of the Hugging Face Hub as folders: found on this machine, or fetched at a known commit and verified.

Every repository lies in a folder of its own, `<root>/datasets/<organisation>/<name>/<commit>` or
`<root>/models/...`, with the files as they are in the repository. So a copy of `<root>` is a mirror for
machines without a network. Code and pickles are not among the files.
"""

import errno
import hashlib
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TypeVar

import httpx2
from huggingface_hub import HfApi, constants, errors, hf_hub_download, snapshot_download
from huggingface_hub.utils import disable_progress_bars

from frontiers.core.cli import UserError, say
from frontiers.core.files import matches, sha256_of
from frontiers.core.single_writer import held

T = TypeVar("T")

FOLDERS = {"dataset": "datasets", "model": "models"}
COMMIT = re.compile("[0-9a-f]{40}")
RECORDS = ".cache/huggingface/download"
"""Where huggingface_hub notes, beside a folder it filled, the commit and the checksum of each file."""
WAITS = (2, 10, 30)
"""Seconds between attempts where what went wrong may pass."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
LONGEST_WAIT = 600
TOGETHER = 4


@dataclass(frozen=True)
class Snapshot:
    """The files of a repository at one commit (None where nobody noted it).

    `origin` tells where they were found: "hub", "mirror" or "cache". `sums` are the sha256 that have been
    verified, by file name.
    """

    folder: Path
    commit: str | None
    origin: str
    sums: Mapping[str, str] = field(default_factory=dict)


def offline() -> bool:
    """Return whether the user has said that this machine is to do without the Hub."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@dataclass(frozen=True)
class Wanted:
    """Files of the repository that a block of config.yaml names: those that fit `patterns` and not `left_out`.

    `kind` is "dataset" or "model". `inspect` is given the names of all its files before any is fetched, and
    raises `UserError` where the repository will not do.
    """

    kind: str
    block: Mapping
    patterns: Sequence[str]
    left_out: Sequence[str] = ()
    inspect: Callable[[list[str]], None] = lambda names: None

    def __contains__(self, name: str) -> bool:
        """Return whether the file of that name is wanted."""
        return matches(name, self.patterns) and not matches(name, self.left_out)

    def folder(self, root: Path, commit: str) -> Path:
        """Return where the files of a commit lie under `root`."""
        return root / FOLDERS[self.kind] / self.block["repository"] / commit

    def command(self, root: Path) -> str:
        """Return the command that puts them there on a machine with a network."""
        repository, revision = self.block["repository"], self.block["revision"]
        return (
            f"hf download {repository} --repo-type {self.kind} --revision {revision} "
            f"--local-dir {self.folder(root, revision)}"
        )


def snapshot(wanted: Wanted, root: Path) -> Snapshot:
    """Return the wanted files of a repository.

    Offline (HF_HUB_OFFLINE) they are looked for under `root`, then in the Hub's own cache; else they are
    fetched to `root`, as far as they are not there yet. Either way each file is checked against the checksum
    that the Hub keeps, where it was noted. Raises `UserError`.
    """
    return _found(wanted, root) if offline() else _fetched(wanted, root)


def _fetched(wanted: Wanted, root: Path) -> Snapshot:
    repository, revision = wanted.block["repository"], wanted.block["revision"]
    with explained(wanted, root):
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        info = _patiently(
            repository,
            lambda: api.repo_info(repository, repo_type=wanted.kind, revision=revision, files_metadata=True),
        )
        wanted.inspect([file.rfilename for file in info.siblings])
        listed = {file.rfilename: file for file in info.siblings if file.rfilename in wanted}
        target = wanted.folder(root, info.sha)
        target.mkdir(parents=True, exist_ok=True)
        with held(target, inf):
            missing = sum(file.size or 0 for name, file in listed.items() if not (target / name).exists())
            if missing > (free := shutil.disk_usage(target).free):
                raise UserError(
                    f"{repository}: {missing / 2**30:.1f} GiB are to come, {free / 2**30:.1f} GiB are free under "
                    f"{root}; make room"
                )
            if missing:
                say(f"{repository}: {missing / 2**20:,.1f} MiB to come")
            if not sys.stderr.isatty():
                disable_progress_bars()
            _patiently(repository, lambda: _download(wanted, info.sha, target, listed))
            sums = {name: file.lfs.sha256 if file.lfs else file.blob_id for name, file in listed.items()}
            return Snapshot(target, info.sha, "hub", _verified(target, sums, ours=True))


def _download(wanted: Wanted, commit: str, target: Path, names: Iterable[str]) -> None:
    """Fetch those of the files that are not in `target` yet, some at a time."""

    def fetch(name: str) -> None:
        hf_hub_download(
            wanted.block["repository"],
            name,
            repo_type=wanted.kind,
            revision=commit,
            local_dir=target,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )

    with ThreadPoolExecutor(TOGETHER) as pool:
        list(pool.map(fetch, names))


def _found(wanted: Wanted, root: Path) -> Snapshot:
    revision = wanted.block["revision"]
    folder = wanted.folder(root, revision)
    if folder.is_dir():
        wanted.inspect([str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()])
        records = {
            str(path.relative_to(folder / RECORDS))[: -len(".metadata")]: path.read_text().split()
            for path in (folder / RECORDS).rglob("*.metadata")
        }
        commits = {record[0] for record in records.values()}
        commit = revision if COMMIT.fullmatch(revision) else commits.pop() if len(commits) == 1 else None
        if odd := commits - {commit}:
            raise UserError(f"{folder}: it holds files of commit {odd.pop()}; fetch {revision} into it")
        return Snapshot(
            folder, commit, "mirror", _verified(folder, {name: r[1] for name, r in records.items()})
        )
    try:
        cached = Path(
            snapshot_download(
                wanted.block["repository"],
                repo_type=wanted.kind,
                revision=revision,
                allow_patterns=list(wanted.patterns),
                ignore_patterns=list(wanted.left_out),
                local_files_only=True,
                cache_dir=constants.HF_HUB_CACHE,
            )
        )
    except (errors.LocalEntryNotFoundError, errors.IncompleteSnapshotError) as error:
        part = "only in part" if isinstance(error, errors.IncompleteSnapshotError) else "not"
        raise UserError(
            f"{wanted.block['repository']} at {revision} is {part} on this machine, and HF_HUB_OFFLINE is set. "
            f"Looked for in {folder} and in the Hub's cache {constants.HF_HUB_CACHE}. On a machine with a network run\n"
            f"  {wanted.command(root)}\nand copy that folder to the same place here, or name the folder "
            "above `datasets/` and `models/` in FRONTIERS_HUB"
        ) from error
    # The cache names each file's content by its checksum.
    blobs = {str(p.relative_to(cached)): p.resolve().name for p in cached.rglob("*") if p.is_symlink()}
    return Snapshot(cached, cached.name, "cache", _verified(cached, blobs))


def _verified(folder: Path, sums: Mapping[str, str], ours: bool = False) -> dict[str, str]:
    """Return those of `sums` that are sha256, after checking the files that are there against all of them.

    A sum of 64 digits is the file's sha256, one of 40 that of git. A damaged file of `ours` is removed.
    """
    for name, expected in sums.items():
        path = folder / name
        if not path.exists() or len(expected) not in (40, 64):
            continue
        if (found := sha256_of(path) if len(expected) == 64 else git_sum(path)) != expected:
            if ours:
                path.unlink()
            mend = "It has been removed: run the same command again" if ours else "Fetch it again"
            raise UserError(f"{path}: damaged: its checksum is {found}, the Hub says {expected}. {mend}")
    return {name: expected for name, expected in sums.items() if len(expected) == 64}


def git_sum(path: Path) -> str:
    """Return the name that git gives to a file's content: sha1 of a header with its length, then the content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _cause(error: BaseException) -> BaseException:
    """Return what lies behind "it is not in the cache either"."""
    while isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _status(error: BaseException) -> int | None:
    """Return the status with which a server has refused, None if it was something else."""
    response = getattr(error, "response", None)
    return None if response is None else response.status_code


def _patiently(what: str, call: Callable[[], T]) -> T:
    """Return what `call` gives, calling again where what goes wrong may pass."""
    for wait in (*WAITS, None):
        try:
            return call()
        except (httpx2.HTTPError, OSError) as error:
            cause = _cause(error)
            short = isinstance(cause, OSError) and "Consistency check failed" in str(cause)
            broken = isinstance(cause, httpx2.TransportError)
            if wait is None or not (short or broken or _status(cause) in PASSING):
                raise
            response = getattr(cause, "response", None)
            asked = response.headers.get("Retry-After", "") if response is not None else ""
            wait = min(int(asked), LONGEST_WAIT) if asked.isdigit() else wait
            say(f"{what}: {_first_line(cause)}; trying again in {wait} s")
            time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _first_line(error: BaseException) -> str:
    """Return kind and beginning of an error's message."""
    line = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {line[:200]}"


@contextmanager
def explained(wanted: Wanted, root: Path) -> Iterator[None]:
    """Turn what can go wrong with the Hub into a `UserError` that says how to mend it."""
    try:
        yield
    except (httpx2.HTTPError, OSError) as error:
        raise UserError(f"{wanted.block['repository']}{_meaning(_cause(error), wanted, root)}") from error


def _meaning(error: BaseException, wanted: Wanted, root: Path) -> str:
    """Return what an error of the Hub means, to be read after the name of the repository."""
    status, token = _status(error), bool(os.environ.get("HF_TOKEN"))
    address = ("datasets/" if wanted.kind == "dataset" else "") + wanted.block["repository"]
    again = "then run the same command again: it goes on where it stopped"
    if isinstance(error, errors.GatedRepoError):
        signed = "that HF_TOKEN belongs to" if token else "and set HF_TOKEN to a token of that account"
        return (
            f" is gated: accept its terms at https://huggingface.co/{address} with the account {signed}, wait "
            f"until access is granted, {again}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f" has no revision {wanted.block['revision']}; correct `revision` in config.yaml"
    if status == 401 and token:
        return " is refused (401): HF_TOKEN is not valid, or this repository is not there; correct either"
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 404):
        return " is not on the Hub, or is private: correct `repository` in config.yaml or set HF_TOKEN"
    if status == 403:
        return " is refused (403): give the token of HF_TOKEN the right to read it"
    if status == 429:
        hint = "" if token else " With HF_TOKEN set the limits are higher."
        return f": the Hub asks to slow down (429). Wait some minutes, {again}.{hint}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f": no space left under {root}. Make room, {again}"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS):
        return f": {error.filename or root} cannot be written; correct its rights or FRONTIERS_HUB"
    return (
        f": the download failed ({_first_line(error)}). Check network and disk, {again}. On a machine without a "
        f"network set HF_HUB_OFFLINE=1 and put the files under {root}"
    )
