"""The devices of data/hardware/: each keeps the schema, is sane, and is read without guesses."""

import datetime
import json
import shutil

import pytest
import yaml
from jsonschema import Draft202012Validator

from frontiers.core.cli import UserError
from frontiers.data import hardware

NAMES = hardware.names()
SCHEMA = json.loads(hardware.SCHEMA.read_text())


def facts(name):
    return yaml.safe_load((hardware.FOLDER / f"{name}.yaml").read_text())


def test_the_devices_that_are_promised_are_there():
    assert {"kinetics", "h100", "h200", "a100", "l40s", "rtx-4090", "mi300x", "cpu"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_device_is_sane(name):
    device, written = hardware.load(name), facts(name)
    assert 10 <= device.intensity() <= 2000
    assert 1e11 < device.bandwidth < 2e13 and all(1e12 < rate < 2e16 for rate in device.peaks.values())
    assert device.memory is None or 1e10 < device.memory < 1e13
    assert device.power is None or 100 <= device.power <= 2000
    if device.price is not None:
        assert 0.1 < device.price < 20
        assert datetime.date.fromisoformat(written["price"]["date"])
    assert all(entry["gives"] for entry in written["sources"])


@pytest.mark.parametrize("name", NAMES)
def test_rates_rise_as_numbers_get_shorter(name):
    peaks = hardware.load(name).peaks
    order = [peaks[dtype] for dtype in ("float32", "tf32", "bfloat16", "fp8", "fp4") if dtype in peaks]
    assert order == sorted(order)
    assert peaks.get("float16", 0) == peaks.get("bfloat16", 0) or name == "kinetics"
    assert peaks.get("fp8", 0) in (0, pytest.approx(2 * peaks.get("bfloat16", 0), rel=0.02))


def test_the_reference_device_of_kinetics():
    reference, real = hardware.load("kinetics"), hardware.load("b200")
    assert reference.intensity() == 562.5
    assert reference.bandwidth == real.bandwidth
    assert real.intensity() == 281.25 and real.intensity("fp8") == 562.5


def test_without_a_16_bit_rate_the_intensity_is_that_of_float32():
    assert hardware.load("cpu").intensity() == hardware.load("cpu").intensity("float32") == 16


def test_unknown_devices_and_types_are_named_with_what_there_is():
    with pytest.raises(UserError, match=r"no device `h101`.*did you mean `h100`"):
        hardware.load("h101")
    with pytest.raises(UserError, match=r"`a100`.*no peak rate for fp8; it has float32, tf32"):
        hardware.load("a100").peak("fp8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bandwidth": "3.35e12"}, "bandwidth: '3.35e12' is not of type 'number'"),
        ({"bandwidth": ...}, "'bandwidth' is a required property"),
        ({"peak_flops": {"bfloat17": 1e15}}, "peak_flops"),
        ({"power": 0}, "power"),
        ({"price": {"usd_per_hour": 3}}, "price"),
        ({"price": {"usd_per_hour": None}}, "price"),
        ({"colour": "green"}, "colour"),
        ({"sources": []}, "sources"),
    ],
)
def test_a_mistake_in_a_description_is_named(tmp_path, change, message):
    written = {key: value for key, value in (facts("h100") | change).items() if value is not ...}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(written))
    with pytest.raises(UserError, match=message) as error:
        hardware.load("mine", tmp_path)
    assert "mine.yaml" in str(error.value)


def test_a_description_of_ones_own(tmp_path):
    shutil.copy(hardware.FOLDER / "h100.yaml", tmp_path / "mine.yaml")
    assert hardware.load("mine", tmp_path).peaks == hardware.load("h100").peaks
    (tmp_path / "broken.yaml").write_text("{")
    with pytest.raises(UserError, match=r"broken\.yaml: not YAML: line 2"):
        hardware.load("broken", tmp_path)
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read"):
        hardware.read(tmp_path / "none.yaml")


def test_the_schema_describes_everything_with_its_unit():
    Draft202012Validator.check_schema(SCHEMA)
    for name, rule in SCHEMA["properties"].items():
        assert rule["description"], name
        assert rule.get("type") != "object" or rule.get("additionalProperties") is False or "oneOf" in rule
    for name in ("peak_flops", "bandwidth", "memory", "power"):
        assert SCHEMA["properties"][name]["x-unit"], name
    assert SCHEMA["additionalProperties"] is False
