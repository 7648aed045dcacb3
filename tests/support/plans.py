"""The plan of a study, made by its script."""

import json

import pytest

import plan_study
from frontiers.core import tables

CONFIG = {
    "architectures": ["Qwen3ForCausalLM"],
    "vocab_size": 1000,
    "hidden_size": 64,
    "head_dim": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 128,
    "dtype": "bfloat16",
}


ANSWER = {"low": 5, "likely": 10, "high": 20}


@pytest.fixture
def request_of(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    model = {
        "path": str(folder),
        "style": "markers",
        "devices": 2,
        "context": 4096,
        "batch": 64,
        "caps": [0, 64, None],
        "samples": {"b": 2},
    }
    known = {"rows": 5, "expected_tokens": {"prompt": 40, "trace": {"low": 50, "likely": 90, "high": 200}}}
    return {
        "benchmarks": {"b": known},
        "models": {"m": model},
        "strategies": ["cot"],
        "answer_tokens": ANSWER,
    }


def run(tmp_path, request, *more):
    root = plan_study.catalogue.FOLDER.parents[1]
    options = {
        "--request": json.dumps(request),
        "--published": root / "data/published/open_models.csv",
        "--device": root / "data/hardware/h100.yaml",
        "--downloads": tmp_path / "none",
        "--output": tmp_path / "plan.parquet",
        "--summary": tmp_path / "plan.txt",
        "--jobs": tmp_path / "plan.json",
    }
    plan_study.main([*(str(word) for pair in options.items() for word in pair), *more])
    return tables.read_table(tmp_path / "plan.parquet", "plan")
