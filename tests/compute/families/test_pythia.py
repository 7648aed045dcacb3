import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from support.real_modules import check_full_size

# https://huggingface.co/EleutherAI/pythia-1.4b/blob/main/config.json and pythia-12b
PYTHIA = {
    "1.4b": {"hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 16, "vocab_size": 50304},
    "12b": {"hidden_size": 5120, "num_hidden_layers": 36, "num_attention_heads": 40, "vocab_size": 50688},
}


def pythia(size):
    shape = PYTHIA[size]
    return {
        "architectures": ["GPTNeoXForCausalLM"],
        "intermediate_size": 4 * shape["hidden_size"],
        "tie_word_embeddings": False,
        **shape,
    }


@pytest.mark.parametrize(
    ("size", "gigaflops", "parameters"), [("1.4b", 312.54, 1_414_647_808), ("12b", 2_911.47, 11_846_072_320)]
)
def test_pythia_in_calflops(size, gigaflops, parameters):
    """Full square, no logits: the base model. calflops counts norms, softmax and activations too."""
    architecture = read_architecture(pythia(size))
    assert architecture.parameters() == parameters
    flops = forward_flops(architecture, 128, 0, 0, "square").total
    assert flops < gigaflops * 1e9
    assert flops == pytest.approx(gigaflops * 1e9, rel=6e-4)
    check_full_size(pythia(size))
