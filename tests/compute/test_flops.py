import dataclasses
import hashlib
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import count_compute
import describe_model
from frontiers.compute import flops as compute
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.flops import Breakdown, forward_flops
from frontiers.compute.layer_parts import Reach
from frontiers.compute.precision import element_bytes
from frontiers.core import sealed, tables
from frontiers.core.cli import UserError
from frontiers.data import hardware
from support.real_modules import (
    build,
    counted,
    full_size,
    scanned,
    shared_only,
    total,
)
from support.small_configs import DENSE, SMALL, small


def test_inactive_experts_are_not_active_parameters():
    architecture = small("mixtral")
    idle = 3 * 4 * 3 * 32 * 48  # layers, idle experts, matrices
    assert architecture.parameters() - architecture.parameters(active=True) == idle
    assert small("llama").parameters() == small("llama").parameters(active=True)


def test_kinds():
    kinds = {name: small(name).kind for name in SMALL}
    assert {name for name, kind in kinds.items() if kind == "moe"} == {
        "mixtral",
        "qwen3-moe",
        "qwen3-moe-window",
    }
    assert {name for name, kind in kinds.items() if kind == "hybrid"} == {"granite-dense", "granite-moe"}


def test_flops_after_a_cached_prompt_equal_the_counter():
    torch = pytest.importorskip("torch")
    module, _ = build(*SMALL["qwen3"])
    prompt, chunk = torch.randint(0, 61, (1, 9)), torch.randint(0, 61, (1, 5))
    _, result = counted(module, {"input_ids": prompt, "use_cache": True})
    counts, _ = counted(
        module, {"input_ids": chunk, "past_key_values": result.past_key_values, "logits_to_keep": 2}
    )
    assert forward_flops(small("qwen3"), 5, 9, 2, "square").total == total(counts)


def test_scan_formula():
    mamba = scanned(small("granite-dense"))[0]
    width, inner, state, groups, heads, kernel = 32, 64, 8, 2, 4, 4
    projections = 2 * width * (2 * inner + 2 * groups * state + heads) + 2 * inner * width
    assert mamba.flops == {"state_space": projections + mamba.convolution_flops + mamba.scan_flops}
    assert mamba.scan_flops == 7 * inner * state
    assert mamba.convolution_flops == 2 * kernel * (inner + 2 * groups * state)


def naive_context(new, past, reach):
    return sum(naive_positions(past + i, reach) for i in range(new))


def naive_positions(before, reach):
    """Return what a token after `before` others attends to, by listing the positions or entries."""
    if reach.rate:
        complete = [n for n in range(before + 1) if n % reach.rate == reach.rate - 1]
        return len(complete[: reach.top])
    if reach.block:
        blocks = [range(n, min(n + reach.block, before + 1)) for n in range(0, before + 1, reach.block)]
        return sum(map(len, blocks[-(reach.top // reach.block) :]))
    window = reach.window or reach.top
    seen = before + 1 if reach.chunk is None else before % reach.chunk + 1
    return min(seen, window or seen)


REACHES = st.one_of(
    st.builds(lambda window: Reach(window), st.none() | st.integers(1, 50)),
    st.builds(lambda chunk: Reach(chunk=chunk), st.integers(1, 50)),
    st.builds(lambda top: Reach(top=top), st.integers(1, 50)),
    st.builds(lambda rate, top: Reach(rate=rate, top=top), st.integers(1, 9), st.none() | st.integers(1, 20)),
    st.builds(
        lambda block, blocks: Reach(block=block, top=block * blocks), st.integers(1, 9), st.integers(1, 9)
    ),
)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 120), st.integers(0, 120), REACHES)
def test_attended_positions_equal_their_sum(new, past, reach):
    for kind in (object, np.int64, float):
        array = np.array([new], dtype=kind), np.array([past], dtype=kind)
        assert compute.attended(*array, reach)[0] == naive_context(new, past, reach)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 10**11), st.integers(0, 10**11), st.sampled_from(["llama", "qwen2-window"]))
def test_64_bits_are_used_only_where_they_suffice(new, past, name):
    """Arrays, in 64 bits or not, give what Python's integers give."""
    flops = forward_flops(small(name), np.array([new, 1]), past, new)
    alone = [forward_flops(small(name), n, past, new).total for n in (new, 1)]
    assert [int(value) for value in flops.total] == alone
    exact = small(name).by_reach(lambda part: part.score_flops)
    pairs = (np.array([new], dtype=object), np.array([past], dtype=object))
    scores = sum(compute.attended(*pairs, reach)[0] * weight for reach, weight in exact.items())
    assert int(flops.attention_scores[0]) == scores


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.sampled_from(sorted(SMALL)))
def test_a_range_costs_what_its_tokens_cost(new, past, name):
    architecture = small(name)
    whole = forward_flops(architecture, new, past, new)
    each = forward_flops(architecture, 1, past + np.arange(new))
    for field in dataclasses.fields(Breakdown):
        parts = getattr(each, field.name)
        assert getattr(whole, field.name) == (parts.sum() if new else 0)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, 3000), min_size=1, max_size=5), st.integers(0, 3000), st.integers(0, 50))
def test_arrays_give_what_scalars_give(new, past, logits):
    architecture = small("qwen2-window")
    together = forward_flops(architecture, np.array(new), past, logits)
    assert together.total.dtype == np.int64
    assert together.total.tolist() == [forward_flops(architecture, n, past, logits).total for n in new]


def test_shapes_broadcast():
    flops = forward_flops(small("llama"), np.arange(4)[:, None], np.arange(3)[None, :])
    assert flops.total.shape == flops.router.shape == (4, 3)
    series = forward_flops(small("llama"), pd.Series([3, 4], dtype="Int64"), 0)
    assert series.total.tolist() == forward_flops(small("llama"), [3, 4]).total.tolist()


def test_square_is_the_whole_square_within_the_window():
    heads_times_width = 4 * 8
    scores = forward_flops(small("llama"), 10, 5, 0, "square").attention_scores
    assert scores == 3 * 4 * heads_times_width * 10 * 15
    scores = forward_flops(small("mistral"), 10, 5, 0, "square").attention_scores
    assert scores == 3 * 4 * heads_times_width * 10 * 7


def test_no_token_costs_nothing_and_has_no_logits():
    assert forward_flops(small("granite-moe"), 0, 100).total == 0
    assert forward_flops(small("llama"), [0, 3], 0, 5).logits.tolist() == [0, 3 * 2 * 32 * 61]


def test_counts_beyond_64_bits_are_exact():
    architecture = small("llama")
    many = 10**13
    scores = 3 * 4 * 32 * (many * (many + 1) // 2)
    assert forward_flops(architecture, many).attention_scores == scores > 2**63
    assert forward_flops(architecture, np.array([many])).attention_scores[0] == scores


def test_mean_token_counts_give_floats():
    low, middle, high = (forward_flops(small("llama"), n, 10).total for n in (2, 2.5, 3))
    assert isinstance(middle, float) and low < middle < high
    assert isinstance(low, int)
    assert forward_flops(small("llama"), np.array([2.0, 3.0]), 10).total.tolist() == [low, high]


@pytest.mark.parametrize("tokens", [-1, [3, -1], float("nan"), "many", True, None])
def test_unreadable_counts_are_errors(tokens):
    with pytest.raises(ValueError, match="new_tokens"):
        forward_flops(small("llama"), tokens)


def test_unknown_attention_is_an_error():
    with pytest.raises(ValueError, match="square"):
        forward_flops(small("llama"), 1, attention="full")


@shared_only
@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("deepseek-ai--DeepSeek-V3", ["NewForCausalLM", "kv_lora_rank", "n_shared_experts"]),
        ("google--gemma-3-12b-it", ["NewForCausalLM", "text_config"]),
        ("openai--gpt-oss-20b", ["NewForCausalLM", "num_local_experts"]),
    ],
)
def test_an_unknown_architecture_is_named_with_what_is_missing(name, missing):
    with pytest.raises(UnknownArchitecture) as error:
        read_architecture(full_size(name) | {"architectures": ["NewForCausalLM"]})
    for word in missing:
        assert word in str(error.value)
    assert isinstance(error.value, UserError)


def test_an_empty_configuration_is_unknown():
    with pytest.raises(UnknownArchitecture, match="unnamed"):
        read_architecture({})


def test_architectures_that_are_no_list_are_an_error():
    with pytest.raises(UnknownArchitecture, match="`LlamaForCausalLM`: `architectures` must be a list"):
        read_architecture(DENSE | {"architectures": "LlamaForCausalLM"})


def test_model_type_stands_in_for_the_class():
    assert read_architecture(DENSE | {"model_type": "llama"}) == small("llama")


@pytest.mark.parametrize("name", ["llama", "qwen2", "qwen3", "granite-dense"])
def test_windows_that_are_off_are_off(name):
    architecture, config = SMALL[name]
    off = {"architectures": [architecture]} | config
    if name.startswith("qwen"):
        off |= {"use_sliding_window": False, "sliding_window": 4096, "max_window_layers": 1}
    else:
        off |= {"sliding_window": None}
    assert list(read_architecture(off).by_reach(lambda part: 1)) == [Reach()]


def test_windows_of_mistral():
    def window(**fields):
        config = {"architectures": ["MistralForCausalLM"]} | DENSE | fields
        return read_architecture(config).layers[0].parts[0].reach.window

    assert (window(), window(sliding_window=None), window(sliding_window=8)) == (4096, None, 8)


def test_legacy_names_of_hybrid_layers():
    architecture, config = SMALL["granite-dense"]
    legacy = config | {"layer_types": ["mamba", "attention", "mamba"], "mamba_d_head": "auto"}
    assert read_architecture({"architectures": [architecture]} | legacy) == small("granite-dense")


def test_bytes_of_cache_and_state():
    assert small("llama").kv_bytes_per_token(2) == 3 * 2 * 2 * 8 * 2
    hybrid = small("granite-dense")
    assert hybrid.kv_bytes_per_token(4) == 2 * 2 * 8 * 4
    assert hybrid.state_bytes(4) == 2 * (64 * 8 + 3 * (64 + 2 * 2 * 8)) * 4
    assert small("llama").state_bytes(4) == 0


def test_element_bytes():
    assert element_bytes({"torch_dtype": "float32"}) == 4
    assert element_bytes({"dtype": "bfloat16"}) == element_bytes({}) == 2
    assert element_bytes({"dtype": "int4"}, given=0.5) == 0.5
    for config, given_bytes in (({"dtype": "int4"}, None), ({}, 0), ({}, -2)):
        with pytest.raises(UserError, match="kv-bytes"):
            element_bytes(config, given=given_bytes)


def test_kv_bytes_read_of_kinetics():
    """Their cost: 2 bytes of every number cached so far, for each decoded token (2506.05333)."""
    architecture = small("llama")
    numbers, prompt, decoded = 3 * 2 * 2 * 8, 40, 25
    expected = 2 * numbers * (prompt * decoded + decoded * (decoded + 1) // 2)
    assert compute.kv_bytes_read(architecture, decoded, prompt, 2) == expected
    naive = sum(naive_context(1, 40 + i, Reach(7)) for i in range(25)) * numbers * 2
    assert compute.kv_bytes_read(small("mistral"), 25, 40, 2) == naive


def row(problem="p", sample=0, cap=None, prompt=10, reasoning=0, end=0, answer=0):
    return {
        "problem_id": problem,
        "sample": sample,
        "cap": cap,
        "seed": 1,
        "prompt_tokens": prompt,
        "reasoning_tokens": reasoning,
        "end_tokens": end,
        "answer_tokens": answer,
        "ended": True,
        "finish_reason": "stop",
        "truncated": False,
        "looping": False,
        "reasoning": "",
        "answer": "",
        "seconds": None,
    }


def generations(*rows):
    return pd.DataFrame(list(rows)).astype({"cap": "Int64"})


ROWS = generations(
    row(cap=0, end=1, answer=4),
    row(cap=8, reasoning=8, end=1, answer=4),
    row(cap=None, reasoning=30, end=1, answer=4),
    row("q", cap=None, reasoning=25, end=0, answer=1),
    row("r", cap=None, reasoning=50),
)


@pytest.mark.parametrize("name", ["mistral", "qwen3-moe", "granite-moe"])
def test_generations_are_charged_token_by_token(name):
    architecture = small(name)
    table = compute.compute_table(ROWS, architecture, 2, 10.0)
    for (_, given_row), (_, booked) in zip(ROWS.iterrows(), table.iterrows(), strict=True):
        prompt, reasoning, end, answer = (
            int(given_row[f"{n}_tokens"]) for n in ("prompt", "reasoning", "end", "answer")
        )
        fed = ["prompt"] * prompt + ["reasoning"] * reasoning + ["end"] * end
        fed += ["answer"] * max(answer - 1, 0)
        spent = {"prompt": 0, "reasoning": 0, "end": 0, "answer": 0}
        for position, kind in enumerate(fed):
            last = position + 1 == len(fed) or fed[position + 1] != kind
            wanted = kind in ("reasoning", "answer") or last
            spent[kind] += forward_flops(architecture, 1, position, int(wanted)).total
        assert booked["flops_prefill"] == spent["prompt"]
        assert booked["flops_reasoning"] == spent["reasoning"]
        assert booked["flops_answer"] == spent["end"] + spent["answer"]
        assert booked["flops_2n"] == 2 * architecture.parameters(active=True) * (
            prompt + reasoning + end + answer
        )
    phases = table["flops_prefill"] + table["flops_reasoning"] + table["flops_answer"]
    components = sum(table[f"flops_{c}"] for c in ("attention", "feed_forward", "state_space", "logits"))
    assert (table["flops"] == phases).all() and (table["flops"] == components).all()
    assert table["eflops"].tolist() == (table["flops"] + 10.0 * table["kv_bytes"]).tolist()
    assert table["joules"].isna().all()


def test_compute_grows_with_the_cap():
    table = compute.compute_table(ROWS.iloc[:3], small("llama"), 2, 10.0)
    for column in ("flops", "eflops", "kv_bytes", "flops_2n"):
        assert table[column].is_monotonic_increasing


def test_measured_energy_is_shared_by_flops_really_run():
    """Three caps of one trace ran one prefill and one trace, but three answers."""
    table = compute.compute_table(ROWS.iloc[:3], small("llama"), 2, 10.0, joules=6.0)
    run = table["flops_prefill"].max() + table["flops_reasoning"].max() + table["flops_answer"].sum()
    assert table["joules"].tolist() == pytest.approx((6.0 * table["flops"] / run).tolist())
    alone = compute.compute_table(ROWS.iloc[2:3], small("llama"), 2, 10.0, joules=6.0)
    assert alone["joules"].tolist() == pytest.approx([6.0])


@pytest.fixture
def config_json(tmp_path):
    architecture, config = SMALL["qwen3-moe"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"architectures": [architecture], "dtype": "float32"} | config))
    return path


def test_describe_model(config_json, tmp_path):
    output = tmp_path / "models" / "m.json"
    describe_model.main(["--config-json", str(config_json), "--output", str(output)])
    described, architecture = json.loads(output.read_text()), small("qwen3-moe")
    assert described["kind"] == "moe" and described["family"] == "qwen3_moe"
    assert described["active_params"] == architecture.parameters(active=True)
    assert described["active_params_no_embedding"] == architecture.parameters(active=True, embedding=False)
    assert described["kv_bytes_per_token"] == architecture.kv_bytes_per_token(4)
    assert described["config_sha256"] == hashlib.sha256(config_json.read_bytes()).hexdigest()
    assert sum(layer["count"] for layer in described["layers"]) == 3


def test_count_compute(config_json, tmp_path):
    tables.write_table(ROWS, tmp_path / "generations.parquet", "generations")
    provenance = tmp_path / "generations.json"
    arguments = ["--generations", str(tmp_path / "generations.parquet"), "--config-json", str(config_json)]
    output = tmp_path / "compute.parquet"
    for facts, measured in (
        ({"energy_joules": 9.0, "journalled_requests": 0}, True),
        ({"energy_joules": 9.0, "journalled_requests": 3}, False),
        ({"energy_joules": None, "journalled_requests": 0}, False),
    ):
        sealed.write(provenance, facts)
        count_compute.main([*arguments, "--provenance", str(provenance), "--output", str(output)])
        table = tables.read_table(output, "compute")
        assert table["joules"].notna().all() == measured
    expected = compute.compute_table(ROWS, small("qwen3-moe"), 4, 562.5)
    pd.testing.assert_frame_equal(
        table.drop(columns="joules"), expected.drop(columns="joules"), check_dtype=False
    )
    count_compute.main([*arguments, "--device", str(hardware.FOLDER / "h100.yaml"), "--output", str(output)])
    weighed = tables.read_table(output, "compute")
    assert weighed["eflops"].tolist() == pytest.approx(
        (table["flops"] + hardware.load("h100").intensity() * table["kv_bytes"]).tolist()
    )


def test_scripts_refuse_what_is_no_configuration(tmp_path):
    path = tmp_path / "config.json"
    for text in (None, "[]", "{"):
        if text is not None:
            path.write_text(text)
        with pytest.raises(UserError, match=r"config\.json"):
            describe_model.main(["--config-json", str(path), "--output", str(tmp_path / "m.json")])
