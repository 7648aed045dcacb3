"""Lazy loading of the names that a package gives out, from its modules on first use."""

import importlib
from collections.abc import Callable
from typing import Any


def lazy(package: str, **modules: str) -> Callable[[str], Any]:
    """Return a module's `__getattr__` (PEP 562) that loads each name from the module of `package` given for it.

    Importing one module of a package then loads no other, and a rule's code digest follows only what is used
    (`frontiers.config.code_digest` reads the keywords of this call).
    """

    def load(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{package}.{modules[name]}"), name)

    return load
