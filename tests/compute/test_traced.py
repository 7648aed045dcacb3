"""The traced accounting against the closed form: the counter of torch on a class, and the polynomial through its counts."""

import json
from fractions import Fraction

import pytest

import summarise_points
import trace_architecture
from frontiers.compute import model_card, traced
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.families import FAMILIES
from frontiers.compute.flops import forward_flops
from frontiers.compute.precision import read_precision
from frontiers.core.cli import UserError
from support.pages.comparisons import surplus
from support.real_modules import build, counted, facts, total
from support.unseen_configs import BUILT, defaults

torch = pytest.importorskip("torch")
FAST = {
    "LlamaForCausalLM",
    "Qwen3MoeForCausalLM",
    "DeepseekV32ForCausalLM",
    "Gemma4ForCausalLM",
    "MiniMaxM3VLForCausalLM",
}
TOKENS = 96
WITHOUT_LANGUAGE_MODEL = {
    name
    for name, family in FAMILIES.items()
    if family.tied_outside or name == "MiniMaxM3SparseForConditionalGeneration"
}
"""Wrappers whose text has no class of its own in transformers."""


def hybrid(name):
    return any(part.state_elements for part, _ in read_architecture(defaults(name)).parts)


def marked(name):
    return pytest.param(name, marks=[] if name in FAST else [pytest.mark.slow])


@pytest.mark.parametrize("name", [marked(name) for name in BUILT if name not in WITHOUT_LANGUAGE_MODEL])
def test_closed_form_and_trace_are_equal(name):
    """At a length that is not one of the three; of state-space models only the parameters, as scans are seen in part."""
    config = defaults(name)
    ours, trace = read_architecture(config), traced.trace(config)
    assert sum(trace.parameters.values()) == ours.parameters()
    if not hybrid(name):
        flops = forward_flops(ours, TOKENS, 0, TOKENS, "square").total + TOKENS * surplus(ours)
        assert trace.total(TOKENS) == flops
        assert all(part.once == 0 for part in trace.flops.values())


def test_the_polynomial_holds_after_a_past():
    module, saved = build("Qwen3ForCausalLM", small())
    polynomial = traced.trace(saved).total
    prompt, chunk = torch.randint(0, 61, (1, 9)), torch.randint(0, 61, (1, 5))
    _, result = counted(module, {"input_ids": prompt, "use_cache": True})
    counts, _ = counted(module, {"input_ids": chunk, "past_key_values": result.past_key_values})
    assert polynomial(5, 9) == total(counts)


def small():
    return {
        "vocab_size": 61,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
    }


def test_a_polynomial_is_fitted_exactly():
    wanted = traced.Polynomial(Fraction(7), Fraction(10**15 + 1), Fraction(3, 4))
    assert traced.fit({n: wanted(n) for n in traced.LENGTHS}) == wanted
    assert wanted(3, 5) == 7 + 3 * (10**15 + 1) + Fraction(3, 4) * 3 * 8


def test_a_class_that_transformers_does_not_have_is_named():
    with pytest.raises(UserError, match="no configuration of model_type 'mine'"):
        traced.trace({"model_type": "mine"})
    with pytest.raises(UserError, match="no language model for model_type"):
        traced.trace(facts("qwen3-vl-8b-instruct"))


@pytest.mark.parametrize("name", ["qwen3-8b", "olmoe-1b-7b-0924", "llama-3.2-1b-instruct"])
def test_a_model_counted_from_its_trace_equals_its_family(name):
    config = facts(name)
    family = read_architecture(config)
    from_trace = read_architecture(config | {"traced": traced.figures(traced.trace(config), config, name)})
    for active, embedding in ((False, True), (True, True), (True, False)):
        assert from_trace.parameters(active, embedding) == family.parameters(active, embedding)
    for new, past in ((1, 0), (7, 100), (1000, 3)):
        assert forward_flops(from_trace, new, past).total == forward_flops(family, new, past).total
    assert from_trace.kv_bytes(100, 2) == family.kv_bytes(100, 2)


@pytest.mark.parametrize(
    ("name", "why"),
    [("falcon-h1-1.5b-deep-instruct", "convolutions"), ("deepseek-v4-flash", "not a polynomial")],
)
def test_a_trace_that_does_not_see_everything_is_refused(name, why):
    with pytest.raises(UserError, match=f"{name}: .*{why}.*remove `flops: traced`"):
        traced.figures(traced.trace(facts(name)), facts(name), name)


def test_the_script_traces_what_no_family_covers_and_nothing_else(tmp_path):
    config = build("Qwen3ForCausalLM", small())[1]
    given, made = tmp_path / "config.json", tmp_path / "made.json"
    given.write_text(json.dumps(config))
    with pytest.raises(UserError, match="a family counts Qwen3ForCausalLM exactly"):
        trace_architecture.main(["--config-json", str(given), "--output", str(made)])
    assert not made.exists()
    given.write_text(json.dumps(config | {"architectures": ["NewForCausalLM"]}))
    trace_architecture.main(["--config-json", str(given), "--output", str(made)])
    ours = read_architecture(json.loads(made.read_text()))
    assert (ours.name, ours.parameters()) == ("Qwen3ForCausalLM", read_architecture(config).parameters())
    card = model_card.describe(ours, 2, read_precision(config), 4096) | {"config_sha256": "0" * 64}
    model_card.check_card(card, "traced")
    assert summarise_points.traced(card)


def test_reading_the_fields_leaves_the_class_as_it_was():
    import transformers

    kind = transformers.Qwen3Config
    before = kind.__getattribute__
    trace = traced.trace(build("Qwen3ForCausalLM", small())[1])
    assert kind.__getattribute__ is before
    assert {
        "hidden_size",
        "num_hidden_layers",
        "vocab_size",
    } <= trace.read and "max_window_layers" not in trace.read
