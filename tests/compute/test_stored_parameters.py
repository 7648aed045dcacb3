"""Parameters counted from a configuration equal those of the tensors beside it, or the reason is given."""

import json
import math
from pathlib import Path

import pytest

import fetch_tokenizer
from frontiers.compute.config_json import read_config
from frontiers.compute.stored_parameters import compare
from frontiers.core.cli import UserError
from frontiers.data import checkpoints
from support.downloads import fails, run_model
from support.family_cases import case, rows
from support.paths import ROOT
from support.real_modules import build

SHIPPED = sorted((ROOT / "data/pocket/models").iterdir())


def config_of(folder):
    return json.loads((folder / "config.json").read_text())


@pytest.fixture
def small():
    """The configuration and the tensors of a shipped model with tied embeddings."""
    folder = ROOT / "data/pocket/models/small"
    return config_of(folder), checkpoints.read_tensors(folder)


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda folder: folder.name)
def test_shipped_models_are_what_they_say(folder):
    """Among them a hybrid, a mixture, a thought model, and a reward model with a head of its own."""
    found = compare(config_of(folder), checkpoints.read_tensors(folder), "config.json")
    assert found.counted == found.stored > 0 and found.why is None


@pytest.mark.parametrize("row", rows("cases"), ids=lambda row: f"{row[0]}-{row[1]}")
def test_checkpoints_of_every_family_are_what_they_say(row, tmp_path):
    architecture, config = case(*row[:2])
    module, saved = build(architecture, config)
    module.save_pretrained(tmp_path)
    found = compare(saved, checkpoints.read_tensors(tmp_path), "config.json")
    assert found.counted == found.stored > 0 and found.why is None


EDITS = ("hidden_size", "intermediate_size", "vocab_size", "head_dim", "num_attention_heads")


@pytest.mark.parametrize("field", EDITS)
def test_an_edited_configuration_is_found(small, field):
    config, tensors = small
    with pytest.raises(UserError, match=r"describes a model of .* but the weights beside it have 40,192"):
        compare({**config, field: 3 * config[field]}, tensors, "config.json")


def tensor(*shape):
    return {"dtype": "F32", "shape": list(shape)}


def test_a_table_that_is_tied_counts_once(small):
    config, tensors = small
    table = tensors["model.embed_tokens.weight"]
    assert compare(config, {**tensors, "lm_head.weight": table}, "c").counted == 40192
    alone = {name: entry for name, entry in tensors.items() if name != "model.embed_tokens.weight"}
    assert compare(config, {**alone, "lm_head.weight": table}, "c").counted == 40192
    with pytest.raises(UserError, match="45,280 parameters, but the weights beside it have 40,192"):
        compare({**config, "tie_word_embeddings": False}, tensors, "c")


def test_buffers_are_no_parameters(small):
    config, tensors = small
    buffers = {
        "model.layers.0.self_attn.rotary_emb.inv_freq": tensor(16),
        "gpt_neox.layers.0.attention.masked_bias": tensor(),
        "gpt_neox.layers.0.attention.bias": tensor(1, 1, 64, 64),
    }
    assert compare(config, tensors | buffers, "c").counted == 40192
    with pytest.raises(UserError, match="have 40,193"):
        compare(config, {**tensors, "model.layers.0.self_attn.q_proj.bias": tensor(1)}, "c")


def test_scales_of_quantised_weights_are_no_parameters(small):
    config, tensors = small
    scaled = tensors | {f"{name}_scale_inv": tensor(2, 2) for name in tensors if name.endswith("proj.weight")}
    fp8 = {"quant_method": "fp8", "weight_block_size": [128, 128], "fmt": "e4m3"}
    assert compare({**config, "quantization_config": fp8}, scaled, "c").counted == 40192
    with pytest.raises(UserError, match="beside it have"):
        compare(config, scaled, "c")


def test_a_byte_of_mxfp4_holds_two_parameters(tmp_path):
    architecture, config = case("gpt_oss", "alternating")
    module, saved = build(architecture, config)
    module.save_pretrained(tmp_path)
    tensors = checkpoints.read_tensors(tmp_path)
    whole = compare(saved, tensors, "c")
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        numbers = math.prod(tensors.pop(name)["shape"])
        tensors |= {f"{name}_blocks": tensor(numbers // 2), f"{name}_scales": tensor(numbers // 32)}
    mxfp4 = {"quantization_config": {"quant_method": "mxfp4"}}
    assert compare(saved | mxfp4, tensors, "c") == whole
    assert any(name.endswith("_blocks") for name in tensors)


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        ({"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}, "packed by gptq"),
        (
            {"architectures": ["NewForCausalLM"], "model_type": "new"},
            "architecture `NewForCausalLM`: not supported",
        ),
        ({"num_attention_heads": 7}, "config.json"),
    ],
)
def test_what_cannot_be_compared_is_null_with_the_reason(small, edit, why):
    config, tensors = small
    found = compare({**config, **edit}, tensors, "config.json")
    assert found[:2] == (None, None) and why in found.why


def test_layers_of_multi_token_prediction_are_left_out(tmp_path):
    """They come after the last layer: here as a layer more than the configuration says."""
    architecture, config = case("glm", "moe")
    module, _ = build(architecture, config | {"num_hidden_layers": config["num_hidden_layers"] + 1})
    module.save_pretrained(tmp_path)
    tensors = checkpoints.read_tensors(tmp_path)
    fields = {"architectures": [architecture]} | config
    found = compare(fields, tensors, "c")
    assert found.counted == found.stored > 0
    found = compare(fields, tensors | {"model.next.eh_proj.weight": tensor(32, 64)}, "c")
    assert found[:2] == (None, None) and "multi-token prediction, under names unknown" in found.why
    with pytest.raises(UserError, match="describes a model of"):
        compare({**fields, "moe_intermediate_size": 240}, tensors, "c")


VISION = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "patch_size": 14,
    "image_size": 28,
    "intermediate_size": 64,
}
PROJECTED = {"vision_output_dim": 16, "projector_input_dim": 16, "projector_output_dim": 16}


@pytest.mark.parametrize(
    ("name", "text", "vision", "outer"),
    [
        ("Gemma3", case("gemma", "2")[1], {}, {"mm_tokens_per_image": 4, "image_token_index": 60}),
        ("Llama4", case("llama4", "every-layer")[1], PROJECTED, {"image_token_index": 60}),
    ],
)
def test_a_vision_tower_is_left_out(tmp_path, name, text, vision, outer):
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{name}Config")(text_config=text, vision_config=VISION | vision, **outer)
    module = getattr(transformers, f"{name}ForConditionalGeneration")(config)
    module.save_pretrained(tmp_path)
    tensors = checkpoints.read_tensors(tmp_path)
    found = compare(config_of(tmp_path), tensors, "c")
    assert found.counted == found.stored < sum(math.prod(entry["shape"]) for entry in tensors.values())


# The scripts


def edited_copy(folder: Path, target: Path, **fields) -> Path:
    target.mkdir()
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    (target / "config.json").write_text(json.dumps({**config_of(folder), **fields}))
    return target


def test_download_refuses_a_configuration_of_another_size(tmp_path):
    folder = edited_copy(ROOT / "data/pocket/models/small", tmp_path / "m", intermediate_size=960)
    wanted = (str(folder / "config.json"), "describes a model of", "the weights beside it have 40,192")
    fails(run_model, {"path": str(folder)}, tmp_path / "m.json", wanted=wanted)
    assert not (tmp_path / "m.json").exists()


def test_download_records_what_it_compared(tmp_path, capsys):
    run_model({"path": str(ROOT / "data/pocket/models/small")}, tmp_path / "m.json")
    found = json.loads((tmp_path / "m.checked.json").read_text())["parameters"]
    assert found == {"counted": 40192, "stored": 40192, "why": None}
    folder = edited_copy(
        ROOT / "data/pocket/models/small", tmp_path / "new", architectures=["NewForCausalLM"]
    )
    run_model({"path": str(folder)}, tmp_path / "m.json")
    found = json.loads((tmp_path / "m.checked.json").read_text())["parameters"]
    assert (found["counted"], found["stored"]) == (None, None) and "NewForCausalLM" in found["why"]
    assert "not compared" in capsys.readouterr().err


def test_an_edited_copy_of_a_configuration_is_refused(tmp_path):
    """An edit that changes FLOPs but no parameter: twice the active experts."""
    run_model({"path": str(ROOT / "data/pocket/models/moe")}, tmp_path / "moe.json")
    copy = tmp_path / "moe.config.json"
    config = read_config(copy)
    copy.write_text(json.dumps({**config, "num_experts_per_tok": 4}))
    with pytest.raises(UserError, match=r"moe\.config\.json: changed: .*moe\.json says .*rerun snakemake"):
        read_config(copy)
    copy.write_bytes((ROOT / "data/pocket/models/moe/config.json").read_bytes())
    assert read_config(copy) == config
    (tmp_path / "moe.json").write_text("{")
    with pytest.raises(UserError, match=r"moe\.json: cannot be read as a manifest .*rerun snakemake"):
        read_config(copy)
    (tmp_path / "moe.json").unlink()
    assert read_config(copy) == config, "a file of the user's own"


def test_an_edited_copy_of_an_imported_configuration_is_refused(tmp_path):
    block = json.dumps({"path": str(ROOT / "data/pocket/models/moe")})
    fetch_tokenizer.main(["--name", "moe", "--block", block, "--output", str(tmp_path / "moe.json")])
    copy = tmp_path / "moe.config.json"
    copy.write_text(json.dumps({**read_config(copy), "num_experts_per_tok": 4}))
    with pytest.raises(UserError, match=r"moe\.config\.json: changed: .*rerun snakemake"):
        read_config(copy)
