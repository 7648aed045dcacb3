"""What strategies cost, against the six defects of the seed's accounting (arXiv 2412.16260), and by hand.

1. FLOPs per token too few; 2. thought tokens free (tests of the thought-token model); 3. prompt and reward model
left out; 4. nodes booked at their cap, children with their parent's tokens; 5. any number ends a node; 6. one
seed, no test of the difference. 4 and 5 are also tested in generation/test_tree.py.
"""

import math

import numpy as np
import pandas as pd
import pytest

from frontiers.analysis import strategies
from frontiers.compute import config_json, flop_columns, flops, pass_flops
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops, generation_flops
from frontiers.generation.strategies import chain
from frontiers.generation.strategies.chain import Settings, episode
from frontiers.statistics import paired
from support.family_cases import read_case
from support.paths import ROOT
from support.scripted_trees import World, grow, shape
from support.writer import EOS, PROBLEMS, THINKING, TOKENIZER, Writer, decode

SMALL = read_architecture(config_json.read_config(ROOT / "data/pocket/models/small/config.json"))
LARGE = read_architecture(config_json.read_config(ROOT / "data/pocket/models/large/config.json"))
MISTRAL = {
    "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_size": 4096, "num_hidden_layers": 32,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 32000,
    "sliding_window": 4096, "hidden_act": "silu", "tie_word_embeddings": False,
}  # fmt: skip


def test_a_token_of_a_7b_model_costs_twice_its_parameters():
    """Defect 1: 7.65 GFLOP per token were charged for Mistral-7B."""
    one = forward_flops(read_architecture(MISTRAL), 1, 200).total
    assert one == pytest.approx(14.2e9, rel=0.02)
    assert one / 7.65e9 == pytest.approx(1.86, rel=0.02)


def units(**values):
    row = {
        "problem_id": "p", "sample": 0, "cap": None, "role": "policy", "phase": "reasoning", "node": "0",
        "parent": "root", "past_tokens": 0, "prefill_tokens": 1, "decoded_tokens": 1, "reward": None, "fate": "kept",
    }  # fmt: skip
    return row | values


def table(*rows):
    return pd.DataFrame(rows).astype({"cap": "Int64", "reward": "Float64"})


def test_passes_by_hand():
    made = table(
        units(node="root", phase="prefill", prefill_tokens=9, decoded_tokens=0, fate="prompt"),
        units(node="0", past_tokens=9, prefill_tokens=1, decoded_tokens=5),
        units(node="1", past_tokens=9, prefill_tokens=1, decoded_tokens=3, fate="pruned"),
        units(node="0", role="reward", prefill_tokens=16, decoded_tokens=0, fate="scored"),
    )
    (row,) = pass_flops.compute_table(made, SMALL, LARGE, 4, 2.0).to_dict("records")
    prompt = forward_flops(SMALL, 9, 0, 0).total
    branches = forward_flops(SMALL, 5, 9, 5).total + forward_flops(SMALL, 3, 9, 3).total
    reward = forward_flops(LARGE, 16, 0, 0).total
    assert (
        row["flops_prefill"] == prompt and row["flops_reasoning"] == branches == row["flops_policy"] - prompt
    )
    assert row["flops_reward"] == reward and row["flops"] == prompt + branches + reward
    read = flops.kv_bytes_read(SMALL, 5, 9, 4) + flops.kv_bytes_read(SMALL, 3, 9, 4)
    assert row["kv_bytes"] == read and row["eflops"] == row["flops"] + 2.0 * read


def test_latent_attention_reads_prompt_and_texts_expanded_and_decodes_absorbed():
    latent = read_case("deepseek", "v3")
    made = table(
        units(node="root", phase="prefill", prefill_tokens=9, decoded_tokens=0, fate="prompt"),
        units(node="0", past_tokens=9, prefill_tokens=2, decoded_tokens=5),
        units(node="0", role="reward", prefill_tokens=16, decoded_tokens=0, fate="scored"),
    )
    counted = pass_flops.count(made, latent, latent)
    expected = [
        forward_flops(latent, 9, 0, 0), forward_flops(latent.absorbed(), 6, 9, 5), forward_flops(latent, 16, 0, 0),
    ]  # fmt: skip
    assert counted["attention_scores"].tolist() == [flops.attention_scores for flops in expected]
    assert counted["flops"].tolist() == [flops.total for flops in expected]


def test_a_tree_is_booked_at_what_was_drawn_with_every_branch_and_reading(tmp_path):
    """Defects 3 and 4: prompt and rewards are in it, no node at its cap, no token of a parent twice."""
    world = World(steps=3)
    (tree,) = grow(tmp_path, world, shape(width=6), problems=PROBLEMS[:1])
    made = pd.DataFrame(tree.passes).astype({"cap": "Int64", "reward": "Float64"})
    (row,) = pass_flops.compute_table(made, SMALL, LARGE, 4, 0.0).to_dict("records")
    # Literally, token by token: what of the tree is in no cache passes through the model once.
    expected = forward_flops(SMALL, tree.prompt_tokens - 1, 0, 0).total
    for request in world.asked:
        reply, past = world.reply(request), len(request.prompt) - 1
        expected += sum(forward_flops(SMALL, 1, past + n, 1).total for n in range(reply.decoded))
    assert row["flops_policy"] == expected
    assert row["flops_reward"] == sum(forward_flops(LARGE, len(r.prompt), 0, 0).total for r in world.read)
    # At the cap of 24 tokens a node it would be several times as much.
    capped = sum(forward_flops(SMALL, 24, len(r.prompt) - 1, 24).total for r in world.asked if r.keep)
    assert capped > 2 * row["flops_policy"]


def settings(**options):
    return Settings((0, 8, 20, None), 1, 6, 200, 7, "m", "b", (EOS,), **options)


def rows_of(tmp_path, **options):
    results, part = decode(
        [
            episode(p.id, 0, tuple(TOKENIZER(p.question)["input_ids"]), THINKING, settings(**options))
            for p in PROBLEMS
        ],
        tmp_path / "j.jsonl",
        Writer(),
    )
    return [row for rows in results for row in rows], part


def test_a_plain_chain_counted_pass_by_pass_is_the_closed_form(tmp_path):
    rows, _ = rows_of(tmp_path)
    counted = pass_flops.compute_table(chain.passes(rows), SMALL, None, 4, 0.0)
    for row, found in zip(rows, counted["flops"], strict=True):
        closed = sum(
            part.total
            for part in generation_flops(
                SMALL, row.prompt_tokens, row.kept, row.end_tokens, row.answer.decoded if row.answer else 0
            ).values()
        )
        # A trace that is cut needs no logits behind its last token; the closed form has them.
        cut = row.answer is not None and not row.ended
        assert found == closed - cut * 2 * SMALL.width * SMALL.vocabulary


def test_an_extended_trace_goes_on_and_its_text_is_fed_not_drawn(tmp_path):
    text = tuple(TOKENIZER.encode("from from", add_special_tokens=False))
    plain, _ = rows_of(tmp_path / "a")
    rows, _ = rows_of(tmp_path / "b", extensions=2, extension=text)
    for before, after in zip(plain, rows, strict=True):
        assert after.trace.tokens[: len(before.trace.tokens)] == before.trace.tokens
        if after.cap is None and before.ended:
            assert len(after.stretches) == 3 and len(after.trace.tokens) >= len(
                before.trace.tokens
            ) + 2 * len(text)
            first = len(before.trace.tokens)
            assert after.trace.tokens[first : first + len(text)] == text
        assert after.cap is None or after.kept <= after.cap
    made = chain.passes([row for row in rows if row.cap is None])
    put = made[(made["phase"] == "reasoning") & (made["node"] != "0")]
    assert (put["prefill_tokens"] == len(text)).all()
    fed = made.groupby("problem_id")[["prefill_tokens", "decoded_tokens"]].sum()
    for row in rows:
        if row.cap is None and row.answer:
            whole = row.prompt_tokens + row.kept + row.end_tokens + row.answer.decoded
            # Every token is fed or drawn once, and so is the end of thinking behind each stretch.
            assert fed.loc[row.problem_id].sum() == whole + len(row.stretches)


def samples(n=6):
    keys = {"problem_id": "p", "sample": range(n), "cap": None}
    generations = pd.DataFrame(
        {
            **keys,
            "prompt_tokens": 10,
            "reasoning_tokens": range(5, 5 + n),
            "end_tokens": 1,
            "answer_tokens": 3,
        }
    )
    return generations.astype({"cap": "Int64"})


@pytest.mark.parametrize("n", [1, 3, 6])
def test_n_samples_share_the_prompt_and_pay_for_all_else(n):
    generations = samples()
    table = flops.compute_table(generations, SMALL, 4, 1.0)
    rewards = generations[["problem_id", "sample", "cap"]].assign(reward_tokens=20)
    (cost,) = strategies.costs_of_samples(generations, table, rewards, n, SMALL, LARGE).to_dict("records")
    prompt = forward_flops(SMALL, 10).total
    rest = (table["flops_reasoning"] + table["flops_answer"]).mean()
    reward = forward_flops(LARGE, 20, 0, 0).total
    assert cost["flops"] == pytest.approx(prompt + n * (rest + reward))
    assert cost["flops_reward"] == pytest.approx(n * reward)
    assert cost["flops_policy"] + cost["flops_reward"] + cost["flops_thought"] == pytest.approx(cost["flops"])
    parts = [cost[name] for name in flop_columns.COMPONENTS]
    assert sum(parts) == pytest.approx(cost["flops"])
    phases = [cost[f"flops_{phase}"] for phase in ("prefill", "reasoning", "answer")]
    assert sum(phases) == pytest.approx(cost["flops_policy"])
    assert cost["reasoning_tokens"] == pytest.approx(n * 7.5)
    assert cost["kv_bytes"] == pytest.approx(n * table["kv_bytes"].mean())


def test_combining_is_not_shown_to_degrade():
    """Defect 6: 13 right of 128 against 12 is no difference; 41 against 13 is one."""
    assert paired.mcnemar(1, 2) == 1.0
    assert paired.mcnemar(2, 30) < 1e-5


def test_expected_values_are_compared_without_rounding():
    a, b = np.full((40, 1), 0.6), np.full((40, 1), 0.5)
    found = paired.compare(a, b)
    assert found.estimate == pytest.approx(0.1) and found.test == paired.NORMAL
    assert found.better == 40 and found.low <= 0.1 <= found.high
    assert found.p_value == pytest.approx(2 * 0.5 * math.erfc(math.sqrt(40) / math.sqrt(2)))
    assert paired.compare(a, a).p_value == 1.0
