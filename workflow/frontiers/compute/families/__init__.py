"""One module per line of models: from the fields of a `config.json` to the layers they describe.

To add a family, write a function from `Fields` to a `Body` in the module of its
kin and name it in that module's `FAMILIES` under the class that `config.json`
names. A field that shapes the model and that the function does not read is an
error, never passed over.
"""

from frontiers.compute.families import (
    dbrx,
    deepseek,
    falcon,
    gemma,
    glm,
    gpt_neox,
    gpt_oss,
    granite,
    jamba,
    llama,
    mistral,
    nemotron,
    olmo,
    phi,
    qwen,
)
from frontiers.compute.families.common import Body, Family

__all__ = ["FAMILIES", "Body", "Family"]

MODULES = (
    llama,
    gemma,
    mistral,
    qwen,
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
)
FAMILIES: dict[str, Family] = {name: family for module in MODULES for name, family in module.FAMILIES.items()}
