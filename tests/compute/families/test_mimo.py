import pytest

from frontiers.compute.architecture_reader import read_architecture
from support.real_modules import (
    build,
    check_full_size,
    full_size,
    shared_only,
    stored,
)


@shared_only
def test_mimo_is_qwen_2_and_a_layer_that_text_does_not_pass():
    """`transformers` has no class for it: its own code derives it from that of Qwen 2."""
    torch = pytest.importorskip("torch")
    config = full_size("XiaomiMiMo--MiMo-7B-Base")
    ours = read_architecture(config)
    qwen = {
        key: value
        for key, value in config.items()
        if key not in ("attention_bias", "num_nextn_predict_layers")
    }
    qwen |= {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
    check_full_size(qwen)
    module, _ = build("Qwen2ForCausalLM", qwen, "meta", dtype=torch.bfloat16)
    assert ours.parameters() == stored(module) == 7_622_619_136
    assert ours.layers == read_architecture(qwen).layers
    assert ours.left_out == ("1 layer of multi-token prediction",)
