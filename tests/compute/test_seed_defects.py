"""The six defects in the accounting of arXiv 2412.16260: ours has none; seed_figures.md shows what correcting them changes.

Defects 4 and 5, on trees, also have tests of their own in generation/test_tree.py.
"""

import numpy as np
import pandas as pd
import pytest
import torch

from frontiers.compute import pass_flops
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops, generation_flops
from frontiers.compute.thought_flops import generation_thoughts, thought_flops
from frontiers.generation.engines import thought_model
from frontiers.statistics.paired import compare, mcnemar
from support.pages import seed_pages
from support.paths import ROOT
from support.real_modules import build, counted, total
from support.scripted_trees import PROBLEMS, World, grow, shape
from support.thought_checkpoints import BARRED, random_model

PAGE = ROOT / "docs/evidence/seed_figures.md"


def test_1_a_token_of_a_7b_model_costs_what_its_module_computes():
    """Theirs: 7.65 GFLOP."""
    module, _ = build("MistralForCausalLM", seed_pages.MISTRAL, "meta")
    counts, _ = counted(module, {"input_ids": torch.zeros(1, 1, dtype=torch.long, device="meta")})
    ours = forward_flops(seed_pages.BASE, 1).total
    assert ours == total(counts) == 14_221_312_000
    assert seed_pages.PER_TOKEN / ours < 0.54
    assert seed_pages.halved_at() == pytest.approx(2048, rel=0.01)


def test_2_thoughts_are_booked_with_the_tokens_they_precede():
    """Theirs: 8 passes for a token at 1.13 times the price of one."""
    tokens = dict(prompt=100, reasoning=200, end=2, answer=10)
    base = sum(phase.total for phase in generation_flops(seed_pages.QUIET, **tokens).values())
    inner = sum(phase.total for phase in generation_thoughts(seed_pages.QUIET, 5, **tokens).values())
    drawn = 1 + 200 + 1 + 9
    assert inner > drawn * 7 * forward_flops(seed_pages.QUIET, 1, 0, 0).total
    assert (base + inner) / base > 5
    least, most = seed_pages.corrected("Quiet-STaR")
    assert 12.73 * 14 < least < most < 12.73 * 20


class Positions:
    """Counts the positions that pass through a model's layers."""

    def __init__(self, model):
        self.count = 0
        model.model.layers[0].register_forward_hook(self.see)

    def see(self, module, arguments, output):
        self.count += arguments[0].shape[0] * arguments[0].shape[1]


@torch.no_grad()
def test_3_each_position_is_fed_once_and_the_prompt_is_booked():
    """Theirs: no cache in the loops, and prompts left out. Rewards: see the passes in test 4."""
    model = random_model("qwen3", torch.float32)
    seen, prompt, written, thought = Positions(model), tuple(range(3, 23)), 6, 2
    batch = thought_model.prefill(model, [prompt])
    for number in range(written):
        chance = torch.rand(1, thought + 1, dtype=torch.float64)
        after, _ = thought_model.think(model, batch, 1.0, torch.tensor(BARRED), chance[:, :thought])
        token = thought_model.draw(model.mix(batch.hidden, after), chance[:, thought])
        if number < written - 1:
            batch = thought_model.feed(model, batch, model.get_input_embeddings()(token))
    assert seen.count == len(prompt) + (written - 1) + written * (thought + 2)
    booked = generation_flops(seed_pages.BASE, 100, 0, 1, 1)
    assert booked["prefill"].total == forward_flops(seed_pages.BASE, 100).total > 0


def test_4_a_unit_of_a_tree_books_what_it_fed_and_not_its_parent_or_its_cap(tmp_path):
    (tree,) = grow(tmp_path, World(steps=3), shape(width=6, step_tokens=24), problems=PROBLEMS[:1])
    units = pd.DataFrame(tree.passes)
    policy = units[units["role"] == "policy"]
    fed = policy["prefill_tokens"] + np.maximum(policy["decoded_tokens"] - 1, 0)
    table = pass_flops.count(units, seed_pages.BASE, seed_pages.BASE)
    mine = table[table["role"] == "policy"]
    each = 2 * (seed_pages.BASE.parameters() - 2 * 32000 * 4096 - seed_pages.BASE.norms)
    assert (mine["attention_projections"] + mine["feed_forward"]).sum() == each * fed.sum()
    steps = policy[(policy["phase"] == "reasoning") & (policy["node"] != "root")]
    assert (steps["decoded_tokens"] < 24).any()
    assert table.loc[table["role"] == "reward", "flops"].gt(0).all()
    inherited = steps["past_tokens"] + fed[steps.index]
    assert fed.sum() < inherited.sum()  # what booking a child with its parents would come to


def test_5_a_number_ends_no_node(tmp_path):
    """Theirs: over 92 % of the leaves were one step deep."""
    for tree in grow(tmp_path, World(steps=4), shape(width=6)):
        assert {len(leaf.path) for leaf in tree.leaves} == {5}


def test_6_a_difference_within_chance_is_not_called_one():
    """Theirs: 12 right against 13 of 128, one seed, read as a loss."""
    for both in range(13):
        combined = np.zeros(128)
        baseline = np.zeros(128)
        combined[:12] = 1
        baseline[12 - both : 25 - both] = 1
        found = compare(combined[:, None], baseline[:, None])
        assert found.better + found.worse == 25 - 2 * both
        assert found.p_value == 1.0
        assert found.low < 0 < found.high
    assert mcnemar(seed_pages.detectable(), 0) < 0.05 < mcnemar(seed_pages.detectable() - 1, 0)
    assert mcnemar(41, 12) < 0.001


def test_the_corrected_prices_are_sums_of_single_tokens():
    prompt, each, thought = 60, 20, 5
    whole = forward_flops(seed_pages.QUIET, prompt).total
    for n in range(each):
        whole += thought_flops(seed_pages.QUIET, thought, prompt - 1 + n, 1).total
        whole += forward_flops(seed_pages.QUIET, 1, prompt + n).total if n < each - 1 else 0
    assert seed_pages.samples(6 * each, prompt, thought) == pytest.approx(6 * whole, rel=1e-12)
    assert read_architecture(seed_pages.MISTRAL) == seed_pages.BASE


def test_the_page_of_the_seeds_figures_is_current(request):
    page = seed_pages.page()
    if request.config.getoption("--write-docs"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page, "make docs"
