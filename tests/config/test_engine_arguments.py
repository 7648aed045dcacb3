"""Arguments of vLLM that config.yaml passes on: checked by name, merged, and in the fingerprint if they change tokens."""

import json

import pytest
import yaml

from frontiers.config import engine_arguments, study
from frontiers.config.load import check
from frontiers.core.cli import UserError
from frontiers.generation.engines import vllm
from frontiers.generation.engines.lease import lease_engine
from support.paths import ROOT

ENGINE = {"device": "cpu", "dtype": "float32", "max_model_len": 64, "max_num_seqs": 4, "kv_cache_gib": 0.1}


@pytest.fixture
def config():
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def test_the_names_are_those_of_the_installed_engine():
    import dataclasses

    from vllm.engine.arg_utils import EngineArgs

    names = {field.name for field in dataclasses.fields(EngineArgs)}
    assert names <= set(engine_arguments.names())
    assert {*engine_arguments.SET_HERE, *engine_arguments.TOKENS_STAY} <= names


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (
            {"gpu_memory_utilisation": 0.8},
            "vLLM has no argument `gpu_memory_utilisation`; did you mean `gpu_memory_utilization`?",
        ),
        (
            {"generation_config": "auto"},
            "arguments.generation_config: set by the study; use `sampling` of the model",
        ),
        ({"tensor_parallel_size": 4}, "use `gpus` of the model"),
    ],
)
def test_what_cannot_be_passed_on_is_refused_before_a_run(config, arguments, wanted):
    for place in (
        config["studies"]["pocket"]["engine"],
        config["models"]["pocket-small"].setdefault("engine", {}),
    ):
        place["arguments"] = arguments
        with pytest.raises(UserError) as raised:
            check(config, ROOT)
        assert wanted in str(raised.value)
        del place["arguments"]


def test_an_endpoint_takes_no_arguments(config):
    config["studies"]["pocket"]["engine"] = {
        "kind": "endpoint", "url": "http://localhost:1/v1", "max_model_len": 256, "max_num_seqs": 8,
        "arguments": {"block_size": 16},
    }  # fmt: skip
    with pytest.raises(UserError, match="`arguments`: not allowed with an endpoint"):
        check(config, ROOT)


def test_the_arguments_of_a_model_replace_those_of_the_study():
    own = {"engine": {"arguments": {"block_size": 32, "hf_overrides": {"a": 1}}}}
    of_study = {"engine": ENGINE | {"arguments": {"block_size": 16, "gpu_memory_utilization": 0.5}}}
    found = json.loads(study.engine(of_study, own))["arguments"]
    assert found == {"block_size": 32, "gpu_memory_utilization": 0.5, "hf_overrides": {"a": 1}}
    assert "arguments" not in json.loads(study.engine({"engine": ENGINE}, {}))
    served = {"engine": {"kind": "endpoint", "url": "x", "max_model_len": 64}}
    assert "arguments" not in json.loads(study.engine(served, own))


def test_only_what_may_change_tokens_is_in_the_fingerprint(tmp_path):
    def mark(**arguments):
        settings = ENGINE | ({"arguments": arguments} if arguments else {})
        return lease_engine(settings, "m", lambda: {"max_num_seqs": 4}, {}, None, 0, print)[1]

    plain = mark()
    assert plain == mark(gpu_memory_utilization=0.5, max_num_batched_tokens=512, language_model_only=True)
    assert "arguments" not in plain
    for name in ("hf_overrides", "kv_cache_dtype", "quantization", "speculative_config"):
        assert mark(**{name: "x"})["arguments"] == {name: "x"}


def test_the_engine_is_given_them_last_and_refuses_unknown_ones():
    settings = ENGINE | {"arguments": {"enable_prefix_caching": False, "hf_overrides": {"a": 1}}}
    for device in ("cpu", "cuda"):
        found = vllm.engine_arguments("folder", {}, settings | {"device": device}, 1, False)
        assert found["enable_prefix_caching"] is False and found["hf_overrides"] == {"a": 1}
        assert found["generation_config"] == "vllm"
    with pytest.raises(UserError, match="no argument `hf_override`"):
        vllm.engine_arguments("folder", {}, ENGINE | {"arguments": {"hf_override": {}}}, 1, False)


def test_the_factor_that_the_engine_does_not_read_is_given_to_it(config):
    block = config["models"]["deepseek-r1-0528-qwen3-8b"]
    rope = block["engine"]["arguments"]["hf_overrides"]["rope_parameters"]
    assert (rope["factor"], rope["attention_factor"]) == (4.0, 1.0)
