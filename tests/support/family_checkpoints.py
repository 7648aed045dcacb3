"""Checkpoints of random weights for the models of the open-reasoning study: the real classes and fields, small dimensions.

Each has a vocabulary of bytes with its family's markers, and a chat template of its family's form. The random weights
of gpt-oss are not quantised, as vLLM has no MXFP4 for a CPU. Those of Gemma 3n are of its text alone, since the classes
of its vision tower need timm.
"""

import json
from pathlib import Path

import torch
import yaml
from safetensors.torch import load_file, save_file

from support.paths import ROOT

CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
MODELS = CONFIG["studies"]["open-reasoning"]["models"]
ASK = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
TEMPLATES = {
    "plain": ASK,
    "opened": ASK + "{{ '<think>\\n' }}",
    "harmony": "<|start|>system<|message|>Current date: {{ strftime_now('%Y-%m-%d') }} Reasoning: {{ reasoning_effort }}"
    "<|end|><|start|>user<|message|>" + ASK + "<|end|><|start|>assistant",
}
HARMONY = ["<|start|>", "<|channel|>", "<|message|>", "<|end|>"]
SMALL = {
    "hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32,
    "max_position_embeddings": 512, "num_hidden_layers": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1,
}  # fmt: skip
YARN = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 128}


def shape_of(name: str) -> tuple[str, dict, str]:
    """Return (class of the weights, fields of config.json, kind of chat template) for a model of the study."""
    match name.split("-")[0], name:
        case "qwen3", _ if "30b" in name:
            experts = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
            return "Qwen3MoeForCausalLM", SMALL | experts, "opened" if "thinking" in name else "plain"
        case "qwen3", _:
            return "Qwen3ForCausalLM", SMALL, "opened" if "thinking" in name else "plain"
        case "deepseek", _:
            # The factor of this checkpoint stands under a name that the engine does not read.
            rope = {"rope_parameters": YARN | {"attn_factor": 0.8782488562869419}}
            return "Qwen3ForCausalLM", SMALL | rope, "plain"
        case "gpt", _:
            experts = {"num_local_experts": 4, "num_experts_per_tok": 2, "sliding_window": 16}
            layers = {"layer_types": ["sliding_attention", "full_attention"]}
            rope = {"rope_parameters": YARN | {"beta_fast": 32.0, "beta_slow": 1.0, "truncate": False}}
            return "GptOssForCausalLM", SMALL | experts | layers | rope, "harmony"
        case "nemotron", _:
            state = {
                "mamba_num_heads": 4, "mamba_head_dim": 32, "ssm_state_size": 16, "n_groups": 2, "conv_kernel": 4,
                "mlp_hidden_act": "relu2", "chunk_size": 32,
                "layers_block_type": ["mamba", "mlp", "attention", "mlp"], "num_hidden_layers": 4,
            }  # fmt: skip
            return "NemotronHForCausalLM", SMALL | state, "opened"
        case "llama", _:
            return "LlamaForCausalLM", SMALL, "plain"
        case "gemma", "gemma-3-1b-it":
            return "Gemma3ForCausalLM", SMALL | {"sliding_window": 16, "sliding_window_pattern": 2}, "plain"
        case "gemma", _ if name.startswith("gemma-3-"):
            text = SMALL | {"sliding_window": 16, "sliding_window_pattern": 2}
            vision = {
                "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
                "image_size": 28, "patch_size": 14,
            }  # fmt: skip
            return (
                "Gemma3ForConditionalGeneration",
                {"text_config": text, "vision_config": vision, "mm_tokens_per_image": 4},
                "plain",
            )
        case "gemma", _:
            streams = {
                "num_hidden_layers": 4, "num_kv_shared_layers": 2, "sliding_window": 16,
                "layer_types": ["sliding_attention", "full_attention"] * 2,
                "intermediate_size": [96] * 4, "hidden_size_per_layer_input": 16, "altup_num_inputs": 4,
                "laurel_rank": 8, "activation_sparsity_pattern": [0.0] * 4,
            }  # fmt: skip
            return "Gemma3nForCausalLM", SMALL | streams, "plain"
        case "phi", "phi-4-mini-reasoning":
            return (
                "Phi3ForCausalLM",
                SMALL | {"partial_rotary_factor": 0.75, "tie_word_embeddings": True},
                "plain",
            )
    return "Phi3ForCausalLM", SMALL, "plain"


def byte_tokenizer(name: str, template: str):
    """Return a tokenizer of bytes, with the markers of a model's family as tokens; Nemotron's joins `>` and a line break."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = ["<pad>", "<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    line = pre_tokenizers.ByteLevel(False, use_regex=False).pre_tokenize_str("\n")[0][0]
    joined = [(">", line)] if name.startswith("nemotron") else []
    vocabulary = {token: number for number, token in enumerate([*letters, *map("".join, joined)])}
    made = Tokenizer(models.BPE(vocabulary, joined))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    markers = HARMONY if template == "harmony" else [] if joined else ["<think>", "</think>"]
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="<pad>",
        eos_token="<eos>",
        additional_special_tokens=markers,
        chat_template=TEMPLATES[template],
    )


def save(name: str, folder: Path, seed: int = 0) -> Path:
    """Write a checkpoint for a model of the study; return its folder."""
    import transformers

    kind, fields, template = shape_of(name)
    tokenizer = byte_tokenizer(name, template)
    tokenizer.save_pretrained(folder)
    vocabulary = -(-len(tokenizer) // 32) * 32
    sizes = {"vocab_size": vocabulary, "pad_token_id": 0, "eos_token_id": tokenizer.eos_token_id}
    model_class = getattr(transformers, kind)
    if "text_config" in fields:
        fields = fields | {"text_config": fields["text_config"] | sizes, "image_token_index": vocabulary - 1}
        fields |= {"boi_token_index": vocabulary - 2, "eoi_token_index": vocabulary - 3}
    else:
        fields = fields | sizes
    if kind == "Gemma3nForCausalLM":
        fields |= {"vocab_size_per_layer_input": vocabulary}
    torch.manual_seed(seed)
    config = model_class.config_class(**fields)
    model = model_class(config).float().eval()
    model.save_pretrained(folder)
    if kind == "Gemma3nForCausalLM":
        _as_whole(folder, vocabulary)
    written = json.loads((folder / "config.json").read_text())
    if name.startswith("deepseek"):
        written["rope_parameters"]["attn_factor"] = 0.8782488562869419
    written["dtype"] = "float32"
    (folder / "config.json").write_text(json.dumps(written, indent=1))
    return folder


def _as_whole(folder: Path, vocabulary: int) -> None:
    """Name the weights and the configuration of Gemma 3n's text as they are in the whole checkpoint."""
    path = folder / "model.safetensors"
    renamed = {
        key.replace("model.", "model.language_model.", 1): value for key, value in load_file(path).items()
    }
    save_file(renamed, path, {"format": "pt"})
    text = json.loads((folder / "config.json").read_text())
    whole = {
        "architectures": ["Gemma3nForConditionalGeneration"],
        "model_type": "gemma3n",
        "text_config": {k: v for k, v in text.items() if k != "architectures"},
        "eos_token_id": text["eos_token_id"],
    }
    (folder / "config.json").write_text(json.dumps(whole))
