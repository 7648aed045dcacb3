"""The mixing head and thought embeddings of Quiet-STaR, which a model of any family may have."""

from frontiers.compute.config_json import Fields
from frontiers.compute.layer_parts import Auxiliary, Part

FORM = {
    "use_weighted_talk_head": True,
    "use_concat_talk_head": True,
    "use_complex_talk_head": True,
    "use_shallow_talk": False,
    "merged_lm_and_talk_heads": False,
}
"""The head of the released checkpoint, ezelikman/quietstar-8-ahead: three layers from both hidden states to one weight
(configuration_mistral.py and modeling_mistral.py of github.com/ezelikman/quiet-star)."""
UNUSED = ("merged_talk_heads", "merged_lm_and_think_heads", "use_complex_think_head")


def mixing_head(fields: Fields) -> Part | None:
    """Return the head that weighs hidden states before and after a thought, None if no field describes one.

    Linear 2·D to D, D to D, D to 1, the first two with biases. Two embeddings of mean and deviation add 4·D
    numbers. Raises `UnknownArchitecture` for any other head.
    """
    if not any(key in fields.config for key in FORM):
        return None
    if other := {key: fields.get(key) for key, wanted in FORM.items() if fields.get(key) is not wanted}:
        raise fields.error(f"only thought models with the head {FORM} are supported; this one has {other}")
    fields.skip(*UNUSED)
    width = fields.size("hidden_size")
    return Auxiliary(width, size=3 * width * width + width, other=2 * width + 4 * width)
