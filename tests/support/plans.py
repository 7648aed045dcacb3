"""The plan of a study, made by its script."""

import json

import plan_study
from frontiers.core import tables
from frontiers.data import architecture_facts

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


def run(tmp_path, request, *more):
    root = architecture_facts.FOLDER.parents[1]
    options = {
        "--request": json.dumps(request),
        "--published": root / "data/published/open_models.csv",
        "--lengths": root / "data/published/lengths.csv",
        "--device": root / "data/hardware/h100.yaml",
        "--downloads": tmp_path / "none",
        "--output": tmp_path / "plan.parquet",
        "--summary": tmp_path / "plan.txt",
        "--jobs": tmp_path / "plan.json",
    }
    plan_study.main([*(str(word) for pair in options.items() for word in pair), *more])
    return tables.read_table(tmp_path / "plan.parquet", "plan")
