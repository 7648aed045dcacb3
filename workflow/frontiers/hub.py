"""What is fetched from the Hugging Face Hub: at a known commit, without code and without pickles."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from huggingface_hub import HfApi, errors, snapshot_download

from frontiers.checkpoints import MODEL_FILES, matches, refuse_pickles
from frontiers.cli import UserError
from frontiers.files import sha256_of

CODE = ("*.py",)
ELSEWHERE = ("*/*", "consolidated*")
"""Second copies of the weights in other forms, which some repositories hold."""


def _first_line(error: Exception) -> str:
    """Return the beginning of an error's message."""
    return (str(error).strip().splitlines() or ["no message"])[0][:200]


@contextmanager
def explained(repository: str, revision: str) -> Iterator[None]:
    """Turn what can go wrong with the Hub into a `UserError` that says how to mend it."""
    try:
        yield
    except errors.GatedRepoError as error:
        raise UserError(
            f"{repository} is gated: accept its terms at https://huggingface.co/{repository} and set "
            "HF_TOKEN to a token of that account"
        ) from error
    except errors.RevisionNotFoundError as error:
        raise UserError(
            f"{repository} has no revision {revision}; correct `revision` in config.yaml"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise UserError(
            f"{repository} is not on the Hub, or is private: correct `repository` in config.yaml or set "
            "HF_TOKEN"
        ) from error
    except (errors.HTTPError, OSError) as error:
        raise UserError(
            f"{repository}: the download failed ({type(error).__name__}: {_first_line(error)}). Check "
            "network and disk, then run the same command again: it goes on where it stopped"
        ) from error


def dataset_rows(block: Mapping) -> tuple[list[dict], str]:
    """Return the rows of a benchmark's data set and the commit they come from."""
    import datasets

    repository, revision = block["repository"], block["revision"]
    with explained(repository, revision):
        commit = HfApi().dataset_info(repository, revision=revision).sha
        try:
            table = datasets.load_dataset(
                repository, block.get("subset"), split=block["split"], revision=commit
            )
        except (ValueError, datasets.exceptions.DatasetsError) as error:
            raise UserError(
                f"{repository}: `datasets` could not read it ({_first_line(error)}). "
                "Check `subset` and `split` in config.yaml"
            ) from error
    return table.to_list(), commit


def snapshot(block: Mapping, folder: Path) -> tuple[Path, str]:
    """Fetch a checkpoint into a folder of its own under `folder`; return that folder and the commit.

    Only configuration, tokenizer and safetensors come (and code where the block
    trusts it); weights are checked against the checksums the Hub keeps.
    Raises `UserError` for a repository without safetensors, a disk too small
    and weights that are not what the Hub says.
    """
    repository, revision = block["repository"], block["revision"]
    wanted = MODEL_FILES + (CODE if block.get("trust_remote_code") else ())
    with explained(repository, revision):
        info = HfApi().model_info(repository, revision=revision, files_metadata=True)
        listed = {
            file.rfilename: file
            for file in info.siblings
            if matches(file.rfilename, wanted) and not matches(file.rfilename, ELSEWHERE)
        }
        refuse_pickles(repository, [file.rfilename for file in info.siblings])
        target = folder / repository.replace("/", "--") / info.sha
        target.mkdir(parents=True, exist_ok=True)
        missing = sum(file.size or 0 for name, file in listed.items() if not (target / name).exists())
        if missing > (free := shutil.disk_usage(target).free):
            raise UserError(
                f"{repository}: {missing / 2**30:.1f} GiB are to come, {free / 2**30:.1f} GiB are free under "
                f"{folder}; make room"
            )
        snapshot_download(
            repository,
            revision=info.sha,
            local_dir=target,
            allow_patterns=list(wanted),
            ignore_patterns=list(ELSEWHERE),
        )
    for name, file in listed.items():
        if file.lfs and (found := sha256_of(target / name)) != file.lfs.sha256:
            raise UserError(
                f"{target / name}: damaged: its sha256 is {found}, the Hub says {file.lfs.sha256}. "
                "Delete the file and run again"
            )
    return target, info.sha
