"""Checkpoints on disk: which files belong to them, and whether they are complete."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from frontiers.core.cli import UserError
from frontiers.core.files import matches, sha256_of

MODEL_FILES = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template*",
    "*processor_config.json",
    "*.tiktoken",
)
"""Names of the files of a checkpoint; others (cards, logs) change nothing that it writes."""
CODE = ("*.py",)
ELSEWHERE = ("*/*", "consolidated*")
"""Second copies of the weights in other formats, which some repositories have."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl", "*.msgpack", "*.h5")
INDEX = "model.safetensors.index.json"
WIDTHS = {
    **dict.fromkeys(("F64", "I64", "U64"), 64),
    **dict.fromkeys(("F32", "I32", "U32"), 32),
    **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
    **dict.fromkeys(("BOOL", "I8", "U8", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
    "F4": 4,
}
"""Bits per number, by its type in a safetensors header."""
POINTER = b"version https://git-lfs"


def refuse_pickles(place: str, names: list[str]) -> None:
    """Raise `UserError` if the weights are pickles only: loading one runs the code in it."""
    pickles = [name for name in names if matches(name, PICKLES)]
    if pickles and not any(name.endswith(".safetensors") for name in names):
        raise UserError(
            f"{place}: its weights are pickles only ({', '.join(pickles[:3])}), which can run code when "
            "loaded; use a revision with safetensors, or convert them"
        )


def read_header(path: Path) -> dict[str, dict]:
    """Return the tensors of a safetensors file by name: `dtype`, `shape` and `data_offsets` in bytes.

    The format is eight bytes of length, a JSON header of that length, the data
    (github.com/huggingface/safetensors). Raises `UserError`, with what was
    expected and what was found, unless the header can be read and the tensors
    fill the file without gaps.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(8)
            length = int.from_bytes(head, "little")
            if head + file.read(len(POINTER) - 8) == POINTER:
                raise UserError(f"{path}: a Git LFS pointer, not the weights; run git lfs pull")
            if size < 8 or length > size - 8:
                wanted = f"a header of {length:,} bytes" if size >= 8 else "the length of its header"
                raise UserError(f"{path}: damaged: expected {wanted}, found a file of {size:,} bytes")
            file.seek(8)
            header = json.loads(file.read(length))
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        ends = _check_layout(path, tensors)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{path}: damaged: not a safetensors header ({error})") from error
    if size != 8 + length + ends:
        raise UserError(f"{path}: damaged: expected {8 + length + ends:,} bytes, found {size:,}")
    return tensors


def _check_layout(path: Path, tensors: Mapping[str, Mapping]) -> int:
    """Return the bytes of data, after checking that the tensors fill them without gaps or overlaps."""
    end = 0
    for name, entry in sorted(tensors.items(), key=lambda item: item[1]["data_offsets"]):
        first, last = entry["data_offsets"]
        if first != end or last < first:
            raise UserError(f"{path}: damaged: tensor {name} should begin at byte {end:,}, found {first:,}")
        bits = WIDTHS.get(entry["dtype"])
        if bits and (wanted := math.prod(entry["shape"]) * bits // 8) != last - first:
            raise UserError(
                f"{path}: damaged: tensor {name} should take {wanted:,} bytes, found {last - first:,}"
            )
        end = last
    return end


def check_checkpoint(folder: Path, fix: str, weights: bool = True) -> dict:
    """Return the size of a checkpoint (`parameters`, `weight_bytes`) after checking that it is complete.

    Checks config.json, the tokenizer and, with `weights`, that every safetensors file is whole and has the
    tensors that the index expects in it. `fix` ends the message of the `UserError`.
    """
    try:
        config = _read_json(folder / "config.json")
        if "model_type" not in config:
            raise UserError(f"{folder / 'config.json'}: no `model_type`")
        _check_tokenizer(folder)
        if not weights:
            return {"parameters": None, "weight_bytes": None}
        tensors = read_tensors(folder)
    except KeyError as error:
        raise UserError(f"{folder / INDEX}: no {error}. {fix}") from error
    except UserError as error:
        raise UserError(f"{error}. {fix}") from error
    entries = tensors.values()
    return {
        "parameters": sum(math.prod(entry["shape"]) for entry in entries),
        "weight_bytes": sum(entry["data_offsets"][1] - entry["data_offsets"][0] for entry in entries),
    }


def read_tensors(folder: Path) -> dict[str, dict]:
    """Return the tensors of all weights of a checkpoint, as `read_header` does.

    Raises `UserError` when a file is missing or damaged, or lacks a tensor that the index expects in it.
    """
    index = folder / INDEX
    places = _read_json(index)["weight_map"] if index.exists() else {}
    names = sorted(set(places.values())) or own_files(folder, ["*.safetensors"])
    if not names:
        found = ", ".join(sorted(path.name for path in folder.glob("*"))[:8]) or "nothing"
        raise UserError(f"{folder}: no weights: expected *.safetensors, found {found}")
    if absent := [name for name in names if not (folder / name).exists()]:
        raise UserError(f"{folder}: missing {', '.join(absent)}, listed in the index")
    headers = {name: read_header(folder / name) for name in names}
    for tensor, name in places.items():
        if tensor not in headers[name]:
            raise UserError(f"{folder / name}: no tensor {tensor}, which the index expects in it")
    return {tensor: entry for header in headers.values() for tensor, entry in header.items()}


def _read_json(path: Path) -> dict:
    """Read a JSON object, or raise `UserError`."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UserError(f"{path}: damaged: not JSON ({error})") from error
    if not isinstance(content, dict):
        raise UserError(f"{path}: damaged: expected a JSON object, found {type(content).__name__}")
    return content


def _check_tokenizer(folder: Path) -> None:
    """Raise `UserError` unless there is a tokenizer."""
    _read_json(folder / "tokenizer_config.json")
    kinds = ("tokenizer.json", "tokenizer.model", "vocab.json", "*.tiktoken")
    if not any(list(folder.glob(kind)) for kind in kinds):
        raise UserError(f"{folder}: no tokenizer: expected one of {', '.join(kinds)}")
    if (folder / "tokenizer.json").exists():
        _read_json(folder / "tokenizer.json")


def files_of(trusted: bool, weights: bool = True) -> tuple[str, ...]:
    """Return the name patterns of a checkpoint's files, with its code if that is `trusted`."""
    names = MODEL_FILES + (CODE if trusted else ())
    return names if weights else tuple(name for name in names if "safetensors" not in name)


def own_files(folder: Path, patterns: Sequence[str]) -> list[str]:
    """Return the sorted names of a checkpoint's files that match, without second copies of the weights."""
    names = (path.name for path in folder.iterdir() if path.is_file())
    return sorted(name for name in names if matches(name, patterns) and not matches(name, ELSEWHERE))


def names_code(folder: Path) -> str | None:
    """Return the model type of a checkpoint with its own code (`auto_map`), else None."""
    config = _read_json(folder / "config.json")
    return str(config.get("model_type")) if "auto_map" in config else None


def checksums(
    folder: Path, trusted: bool = False, known: Mapping[str, str] | None = None, weights: bool = True
) -> dict[str, str]:
    """Return the sha256 of each file of the checkpoint, by name; those in `known` are not computed again."""
    names = own_files(folder, files_of(trusted, weights))
    return {name: (known or {}).get(name) or sha256_of(folder / name) for name in names}


def check_weights(folder: Path, sha256: str | None, fix: str) -> None:
    """Raise `UserError` unless the weights, concatenated by file name, have this checksum (None: any)."""
    files = [folder / name for name in own_files(folder, ["*.safetensors"])]
    if sha256 is not None and (found := sha256_of(*files)) != sha256:
        names = ", ".join(file.name for file in files)
        raise UserError(f"{folder}: {names}: expected sha256 {sha256}, found {found}. {fix}")
