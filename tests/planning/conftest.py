"""What the tests of planning share."""

import json

import pytest

from support.plans import ANSWER, CONFIG


@pytest.fixture
def request_of(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    model = {
        "path": str(folder),
        "style": "markers",
        "devices": 2,
        "context": 4096,
        "batch": 64,
        "caps": [0, 64, None],
        "samples": {"b": 2},
    }
    known = {"rows": 5, "expected_tokens": {"prompt": 40, "trace": {"low": 50, "likely": 90, "high": 200}}}
    return {
        "benchmarks": {"b": known},
        "models": {"m": model},
        "strategies": ["cot"],
        "answer_tokens": ANSWER,
    }
