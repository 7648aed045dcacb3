"""One module per model series: from the fields of a `config.json` to the layers they describe.

To add a family, write a function from `Fields` to a `Body` in the module of its
series and add it to that module's `FAMILIES` under the class that `config.json`
names. A field that shapes the model but is not read by the function is an error.
"""

from frontiers.compute.families import (
    apertus,
    bailing,
    bamba,
    cohere,
    dbrx,
    deepseek,
    ernie,
    exaone,
    falcon,
    gemma,
    glm,
    gpt_neox,
    gpt_oss,
    granite,
    hunyuan,
    jamba,
    kimi,
    lfm,
    llama,
    longcat,
    mimo,
    minimax,
    mistral,
    nemotron,
    olmo,
    phi,
    qwen,
    qwen_next,
    seed,
    smollm,
    step,
    zamba,
)
from frontiers.compute.families.common import Body, Family

__all__ = ["FAMILIES", "Body", "Family"]

MODULES = (
    llama,
    gemma,
    mistral,
    qwen,
    qwen_next,
    granite,
    gpt_neox,
    gpt_oss,
    deepseek,
    glm,
    phi,
    olmo,
    nemotron,
    falcon,
    jamba,
    dbrx,
    apertus,
    bailing,
    bamba,
    cohere,
    ernie,
    exaone,
    hunyuan,
    kimi,
    lfm,
    longcat,
    minimax,
    mimo,
    seed,
    smollm,
    step,
    zamba,
)
FAMILIES: dict[str, Family] = {name: family for module in MODULES for name, family in module.FAMILIES.items()}
