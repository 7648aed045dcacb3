"""The schema of config.yaml: strict, described, and filled in with its defaults."""

import copy

import pytest
import yaml

from frontiers.config import load
from frontiers.config.faults import ENDPOINT_ONLY
from frontiers.config.schema import resolved, schema
from frontiers.core.cli import UserError
from support.paths import ROOT

SCHEMA = schema()


@pytest.fixture
def config() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def _objects(rule: dict, path: tuple = ()):
    """Yield every object schema that names its properties, once, with its path in the schema."""
    if "properties" in rule:
        yield path, rule
    for key, inner in rule.items():
        if isinstance(inner, dict):
            yield from _objects(inner, (*path, key))


def test_schema_is_strict_and_described():
    found = 0
    for path, rule in _objects(SCHEMA):
        if path[-1:] in (("study",), ("if",)):
            continue
        assert rule["additionalProperties"] is False, path
        for name, described in rule["properties"].items():
            found += 1
            assert len(described.get("description", "")) > 8, (path, name)
            types = (
                {described.get("type")}
                if isinstance(described.get("type"), str)
                else {*described.get("type", [])}
            )
            items = described.get("items", {}).get("type", [])
            if {"number", "integer"} & (types | {*([items] if isinstance(items, str) else items)}):
                assert "x-unit" in described, (path, name)
    assert found > 60


NOT_IN_CONFIG = {
    *(
        ("model", key)
        for key in ("sha256", "trust_remote_code", "fetch_weights", "flops", "shards", "nodes", "closed")
    ),
    *(("engine", key) for key in ("kind", "piece_tokens", "arguments", *ENDPOINT_ONLY)),
    ("analysis", "usd_per_hour"),
    ("measured", "judge"),
    ("recorded", "logs"),
    ("published", "chance"),
    *(("imported", key) for key in SCHEMA["$defs"]["imported"]["properties"]),
    *((name, key) for name in ("log", "log_of_verdicts") for key in SCHEMA["$defs"][name]["properties"]),
    *(("log.columns", key) for key in SCHEMA["$defs"]["log"]["properties"]["columns"]["properties"]),
}
"""Optional properties that the shipped configuration has no use for."""


def test_schema_and_configuration_do_not_drift(config):
    """Every property of the schema is used by config.yaml, and so is described what config.yaml uses."""
    used: set[tuple[str, str]] = set()

    def visit(value, rule, name):
        rule_name = rule.get("$ref", name).rpartition("/")[2]
        rule = resolved(rule, value)
        if "kind" in rule.get("properties", {}) and rule_name != "engine":
            rule_name = value["kind"]
        if isinstance(value, dict):
            known = rule.get("properties", {})
            for key, item in value.items():
                if key in known:
                    used.add((rule_name, key))
                visit(item, known.get(key, rule.get("additionalProperties") or {}), f"{rule_name}.{key}")

    visit(config, SCHEMA, "top")
    defined = {("top", key) for key in SCHEMA["properties"]}
    for name, rule in SCHEMA["$defs"].items():
        if name != "study":
            for key, inner in rule.get("properties", {}).items():
                defined |= {
                    (name, key),
                    *((f"{name}.{key}", deeper) for deeper in inner.get("properties", {})),
                }
    assert defined - used == NOT_IN_CONFIG
    assert used - defined == set()


def test_load_fills_defaults_and_leaves_the_original_alone(config):
    before = copy.deepcopy(config)
    loaded = load.load(config)
    assert config == before
    assert loaded["models"]["pocket-small"]["template"] == {}
    assert loaded["models"]["pocket-small"]["gpus"] == 0
    assert loaded["models"]["phi-4"]["trust_remote_code"] is False
    assert loaded["benchmarks"]["short-chains"]["prompt"] == "{question}"
    assert loaded["benchmarks"]["gsm8k"]["columns"]["distractors"] == []
    assert load.load(loaded) == loaded
    del config["studies"]["pocket"]["samples"]
    assert load.load(config)["studies"]["pocket"]["samples"] == 1
    with pytest.raises(UserError, match="unknown key"):
        load.load({**config, "studys": {}})
