"""A JSON product comes back as it was written, or not at all."""

import json
import random

import pytest

import count_compute
import summarise_points
from frontiers.core import sealed
from frontiers.core.cli import UserError

FACTS = {
    "model": "m √",
    "energy_joules": 12.5,
    "journalled_requests": 0,
    "caps": [0, 8, None],
    "engine": {"version": {"vllm": "0.32"}},
}
FIX = "delete it and rerun snakemake"


@pytest.fixture
def path(tmp_path):
    sealed.write(tmp_path / "p.json", FACTS)
    return tmp_path / "p.json"


def test_it_comes_back_and_is_plain_json(path):
    assert sealed.read(path) == FACTS
    assert json.loads(path.read_text()).keys() == {*FACTS, "sha256"}
    before = path.read_bytes()
    sealed.write(path, json.loads(before))
    assert path.read_bytes() == before, "a digest that it had is replaced"


def test_a_flipped_bit_is_found_or_changes_nothing(path):
    whole, found = path.read_bytes(), 0
    bits = random.Random(7).sample(range(8 * len(whole)), 600)
    for bit in bits:
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            assert sealed.read(path) == FACTS, bit
        except UserError as error:
            found += 1
            assert str(path) in str(error) and FIX in str(error)
    assert found > 500


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "null", "[" * 100_000, '{"a": 1}'])
def test_what_is_torn_or_has_no_digest_is_one_message(path, content):
    path.write_text(content)
    with pytest.raises(UserError, match=rf"p\.json: .*{FIX}"):
        sealed.read(path)


@pytest.mark.parametrize(
    ("read", "edit"),
    [
        (count_compute.measured_joules, {"energy_joules": 1.5}),
        (lambda path: summarise_points.read_models([path]), {"total_params": 7}),
    ],
)
def test_an_edited_product_is_refused_by_what_reads_it(path, read, edit):
    sealed.write(path, FACTS | {"kind": "dense", "total_params": 9, "active_params": 9})
    read(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | edit))
    with pytest.raises(UserError, match=rf"p\.json: damaged or edited .*{FIX}"):
        read(path)
