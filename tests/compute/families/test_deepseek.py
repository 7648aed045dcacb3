import json
from dataclasses import replace

import numpy as np
import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.flops import forward_flops, kv_bytes_read
from support.family_cases import case, read_case
from support.paths import SHARED
from support.real_modules import (
    build,
    check_decoding,
    facts,
    full_size,
    shared_only,
    stored,
)

V3 = "DeepseekV3ForCausalLM"


def read(name="v3", **fields):
    return read_case("deepseek", name, **fields)


@pytest.mark.parametrize("name", ["v2-lite", "v3"])
def test_decoding_equals_the_counter_but_for_keys_made_again(name):
    """The module keeps latents in its cache and makes keys and values of all of them at every step.

    We charge each token's keys and values once. An engine absorbs the matrix instead (see below).
    """
    again = 3 * 2 * 12 * 4 * (10 + 14)  # layers, latent to keys and values of every head
    check_decoding(*case("deepseek", name), beyond=lambda past: again * past)


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

    module, _ = build(*case("deepseek", "v3"))
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


def test_a_missing_query_rank_is_not_read_as_null():
    architecture, config = case("deepseek", "v3")
    config = {key: value for key, value in config.items() if key != "q_lora_rank"}
    with pytest.raises(UnknownArchitecture, match="q_lora_rank"):
        read_architecture({"architectures": [architecture]} | config)


@pytest.mark.parametrize("context", [1, 2047, 2048, 2049, 100_000])
def test_sparse_attention_reads_the_selected_positions_and_its_indexer_all(context):
    """Per layer and token at `context` positions, from the sizes in config.json alone."""
    ours = read_architecture(facts("deepseek-v3.2"))
    scores = forward_flops(ours.absorbed(), 1, context - 1).attention_scores
    indexer = 2 * 64 * 128 * context + 2 * 64 * context
    latents = 2 * 128 * (2 * 512 + 64) * min(context, 2048)
    assert scores == 61 * (indexer + latents)
    assert kv_bytes_read(ours, 1, context - 1, 2) == 2 * 61 * (128 * context + 576 * min(context, 2048))
    assert ours.kv_bytes(context, 2) == 2 * 61 * (128 + 576) * context  # a later token may select any of them


def test_the_indexer_is_all_that_v3_2_adds_to_v3():
    older, newer = (read_architecture(facts(name)) for name in ("deepseek-v3", "deepseek-v3.2"))
    indexer = 1536 * 64 * 128 + 7168 * (128 + 64) + 2 * 128
    assert newer.parameters() - older.parameters() == 61 * indexer
    assert newer.parameters(active=True) - older.parameters(active=True) == 61 * indexer


@shared_only
def test_the_wrapper_of_kimi_k2_5_is_counted_as_its_language_model():
    whole = read_architecture(
        json.loads((SHARED / "data/model_configs_2026/moonshotai--Kimi-K2.5.json").read_text())
    )
    alone = read_architecture(facts("kimi-k2.5"))
    assert whole.layers == alone.layers and whole.parameters() == alone.parameters()
    assert whole.left_out == ("vision tower",)


@shared_only
@pytest.mark.parametrize(
    ("name", "folder"), [("deepseek-v3.2", "deepseek-ai--DeepSeek-V3.2"), ("glm-5", "zai-org--GLM-5")]
)
def test_the_files_here_have_the_shape_of_the_whole_configuration(name, folder):
    whole = json.loads((SHARED / "data/model_configs_2026" / f"{folder}.json").read_text())
    assert read_architecture(facts(name)) == read_architecture(whole)
