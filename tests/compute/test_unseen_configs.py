"""Configurations that no one wrote for this project: the defaults of every family's class in transformers."""

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.config_json import UnknownArchitecture
from frontiers.compute.families import FAMILIES
from support.pages.comparisons import surplus
from support.real_modules import full_size_figures
from support.unseen_configs import BUILT, INCOMPLETE, defaults


@pytest.mark.parametrize("name", BUILT)
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


def test_an_unknown_class_is_told_the_nearest_and_whether_transformers_has_it():
    with pytest.raises(UnknownArchitecture) as error:
        read_architecture({"architectures": ["Glm4MoeLiteForCausalLM"], "hidden_size": 8})
    message = str(error.value)
    listed = message.partition("nearest by name are ")[2].partition(". ")[0].split(", ")
    assert len(listed) == 10 and listed[0] == "Glm4MoeForCausalLM" and set(listed) <= set(FAMILIES)
    assert "has this class. " in message and "describe_architecture.py config.json" in message
    with pytest.raises(UnknownArchitecture, match="does not have this class"):
        read_architecture({"architectures": ["NeverForCausalLM"]})


def test_the_text_of_an_unknown_wrapper_is_named():
    config = {"architectures": ["LlavaForConditionalGeneration"], "text_config": {"model_type": "llama"}}
    with pytest.raises(UnknownArchitecture, match="of class LlamaForCausalLM, which is supported"):
        read_architecture(config)
