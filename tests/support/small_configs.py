"""Small configurations of every kind of layer."""

from frontiers.compute.flops import read_architecture

DENSE = {
    "vocab_size": 61,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
}


MAMBA = {
    "layer_types": ["linear_attention", "full_attention", "linear_attention"],
    "shared_intermediate_size": 40,
    "mamba_n_heads": 4,
    "mamba_d_head": 16,
    "mamba_d_state": 8,
    "mamba_n_groups": 2,
    "mamba_chunk_size": 8,
}


EXPERTS = {"num_experts_per_tok": 2, "num_local_experts": 6}


SMALL = {
    "llama": ("LlamaForCausalLM", DENSE),
    "llama-bias": ("LlamaForCausalLM", DENSE | {"attention_bias": True, "mlp_bias": True, "head_dim": 12}),
    "mistral": ("MistralForCausalLM", DENSE | {"sliding_window": 7}),
    "qwen2": ("Qwen2ForCausalLM", DENSE | {"tie_word_embeddings": True}),
    "qwen2-window": (
        "Qwen2ForCausalLM",
        DENSE | {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1},
    ),
    "qwen3": ("Qwen3ForCausalLM", DENSE | {"head_dim": 16}),
    "mixtral": ("MixtralForCausalLM", DENSE | EXPERTS),
    "qwen3-moe": (
        "Qwen3MoeForCausalLM",
        DENSE | EXPERTS | {"moe_intermediate_size": 24, "mlp_only_layers": [1], "decoder_sparse_step": 1},
    ),
    "qwen3-moe-window": (
        "Qwen3MoeForCausalLM",
        DENSE
        | EXPERTS
        | {"moe_intermediate_size": 24, "decoder_sparse_step": 2}
        | {"use_sliding_window": True, "sliding_window": 4},
    ),
    "granite-dense": ("GraniteMoeHybridForCausalLM", DENSE | MAMBA | {"num_local_experts": 0}),
    "granite-moe": (
        "GraniteMoeHybridForCausalLM",
        DENSE | MAMBA | EXPERTS | {"mamba_proj_bias": True, "attention_bias": True},
    ),
}


def small(name):
    architecture, config = SMALL[name]
    return read_architecture({"architectures": [architecture], **config})
