"""One module per line of models: from the fields of a `config.json` to the layers they describe.

To add a family, write a function from `Fields` to a `Body` in the module of its
kin and name it in that module's `FAMILIES` under the class that `config.json`
names. A field that shapes the model and that the function does not read is an
error, never passed over.
"""

from frontiers.families import deepseek, glm, gpt_neox, gpt_oss, granite, llama, mistral, phi, qwen
from frontiers.families.common import Body, Family

__all__ = ["FAMILIES", "Body", "Family"]

MODULES = (llama, mistral, qwen, granite, gpt_neox, gpt_oss, deepseek, glm, phi)
FAMILIES: dict[str, Family] = {name: family for module in MODULES for name, family in module.FAMILIES.items()}
