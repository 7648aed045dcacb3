from frontiers.compute.architecture_reader import read_architecture
from support.family_cases import read_case
from support.real_modules import (
    full_size,
    shared_only,
)


def test_sinks_and_biases_have_weights_and_no_flops():
    layer = read_case("gpt_oss", "alternating").layers[0]
    attention, experts = layer.parts
    assert attention.vectors == 4 + (4 + 2 * 2) * 12 + 32  # sinks, biases of query, key, value, of the output
    assert experts.vectors == 6 and experts.expert_vectors == 2 * 24 + 32  # router; gate, up, down
    bare = read_case("gpt_oss", "alternating", attention_bias=False)
    assert bare.token_flops == read_case("gpt_oss", "alternating").token_flops
    assert bare.parameters() < read_case("gpt_oss", "alternating").parameters()


@shared_only
def test_published_figures():
    """The published totals hold the biases of query, key and value and no others, no norms and no sinks."""
    config = full_size("openai--gpt-oss-20b")
    ours = read_architecture(config)
    biases = 24 * (64 + 2 * 8) * 64
    matrices = sum(
        count * (part.matrices + part.experts * part.expert_matrices) for part, count in ours.parts
    )
    running = sum(
        count * (part.matrices + part.active_experts * part.expert_matrices) for part, count in ours.parts
    )
    table = ours.vocabulary * ours.width
    assert matrices + 2 * table + biases == 20_907_909_120
    assert running + 2 * table + biases == 4_186_398_720
    assert running + table + biases == 3_607_265_280
    assert ours.kv_bytes_per_token(2) == 24 * 2 * 8 * 64 * 2


@shared_only
def test_four_bit_weights_cost_the_same_flops():
    config = full_size("openai--gpt-oss-20b")
    plain = {key: value for key, value in config.items() if key != "quantization_config"}
    assert read_architecture(plain) == read_architecture(config)
