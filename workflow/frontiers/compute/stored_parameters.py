"""Whether a `config.json` describes the weights beside it: parameters counted from it against tensors in the files."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from frontiers.compute.architecture import Architecture
from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.pass_flops import HEADS, read_scorer
from frontiers.compute.precision import read_precision
from frontiers.core.cli import UserError

OUTPUT = re.compile(r"(^|\.)(lm_head|embed_out)\.(weight|bias)$")
HEAD = re.compile(r"^(score|v_head|classifier|reward_head)\.")
OTHERS = re.compile(
    r"(^|\.)(vision\w*|visual|audio\w*|embed_vision|embed_audio|mm_\w+|multi_modal\w*|image_newline|mtp)(\.|$)"
)
"""Modules that a pass for text does not use."""
BUFFERS = re.compile(r"\.(inv_freq|attention\.(masked_)?bias|self_attn\.(masked_)?bias)$")
"""Constants that older versions of `transformers` saved with the weights."""
SCALES = re.compile(r"_(scale|scales|scale_inv)$")
"""Scales of quantised weights."""
PACKED = re.compile(r"_blocks$")
"""Quantised weights of four bits, two in each byte, as in mxfp4."""
LAYER = re.compile(r"(?:^|\.)layers\.(\d+)\.")
EXACT = (None, "fp8", "mxfp4")
"""Quantisations whose tensors show how many numbers they hold."""


class Stored(NamedTuple):
    """Parameters: `counted` from the configuration, `stored` in the tensors; None where not comparable, and `why`."""

    counted: int | None
    stored: int | None
    why: str | None = None


def compare(config: Mapping[str, Any], tensors: Mapping[str, Mapping], where: str) -> Stored:
    """Return the parameters of a language or reward model by its configuration and by its tensors.

    `tensors` are the headers of its safetensors files (`dtype`, `shape`). Of a tied embedding one table counts, of a
    reward model not its head. Left out are buffers, scales of quantised weights, and what a pass for text does not
    use, such as a vision tower or the layers of multi-token prediction. `where` names the file in messages. Raises
    `UserError` if the numbers differ.
    """
    scorer = any(HEADS.search(str(name)) for name in config.get("architectures") or [])
    try:
        read = read_scorer if scorer else read_architecture
        architecture, method = read(config, where), read_precision(config, where).method
    except UserError as error:
        return Stored(None, None, str(error))
    if method not in EXACT:
        return Stored(
            None, None, f"{where}: weights packed by {method} do not show how many numbers they hold"
        )
    counted = architecture.parameters()
    if scorer and not architecture.tied:
        counted -= (architecture.width + architecture.logits_bias) * architecture.vocabulary
    stored = sum(
        _quantised(name, numbers) if method else numbers
        for name, numbers in _language_model(architecture, tensors, scorer)
    )
    if stored == counted:
        return Stored(counted, stored)
    if architecture.left_out and stored > counted:
        also = ", ".join(architecture.left_out)
        return Stored(None, None, f"{where}: the weights also hold {also}, under names unknown here")
    raise UserError(
        f"{where}: describes a model of {counted:,} parameters, but the weights beside it have {stored:,}. One of "
        "them belongs to another model or was edited. If both are right, the accounting of this family is wrong: "
        "correct it in workflow/frontiers/compute/families/ (CONTRIBUTING.md)"
    )


def _language_model(
    architecture: Architecture, tensors: Mapping[str, Mapping], scorer: bool
) -> Iterator[tuple[str, int]]:
    """Yield (name, numbers) of the tensors that a pass for text uses, of a reward model without its head."""
    table = [architecture.vocabulary, architecture.width]
    tables = sum(list(entry["shape"]) == table for entry in tensors.values())
    for name, entry in tensors.items():
        layer = LAYER.search(name)
        ahead = layer is not None and int(layer[1]) >= len(architecture.layers)
        again = architecture.tied and tables > 1 and OUTPUT.search(name)
        head = scorer and (HEAD.search(name) or OUTPUT.search(name))
        if not (ahead or again or head or OTHERS.search(name) or BUFFERS.search(name)):
            yield name, math.prod(entry["shape"])


def _quantised(name: str, numbers: int) -> int:
    """Return how many parameters a tensor of a quantised checkpoint holds."""
    if SCALES.search(name):
        return 0
    return 2 * numbers if PACKED.search(name) else numbers
