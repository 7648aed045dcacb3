import json
from dataclasses import replace

import numpy as np
import pytest

from frontiers.compute.flops import UnknownArchitecture, forward_flops, kv_bytes_read, read_architecture
from support.real_modules import (
    CONFIGS,
    build,
    check_decoding,
    check_full_size,
    check_parameters,
    check_square,
    facts,
    full_size,
    shared_only,
    stored,
)

V2, V3 = "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM"
BASE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "intermediate_size": 48,
    "moe_intermediate_size": 24,
    "n_routed_experts": 8,
    "n_shared_experts": 2,
    "num_experts_per_tok": 3,
    "first_k_dense_replace": 1,
    "q_lora_rank": 20,
    "kv_lora_rank": 12,
    "qk_nope_head_dim": 10,
    "qk_rope_head_dim": 6,
    "v_head_dim": 14,
    "max_position_embeddings": 256,
}
GROUPS = {"n_group": 4, "topk_group": 2, "num_nextn_predict_layers": 1}
SMALL = {
    "v2": (V2, BASE | {"n_group": 4, "topk_group": 2, "topk_method": "group_limited_greedy"}),
    "v2-lite": (V2, BASE | {"q_lora_rank": None, "topk_method": "greedy"}),
    "v2-biases": (V2, BASE | {"attention_bias": True, "mlp_bias": True, "first_k_dense_replace": 0}),
    "v3": (V3, BASE | GROUPS),
    "v3-biases": (V3, BASE | GROUPS | {"attention_bias": True, "n_shared_experts": 1}),
    "v3-dense": (V3, BASE | GROUPS | {"first_k_dense_replace": 3, "q_lora_rank": None}),
    "kimi-k2": (V3, BASE | {"model_type": "kimi_k2", "n_group": 1, "topk_group": 1} | GROUPS),
}
VERL = CONFIGS.parents[1] / "reference" / "verl_flops_expected.json"


def read(name="v3", **fields):
    architecture, config = SMALL[name]
    return read_architecture({"architectures": [architecture]} | config | fields)


@pytest.mark.parametrize("name", SMALL)
def test_parameters_and_flops_equal_those_of_the_module(name):
    check_parameters(*SMALL[name])
    check_square(*SMALL[name])


@pytest.mark.parametrize("name", ["v2-lite", "v3"])
def test_decoding_equals_the_counter_but_for_keys_made_again(name):
    """The module keeps latents in its cache and makes keys and values of all of them at every step.

    We charge each token's keys and values once. An engine absorbs the matrix instead (see below).
    """
    again = 3 * 2 * 12 * 4 * (10 + 14)  # layers, latent to keys and values of every head
    check_decoding(*SMALL[name], beyond=lambda past: again * past)


def absorbed_pass(attention, hidden, latents, rotated, turn):
    """Attention of the newest token in absorbed form, with the weights of a module of `transformers`.

    `latents` and `rotated` are what the cache holds of all tokens, the newest included (vLLM's `forward_mqa`).
    """
    torch = pytest.importorskip("torch")
    heads, nope, rank = attention.num_heads, attention.qk_nope_head_dim, attention.kv_lora_rank
    query = attention.q_b_proj(attention.q_a_layernorm(attention.q_a_proj(hidden))).view(heads, -1)
    attention.kv_a_proj_with_mqa(hidden)  # the newest latent; taken from the cache below
    up = attention.kv_b_proj.weight.view(heads, nope + attention.v_head_dim, rank)
    query_latent = torch.bmm(query[:, None, :nope], up[:, :nope])[:, 0]
    scores = query_latent @ latents.T + turn(query[:, nope:]) @ rotated.T
    seen = (attention.scaling * scores).softmax(-1) @ latents
    values = torch.bmm(seen[:, None], up[:, nope:].transpose(1, 2))
    return attention.o_proj(values.reshape(1, -1))


def test_absorbed_attention_is_the_same_function_at_the_flops_charged():
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import DynamicCache
    from transformers.models.deepseek_v3.modeling_deepseek_v3 import apply_rotary_pos_emb_interleave

    module, _ = build(*SMALL["v3"])
    attention, tokens = module.model.layers[0].self_attn, 9
    hidden, positions = torch.randn(1, tokens, 32), torch.arange(tokens)[None]
    turning = module.model.rotary_emb(hidden, positions)
    mask = torch.full((tokens, tokens), -torch.inf).triu(1)[None, None]
    cache = DynamicCache()

    def turn(query):
        last = tuple(table[:, -1:] for table in turning)
        return apply_rotary_pos_emb_interleave(query[None, :, None], query[None, :, None], *last)[0][0, :, 0]

    with torch.no_grad():
        expected, _ = attention(hidden, turning, mask, past_key_values=cache)
        latents, rotated = cache.layers[0].keys[0, 0], cache.layers[0].values[0, 0]
        with FlopCounterMode(display=False) as counter:
            ours = absorbed_pass(attention, hidden[0, -1:], latents, rotated, turn)
    assert torch.allclose(ours, expected[0, -1:], atol=1e-6)
    part = read().absorbed().layers[0].parts[0]
    assert counter.get_total_flops() == 2 * part.matrices + tokens * part.score_flops


def test_absorbed_form_changes_the_scores_alone():
    expanded, absorbed = read(), read().absorbed()
    before, after = expanded.layers[0].parts[0], absorbed.layers[0].parts[0]
    assert (before.score_flops, after.score_flops) == (2 * 4 * (10 + 6 + 14), 2 * 4 * (2 * 12 + 6))
    assert replace(after, absorbed=False) == before
    assert absorbed.token_flops == expanded.token_flops
    assert absorbed.parameters() == expanded.parameters()
    past = np.arange(0, 50, 7)
    assert kv_bytes_read(absorbed, 3, past, 2).tolist() == kv_bytes_read(expanded, 3, past, 2).tolist()
    assert read("v2", attention_bias=True).absorbed().absorbed() == read("v2", attention_bias=True).absorbed()


@shared_only
@pytest.mark.parametrize("name", ["deepseek-ai--DeepSeek-V3", "deepseek-ai--DeepSeek-R1"])
def test_full_size_equals_the_module(name):
    check_full_size(full_size(name))


@shared_only
def test_published_figures():
    """The published totals leave out norms and the correction of the router, checkpoints hold both."""
    ours = read_architecture(full_size("deepseek-ai--DeepSeek-V3"))
    correction = 58 * 256
    vectors = ours.norms + sum(count * part.vectors for part, count in ours.parts)
    assert vectors == correction + 61 * (2 * 7168 + 1536 + 512) + 7168
    assert ours.parameters() == 671_026_419_200
    assert ours.parameters() - vectors == 671_025_397_760
    assert ours.parameters(active=True) - vectors == 37_551_276_032
    assert ours.parameters(active=True, embedding=False) - vectors == 36_624_596_992
    assert ours.left_out == ("1 layer of multi-token prediction",)
    assert ours.kv_bytes_per_token(2) == 61 * (512 + 64) * 2 == 70_272  # 70 KB, arXiv 2505.09343
    decoding = ours.absorbed().by_reach(lambda part: part.score_flops)
    assert sum(decoding.values()) == 61 * 2 * 128 * (2 * 512 + 64)


@shared_only
def test_the_correction_of_the_router_is_the_only_difference_from_the_parameters_of_the_class():
    """It is a buffer there, and saved: so it counts, as the checkpoint's total does."""
    torch = pytest.importorskip("torch")
    config = full_size("deepseek-ai--DeepSeek-V3")
    module, _ = build(V3, config, "meta", dtype=torch.bfloat16)
    parameters = sum(p.numel() for p in module.parameters())
    assert stored(module) - parameters == 58 * 256
    assert read_architecture(config).parameters() == stored(module)


@shared_only
def test_r1_has_the_form_of_v3():
    assert read_architecture(full_size("deepseek-ai--DeepSeek-R1")) == read_architecture(
        full_size("deepseek-ai--DeepSeek-V3")
    )


def test_latent_cache_is_smaller_than_keys_and_values():
    assert read().kv_bytes_per_token(2) == 3 * (12 + 6) * 2
    assert kv_bytes_read(read(), 1, 9, 2) == 10 * 3 * (12 + 6) * 2


@pytest.mark.skipif(not VERL.exists(), reason="needs the figures of verl in shared/")
def test_training_steps_in_verl():
    """Three forward passes, half the square of expanded attention, the input embedding as if multiplied.

    Of 4,096 tokens that is 256.0 GFLOP per token, 250.4 without the embedding; its authors say 250.
    """
    case = next(case for case in json.loads(VERL.read_text()) if case["key"] == "deepseek_v3")
    ours = read_architecture({"architectures": [V3]} | case["config"])
    table = 2 * ours.width * ours.vocabulary
    for lengths, figure in zip(case["batch_seqlens"], case["expected_train_flops"], strict=True):
        passes = [forward_flops(ours, tokens, 0, tokens, "square") for tokens in lengths]
        forward = sum(flops.total - flops.attention_scores // 2 for flops in passes)
        assert 3 * (forward + sum(lengths) * table) == figure
    assert [round(3 * n / sum(lengths) / 1e9, 1) for n in (forward + sum(lengths) * table, forward)] == [
        256.0,
        250.4,
    ]


def test_every_other_layer_has_experts_where_their_frequency_is_two():
    ours = read(num_hidden_layers=6, moe_layer_freq=2, first_k_dense_replace=1)
    assert [bool(layer.parts[1].experts) for layer in ours.layers] == [False, False, True, False, True, False]


def test_layers_that_predict_further_ahead_are_named_and_not_counted():
    assert read(num_nextn_predict_layers=2).left_out == ("2 layers of multi-token prediction",)
    assert read(num_nextn_predict_layers=0).left_out == ()
    assert read(num_nextn_predict_layers=0).parameters() == read().parameters()


@pytest.mark.parametrize(
    ("name", "total", "active", "without_embedding"),
    [
        ("deepseek-v2-lite", 15.706, 2.661, 2.451),  # published as 15.7 B, 2.4 B active (its model card)
        ("deepseek-v2", 235.741, 21.376, 20.852),  # 236 B, 21 B
        ("deepseek-v3", 671.026, 37.552, 36.626),  # 671 B, 37 B
        ("kimi-k2-instruct", 1026.408, 32.862, 31.687),  # 1 T, 32 B
    ],
)
def test_checkpoints_of_the_line(name, total, active, without_embedding):
    config = facts(name)
    check_full_size(config)
    ours = read_architecture(config)
    figures = ours.parameters(), ours.parameters(True), ours.parameters(True, embedding=False)
    assert [round(n / 1e9, 3) for n in figures] == [total, active, without_embedding]


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("v3", {"kv_lora_rank": None}, "kv_lora_rank"),
        ("v3", {"num_key_value_heads": 2}, "num_key_value_heads"),
        ("v3", {"num_experts_per_tok": 9}, "exceeds"),
        ("v3", {"first_k_dense_replace": None}, "first_k_dense_replace"),
        ("v3", {"moe_layer_freq": [0, 1, 1]}, "moe_layer_freq"),
        ("v3", {"mlp_bias": True}, "mlp_bias"),
        ("v3", {"index_n_heads": 4}, "index_n_heads"),
        ("v2", {"num_nextn_predict_layers": 1}, "num_nextn_predict_layers"),
        ("v2", {"sliding_window": 8}, "sliding_window"),
    ],
)
def test_what_cannot_be_counted_is_an_error(name, fields, message):
    with pytest.raises(UnknownArchitecture, match=message):
        read(name, **fields)


def test_a_missing_query_rank_is_no_null_one():
    architecture, config = SMALL["v3"]
    config = {key: value for key, value in config.items() if key != "q_lora_rank"}
    with pytest.raises(UnknownArchitecture, match="q_lora_rank"):
        read_architecture({"architectures": [architecture]} | config)
