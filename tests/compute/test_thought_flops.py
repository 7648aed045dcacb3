"""FLOPs of thoughts against the real module under torch's counter, and against sums written out."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from frontiers.compute import pass_flops
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.families.quiet_star import FORM
from frontiers.compute.flops import compute_table, forward_flops, generation_flops, kv_bytes_read
from frontiers.compute.thought_flops import (
    generation_thoughts,
    thought_flops,
    thought_kv_bytes,
    thought_places,
    with_thoughts,
)
from frontiers.core.tables import check_table
from frontiers.generation.engines import thought_model
from support.thought_checkpoints import BARRED, random_model

# As configuration_mistral.py of github.com/ezelikman/quiet-star writes it, with the vocabulary that its training
# script extends by two tokens.
RELEASED = {
    "architectures": ["MistralForCausalLM"],
    "model_type": "mistral",
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "sliding_window": 4096,
    "vocab_size": 32002,
    "tie_word_embeddings": False,
    "max_thoughts": 10,
    "merged_talk_heads": True,
    "merged_lm_and_think_heads": True,
    "use_shallow_think": True,
    "use_complex_think_head": False,
    **FORM,
}
MISTRAL = read_architecture(RELEASED)


def described(model):
    return read_architecture(model.config.to_dict() | {"architectures": [type(model).__name__]})


def counted(model, prompt, written, thought):
    """Return the FLOPs that torch counts in writing tokens after a prompt, one after another, each with its thought."""
    barred = torch.tensor(BARRED)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        batch = thought_model.prefill(model, [prompt])
        for number in range(written):
            after, _ = thought_model.think(
                model, batch, 1.0, barred, torch.rand(1, thought, dtype=torch.float64)
            )
            token = thought_model.draw(model.mix(batch.hidden, after), torch.rand(1, dtype=torch.float64))
            if number < written - 1:
                batch = thought_model.feed(model, batch, model.get_input_embeddings()(token))
    return counter.get_total_flops()


@pytest.mark.parametrize(("model_type", "tied"), [("mistral", False), ("qwen3", True), ("llama", False)])
@pytest.mark.parametrize(("length", "written", "thought"), [(1, 1, 1), (5, 4, 3), (9, 2, 6)])
def test_the_real_module_computes_what_is_counted(model_type, tied, length, written, thought):
    model = random_model(model_type, torch.float32, tie_word_embeddings=tied)
    model.set_attn_implementation("eager")
    architecture = described(model)
    base = forward_flops(architecture, length, attention="square") + forward_flops(
        architecture, written - 1, length, written - 1
    )
    inner = thought_flops(architecture, thought, length - 1, written)
    assert counted(model, tuple(range(2, 2 + length)), written, thought) == base.total + inner.total
    assert architecture.parameters() == sum(p.numel() for p in model.parameters())


def test_a_window_is_filled_by_thoughts_too():
    """One by one at contexts that pass the window of 6: the sum written out."""
    architecture = described(random_model("mistral", sliding_window=6))
    every = sum(
        forward_flops(architecture, 1, context + k, 1 if k < 3 else 0).total
        for context in range(4, 4 + 5)
        for k in range(3 + 2)
    )
    head = 5 * 2 * (3 * 24 * 24 + 24)
    assert thought_flops(architecture, 3, 3, 5).total == every + head


@given(
    st.integers(1, 12),
    st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 500)), min_size=1, max_size=5),
)
def test_many_generations_at_once_are_each_alone_and_runs_add_up(thought, pairs):
    past, tokens = np.array(pairs).T
    together = thought_flops(MISTRAL, thought, past, tokens)
    for i, (p, t) in enumerate(pairs):
        alone = thought_flops(MISTRAL, thought, p, t)
        assert {
            name: int(np.atleast_1d(value)[i]) if np.ndim(value) else value
            for name, value in vars(together).items()
        } == vars(alone)
        half = t // 2
        parts = thought_flops(MISTRAL, thought, p, half) + thought_flops(MISTRAL, thought, p + half, t - half)
        assert vars(parts) == vars(alone)


def test_a_thought_by_hand():
    """Mistral-7B after one token, 5 tokens of thought: 7 passes at contexts 2 … 8, 5 times logits, the head once."""
    flops = thought_flops(MISTRAL, 5, 0, 1)
    layer = 4096 * 4096 * 2 + 4096 * 1024 * 2 + 3 * 4096 * 14336
    assert flops.attention_projections + flops.feed_forward == 7 * 2 * 32 * layer
    assert flops.attention_scores == 4 * 32 * 128 * 32 * sum(range(2, 9))
    assert flops.logits == 5 * 2 * 4096 * 32002
    assert flops.auxiliary == 2 * (2 * 4096 * 4096 + 4096 * 4096 + 4096)


def test_the_released_checkpoint_is_mistral_and_its_head():
    base = read_architecture({k: v for k, v in RELEASED.items() if "talk" not in k and "think" not in k})
    width = 4096
    head = 3 * width * width + width + 2 * width
    assert MISTRAL.parameters() - base.parameters() == head + 2 * 2 * width == 50_360_320
    published = 7_241_732_096  # of mistralai/Mistral-7B-v0.1, by the header of its safetensors
    assert MISTRAL.parameters() == published + 2 * 2 * width + 50_360_320
    assert MISTRAL.token_flops == base.token_flops


def test_phases_think_wherever_logits_are_counted():
    names = ("prompt", "reasoning", "end", "answer")
    tokens = dict(zip(names, np.array([[40, 40, 7], [11, 0, 3], [2, 1, 0], [5, 1, 0]]), strict=True))
    inner, base = (
        generation_thoughts(MISTRAL, 4, *tokens.values()),
        generation_flops(MISTRAL, *tokens.values()),
    )
    output = 2 * 4096 * 32002
    drawn = sum(phase.logits for phase in base.values()) // output
    assert (sum(phase.logits for phase in inner.values()) == 4 * output * drawn).all()
    places = thought_places(*tokens.values()).values()
    assert (sum(count for _, count in places) == drawn).all()
    assert drawn.tolist() == [1 + 11 + 1 + 4, 1 + 0 + 1 + 0, 1 + 3]
    whole = sum(phase.total for phase in inner.values())
    # The first generation thinks at contexts 40 … 51, then behind two end tokens at 53 … 57.
    alone = thought_flops(MISTRAL, 4, 39, 12).total + thought_flops(MISTRAL, 4, 52, 5).total
    assert whole[0] == alone


def test_the_cache_that_thoughts_read():
    steps = [kv_bytes_read(MISTRAL, 1, 9 + i + k, 2) for i in range(4) for k in range(1, 6)]
    assert thought_kv_bytes(MISTRAL, 3, 9, 4, 2) == sum(steps)


def test_a_model_without_a_head_has_no_thoughts():
    base = read_architecture({k: v for k, v in RELEASED.items() if "talk" not in k and "think" not in k})
    with pytest.raises(ValueError, match="no mixing head"):
        thought_flops(base, 4, 0, 1)


def test_a_head_of_another_form_is_an_error():
    with pytest.raises(UnknownArchitecture, match="use_concat_talk_head"):
        read_architecture(RELEASED | {"use_concat_talk_head": False})


def generated():
    names = ["prompt_tokens", "reasoning_tokens", "end_tokens", "answer_tokens"]
    table = pd.DataFrame([(40, 11, 2, 5), (40, 0, 1, 1), (7, 3, 0, 0)], columns=names)
    return table.assign(problem_id=["a", "b", "c"], sample=0, cap=pd.array([16, 0, None], dtype="Int64"))


def test_the_table_of_chains_charges_thoughts_in_addition_to_the_policy():
    plain = compute_table(generated(), MISTRAL, 2, 10.0, joules=60.0)
    table = with_thoughts(plain, generated(), MISTRAL, 4, 2, 10.0, joules=60.0)
    check_table(table, "compute", "here")
    inner = generation_thoughts(MISTRAL, 4, *generated().iloc[:, :4].to_numpy().T)
    assert (table["flops_thought"] == sum(phase.total for phase in inner.values())).all()
    assert (table["flops_policy"] == plain["flops"]).all()
    assert (table["flops"] == table["flops_policy"] + table["flops_thought"]).all()
    assert (table["flops"] == table[["flops_prefill", "flops_reasoning", "flops_answer"]].sum(axis=1)).all()
    parts = ["flops_attention", "flops_feed_forward", "flops_state_space", "flops_logits"]
    assert (table["flops"] == table[parts].sum(axis=1)).all()
    assert (table["eflops"] - plain["eflops"] - table["flops_thought"]).to_numpy() == pytest.approx(
        10 * (table["kv_bytes"] - plain["kv_bytes"]).to_numpy(), rel=1e-9
    )
    assert table["joules"].sum() == pytest.approx(60.0)
    assert (table["flops_2n"] / plain["flops_2n"] > 1).all()


def test_units_of_passes_think_before_each_token_that_they_draw():
    same = {"problem_id": "a", "sample": 0, "cap": None, "reward": None, "fate": "complete", "parent": None}
    fields = ("role", "phase", "node", "past_tokens", "prefill_tokens", "decoded_tokens")
    rows = [
        ("policy", "prefill", "root", 0, 39, 0),
        ("policy", "reasoning", "0", 39, 1, 12),
        ("policy", "reasoning", "1", 39, 1, 3),
        ("reward", "reasoning", "0", 0, 52, 0),
    ]
    units = pd.DataFrame([{**same, **dict(zip(fields, row, strict=True))} for row in rows])
    plain = pass_flops.compute_table(units, MISTRAL, MISTRAL, 2, 10.0)
    (row,) = pass_flops.compute_table(units, MISTRAL, MISTRAL, 2, 10.0, thoughts=4).to_dict("records")
    assert row["flops_thought"] == sum(thought_flops(MISTRAL, 4, 39, drawn).total for drawn in (12, 3))
    assert row["flops_policy"] == plain["flops_policy"].item()
    assert row["flops_reward"] == plain["flops_reward"].item()
    assert row["flops"] == row["flops_policy"] + row["flops_thought"] + row["flops_reward"]
    more = sum(thought_kv_bytes(MISTRAL, 4, 39, drawn, 2) for drawn in (12, 3))
    assert row["kv_bytes"] == plain["kv_bytes"].item() + more
