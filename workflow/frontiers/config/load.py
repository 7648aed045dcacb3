"""Reading and checking config.yaml."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from frontiers.config.faults import cross_faults
from frontiers.config.imported import completed
from frontiers.config.schema import schema, schema_faults, with_defaults
from frontiers.core.cli import UserError


def check(config: Mapping, root: Path) -> None:
    """Raise `UserError` with every fault of `config`; paths in it are relative to `root`.

    Faults that the schema finds come first and alone: the other checks need a
    configuration of the right shape.
    """
    _raise_if_any(schema_faults(config) or cross_faults(config, root))


def load(config: Mapping) -> dict:
    """Return a copy of `config` with the schema's defaults filled in, and the lists of imported studies.

    Raises `UserError` when it does not match the schema.
    """
    _raise_if_any(schema_faults(config))
    filled = with_defaults(config, schema())
    return {**filled, "studies": {name: completed(study) for name, study in filled["studies"].items()}}


def _raise_if_any(faults: Sequence[str]) -> None:
    if faults:
        number = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UserError(f"config.yaml has {number}:\n" + "\n".join(f"- {fault}" for fault in faults))
