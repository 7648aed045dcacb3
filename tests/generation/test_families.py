"""Every model of the open-reasoning study, as a checkpoint of random weights, from download to counted compute.

Small dimensions of the real classes, with the model's own block of config.yaml: thinking, sampling, template, engine
arguments. On a CPU; gpt-oss without its quantisation, which vLLM has for GPUs only.
"""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
import yaml

from frontiers.config import study as registry
from frontiers.config.load import load
from frontiers.core import sealed
from support.family_checkpoints import HARMONY, MODELS, save, shape_of
from support.paths import ROOT

CONFIG = load(yaml.safe_load((ROOT / "config.yaml").read_text()))
STUDY = CONFIG["studies"]["open-reasoning"]
CAPS = [0, 8, 24, None]
STEPS = """
import json, sys
from pathlib import Path
import count_compute, download_model, generate, grade, preflight_model
for step, arguments in json.loads(sys.stdin.read()):
    globals()[step].main(arguments)
"""
CHOSEN = {"yarn": "deepseek-r1-0528-qwen3-8b", "gemma3": "gemma-3-4b-it", "gemma3n": "gemma-3n-e2b-it"}


def block_of(name):
    """Return the model's block for its small checkpoint: the override is that of small positions."""
    block = json.loads(json.dumps(CONFIG["models"][name]))
    if "engine" in block:
        block["engine"]["arguments"]["hf_overrides"]["rope_parameters"][
            "original_max_position_embeddings"
        ] = 128
    return block


def engine_of(block):
    small = {
        "device": "cpu",
        "dtype": "float32",
        "max_model_len": 512,
        "max_num_seqs": 8,
        "kv_cache_gib": 0.125,
    }
    return registry.engine({"engine": small | {"piece_tokens": 4096}}, block)


def run(name, folder, block=None):
    """Take a model through all steps, in one process; return its output folder."""
    save(name, folder / "checkpoint")
    block = block or block_of(name)
    problems = folder / "short-chains.jsonl"
    lines = (ROOT / "data/pocket/problems/short-chains.jsonl").read_bytes().splitlines(keepends=True)
    problems.write_bytes(b"".join(lines[:3]))
    manifest, out = folder / "model.json", folder / "out"
    shared = [
        "--model", name, "--identity", registry.identity(block), "--manifest", str(manifest),
        "--problems", str(problems), "--seed", "7", "--date", STUDY["date"], "--engine", engine_of(block),
        "--journal-dir", str(folder / "journal"),
    ]  # fmt: skip
    table = out / "short-chains.cot.parquet"
    steps = [
        (
            "download_model",
            ["--name", name, "--block", json.dumps({"path": str(folder / "checkpoint")}), "--output", str(manifest)],
        ),
        ("preflight_model", [*shared, "--output", str(folder / "preflight.json")]),
        (
            "generate",
            [*shared, "--samples", '{"short-chains": 2}', "--strategy", "cot", "--caps", json.dumps(CAPS),
             "--answer-tokens", "16", "--preflight", str(folder / "preflight.json"), "--output-dir", str(out)],
        ),
        ("grade", ["--generations", str(table), "--problems", str(problems), "--output", str(folder / "grades.parquet")]),
        (
            "count_compute",
            ["--generations", str(table), "--config-json", str(folder / "model.config.json"),
             "--output", str(folder / "compute.parquet")],
        ),
    ]  # fmt: skip
    paths = [str(ROOT / path) for path in ("workflow", "workflow/scripts")]
    called = subprocess.run(
        [sys.executable, "-c", STEPS],
        input=json.dumps(steps),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert called.returncode == 0, called.stderr[-4000:]
    return out


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_a_model_goes_from_download_to_counted_compute(name, tmp_path):
    out = run(name, tmp_path)
    flight = sealed.read(tmp_path / "preflight.json")
    assert flight["passed"] and len(flight["checks"]) == 9, flight
    rows = pd.read_parquet(out / "short-chains.cot.parquet")
    assert len(rows) == 3 * 2 * len(CAPS)
    assert rows["cap"].isna().sum() == 6 and (rows["reasoning_tokens"] <= rows["cap"].fillna(512)).all()
    cut = rows[rows["cap"].notna() & ~rows["ended"]]
    assert (cut["answer_tokens"] > 0).all() and len(cut)
    assert set(pd.read_parquet(tmp_path / "grades.parquet")["correct"].dropna()) <= {True, False}
    compute = pd.read_parquet(tmp_path / "compute.parquet")
    assert len(compute) == len(rows) and (compute.filter(like="flops").sum(axis=1) > 0).all()
    told = sealed.read(out / "short-chains.cot.json")
    assert told["date"] == STUDY["date"] and told["identity"]["sampling"]["frequency_penalty"] == 0


@pytest.mark.parametrize("name", MODELS)
def test_every_model_has_a_checkpoint_of_its_own_class(name):
    known = {
        path.stem: yaml.safe_load(path.read_text()) for path in (ROOT / "data/architectures").glob("*.yaml")
    }
    (facts,) = (f for f in known.values() if f["repository"] == CONFIG["models"][name]["repository"])
    kind, fields, template = shape_of(name)
    assert (
        kind.replace("Gemma3nForCausalLM", "Gemma3nForConditionalGeneration")
        == facts["config"]["architectures"][0]
    )
    assert (template == "harmony") == (name.startswith("gpt-oss")) and fields and HARMONY


LOGITS = """
import json, os, sys
from frontiers.generation.engines import vllm
from pathlib import Path
folder, settings = sys.argv[1], json.loads(sys.argv[2])
vllm.prepare_environment("cpu", Path(folder, "cache"))
from vllm import LLM, SamplingParams
config = json.loads(Path(folder, "config.json").read_text())
llm = LLM(**vllm.engine_arguments(folder, config, settings, 0, False))
how = SamplingParams(temperature=0, max_tokens=24, ignore_eos=True, detokenize=False)
asked = [{"prompt_token_ids": list(range(5, 5 + n))} for n in (5, 40, 150)]
print(json.dumps([list(done.outputs[0].token_ids) for done in llm.generate(asked, how, use_tqdm=False)]))
"""


def by_engine(folder, settings):
    called = subprocess.run(
        [sys.executable, "-c", LOGITS, folder, settings],
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow")}, capture_output=True, text=True,
    )  # fmt: skip
    assert called.returncode == 0, called.stderr[-4000:]
    return json.loads(called.stdout.splitlines()[-1])


def by_transformers(folder, **changes):
    import torch
    import transformers
    from safetensors.torch import load_file

    config = json.loads((folder / "config.json").read_text())
    if config["model_type"] == "gemma3n":
        model = transformers.Gemma3nForCausalLM(transformers.Gemma3nTextConfig(**config["text_config"]))
        weights = load_file(folder / "model.safetensors")
        model.load_state_dict(
            {key.replace("model.language_model.", "model.", 1): value for key, value in weights.items()},
            strict=False,
        )
    else:
        made = getattr(transformers, config["architectures"][0])
        model = made.from_pretrained(folder, dtype=torch.float32, **changes)
    model.eval()
    found = []
    for n in (5, 40, 150):
        prompt = torch.arange(5, 5 + n)[None]
        how = {"max_new_tokens": 24, "min_new_tokens": 24, "do_sample": False, "eos_token_id": None}
        found.append(model.generate(prompt, **how, top_k=None, top_p=None)[0, n:].tolist())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", [CHOSEN["gemma3"], CHOSEN["gemma3n"]])
def test_the_language_model_alone_writes_what_the_whole_one_writes(name, tmp_path):
    folder = save(name, tmp_path / "checkpoint")
    assert by_engine(folder, engine_of(block_of(name))) == by_transformers(folder)


@pytest.mark.slow
def test_the_attention_factor_reaches_the_engine(tmp_path):
    name = CHOSEN["yarn"]
    folder, block = save(name, tmp_path / "checkpoint"), block_of(name)
    rope = block["engine"]["arguments"]["hf_overrides"]["rope_parameters"]
    unscaled = by_transformers(folder, rope_parameters=rope)
    assert by_engine(folder, engine_of(block)) == unscaled
    assert by_engine(folder, engine_of({})) == by_transformers(folder) != unscaled
