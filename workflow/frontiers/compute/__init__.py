"""FLOPs, bytes and parameters of a model, from its `config.json` alone.

Import from here `read_architecture`, `forward_flops`, `Architecture`, `Breakdown` and `UnknownArchitecture`; tables come
from `flops`, `pass_flops` and `thought_flops`, cards from `model_card`. It imports `core` and `data`.
"""

from frontiers.core.lazy import lazy

__getattr__ = lazy(
    __name__,
    read_architecture="architecture_reader",
    forward_flops="flops",
    Architecture="architecture",
    Breakdown="flops",
    UnknownArchitecture="config_json",
)
