"""Running equal layers once counts what running every layer counts."""

import pytest

from support.real_modules import build, counted
from support.small_configs import DENSE, SMALL

MIXED = ("Qwen3MoeForCausalLM", SMALL["qwen3-moe"][1] | {"num_hidden_layers": 6, "mlp_only_layers": [1, 4]})
WIDTHS = {"num_hidden_layers": 4, "num_kv_shared_layers": 0, "intermediate_size": [40, 40, 48, 40]}
STREAMS = ("Gemma3nForCausalLM", DENSE | WIDTHS | {"vocab_size_per_layer_input": 63})


@pytest.mark.parametrize("case", [SMALL["granite-moe"], MIXED, STREAMS], ids=lambda case: case[0])
def test_every_module_has_the_counts_of_a_plain_run(case):
    torch = pytest.importorskip("torch")
    module, _ = build(*case, "meta", experts_implementation="batched_mm")
    call = {"input_ids": torch.zeros(1, 5, dtype=torch.long, device="meta"), "use_cache": False}
    call["attention_mask"] = torch.zeros(1, 1, 5, 5, device="meta")
    runs = []
    module.model.layers[-1].register_forward_hook(lambda *_: runs.append(1))
    plain, _ = counted(module, call)
    once, _ = counted(module, call, once=True)
    assert {name: ops for name, ops in once.items() if any(ops.values())} == {
        name: ops for name, ops in plain.items() if any(ops.values())
    }
    assert len(runs) == 2 and "forward" not in vars(module.model.layers[0])
