"""What is known of a class that no family covers: supported classes of a similar name, and whether transformers has it."""

import difflib
import importlib.util
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

NEAREST = 10


def nearest(name: str, supported: Iterable[str]) -> list[str]:
    """Return the ten names of `supported` that are most similar to `name`, the most similar first."""
    return difflib.get_close_matches(name, list(supported), n=NEAREST, cutoff=0.0)


def named(config: Mapping[str, Any]) -> str | None:
    """Return the class that a configuration names, or the class of transformers for its type; None without either."""
    listed = config.get("architectures")
    if isinstance(listed, list) and listed:
        return str(listed[0])
    return _causal_classes().get(str(config.get("model_type")))


def in_transformers(name: str) -> str:
    """Return a sentence, without its full stop, on whether the installed transformers has the class `name`."""
    if importlib.util.find_spec("transformers") is None:
        return "Whether transformers has it is not known here, as transformers is not installed"
    import transformers

    has = hasattr(transformers, name)
    return f"transformers {transformers.__version__} {'has' if has else 'does not have'} this class"


@cache
def _causal_classes() -> Mapping[str, str]:
    """Return the class of the language model of each model type that transformers knows; empty without transformers."""
    if importlib.util.find_spec("transformers") is None:
        return {}
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return {kind: str(name) for kind, name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.items()}
