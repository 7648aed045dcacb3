"""Repositories of the Hugging Face Hub as folders: found on this machine, or downloaded at a known commit and verified.

Every repository has its own folder, `<root>/datasets/<organisation>/<name>/<commit>` or `<root>/models/...`,
with the files as they are in the repository. So a copy of `<root>` is a mirror for machines without a network.
Code and pickles are not downloaded.
"""

import errno
import hashlib
import os
import re
import shlex
import shutil
import sys
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
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from frontiers.core.cli import UserError, say
from frontiers.core.files import matches, sha256_of
from frontiers.core.single_writer import held

T = TypeVar("T")

FOLDERS = {"dataset": "datasets", "model": "models"}
COMMIT = re.compile("[0-9a-f]{40}")
RECORDS = ".cache/huggingface/download"
"""Where huggingface_hub records, inside a folder it filled, the commit and the checksum of each file."""
WAITS = (2, 10, 30)
"""Seconds between attempts after an error that may be temporary."""
LONGEST_WAIT = 600
"""Most seconds that a server may ask to wait."""
TEMPORARY = (408, 425, 429, 500, 502, 503, 504)
CONCURRENT = 4
"""Files downloaded at the same time."""


@dataclass(frozen=True)
class Snapshot:
    """The files of a repository at one commit (None where it was not recorded).

    `origin` is "hub", "mirror" or "cache". `sums` are the verified sha256, by file name.
    """

    folder: Path
    commit: str | None
    origin: str
    sums: Mapping[str, str] = field(default_factory=dict)


def offline() -> bool:
    """Return whether HF_HUB_OFFLINE is set."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


@dataclass(frozen=True)
class Wanted:
    """Files of the repository of a block of config.yaml: those that match `patterns` and not `left_out`.

    `kind` is "dataset" or "model". `inspect` gets the names of all files before any download, and raises
    `UserError` to refuse the repository.
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
        """Return the folder of a commit under `root`."""
        return root / FOLDERS[self.kind] / self.block["repository"] / commit

    def command(self, root: Path) -> str:
        """Return the command that downloads them to `root` on a machine with a network."""
        repository, revision = self.block["repository"], self.block["revision"]
        chosen = "".join(f" --include {shlex.quote(pattern)}" for pattern in self.patterns)
        return (
            f"hf download {repository} --repo-type {self.kind} --revision {revision}{chosen} "
            f"--local-dir {self.folder(root, revision)}"
        )


def snapshot(wanted: Wanted, root: Path) -> Snapshot:
    """Return the wanted files of a repository.

    Offline (HF_HUB_OFFLINE) they are looked for under `root`, then in the Hub's own cache; online those that
    are missing are downloaded to `root`. Either way each file is checked against the Hub's checksum, where that
    was recorded. Raises `UserError`.
    """
    return _found(wanted, root) if offline() else _fetched(wanted, root)


def _fetched(wanted: Wanted, root: Path) -> Snapshot:
    repository, revision = wanted.block["repository"], wanted.block["revision"]
    with explained(wanted, root):
        api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
        info = _with_retries(
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
                    f"{repository}: {missing / 2**30:.1f} GiB left to download, {free / 2**30:.1f} GiB free under "
                    f"{root}; free some space"
                )
            if missing:
                say(f"{repository}: {missing / 2**20:,.1f} MiB left to download")
            if not sys.stderr.isatty():
                disable_progress_bars()
            _with_retries(repository, lambda: _download(wanted, info.sha, target, listed))
            sums = {name: file.lfs.sha256 if file.lfs else file.blob_id for name, file in listed.items()}
            return Snapshot(target, info.sha, "hub", _verified(target, sums, ours=True))


def _download(wanted: Wanted, commit: str, target: Path, names: Iterable[str]) -> None:
    """Download the files that are not in `target` yet, some at a time."""

    def fetch(name: str) -> None:
        hf_hub_download(
            wanted.block["repository"],
            name,
            repo_type=wanted.kind,
            revision=commit,
            local_dir=target,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )

    with ThreadPoolExecutor(CONCURRENT) as pool:
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
            raise UserError(f"{folder}: it has files of commit {odd.pop()}; download {revision} into it")
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
        part = "only partly" if isinstance(error, errors.IncompleteSnapshotError) else "not"
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
    """Return those of `sums` that are sha256, after checking the files in `folder` against all of them.

    A sum of 64 digits is the file's sha256, one of 40 is git's. A damaged file of `ours` is removed.
    """
    for name, expected in sums.items():
        path = folder / name
        if not path.exists() or len(expected) not in (40, 64):
            continue
        if (found := sha256_of(path) if len(expected) == 64 else git_sum(path)) != expected:
            if ours:
                path.unlink()
            fix = "It has been removed: rerun the command" if ours else "Download it again"
            raise UserError(f"{path}: damaged: its checksum is {found}, the Hub says {expected}. {fix}")
    return {name: expected for name, expected in sums.items() if len(expected) == 64}


def git_sum(path: Path) -> str:
    """Return git's id of a file's content: sha1 of a header with its length, then the content."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _cause(error: BaseException) -> BaseException:
    """Return the error behind huggingface_hub's "not in the cache either"."""
    while isinstance(error, errors.LocalEntryNotFoundError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an error, None if it has none."""
    response = getattr(error, "response", None)
    return None if response is None else response.status_code


def _with_retries(what: str, call: Callable[[], T]) -> T:
    """Return what `call` returns, retrying after temporary errors; `what` names it in messages."""

    def announce(state: RetryCallState) -> None:
        say(f"{what}: {_first_line(_failure(state))}; trying again in {state.upcoming_sleep} s")

    retrying = Retrying(
        retry=retry_if_exception(_temporary),
        stop=stop_after_attempt(len(WAITS) + 1),
        wait=_wait,
        before_sleep=announce,
        reraise=True,
    )
    return retrying(call)


def _temporary(error: BaseException) -> bool:
    """Return whether an error may be gone at the next attempt."""
    if not isinstance(error, httpx2.HTTPError | OSError):
        return False
    cause = _cause(error)
    cut_short = isinstance(cause, OSError) and "Consistency check failed" in str(cause)
    return cut_short or isinstance(cause, httpx2.TransportError) or _status(cause) in TEMPORARY


def _wait(state: RetryCallState) -> int:
    """Return the seconds to wait: what the server asks for, at most `LONGEST_WAIT`, else those of `WAITS`."""
    response = getattr(_failure(state), "response", None)
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    return (
        min(int(asked), LONGEST_WAIT) if asked.isdigit() else WAITS[min(state.attempt_number, len(WAITS)) - 1]
    )


def _failure(state: RetryCallState) -> BaseException:
    """Return the cause of the last attempt's error."""
    return _cause(state.outcome.exception())


def _first_line(error: BaseException) -> str:
    """Return the type of an error and the first line of its message."""
    line = (str(error).strip().splitlines() or ["no message"])[0]
    return f"{type(error).__name__}: {line[:200]}"


@contextmanager
def explained(wanted: Wanted, root: Path) -> Iterator[None]:
    """Turn the errors of the Hub into a `UserError` with the fix."""
    try:
        yield
    except (httpx2.HTTPError, OSError) as error:
        raise UserError(f"{wanted.block['repository']}{_meaning(_cause(error), wanted, root)}") from error


def _meaning(error: BaseException, wanted: Wanted, root: Path) -> str:
    """Return what an error of the Hub means, to follow the name of the repository."""
    status, token = _status(error), bool(os.environ.get("HF_TOKEN"))
    address = ("datasets/" if wanted.kind == "dataset" else "") + wanted.block["repository"]
    again = "then rerun the command: it continues where it stopped"
    if isinstance(error, errors.GatedRepoError):
        signed = "that HF_TOKEN belongs to" if token else "and set HF_TOKEN to a token of that account"
        return (
            f" is gated: accept its terms at https://huggingface.co/{address} with the account {signed}, wait "
            f"until access is granted, {again}"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return f" has no revision {wanted.block['revision']}; correct `revision` in config.yaml"
    if status == 401 and token:
        return " is refused (401): HF_TOKEN is not valid, or there is no such repository; correct either"
    if isinstance(error, errors.RepositoryNotFoundError) or status in (401, 404):
        return " is not on the Hub, or is private: correct `repository` in config.yaml or set HF_TOKEN"
    if status == 403:
        return " is refused (403): permit the token in HF_TOKEN to read it"
    if status == 429:
        hint = "" if token else " Setting HF_TOKEN raises the limits."
        return f": too many requests (429). Wait some minutes, {again}.{hint}"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f": no space left under {root}. Free some space, {again}"
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EROFS):
        return f": {error.filename or root} cannot be written; fix its permissions, or set FRONTIERS_HUB to another folder"
    return (
        f": the download failed ({_first_line(error)}). Check network and disk, {again}. On a machine without a "
        f"network set HF_HUB_OFFLINE=1 and put the files under {root}"
    )
