"""Compares the accounting with the classes of `transformers` and torch's FLOP counter on them."""

import json
from contextlib import nullcontext
from functools import cache

import numpy as np
import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.families import FAMILIES
from frontiers.compute.flops import forward_flops
from frontiers.compute.state_space import GatedDelta, Mamba2
from frontiers.data.architecture_facts import FOLDER, read_facts
from support import paths
from support.repeated_layers import equal_layers_once

CONFIGS = paths.SHARED / "data" / "model_configs"
shared_only = pytest.mark.skipif(not CONFIGS.exists(), reason="needs the model configurations in shared/")

FROZEN = ("DbrxForCausalLM",)
"""Classes whose experts pass slices of weights to a module, which the FLOP counter follows without gradients only."""


def full_size(name):
    """Return a configuration from `../shared`."""
    return json.loads((CONFIGS / f"{name}.json").read_text())


@cache
def facts(name):
    """Return the fields of a checkpoint in data/architectures; not to be changed."""
    return read_facts(FOLDER / f"{name}.yaml")["config"]


def build(architecture, config, device="cpu", **options):
    """Return (module, the configuration that transformers would save) of a `config.json`.

    For a class that wraps a language model and others, the module is the language model.
    """
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    fields = {k: v for k, v in config.items() if k not in ("architectures", "model_type", "__class__")}
    settled = transformers.AutoConfig.for_model(FAMILIES[architecture].model_type, **fields)
    with torch.device(device):
        module = language_model(transformers, settled, attn_implementation="eager", **options)
    return module.eval().requires_grad_(architecture not in FROZEN), settled.to_dict() | {
        "architectures": [architecture]
    }


def language_model(transformers, settled, **options):
    """Return the language model of a configuration; where the text has no class of its own, the wrapper without the rest."""
    text = settled.get_text_config()
    if type(text) in transformers.AutoModelForCausalLM._model_mapping:
        return transformers.AutoModelForCausalLM.from_config(text, **options)
    module = transformers.AutoModelForImageTextToText.from_config(settled, **options)
    for name, _ in list(module.model.named_children()):
        if name != "language_model":
            delattr(module.model, name)
    return module


def counted(module, call, once=False):
    """Return {module name: {operation: FLOPs}} of calling `module`, and the result.

    With `once`, on the meta device, each kind of layer runs once; see `support.repeated_layers`.
    """
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad(), equal_layers_once(module, counter) if once else nullcontext():
        result = module(**call)
    counts = counter.get_flop_counts()
    return {name: {str(op): n for op, n in ops.items()} for name, ops in counts.items()}, result


def stored(module):
    """Return the number of weights that a checkpoint holds: parameters, and buffers that are saved with them."""
    saved = module.state_dict().keys()
    buffers = sum(buffer.numel() for name, buffer in module.named_buffers() if name in saved)
    return sum(p.numel() for p in module.parameters()) + buffers


def total(counts):
    return sum(counts["Global"].values())


def scanned(architecture):
    """Return the state-space parts of a description."""
    return [part for layer in architecture.layers for part in layer.parts if part.state_elements]


def scans_seen(module, counts):
    """Return the FLOPs counted in the state-space mixers as batched products, and as convolutions."""
    torch = pytest.importorskip("torch")
    convolved = (getattr(part, "conv1d", getattr(part, "conv", None)) for part in module.modules())
    names = [
        name
        for (name, _), inner in zip(module.named_modules(), convolved, strict=True)
        if isinstance(inner, torch.nn.Conv1d)
    ]
    mixers = [counts[f"{type(module).__name__}.{name}"] for name in names]
    return tuple(sum(ops.get(op, 0) for ops in mixers) for op in ("aten.bmm", "aten.convolution"))


def check_all_but_scans(architecture, flops, module, counts, tokens):
    """Everything except the state-space scans and convolutions costs what the counter counts."""
    mixers = scanned(architecture)
    apart = tokens * sum(m.scan_flops + m.convolution_flops for m in mixers)
    assert flops - apart == total(counts) - sum(scans_seen(module, counts))


def lm_head(counts):
    return next(name for name in counts if name.endswith(".lm_head"))


def check_parameters(architecture, config):
    """The architecture has the parameters of the module, also when read from what transformers saves."""
    torch = pytest.importorskip("torch")
    module, saved = build(architecture, config)
    ours = read_architecture({"architectures": [architecture], **config})
    count = stored(module)
    assert ours.parameters() == count
    assert read_architecture(saved) == ours
    tables = [part.weight for part in module.modules() if isinstance(part, torch.nn.Embedding)]
    tables += [
        buffer for name, buffer in module.named_buffers() if name.endswith("tid2eid")
    ]  # experts by token
    assert ours.parameters(embedding=False) == count - sum(table.numel() for table in tables)


def check_square(architecture, config, vocabulary=61, longest=20, beyond=0):
    """A pass with all logits costs what the counter counts, up to the first window or chunk.

    `beyond` is what the module wastes on every token, which we do not count.
    """
    torch = pytest.importorskip("torch")
    module, _ = build(architecture, config, experts_implementation="eager")
    ours = read_architecture({"architectures": [architecture], **config})
    tokens = min([longest, *(reach.full for reach in ours.by_reach(lambda part: 1) if reach.full)])
    ids = torch.randint(0, vocabulary, (1, tokens))
    counts, _ = counted(module, {"input_ids": ids, "use_cache": False})
    flops = forward_flops(ours, tokens, 0, tokens, "square")
    assert flops.total + tokens * beyond == total(counts)
    assert flops.logits == sum(counts[lm_head(counts)].values())


def check_decoding(architecture, config, vocabulary=61, beyond=lambda past: 0 * past):
    """Tokens decoded one by one, across the longest window or chunk twice, cost what the counter counts.

    Classes that select positions compute the scores of all: there the last token is the last that may attend to all.
    `beyond` gives the FLOPs that the module wastes on a token after `past` ones, which we do not count.
    """
    torch = pytest.importorskip("torch")
    module, _ = build(architecture, config, experts_implementation="eager")
    ours = read_architecture({"architectures": [architecture], **config})
    reaches = ours.by_reach(lambda part: 1)
    steps = max(8, *(2 * reach.full + 2 for reach in reaches if reach.full and not reach.top), 0)
    steps = min([steps, *(reach.full for reach in reaches if reach.top)])
    spent, cache = [], None
    for token in torch.randint(0, vocabulary, (steps,)):
        call = {"input_ids": token.view(1, 1), "past_key_values": cache, "use_cache": True}
        counts, result = counted(module, call)
        cache = result.past_key_values
        spent.append(total(counts))
    extra = beyond(np.arange(steps))
    each = forward_flops(ours, 1, np.arange(steps)).total
    assert (each + extra).tolist() == spent
    assert forward_flops(ours, steps, 0, steps).total + sum(extra) == sum(spent)
    assert forward_flops(ours, 7, steps - 7, 7).total + sum(extra[-7:]) == sum(spent[-7:])


def check_hybrid(architecture, config, vocabulary=61, tokens=20, beyond=lambda past: 0):
    """A pass and a decoded token cost what the counter counts, except for scans and their convolutions.

    A convolution over several tokens is padded on both sides and outputs
    `kernel - 1` positions too many. Of the recurrence, which Mamba's reference always
    uses and Mamba-2's uses in decoding, the counter sees one product, state times C:
    2 of the scan's 7 FLOPs; of the gated delta rule's recurrence it sees none. A whole
    pass of the references of Mamba-2 and the gated delta rule works in padded chunks
    with more products than the recurrence needs; they are excluded, and the scan
    follows the formula of Megatron-LM, or the recurrence. `beyond` is as in `check_decoding`.
    """
    torch = pytest.importorskip("torch")
    module, _ = build(architecture, config, experts_implementation="eager")
    ours = read_architecture({"architectures": [architecture], **config})
    mixers = scanned(ours)
    recurrence = sum(2 * m.inner * m.state for m in mixers if not isinstance(m, GatedDelta))
    call = {"input_ids": torch.randint(0, vocabulary, (1, tokens)), "use_cache": True}
    counts, result = counted(module, call)
    check_all_but_scans(ours, forward_flops(ours, tokens, 0, tokens, "square").total, module, counts, tokens)
    products, convolutions = scans_seen(module, counts)
    assert convolutions == sum((tokens + m.kernel - 1) * m.convolution_flops for m in mixers)
    assert products == tokens * recurrence or all(isinstance(m, Mamba2 | GatedDelta) for m in mixers)
    step = {"input_ids": torch.tensor([[3]]), "past_key_values": result.past_key_values, "use_cache": True}
    counts, _ = counted(module, step)
    flops = forward_flops(ours, 1, tokens).total + beyond(tokens)
    check_all_but_scans(ours, flops, module, counts, 1)
    assert scans_seen(module, counts)[0] == recurrence


def full_size_figures(config, tokens=128):
    """Return (weights, FLOPs of a square pass) of our architecture and of the module on the meta device.

    Scans of state-space parts and their convolutions are excluded on both sides.
    """
    torch = pytest.importorskip("torch")
    options = {"dtype": torch.bfloat16, "experts_implementation": "batched_mm"}
    module, _ = build(config["architectures"][0], config, "meta", **options)
    ours = read_architecture(config)
    call = {
        "input_ids": torch.zeros(1, tokens, dtype=torch.long, device="meta"),
        "position_ids": torch.zeros(1, tokens, dtype=torch.long, device="meta"),
        "attention_mask": torch.zeros(1, 1, tokens, tokens, dtype=torch.bfloat16, device="meta"),
        "use_cache": False,
    }
    counts, _ = counted(module, call, once=True)
    apart = tokens * sum(m.scan_flops + m.convolution_flops for m in scanned(ours))
    flops = forward_flops(ours, tokens, 0, tokens, "square").total - apart
    return (ours.parameters(), flops), (stored(module), total(counts) - sum(scans_seen(module, counts)))


def check_full_size(config, tokens=128, beyond=0):
    """At full size, on the meta device, parameters and FLOPs of a square pass equal those of the module.

    `beyond` is as in `check_square`.
    """
    (parameters, flops), module = full_size_figures(config, tokens)
    assert (parameters, flops + tokens * beyond) == module
