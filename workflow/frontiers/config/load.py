"""Reading and checking config.yaml."""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from frontiers.config import faults as config_faults
from frontiers.config import imported as config_imports
from frontiers.config.strategies import METHODS
from frontiers.core.cli import UserError
from frontiers.core.paths import CONFIG_SCHEMAS

SCHEMA = CONFIG_SCHEMAS / "config.schema.json"


@cache
def schema() -> dict:
    """Return the JSON schema of config.yaml, with the methods of strategies that there are."""
    found = json.loads(SCHEMA.read_text())
    found["$defs"]["strategy"]["properties"]["method"]["enum"] = list(METHODS)
    return found


def check(config: Mapping, root: Path) -> None:
    """Raise `UserError` with every fault of `config`; paths in it are relative to `root`.

    What the schema finds comes first and alone: the other checks need a
    configuration of the right shape.
    """
    _raise(config_faults.schema_faults(config, schema()) or config_faults.cross_faults(config, root))


def load(config: Mapping) -> dict:
    """Return a copy of `config` with the schema's defaults filled in, and the lists of an imported study.

    Raises `UserError` when it does not keep the schema.
    """
    _raise(config_faults.schema_faults(config, schema()))
    filled = _filled(config, schema())
    studies = filled["studies"].items()
    return {**filled, "studies": {name: config_imports.completed(study) for name, study in studies}}


def _raise(faults: Sequence[str]) -> None:
    if faults:
        number = "one fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise UserError(f"config.yaml has {number}:\n" + "\n".join(f"- {fault}" for fault in faults))


def _filled(value: Any, rule: Mapping) -> Any:
    """Return a copy of `value` with the defaults of `rule` where a key is missing."""
    rule = _resolved(rule, value)
    if isinstance(value, Mapping):
        known, others = rule.get("properties", {}), rule.get("additionalProperties") or {}
        filled = {key: _filled(item, known.get(key, others)) for key, item in value.items()}
        for key, described in known.items():
            if key not in filled and "default" in described:
                filled[key] = _filled(described["default"], described)
        return filled
    if isinstance(value, list | tuple):
        return [_filled(item, rule.get("items", {})) for item in value]
    return value


def _resolved(rule: Mapping, value: Any) -> Mapping:
    """Return `rule` with its reference, and its choice between `then` and `else`, followed."""
    if "$ref" in rule:
        return _resolved(schema()["$defs"][rule["$ref"].rpartition("/")[2]], value)
    if "if" in rule:
        kind = rule["if"]["properties"]["kind"]["const"]
        return _resolved(rule["then" if value["kind"] == kind else "else"], value)
    return rule
