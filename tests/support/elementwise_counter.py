"""Counts the elementwise operations that torch dispatches, to check what the accounting does not count.

An operation is elementwise if torch tags it `pointwise`. It counts once per number of its result, a reduction once
per number of its input, and a fused operation by the operations it replaces. Integers and booleans, which build masks
and choose experts, and casts and copies are not counted; adding the attention mask to the scores is counted separately.
"""

from collections import Counter

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.module_tracker import ModuleTracker

FUSED = {"_softmax": 5, "silu": 4, "softplus": 3, "addmm": 1}
"""Operations per number. Softmax: maximum, difference, exponential, sum, quotient. SiLU: negation, exponential,
sum, quotient. Softplus: exponential, sum, logarithm. Of a matrix product with bias: the bias."""
REDUCTIONS = {"mean", "sum", "cumsum"}
COPIES = {"_to_copy", "copy", "clone", "fill"}


class ElementwiseCounter(TorchDispatchMode):
    """Counts operations by (class of the innermost module, operation) in `counts`, those on `mask` in `masked`."""

    def __init__(self, module, mask=None):
        super().__init__()
        self.classes = {name: type(part).__name__ for name, part in module.named_modules()}
        self.mask, self.tracker = mask, ModuleTracker()
        self.counts, self.masked = Counter(), 0

    def __enter__(self):
        self.tracker.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.tracker.__exit__(*error)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.is_floating_point():
            name = func.overloadpacket.__name__
            name = name.removesuffix("_") if not name.startswith("_") else name
            if any(argument is self.mask for argument in args if argument is not None):
                self.masked += result.numel()
            elif operations := numbers(func, name, args, result):
                self.counts[(self.running(), name)] += operations
        return result

    def running(self):
        """Return the class of the innermost module that runs now."""
        path = max(self.tracker.parents - {"Global"}, key=len, default="")
        return self.classes[path.partition(".")[2]]


def numbers(func, name, args, result):
    """Return the elementwise operations of one call."""
    if name in FUSED:
        return FUSED[name] * result.numel()
    if name in REDUCTIONS:
        return args[0].numel()
    return result.numel() if torch.Tag.pointwise in func.tags and name not in COPIES else 0
