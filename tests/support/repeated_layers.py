"""Counts a deep model on the meta device as fast as a shallow one: equal layers run once.

Tensors there hold no data, so layers whose modules, shapes, settings and inputs are equal run the same operations.
The counts of the first are booked again for each of the others, which return its result.
"""

from contextlib import contextmanager

import torch

SIMPLE = (int, float, str, type(None))
POSITION = ("layer_idx", "layer_number")
"""Attributes that only say which layer it is."""


def settings(module):
    """Return what decides the operations of `module`: classes, simple attributes and shapes of all it holds."""
    return tuple(
        (
            name,
            type(part),
            tuple(sorted((k, repr(v)) for k, v in vars(part).items() if simple(v) and k not in POSITION)),
            tuple((k, tuple(v.shape)) for k, v in part.named_parameters(recurse=False)),
            tuple((k, tuple(v.shape)) for k, v in part.named_buffers(recurse=False)),
        )
        for name, part in module.named_modules()
    )


def simple(value):
    if isinstance(value, list | tuple):
        return all(map(simple, value))
    return isinstance(value, SIMPLE)


def shapes(value):
    """Return an argument with its tensors reduced to their shapes; what is neither counts as itself."""
    if isinstance(value, torch.Tensor):
        return tuple(value.shape), value.dtype
    if isinstance(value, list | tuple):
        return tuple(map(shapes, value))
    if isinstance(value, dict):
        return tuple((key, shapes(item)) for key, item in sorted(value.items()))
    return repr(value) if simple(value) else id(value)


@contextmanager
def equal_layers_once(module, counter):
    """While open, calls of `module` under the FLOP counter `counter` run each kind of decoder layer once."""
    first = {}
    lists = [part for name, part in module.named_modules() if name.rpartition(".")[2] == "layers"]
    layers = [layer for part in lists for layer in part]
    names = {part: f"{type(module).__name__}.{name}" for name, part in module.named_modules()}

    def replay(layer, run, arguments, options):
        kind = settings(layer), shapes(arguments), shapes(options)
        if kind not in first:
            before = {name: dict(ops) for name, ops in counter.flop_counts.items()}
            result = run(*arguments, **options)
            spent = {
                name: {op: n - before.get(name, {}).get(op, 0) for op, n in ops.items()}
                for name, ops in counter.flop_counts.items()
            }
            first[kind] = names[layer], spent, result
            return result
        old, spent, result = first[kind]
        for name, ops in spent.items():
            own = names[layer] + name.removeprefix(old) if f"{name}.".startswith(f"{old}.") else name
            for op, n in ops.items():
                counter.flop_counts[own][op] += n
        return result

    for layer in layers:
        layer.forward = lambda *a, layer=layer, run=layer.forward, **o: replay(layer, run, a, o)
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward
