"""Compressed and block-sparse attention, DeepSeek V4 and MiniMax M3, against sums over positions from the sizes alone."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops, kv_bytes_read
from frontiers.compute.precision import read_precision
from support.family_cases import case, read_case
from support.real_modules import build, counted, facts, total


def v4_scores(context):
    """FLOPs of the scores of the last token of `context`: 64 heads of 512 numbers, 64 of 128 in the indexer."""
    window = 4 * 64 * 512 * min(context, 128)
    entries = context // 4
    sparse = 4 * 64 * 512 * min(entries, 512) + 2 * 64 * 128 * entries
    heavy = 4 * 64 * 512 * (context // 128)
    return 43 * window + 21 * sparse + 20 * heavy


@pytest.mark.parametrize("context", [1, 3, 4, 127, 128, 129, 2047, 2048, 2052, 100_000])
def test_deepseek_v4_attends_to_a_window_and_to_complete_entries(context):
    ours = read_architecture(facts("deepseek-v4-flash"))
    assert forward_flops(ours, 1, context - 1).attention_scores == v4_scores(context)
    entries = context // 4
    read = (
        43 * 512 * min(context, 128)
        + 21 * (512 * min(entries, 512) + 128 * entries)
        + 20 * 512 * (context // 128)
    )
    assert kv_bytes_read(ours, 1, context - 1, 1) == read
    kept = 43 * 512 * min(context, 128) + 21 * (512 + 128) * entries + 20 * 512 * (context // 128)
    assert ours.kv_bytes(context, 1) == kept  # a later token may select any entry


def test_a_generation_of_deepseek_v4_costs_what_its_tokens_cost():
    ours = read_architecture(facts("deepseek-v4-flash"))
    past, new = 2000, 700
    assert forward_flops(ours, new, past).attention_scores == sum(
        map(v4_scores, range(past + 1, past + new + 1))
    )


def m3_scores(context):
    """Dense layers read all positions, sparse ones the last block as far as it goes and up to 15 whole others."""
    blocks = (context + 127) // 128
    seen = context if blocks <= 16 else 15 * 128 + context - 128 * (blocks - 1)
    return 4 * 64 * 128 * (3 * context + 57 * seen) + 57 * 2 * 4 * 128 * context


@pytest.mark.parametrize("context", [1, 127, 128, 129, 2047, 2048, 2049, 2176, 2177, 100_000])
def test_minimax_m3_attends_to_whole_blocks_and_its_own(context):
    ours = read_architecture(facts("minimax-m3"))
    assert forward_flops(ours, 1, context - 1).attention_scores == m3_scores(context)
    assert ours.kv_bytes(context, 1) == (60 * 2 * 4 * 128 + 57 * 128) * context


def test_a_generation_of_minimax_m3_costs_what_its_tokens_cost():
    ours = read_architecture(facts("minimax-m3"))
    past, new = 1900, 700
    assert forward_flops(ours, new, past).attention_scores == sum(
        map(m3_scores, range(past + 1, past + new + 1))
    )


def test_the_class_of_minimax_m3_masks_the_positions_it_computes_beyond_the_selected_blocks():
    """What it spends more than we count is exactly the scores of those positions."""
    torch = pytest.importorskip("torch")
    fields = {
        "sparse_topk_blocks": 2,
        "sparse_block_size": 4,
        "sparse_num_index_heads": 2,
        "sparse_index_dim": 12,
    }
    fields["sparse_attention_freq"] = [0, 0, 1, 1]
    architecture, config = case("minimax", "m3")
    config = config | {"sparse_attention_config": fields}
    module, _ = build(architecture, config, experts_implementation="eager")
    ours = read_case("minimax", "m3", sparse_attention_config=fields)
    cache = None
    for before in range(20):
        call = {"input_ids": torch.tensor([[3]]), "past_key_values": cache, "use_cache": True}
        counts, result = counted(module, call)
        cache = result.past_key_values
        masked = max(0, before // 4 - 1) * 4
        assert total(counts) - forward_flops(ours, 1, before).total == 2 * 4 * 4 * 12 * masked


def test_the_class_of_deepseek_v4_masks_the_entries_it_computes_beyond_the_selected():
    torch = pytest.importorskip("torch")
    architecture, config = case("deepseek_v4", "ratios")
    module, _ = build(architecture, config | {"index_topk": 2}, experts_implementation="eager")
    ours = read_case("deepseek_v4", "ratios", index_topk=2)
    cache = None
    for before in range(36):
        call = {"input_ids": torch.tensor([[3]]), "past_key_values": cache, "use_cache": True}
        counts, result = counted(module, call)
        cache = result.past_key_values
        masked = max(0, (before + 1) // 4 - 2)
        assert total(counts) - forward_flops(ours, 1, before).total == 3 * 4 * 4 * 12 * masked


@pytest.mark.parametrize(
    ("name", "published", "active"),
    [
        ("deepseek-v4-flash", 284, 13),
        ("mimo-v2-flash", 309, 15),
        ("gemma-4-26b-a4b", 25.2, 3.8),
    ],
)
def test_published_sizes(name, published, active):
    """Billions, rounded as their makers do: https://arxiv.org/abs/2601.02780, the cards of the others."""
    ours = read_architecture(facts(name))
    assert ours.parameters() / 1e9 == pytest.approx(published, abs=0.5)
    assert ours.parameters(active=True) / 1e9 == pytest.approx(active, abs=0.85)


def test_the_experts_of_deepseek_v4_take_four_bits():
    precision = read_precision(facts("deepseek-v4-flash"))
    assert precision.experts == (4 + 8 / 32) / 8
    assert precision.attention == precision.feed_forward == (8 + 32 / 128**2) / 8
