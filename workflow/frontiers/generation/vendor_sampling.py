"""The sampling of a model's block, compared with that in the generation_config.json of its checkpoint."""

from collections.abc import Mapping

NEUTRAL = {"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
"""Parameters of generation_config.json that change what is drawn, with the values at which they do nothing."""


def differing(sampling: Mapping, generation_config: Mapping) -> list[str]:
    """Return, as text, the parameters in which the checkpoint's own sampling is not that of the block.

    What generation_config.json leaves out is not compared, but for the temperature of one that says `do_sample`: it is 1.
    """
    given = {key: value for key, value in generation_config.items() if key in NEUTRAL and value is not None}
    if generation_config.get("do_sample"):
        given.setdefault("temperature", 1.0)
    found = []
    for key, value in given.items():
        own = sampling.get(key, NEUTRAL[key])
        if value != own:
            found.append(f"{key} {value:g} in generation_config.json, {own:g} here")
    return found
