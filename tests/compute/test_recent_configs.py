"""Files of data/architectures against the whole configurations that they were taken from."""

import json

import pytest

from frontiers.compute.architecture_reader import read_architecture
from frontiers.compute.flops import forward_flops
from support.paths import SHARED
from support.real_modules import facts, shared_only

NAMES = {
    "qwen3.5-27b": "Qwen--Qwen3.5-27B",
    "qwen3.5-35b-a3b": "Qwen--Qwen3.5-35B-A3B",
    "qwen3-vl-8b-instruct": "Qwen--Qwen3-VL-8B-Instruct",
    "qwen3-vl-30b-a3b-instruct": "Qwen--Qwen3-VL-30B-A3B-Instruct",
    "qwen3-coder-480b-a35b-instruct": "Qwen--Qwen3-Coder-480B-A35B-Instruct",
    "minimax-m2.5": "MiniMaxAI--MiniMax-M2.5",
    "devstral-2-123b-instruct-2512": "mistralai--Devstral-2",
    "deepseek-v4-flash": "deepseek-ai--DeepSeek-V4-Flash",
    "gemma-4-26b-a4b": "google--gemma-4-26B-A4B",
    "mimo-v2-flash": "XiaomiMiMo--MiMo-V2-Flash",
    "minimax-m3": "MiniMaxAI--MiniMax-M3",
}
RECENT = SHARED / "data/model_configs_2026"


@shared_only
@pytest.mark.parametrize(("name", "folder"), NAMES.items())
def test_the_files_here_have_the_shape_of_the_whole_configuration(name, folder):
    whole = json.loads((RECENT / f"{folder}.json").read_text())
    assert read_architecture(facts(name)) == read_architecture(whole)


@shared_only
@pytest.mark.parametrize("path", sorted(RECENT.glob("*.json")), ids=lambda path: path.stem)
def test_every_recent_configuration_is_counted(path):
    ours = read_architecture(json.loads(path.read_text()), path.name)
    assert 3e9 < ours.parameters(active=True) <= ours.parameters()
    assert (
        forward_flops(ours, 100_000).total > 2 * 100_000 * ours.parameters(active=True, embedding=False) * 0.9
    )
