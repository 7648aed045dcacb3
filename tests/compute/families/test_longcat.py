"""LongCat-Flash against the class of transformers, of which routing decides what it computes."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from support.family_cases import FAMILIES
from support.real_modules import build, counted, facts, stored, total

NAME = "LongcatFlashForCausalLM"
CONFIG = FAMILIES["longcat"]["base"]


@pytest.mark.parametrize(
    "change", [{}, {"router_bias": True, "attention_bias": True}, {"zero_expert_num": 0}]
)
def test_weights_and_a_pass_equal_the_module_for_the_experts_it_chose(change):
    """The class has a first matrix for every expert that computes nothing; checkpoints and vLLM have none."""
    torch = pytest.importorskip("torch")
    config = CONFIG | change
    torch.manual_seed(0)
    module, saved = build(NAME, config, experts_implementation="eager")
    ours = read_architecture({"architectures": [NAME]} | config)
    assert read_architecture(saved) == ours
    idle, layers, tokens = config["zero_expert_num"], config["num_layers"], 20
    assert stored(module) - ours.parameters() == layers * idle * 2 * 20 * 32
    chosen = []
    for layer in module.model.layers:
        layer.mlp.router.register_forward_hook(lambda _, __, result: chosen.append(result[2]))
    ids = torch.randint(0, 61, (1, tokens))
    counts, _ = counted(module, {"input_ids": ids, "use_cache": False})
    computing = sum(int((each < 6).sum()) for each in chosen)
    expected = layers * tokens * ours.layers[0].parts[1].active_experts
    flops = forward_flops(ours, tokens, 0, tokens, "square").total
    assert flops + (computing - expected) * 2 * 3 * 20 * 32 == total(counts)


def test_the_mean_number_of_computing_experts_is_that_of_even_choices():
    ours = read_architecture({"architectures": [NAME]} | CONFIG)
    mixture = ours.layers[0].parts[1]
    assert (mixture.active_experts, mixture.experts, mixture.idle_experts) == (2, 6, 3)
    assert ours.left_out == ("1 of 3 chosen experts, which on average compute nothing",)


@pytest.mark.parametrize("context", [1, 2, 100_000])
def test_two_attentions_per_layer_grow_with_the_context(context):
    ours = read_architecture(facts("longcat-flash-chat"))
    assert forward_flops(ours, 1, context - 1).attention_scores == 2 * 28 * 2 * 64 * (192 + 128) * context
    absorbed = forward_flops(ours.absorbed(), 1, context - 1)
    assert absorbed.attention_scores == 2 * 28 * 2 * 64 * (512 + 64 + 512) * context
    assert ours.kv_bytes(context, 2) == 2 * 28 * 2 * 576 * context


def test_the_checkpoint_has_its_published_size():
    """560 B, of which 18.6 to 31.3 B run, 27 B on average (arXiv 2509.01322)."""
    ours = read_architecture(facts("longcat-flash-chat"))
    assert ours.parameters() == pytest.approx(560e9, rel=4e-3)
    assert ours.parameters(active=True, embedding=False) == pytest.approx(27e9, rel=2e-2)
    assert ours.left_out[-1] == "4 of 12 chosen experts, which on average compute nothing"
