"""Names the project's own model classes to vLLM, which finds this through workflow/frontiers_models.dist-info.

Each of vLLM's processes calls `register` as it starts.
"""

CLASSES = {
    "Gemma3ForConditionalGeneration": "Gemma3Text",
    "Gemma3nForConditionalGeneration": "Gemma3nText",
}
"""By the class that config.json names, the one of `text_models` to load."""


def register() -> None:
    """Have vLLM load the language model alone of these checkpoints."""
    from vllm import ModelRegistry

    for architecture, name in CLASSES.items():
        ModelRegistry.register_model(architecture, f"frontiers.generation.engines.text_models:{name}")
