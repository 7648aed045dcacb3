"""Downloads by the scripts, and the blocks they are told."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

import download_benchmark
import download_model
from frontiers.core.cli import UserError
from frontiers.data import checkpoints
from support import paths
from support.paths import ROOT

SHARED = paths.SHARED / "data" / "benchmarks"


needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="the benchmark files are not here")


CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())


FIELDS = {"answer_type": "number", "licence": "MIT", "source": "a test"}


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def run_benchmark(block: dict, output: Path, name: str = "sums") -> None:
    download_benchmark.main(["--name", name, "--block", json.dumps(block), "--output", str(output)])


def fails(call, *arguments, wanted: tuple[str, ...]) -> str:
    with pytest.raises(UserError) as error:
        call(*arguments)
    for text in wanted:
        assert text in str(error.value)
    return str(error.value)


def run_model(block: dict, output: Path, name: str = "tiny") -> dict:
    download_model.main(["--name", name, "--block", json.dumps(block), "--output", str(output)])
    return json.loads(output.read_text())


def make_checkpoint(folder: Path, shards: int = 1) -> Path:
    """Write a checkpoint of two tensors, in one file or two with an index."""
    folder.mkdir(parents=True)
    tensors = {"a": np.ones((4, 8), np.float32), "b": np.zeros(3, np.float16)}
    (folder / "config.json").write_text('{"model_type": "qwen3"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ x }}"}')
    (folder / "README.md").write_text("card")
    (folder / "training.json").write_text("{}")
    if shards == 1:
        save_file(tensors, folder / "model.safetensors")
    else:
        places = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
        for name, place in places.items():
            save_file({name: tensors[name]}, folder / place)
        (folder / checkpoints.INDEX).write_text(json.dumps({"weight_map": places}))
    return folder


def weights(folder: Path) -> Path:
    return folder / "model.safetensors"
