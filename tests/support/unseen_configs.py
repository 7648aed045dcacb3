"""The defaults of every family's class in transformers: configurations that no one wrote for this project."""

import pytest

from frontiers.compute.families import FAMILIES

NOT_BUILT = {
    "DeciLMForCausalLM": "no class",
    "MiMoForCausalLM": "no class",
    "KimiK25ForConditionalGeneration": "no class",
    "KimiK3ForConditionalGeneration": "no class",
    "BailingMoeForCausalLM": "no class",
    "BailingMoeLinearV2ForCausalLM": "no class",
    "BailingMoeV2_5ForCausalLM": "no class",
    "Step3p5ForCausalLM": "no class but that of its wrapper",
    "Step3p7FlashForCausalLM": "no class but that of its wrapper",
    "Step3p7ForConditionalGeneration": "the experts of the class cannot run on the meta device",
    "NemotronHModelProvider": "no class; a form of another framework",
    "BailingMoeV2ForCausalLM": "no class",
    "LongcatFlashForCausalLM": "the class holds weights for experts that compute nothing",
    "NemotronForCausalLM": "the defaults give no key-value heads and the class fails on them",
    "MinistralForCausalLM": "the defaults give no head width and the class fails on them",
    "HunYuanDenseV1ForCausalLM": "the defaults give no head width and the class fails on them",
    "HunYuanMoEV1ForCausalLM": "the defaults give no head width and the class fails on them",
    "DbrxForCausalLM": "the class fails on its defaults",
}
INCOMPLETE = {
    "DeepseekV2ForCausalLM": "num_experts_per_tok",
    "Glm4MoeForCausalLM": "head_dim",
    "Lfm2MoeForCausalLM": "layer_types",
}


def defaults(name):
    transformers = pytest.importorskip("transformers")
    config = transformers.AutoConfig.for_model(FAMILIES[name].model_type)
    return config.to_dict() | {"architectures": [name]}


BUILT = [name for name in FAMILIES if name not in NOT_BUILT | INCOMPLETE]
"""Families whose class can be built from its defaults on the meta device."""
