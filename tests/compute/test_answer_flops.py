"""FLOPs of answers of mean length, against sums over single tokens and draws of lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontiers.compute import answer_flops as answers
from frontiers.compute.answer_flops import answer_flops
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops, generation_flops
from frontiers.data.architecture_facts import read_facts
from support.family_cases import case, read_case
from support.paths import ROOT

R1 = "data/architectures/deepseek-r1.yaml"


def published(path):
    return read_architecture(read_facts(ROOT / path)["config"], path)


def token_by_token(config, prompt, fed):
    """FLOPs of the scores of a small DeepSeek model from its `config.json`, each token and position on its own.

    The prompt makes keys and values of every head (vLLM's `forward_mha`); a decoded token scores the latents and mixes
    them (`forward_mqa`): vLLM 0.32, model_executor/layers/attention/mla_attention.py.
    """
    heads, layers = config["num_attention_heads"], config["num_hidden_layers"]
    nope, rope, value, rank = (
        config[key] for key in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim", "kv_lora_rank")
    )
    spent = 0
    for position in range(prompt + fed):
        for _ in range(position + 1):
            score, mix = (nope + rope, value) if position < prompt else (rank + rope, rank)
            spent += layers * heads * 2 * (score + mix)
    return spent


@settings(deadline=None, max_examples=40)
@given(
    st.sampled_from(["v2-lite", "v3"]),
    *(st.integers(low, high) for low, high in ((1, 12), (0, 12), (0, 3), (0, 8))),
)
def test_latent_attention_is_expanded_in_the_prompt_and_absorbed_afterwards(name, prompt, trace, end, answer):
    phases = generation_flops(read_case("deepseek", name), prompt, trace, end, answer)
    fed = trace + end + max(answer - 1, 0)
    scores = sum(phase.attention_scores for phase in phases.values())
    assert scores == token_by_token(case("deepseek", name)[1], prompt, fed)
    # Everything but the scores costs the same in both forms.
    plain = forward_flops(read_case("deepseek", name), prompt + fed).attention_projections
    assert sum(phase.attention_projections for phase in phases.values()) == plain


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40))
def test_an_answer_counted_as_an_engine_does_and_expanded(prompt, output):
    architecture, found = (
        read_case("deepseek", "v3"),
        answer_flops(read_case("deepseek", "v3"), prompt, output),
    )
    phases = generation_flops(architecture, prompt, 0, 0, output)
    assert found.counted == sum(phase.total for phase in phases.values())
    apart = found.counted - found.expanded
    per_pair = architecture.absorbed().by_reach(lambda p: p.score_flops)
    per_pair = sum(per_pair.values()) - sum(architecture.by_reach(lambda p: p.score_flops).values())
    assert apart == per_pair * sum(prompt + i + 1 for i in range(output - 1))


def test_without_latent_attention_both_forms_are_one():
    llama = published("data/architectures/llama-3.1-8b-instruct.yaml")
    found = answer_flops(llama, 100.5, 900.25)
    assert found.counted == found.expanded < found.spread
    assert llama.absorbed() is llama


@pytest.mark.parametrize(
    "name", ["deepseek-r1", "gemma-2-27b-it", "nvidia-nemotron-nano-9b-v2", "gpt-oss-120b"]
)
def test_spread_is_the_mean_over_log_normal_lengths(name):
    architecture = published(f"data/architectures/{name}.yaml")
    prompt, output = 250.0, 8000.0
    # Strata of equal chance instead of Gauss-Hermite nodes; the last decides the tail.
    drawn = np.sort(np.random.default_rng(0).normal(size=2_000_000))
    lengths = np.exp(answers.SIGMA * drawn)
    lengths *= output / lengths.mean()
    phases = generation_flops(architecture, np.full_like(lengths, prompt), 0.0, 0.0, lengths)
    mean = sum(phase.total for phase in phases.values()).mean()
    assert answer_flops(architecture, prompt, output).spread == pytest.approx(mean, rel=0.003)


def test_a_square_law_grows_by_the_square_of_the_spread():
    """With whole attention the difference is the scores' alone: their square term grows by exp(sigma²)."""
    architecture = read_case("deepseek", "v3")
    found, output = answer_flops(architecture, 0.0, 5000.0), 5000.0
    pairs = sum(architecture.absorbed().by_reach(lambda part: part.score_flops).values())
    grown = pairs * output**2 / 2 * (np.exp(answers.SIGMA**2) - 1)
    assert found.spread - found.counted == pytest.approx(grown, rel=1e-3)


@pytest.mark.parametrize(
    ("prompt", "output", "form", "low"), [(175.5, 4790.6, 1.35, 0.77), (175.3, 10787.5, 1.65, 0.67)]
)
def test_what_form_and_spread_make_of_r1(prompt, output, form, low):
    """Its shortest and longest published answers."""
    found = answer_flops(published(R1), prompt, output)
    assert found.counted / found.expanded == pytest.approx(form, abs=0.01)
    assert found.counted / found.spread == pytest.approx(low, abs=0.01)
