"""The JSON schema of config.yaml: the faults it finds, as messages, and its defaults."""

import datetime
import json
import math
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError, validators

from frontiers.config.strategies import METHODS
from frontiers.core.paths import CONFIG_SCHEMAS
from frontiers.core.suggest import nearest, suggest
from frontiers.core.texts import text_fault

SCHEMA = CONFIG_SCHEMAS / "config.schema.json"


LARGEST = 2**63
"""What integers are below: larger ones fit in no table."""


def _is_integer(_checker, value: Any) -> bool:
    """Return whether a value is written as an integer: YAML's 8.0 is none, and would name another request than 8."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST


def _is_number(_checker, value: Any) -> bool:
    return _is_integer(_checker, value) or (isinstance(value, float) and math.isfinite(value))


def _is_text(_checker, value: Any) -> bool:
    return isinstance(value, str) and text_fault(value) is None


Validator = validators.extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"integer": _is_integer, "number": _is_number, "string": _is_text}
    ),
)


@cache
def schema() -> dict:
    """Return the JSON schema of config.yaml, with the methods of strategies that there are."""
    found = json.loads(SCHEMA.read_text())
    found["$defs"]["strategy"]["properties"]["method"]["enum"] = list(METHODS)
    return found


def schema_faults(config: Mapping) -> list[str]:
    """Return the faults that the schema finds, in the order of the configuration's paths."""
    messages: dict[tuple, str] = {}
    errors = Validator(schema()).iter_errors(config)
    for error in sorted(errors, key=lambda error: [str(step) for step in error.absolute_path]):
        key = (tuple(error.absolute_path), error.validator)
        if "propertyNames" in error.absolute_schema_path:
            key += (str(error.instance),)
        messages.setdefault(key, _message(error))
    return list(messages.values())


def with_defaults(value: Any, rule: Mapping) -> Any:
    """Return a copy of `value` with the defaults of `rule`, a part of the schema, for missing keys."""
    rule = resolved(rule, value)
    if isinstance(value, Mapping):
        known, others = rule.get("properties", {}), rule.get("additionalProperties") or {}
        filled = {key: with_defaults(item, known.get(key, others)) for key, item in value.items()}
        for key, described in known.items():
            if key not in filled and "default" in described:
                filled[key] = with_defaults(described["default"], described)
        return filled
    if isinstance(value, list | tuple):
        return [with_defaults(item, rule.get("items", {})) for item in value]
    return value


def resolved(rule: Mapping, value: Any) -> Mapping:
    """Return `rule`, a part of the schema, with its reference and its `if` followed for `value`."""
    if "$ref" in rule:
        return resolved(schema()["$defs"][rule["$ref"].rpartition("/")[2]], value)
    if "if" in rule:
        kind = rule["if"]["properties"]["kind"]["const"]
        return resolved(rule["then" if value["kind"] == kind else "else"], value)
    return rule


def _place(path: Iterable[Any]) -> str:
    """Return a path into the configuration as text: `studies.pocket.caps[2]`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.lstrip(".") or "config.yaml"


def _message(error: ValidationError) -> str:
    """Return an error of the schema as a message to the author of the configuration."""
    place, value = _place(error.absolute_path), error.instance
    rule, part = error.validator_value, error.schema
    wanted = part.get("description", "").rstrip(".")
    if "propertyNames" in error.absolute_schema_path:
        return f"{place}: {value!r} is not a valid name: {wanted}. Rename it"
    match error.validator:
        case "additionalProperties":
            known = part["properties"]
            unknown = [key for key in value if key not in known]
            hints = [f"unknown key `{key}`; {_home_of(key, known)}" for key in unknown]
            return f"{place}: " + "; ".join(hints)
        case "required":
            missing = [key for key in rule if key not in value]
            return f"{place}: add " + ", ".join(f"`{key}` ({_description(part, key)})" for key in missing)
        case "enum":
            return f"{place}: {value!r} is not an allowed value; {suggest(value, rule, 'allowed are')}"
        case "pattern":
            return f"{place}: {value!r} is not valid here; expected: {wanted}"
        case "type":
            return f"{place}: {_type_message(place, value, rule)}" + (f" ({wanted})" if wanted else "")
        case "uniqueItems":
            repeated = sorted({str(item) for item in value if value.count(item) > 1})
            return f"{place}: {', '.join(repeated)} {_be(repeated)} duplicated; list each once"
        case _:
            return f"{place}: {error.message}" + (f" ({wanted})" if wanted else "")


def _home_of(key: str, known: Mapping[str, Mapping]) -> str:
    """Return where an unknown key may belong: a key that it is near to, here or under a key of `known`."""
    here = nearest(key, known)
    for name, rule in known.items():
        inner = schema()["$defs"].get(rule.get("$ref", "").rpartition("/")[2], rule).get("properties", {})
        near = nearest(key, [*inner, *([here] if here else [])])
        if near in inner and near not in known:
            return f"`{near}` belongs under `{name}`"
    return suggest(key, known, "known keys are")


def _be(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _description(part: Mapping, key: str) -> str:
    """Return the description of the property `key`, without its full stop."""
    return part["properties"].get(key, {}).get("description", "").rstrip(".")


def _type_message(place: str, value: Any, rule: str | list[str]) -> str:
    """Return what type `value` has, what was expected, and what to write."""
    types = [rule] if isinstance(rule, str) else rule
    key = place.rpartition(".")[2]
    if "string" in types and isinstance(value, datetime.date):
        return f'YAML reads {value} as a date. Put it in quotes: {key}: "{value}"'
    if isinstance(value, str) and (fault := text_fault(value)):
        return f"the text {fault}"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value} is not a number to compute with; write a finite one"
    if isinstance(value, int) and abs(value) >= LARGEST:
        return "larger than any number that a table can hold; write one below 2^63"
    if "integer" in types and isinstance(value, float) and value == int(value):
        return f"expected a whole number; write {int(value)}, not {value}"
    if "string" in types and isinstance(value, int | float):
        kind = "a boolean" if isinstance(value, bool) else "a number"
        return f"YAML reads {value} as {kind}. Put it in quotes"
    if types == ["array"] and isinstance(value, str):
        return f"expected a list, write {key}: [{value}]"
    names = {"object": "a block of keys", "array": "a list", "null": "null", "integer": "a whole number"}
    wanted = " or ".join(names.get(t, f"a {t}") for t in types)
    return f"expected {wanted}, found {json.dumps(value, default=str)[:80]}"
