"""Independent truth for the accounting: the classes of `transformers`, and torch's counter on them."""

import json
from pathlib import Path

import numpy as np
import pytest

from frontiers.architecture import read_architecture
from frontiers.compute import forward_flops
from frontiers.families import FAMILIES

CONFIGS = Path(__file__).parents[2] / "shared" / "data" / "model_configs"
shared_only = pytest.mark.skipif(not CONFIGS.exists(), reason="needs the model configurations in shared/")


def full_size(name):
    """Return a configuration of `../shared`."""
    return json.loads((CONFIGS / f"{name}.json").read_text())


def build(architecture, config, device="cpu", **options):
    """Return (module, the configuration that transformers would save) of a `config.json`."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    fields = {k: v for k, v in config.items() if k not in ("architectures", "model_type")}
    settled = transformers.AutoConfig.for_model(FAMILIES[architecture].model_type, **fields)
    with torch.device(device):
        module = transformers.AutoModelForCausalLM.from_config(
            settled, attn_implementation="eager", **options
        )
    return module.eval(), settled.to_dict() | {"architectures": [architecture]}


def counted(module, call):
    """Return {module name: {operation: FLOPs}} of calling `module`, and the result."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        result = module(**call)
    counts = counter.get_flop_counts()
    return {name: {str(op): n for op, n in ops.items()} for name, ops in counts.items()}, result


def total(counts):
    return sum(counts["Global"].values())


def scan_seen(counts):
    """Return what the counter saw of the Mamba-2 scans: the batched products inside the mixers."""
    mixers = [ops for name, ops in counts.items() if name.endswith(".mamba")]
    return sum(ops.get("aten.bmm", 0) for ops in mixers)


def lm_head(counts):
    return next(name for name in counts if name.endswith(".lm_head"))


def check_parameters(architecture, config):
    """The description has the parameters of the module, also when read from what transformers saves."""
    module, saved = build(architecture, config)
    ours = read_architecture({"architectures": [architecture], **config})
    count = sum(p.numel() for p in module.parameters())
    assert ours.parameters() == count
    assert read_architecture(saved) == ours
    assert ours.parameters(embedding=False) == count - module.get_input_embeddings().weight.numel()


def check_square(architecture, config, vocabulary=61, longest=20):
    """A pass with all logits costs what the counter counts, as long as no window or chunk is left."""
    torch = pytest.importorskip("torch")
    module, _ = build(architecture, config, experts_implementation="eager")
    ours = read_architecture({"architectures": [architecture], **config})
    tokens = min([longest, *(n for reach in ours.by_reach(lambda part: 1) for n in reach if n)])
    ids = torch.randint(0, vocabulary, (1, tokens))
    counts, _ = counted(module, {"input_ids": ids, "use_cache": False})
    flops = forward_flops(ours, tokens, 0, tokens, "square")
    assert flops.total == total(counts)
    assert flops.logits == counts[lm_head(counts)]["aten.mm"]


def check_decoding(architecture, config, vocabulary=61, steps=18):
    """Decoded one by one, each token meets just the keys it attends to, cropped to the window."""
    torch = pytest.importorskip("torch")
    module, _ = build(architecture, config, experts_implementation="eager")
    ours = read_architecture({"architectures": [architecture], **config})
    spent, cache = [], None
    for token in torch.randint(0, vocabulary, (steps,)):
        call = {"input_ids": token.view(1, 1), "past_key_values": cache, "use_cache": True}
        counts, result = counted(module, call)
        cache = result.past_key_values
        spent.append(total(counts))
    each = forward_flops(ours, 1, np.arange(steps)).total
    assert each.tolist() == spent
    assert forward_flops(ours, steps, 0, steps).total == sum(spent)
    assert forward_flops(ours, 7, steps - 7, 7).total == sum(spent[steps - 7 :])


def check_full_size(config, tokens=128):
    """At full size, on the meta device, parameters and the FLOPs of a square pass are those of the module."""
    torch = pytest.importorskip("torch")
    options = {"dtype": torch.bfloat16, "experts_implementation": "batched_mm"}
    module, _ = build(config["architectures"][0], config, "meta", **options)
    ours = read_architecture(config)
    assert ours.parameters() == sum(p.numel() for p in module.parameters())
    call = {
        "input_ids": torch.zeros(1, tokens, dtype=torch.long, device="meta"),
        "position_ids": torch.zeros(1, tokens, dtype=torch.long, device="meta"),
        "attention_mask": torch.zeros(1, 1, tokens, tokens, dtype=torch.bfloat16, device="meta"),
        "use_cache": False,
    }
    counts, _ = counted(module, call)
    assert total(counts) == forward_flops(ours, tokens, 0, tokens, "square").total
