"""The real engine on a shipped model: cut traces against vLLM's own thinking budget, and its deaths."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from frontiers.core.cli import UserError
from frontiers.generation import prompts
from frontiers.generation.engines import endpoint, vllm
from frontiers.generation.requests import Request, before_text, complete, continuation
from frontiers.generation.strategies import chain
from support.paths import ROOT
from support.prompts import render_prompt

# vLLM is imported once for all modules that run it in this process.

FOLDER = ROOT / "data/pocket/models/small"
SETTINGS = {
    "device": "cpu",
    "dtype": "float32",
    "max_model_len": 256,
    "max_num_seqs": 64,
    "kv_cache_gib": 0.125,
}
SAMPLING = {"temperature": 0.6, "top_p": 0.95}
BLOCK = {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"}
SAID = []


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def started(tmp_path_factory, tokenizer):
    vllm.prepare_environment("cpu", tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    arguments = vllm.engine_arguments(str(FOLDER), {}, SETTINGS, 0, False)
    reasoning = {"reasoning_start_str": "<think>", "reasoning_end_str": "</think>"}
    return vllm.VllmEngine(arguments | {"reasoning_config": reasoning}, SAMPLING, tokenizer, 0, SAID.append)


@pytest.fixture
def runner(started):
    """The engine as it was started, whatever the test before has done to it."""
    if started._llm is None:
        started._start()
    started.sampling, started._restarted = SAMPLING, False
    started.arguments["max_num_seqs"] = SETTINGS["max_num_seqs"]
    SAID.clear()
    return started


@pytest.fixture(scope="module")
def requests(tokenizer):
    thinking = prompts.Thinking.from_block(BLOCK, tokenizer)
    lines = (FOLDER.parents[1] / "problems/middle-chains.jsonl").read_text().splitlines()[:20]
    stop, _ = thinking.stops((tokenizer.eos_token_id,))
    found = []
    for number, line in enumerate(lines):
        prompt = render_prompt(tokenizer, json.loads(line)["question"], thinking, {})
        found.append(Request(prompt, 1000 + number, 256 - len(prompt), stop))
    return found


def decode(runner, requests):
    """Return the completions by request."""
    for request in requests:
        runner.submit(request)
    done = {}
    while len(done) < len(requests):
        done |= {completion.id: completion for completion in runner.receive()}
    return done


def tokens_of(done):
    return {name: completion.tokens for name, completion in done.items()}


def test_cut_traces_equal_the_engines_own_thinking_budget(runner, requests, tokenizer):
    traces = tokens_of(decode(runner, requests))
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
        inputs = [{"prompt_token_ids": list(r.prompt)} for r in requests]
        outputs = runner._llm.generate(inputs, parameters, use_tqdm=False)
        for request, output in zip(requests, outputs, strict=True):
            written = tuple(output.outputs[0].token_ids)
            assert written[: written.index(end)] == traces[request.id][:budget]


@pytest.mark.parametrize("penalty", [0.0, 0.7])
def test_what_is_written_in_pieces_is_what_one_greedy_run_writes(runner, requests, tokenizer, penalty):
    """Trace cut, end forced and answer decoded apart, against the engine that does all in one request."""
    from vllm import SamplingParams

    runner.sampling = {"temperature": 0.0, "frequency_penalty": penalty}
    end = tokenizer.convert_tokens_to_ids("</think>")
    greedy = SamplingParams(
        **runner.sampling, max_tokens=60, thinking_token_budget=20, stop_token_ids=[tokenizer.eos_token_id]
    )
    inputs = [{"prompt_token_ids": list(r.prompt)} for r in requests]
    outputs = runner._llm.generate(inputs, greedy, use_tqdm=False)
    settings = chain.Settings((20,), 1, 39, 256, 5, "m", "b", (tokenizer.eos_token_id,), piece=7)
    thinking = prompts.Thinking.from_block(BLOCK, tokenizer)
    for request, output in zip(requests, outputs, strict=True):
        episode = chain.episode("p", 0, request.prompt, thinking, settings)
        asked, pieces = next(episode), 0
        try:
            while True:
                done = decode(runner, asked)
                pieces += len(asked)
                asked = episode.send([done[r.id] for r in asked])
        except StopIteration as ended:
            (row,) = ended.value
        answer = row.answer.tokens + ((tokenizer.eos_token_id,) if row.answer.finish_reason == "stop" else ())
        assert (*row.trace.tokens[: row.kept], end, *answer) == tuple(output.outputs[0].token_ids)
        assert pieces > 2
    runner.sampling = SAMPLING


def test_a_penalty_counts_what_stands_in_the_prompt_already(requests):
    request = Request((9, 9, 4, 5, 5), 1, 10, written=3)
    parameters = vllm.parameters_of(request, {"temperature": 0.0, "frequency_penalty": 0.5})
    assert parameters.logit_bias == {4: -0.5, 5: -1.0}
    assert vllm.parameters_of(request, {"temperature": 0.0}).logit_bias is None


def test_a_penalty_on_more_tokens_than_the_engine_takes_is_refused():
    from vllm.v1.worker.gpu.sample.logit_bias import MAX_NUM_LOGIT_BIAS_TOKENS

    assert vllm.BIAS_LIMIT == MAX_NUM_LOGIT_BIAS_TOKENS == 1024
    sampling = {"temperature": 0.0, "frequency_penalty": 0.05}
    for number, limit in ((1024, 1024), (1025, None)):
        request = Request(tuple(range(number)), 1, 10, written=number)
        assert len(vllm.parameters_of(request, sampling, limit).logit_bias) == number
        assert limit is None or len(endpoint.body_of(request, sampling)["logit_bias"]) == number
    with pytest.raises(UserError, match=r"1,025 distinct tokens, but .* at most 1,024.*V2_MODEL_RUNNER=0"):
        vllm.parameters_of(request, sampling, 1024)
    with pytest.raises(UserError, match="1,025 distinct tokens"):
        endpoint.body_of(request, sampling)


def test_a_request_that_the_second_model_runner_cannot_take_is_refused_and_restarts_nothing():
    said: list[str] = []
    sampling = {"temperature": 0.0, "frequency_penalty": 0.05}
    engine = vllm.VllmEngine({"max_num_seqs": 4}, sampling, None, 0, said.append)
    second = SimpleNamespace(use_v2_model_runner=True)
    engine._llm = SimpleNamespace(llm_engine=SimpleNamespace(vllm_config=second, add_request=None))
    with pytest.raises(UserError, match="1,025 distinct tokens"):
        engine.submit(Request(tuple(range(1025)), 1, 10, written=1025))
    assert not said


def test_a_penalised_model_gets_the_model_runner_without_the_limit(monkeypatch, tmp_path):
    for penalised, wanted in ((False, None), (True, "0")):
        monkeypatch.setattr(vllm.os, "environ", {})
        vllm.prepare_environment("cuda", tmp_path, penalised)
        assert vllm.os.environ.get("VLLM_USE_V2_MODEL_RUNNER") == wanted


def test_the_same_seed_writes_the_same_alone_and_in_company(runner, requests):
    together = tokens_of(decode(runner, requests))
    for request in requests[:3]:
        assert tokens_of(decode(runner, [request])) == {request.id: together[request.id]}


def test_a_continued_trace_is_a_new_draw_that_is_the_same_every_time(runner, requests):
    whole = decode(runner, requests)
    long = [r for r in requests if len(whole[r.id].tokens) > 30][:5]
    assert long
    for request in long:
        written = []
        for _ in range(2):
            episode = complete([request], 16)
            asked = next(episode)
            try:
                while True:
                    done = decode(runner, asked)
                    asked = episode.send([done[asked[0].id]])
            except StopIteration as ended:
                written.append(ended.value[0].tokens)
        assert written[0] == written[1]
        assert written[0][:16] == whole[request.id].tokens[:16]
    assert continuation(long[0], whole[long[0].id].within(16), 16).seed != long[0].seed


def test_a_completion_counts_and_times_what_was_written(runner, requests):
    for completion in decode(runner, requests).values():
        assert completion.finish_reason == "stop"
        assert completion.decoded == len(completion.tokens) + 1
        assert 0 < completion.first_seconds <= completion.seconds


def test_a_marker_is_found_by_its_text_as_by_its_token(runner, requests, tokenizer):
    """Also a marker that is a special token, as those of gpt-oss are."""
    by_token = decode(runner, requests)
    by_text = [replace(r, stop=(tokenizer.eos_token_id,), stop_text="</think>") for r in requests]
    for request, found in zip(
        requests, map(decode(runner, by_text).get, (r.id for r in by_text)), strict=True
    ):
        same = by_token[request.id]
        assert (found.tokens, found.decoded, found.finish_reason) == (same.tokens, same.decoded, "stop")
        assert found.stopped_at is None


def dying(runner, monkeypatch, *errors):
    """Make the engine's next steps but one raise `errors`, also after it was started again."""
    raised, start = list(errors), runner._start

    def begin():
        start()
        step = runner._llm.llm_engine.step
        steps = iter(range(1000))

        def maybe():
            if next(steps) == 2 and raised:
                raise raised.pop(0)
            return step()

        runner._llm.llm_engine.step = maybe

    monkeypatch.setattr(runner, "_start", begin)
    runner._stop()


def test_out_of_memory_halves_the_requests_and_loses_none(runner, requests, monkeypatch):
    before = tokens_of(decode(runner, requests))
    short = RuntimeError("CUDA out of memory. Tried to allocate 2 GiB")
    dying(runner, monkeypatch, short, MemoryError("can't allocate memory"))
    assert tokens_of(decode(runner, requests)) == before
    assert runner.arguments["max_num_seqs"] == 16
    assert runner._llm.llm_engine.vllm_config.scheduler_config.max_num_seqs == 16
    assert runner.capacity < 64
    assert any("16 requests at a time" in line for line in SAID)


def test_a_dead_engine_is_started_once_more_and_no_second_time(runner, requests, monkeypatch):
    before = tokens_of(decode(runner, requests))
    dying(runner, monkeypatch, RuntimeError("illegal memory access"))
    assert tokens_of(decode(runner, requests)) == before
    assert runner.arguments["max_num_seqs"] == 64
    assert any(
        "the engine died (RuntimeError: illegal memory access); restarting it" in line for line in SAID
    )
    with pytest.raises(UserError, match="not for the first time"):
        dying(runner, monkeypatch, RuntimeError("illegal memory access"))
        decode(runner, requests)
    runner._flying.clear()
    runner._stop()


class NoRoom:
    """Stands for vllm.LLM: cannot start with more than so many requests at a time."""

    room, told, tried = 0, "", ()

    def __init__(self, **arguments):
        self.llm_engine = None
        NoRoom.tried += (arguments["max_num_seqs"],)
        if arguments["max_num_seqs"] > self.room:
            raise RuntimeError(self.told)


@pytest.mark.parametrize(
    ("told", "room", "tried", "starts"),
    [
        ("CUDA out of memory occurred when warming up sampler", 10, (64, 32, 16, 8), True),
        ("CUDA out of memory occurred when warming up sampler", 0, (64, 32, 16, 8, 4, 2, 1), False),
        ("Engine core initialization failed. See root cause above.", 40, (64, 32), True),
        ("Engine core initialization failed. See root cause above.", 10, (64, 32), False),
        ("no such model", 0, (64,), False),
    ],
)
def test_an_engine_short_of_memory_as_it_starts_takes_half(monkeypatch, told, room, tried, starts):
    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=NoRoom))
    monkeypatch.setattr(vllm.gc, "freeze", lambda: None)
    NoRoom.room, NoRoom.told, NoRoom.tried = room, told, ()
    found = vllm.VllmEngine({"model": "m", "max_num_seqs": 64}, SAMPLING, None, 0, SAID.append)
    if starts:
        found._start()
    else:
        with pytest.raises(UserError, match="vLLM could not start on m"):
            found._start()
    assert NoRoom.tried == tried


@pytest.mark.parametrize("fault", ["libnuma.so.1: cannot open shared object file", None])
def test_a_library_that_the_machine_lacks_is_named(monkeypatch, fault):
    def start(**arguments):
        raise AttributeError("'_OpNamespace' '_C' object has no attribute 'init_cpu_memory_env'")

    def asked(command, **how):
        return subprocess.CompletedProcess(
            command, int(bool(fault)), "", f"Traceback\nImportError: {fault}\n"
        )

    monkeypatch.setitem(sys.modules, "vllm", SimpleNamespace(LLM=start))
    monkeypatch.setattr(vllm.gc, "freeze", lambda: None)
    monkeypatch.setattr(vllm.subprocess, "run", asked)
    found = vllm.VllmEngine({"model": "m", "max_num_seqs": 64}, SAMPLING, None, 0, SAID.append)
    with pytest.raises(UserError if fault else AttributeError, match="libnuma1" if fault else "_OpNamespace"):
        found._start()


def test_the_extension_for_this_processor_can_be_loaded():
    assert vllm.kernel_fault() is None


@pytest.mark.parametrize(
    ("status", "said", "fault"),
    [
        (0, "Failed to import nothing that matters", None),
        (1, "W Failed to import from vllm._C: numa\nAttributeError: x\n", "W Failed to import from vllm._C: numa"),
        (1, "Traceback\nImportError: x\n", "ImportError: x"),
        (-4, "", "the process that loads it ended with status -4"),
    ],
)  # fmt: skip
def test_why_the_extension_cannot_be_loaded(monkeypatch, status, said, fault):
    monkeypatch.setattr(
        vllm.subprocess, "run", lambda command, **how: subprocess.CompletedProcess(command, status, "", said)
    )
    assert vllm.kernel_fault() == fault


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (MemoryError(), True),
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
            True,
        ),
        (ValueError("No available memory for the cache blocks."), True),
        (RuntimeError("CUDA error: an illegal memory access was encountered"), False),
        (None, False),
    ],
)
def test_want_of_memory_is_told_from_other_deaths(error, short):
    assert vllm.out_of_memory(error) is short
    outer = RuntimeError("Engine core initialization failed")
    outer.__cause__ = error
    assert vllm.out_of_memory(outer) is short


def test_a_stop_text_leaves_out_what_stands_from_it_on(tokenizer):
    ids = tuple(tokenizer.encode("Ana has 7. Ben has 5 more than 7 = 12."))
    kept = before_text(ids, "more than", tokenizer)
    assert tokenizer.decode(kept) == "Ana has 7. Ben has 5"
    assert before_text(ids, "Kim", tokenizer) == ids


def test_ends_of_sequence_are_gathered_from_tokenizer_and_configuration(tokenizer):
    assert prompts.end_of_sequence(tokenizer, {}) == (1,)
    assert prompts.end_of_sequence(tokenizer, {"eos_token_id": [1, 7]}) == (1, 7)


def test_a_model_with_recurrent_layers_is_not_cached_by_prefix():
    config = json.loads((FOLDER.parent / "hybrid/config.json").read_text())
    assert not vllm.engine_arguments("x", config, SETTINGS, 0, False)["enable_prefix_caching"]
    assert vllm.engine_arguments("x", {}, SETTINGS, 0, False)["enable_prefix_caching"]


NUMA = "libnuma.so.1: cannot open shared object file"
COMPILER = "fatal error: Python.h: No such file or directory"


@pytest.mark.parametrize(
    ("cuda", "fault", "wanted", "never"),
    [
        (None, NUMA, "libnuma1", "driver"),
        ("13.0", NUMA, "libnuma1", "driver"),
        (
            "13.0",
            "libcuda.so.1: cannot open",
            "CUDA 13.0, which needs an NVIDIA driver of 580 or newer;",
            "libnuma",
        ),
        ("13.0", "The NVIDIA driver on your system is too old (found version 12040)", "580", "libnuma"),
        ("12.9", "no kernel image is available", "for CUDA 12.9; `nvidia-smi`", "580"),
        ("13.0", "'_OpNamespace' '_C' object has no attribute 'x'", "If that is what runs here", "libnuma"),
        (None, "anything", "Check the study's `engine` block", "CUDA"),
        ("13.0", COMPILER, "gcc and python3.11-dev", "driver"),
    ],
)
def test_the_advice_is_for_this_build(monkeypatch, cuda, fault, wanted, never):
    import torch

    monkeypatch.setattr(torch.version, "cuda", cuda)
    assert wanted in vllm.advice(fault) and never not in vllm.advice(fault)
