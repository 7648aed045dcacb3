"""Configurations that no one wrote for this project: the defaults of every family's class in transformers."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.families import FAMILIES
from support.pages.comparisons import surplus
from support.real_modules import full_size_figures

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


@pytest.mark.parametrize("name", [name for name in FAMILIES if name not in NOT_BUILT | INCOMPLETE])
def test_a_configuration_never_seen_before_is_exact(name):
    config = defaults(name)
    ours, module = full_size_figures(config, tokens=16)
    assert (ours[0], ours[1] + 16 * surplus(read_architecture(config))) == module


@pytest.mark.parametrize(("name", "missing"), INCOMPLETE.items())
def test_a_default_that_no_checkpoint_can_have_is_named(name, missing):
    with pytest.raises(UnknownArchitecture, match=missing):
        read_architecture(defaults(name))


def test_a_wrapper_that_is_not_known_is_not_guessed():
    text = defaults("LlamaForCausalLM")
    wrapper = {"architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "text_config": text}
    with pytest.raises(UnknownArchitecture, match="its language model is described in `text_config`"):
        read_architecture(wrapper)


WRAPPERS = sorted(name for name, family in FAMILIES.items() if family.text)


@pytest.mark.parametrize("name", WRAPPERS)
def test_a_known_wrapper_without_its_text_is_an_error(name):
    with pytest.raises(UnknownArchitecture, match="text_config"):
        read_architecture({"architectures": [name], "hidden_size": 64, "num_hidden_layers": 2})
