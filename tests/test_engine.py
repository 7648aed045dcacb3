"""The real engine on a shipped model: cut traces against vLLM's own thinking budget."""

import json
import os
from pathlib import Path

import pytest

from frontiers import engine, generation

FOLDER = Path(__file__).parents[1] / "data/pocket/models/small"
SETTINGS = {
    "device": "cpu",
    "dtype": "float32",
    "max_model_len": 256,
    "max_num_seqs": 64,
    "kv_cache_gib": 0.125,
}
SAMPLING = {"temperature": 0.6, "top_p": 0.95}
BLOCK = {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"}


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def runner(tmp_path_factory, tokenizer):
    engine.prepare_environment("cpu", tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    arguments = engine.engine_arguments(str(FOLDER), {}, SETTINGS, 0, False)
    reasoning = {"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}
    return engine.Engine(arguments | {"reasoning_config": reasoning}, SAMPLING, tokenizer)


@pytest.fixture(scope="module")
def requests(tokenizer):
    thinking = generation.Thinking.from_block(BLOCK, tokenizer)
    lines = (FOLDER.parents[1] / "problems/middle-chains.jsonl").read_text().splitlines()[:20]
    prompts = [
        generation.render_prompt(tokenizer, json.loads(line)["question"], thinking, {}) for line in lines
    ]
    settings = generation.Settings((None,), 1, 16, 256, 5, "m", "b", (tokenizer.eos_token_id,))
    return [
        generation.trace_request(p, 1000 + i, 256 - len(p), thinking, settings) for i, p in enumerate(prompts)
    ]


def test_cut_traces_equal_the_engines_own_thinking_budget(runner, requests, tokenizer):
    traces = {c.id: c.tokens for c in runner.decode(requests)}
    assert len(set(traces.values())) == len(requests)
    from vllm import SamplingParams

    end = tokenizer.convert_tokens_to_ids("</think>")
    for budget in (1, 8, 24, 48):
        parameters = [
            SamplingParams(
                **SAMPLING,
                seed=r.seed,
                max_tokens=r.max_tokens,
                thinking_token_budget=budget,
                stop_token_ids=[tokenizer.eos_token_id],
                detokenize=False,
            )
            for r in requests
        ]
        prompts = [{"prompt_token_ids": list(r.prompt)} for r in requests]
        outputs = runner._llm.generate(prompts, parameters, use_tqdm=False)
        for request, output in zip(requests, outputs, strict=True):
            written = tuple(output.outputs[0].token_ids)
            assert written[: written.index(end)] == traces[request.id][:budget]


def test_the_same_seed_writes_the_same_alone_and_in_company(runner, requests):
    together = {c.id: c.tokens for c in runner.decode(requests)}
    for request in requests[:3]:
        (alone,) = runner.decode([request])
        assert alone.tokens == together[alone.id]


def test_a_completion_counts_and_times_what_was_written(runner, requests):
    for completion in runner.decode(requests):
        assert completion.finish_reason in ("stop", "length")
        assert 0 < completion.first_seconds <= completion.seconds


def test_a_stop_text_leaves_out_what_stands_from_it_on(tokenizer):
    ids = tuple(tokenizer.encode("Ana has 7. Ben has 5 more than 7 = 12."))
    kept = engine.before_text(ids, "more than", tokenizer)
    assert tokenizer.decode(kept) == "Ana has 7. Ben has 5"
    assert engine.before_text(ids, "Kim", tokenizer) == ids


def test_ends_of_sequence_are_gathered_from_tokenizer_and_configuration(tokenizer):
    assert engine.end_of_sequence(tokenizer, {}) == (1,)
    assert engine.end_of_sequence(tokenizer, {"eos_token_id": [1, 7]}) == (1, 7)


def test_energy_is_null_without_a_meter_and_never_invented():
    joules = engine.Energy().joules()
    assert joules is None or joules >= 0


def test_a_model_with_recurrent_layers_is_not_cached_by_prefix():
    config = json.loads((FOLDER.parent / "hybrid/config.json").read_text())
    assert not engine.engine_arguments("x", config, SETTINGS, 0, False)["enable_prefix_caching"]
    assert engine.engine_arguments("x", {}, SETTINGS, 0, False)["enable_prefix_caching"]
