"""Reward models on vLLM's pooling runner against `transformers`, and trees of a real pocket model beside one."""

import json
from types import SimpleNamespace

import pytest
import torch
import yaml
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2Model

from frontiers.data.problems import Problem
from frontiers.generation import reward_layout, scheduler
from frontiers.generation.engines.reward import GuidedPolicy, RewardModel
from frontiers.generation.engines.vllm import VllmEngine, engine_arguments, prepare_environment
from frontiers.generation.journal import Journal
from frontiers.generation.requests import Scores
from frontiers.generation.strategies import tree as trees
from frontiers.generation.strategies import tree_tables
from frontiers.generation.strategies.chain import Settings
from frontiers.pocket import training as pocket_training
from frontiers.pocket import world
from frontiers.pocket.tokenizer import build_tokenizer
from support.paths import ROOT
from support.writer import EOS, THINKING, TOKENIZER

# vLLM is imported once for all modules that run it in this process.

RECIPES = yaml.safe_load((ROOT / "data/pocket/recipes.yaml").read_text())["models"]
READ = {"separator": ".", "prompt": "{question} <think> {steps}", "step": "{step}. ", "tag": "."}
SETTINGS = {
    "dtype": "float32",
    "max_model_len": 256,
    "max_num_seqs": 32,
    "device": "cpu",
    "kv_cache_gib": 0.1,
}
DRAWN = [problem for problem, _ in zip(world.draw_problems("engine", (2, 3), False), range(3), strict=False)]


@pytest.fixture(scope="module", autouse=True)
def environment(tmp_path_factory):
    prepare_environment("cpu", tmp_path_factory.mktemp("cache"))


class ProcessReward(torch.nn.Module):
    """Qwen2.5-Math-PRM in small: Qwen2 with two layers above, as its own `modeling_qwen2_rm.py` has them."""

    def __init__(self):
        super().__init__()
        width = 64
        self.model = Qwen2Model(
            Qwen2Config(
                vocab_size=len(TOKENIZER),
                hidden_size=width,
                intermediate_size=96,
                num_hidden_layers=2,
                num_attention_heads=2,
                num_key_value_heads=1,
                max_position_embeddings=512,
                architectures=["Qwen2ForProcessRewardModel"],
                auto_map={"AutoModel": "modeling_qwen2_rm.Qwen2ForProcessRewardModel"},
            )
        )
        self.score = torch.nn.Sequential(
            torch.nn.Linear(width, width), torch.nn.ReLU(), torch.nn.Linear(width, 2)
        )

    def forward(self, ids):
        return SimpleNamespace(logits=self.score(self.model(ids).last_hidden_state))

    def save_pretrained(self, folder):
        folder.mkdir()
        self.model.config.save_pretrained(folder)
        save_file(self.state_dict(), folder / "model.safetensors")


def loaded(folder, recipe, read):
    """Save a model of random weights and load it as a reward model."""
    if recipe == "qwen2-prm":
        model = ProcessReward().eval()
    else:
        model = pocket_training.build_model(
            pocket_training.Recipe.from_mapping(recipe, RECIPES[recipe])
        ).eval()
    model.save_pretrained(folder)
    build_tokenizer().save_pretrained(folder)
    manifest = folder.parent / f"{recipe}.json"
    manifest.write_text(json.dumps({"folder": str(folder), "files": {recipe: "x"}}))
    return model, RewardModel({"name": "pocket-reward", "reward": read, "context": None}, manifest, SETTINGS)


def receive(runner, number):
    found = []
    while len(found) < number:
        found += runner.receive()
    return found


@pytest.fixture(scope="module")
def pocket_reward(tmp_path_factory):
    """The pocket reward model with random weights, as the model, as loaded, and its engine."""
    model, reward = loaded(tmp_path_factory.mktemp("reward") / "reward", "reward", READ)
    return model, reward, reward.engine(0, print, alone=True)


@pytest.mark.parametrize(
    ("recipe", "odds"), [("reward", None), ("medium", ["more", "fewer"]), ("qwen2-prm", None)]
)
def test_scores_are_those_of_transformers(pocket_reward, tmp_path, recipe, odds):
    if recipe == "reward":
        model, reward, runner = pocket_reward
    else:
        model, reward = loaded(tmp_path / recipe, recipe, READ | ({"odds": odds} if odds else {}))
        runner = reward.engine(0, print, alone=True)
    asked = []
    for number, problem in enumerate(DRAWN):
        steps = [
            *reward_layout.split_steps(world.text_of(problem.trace), "."),
            world.text_of(problem.answer),
        ]
        asked.append(reward.layout.scoring(f"p{number}", world.text_of(problem.question), steps))
    for request in asked:
        runner.submit(request)
    found = {scores.id: scores for scores in receive(runner, len(asked))}
    for request in asked:
        with torch.no_grad():
            logits = model(torch.tensor([request.prompt])).logits[0]
        if odds:
            logits = logits[:, TOKENIZER.convert_tokens_to_ids(odds)]
        places = [i for i, token in enumerate(request.prompt) if token == reward.layout.tag_id]
        wanted = logits.softmax(-1)[places[-request.steps :], 1]
        assert found[request.id].scores == pytest.approx(wanted.tolist(), abs=2e-5)
        assert found[request.id].tokens == len(request.prompt) and found[request.id].seconds > 0


@pytest.fixture(scope="module")
def pair(pocket_reward):
    """A pocket model guided by the reward model."""
    folder = ROOT / "data/pocket/models/small"
    config = json.loads((folder / "config.json").read_text())
    arguments = engine_arguments(str(folder), config, SETTINGS, 0, False)
    policy = VllmEngine(arguments, {"temperature": 0.6, "top_p": 0.95}, TOKENIZER, 0, print)
    return GuidedPolicy(policy, pocket_reward[2])


@pytest.mark.parametrize("method", ["rebase", "beam"])
def test_a_pocket_model_grows_trees_beside_a_reward_model(pocket_reward, pair, tmp_path, method):
    layout = pocket_reward[1].layout
    block = {"method": method, "width": 4, "temperature": 0.2, "expansion": 2}
    shape = trees.Shape.from_block(block | {"step": ".", "depth": 10, "step_tokens": 24}, TOKENIZER, THINKING)
    assert shape.separator == TOKENIZER.convert_tokens_to_ids(".")
    problems = [
        Problem(f"p{i}", world.text_of(p.question), str(p.gold), "number", "MIT", "test")
        for i, p in enumerate(DRAWN)
    ]
    settings = Settings((None,), 1, 8, 256, 3, "pocket-small", "b", (EOS,))

    def driven():
        episodes = trees.episodes(problems, TOKENIZER, THINKING, {}, settings, shape, layout)
        run = scheduler.BenchmarkRun(Journal(tmp_path / "j.jsonl"), episodes)
        scheduler.drive([run], pair, print)
        run.journal.close()
        return run

    run = driven()
    found = tree_tables.tables(run.results, TOKENIZER)
    assert found["generations"].groupby("problem_id").size().tolist() == [4, 4, 4]
    assert (found["rewards"]["status"] == "scored").all()
    assert not found["generations"]["truncated"].any()
    # What the journal holds is enough to grow the same trees again, and scores have come back whole.
    again = driven()
    assert again.requests == 0
    assert [tree.passes for tree in again.results] == [tree.passes for tree in run.results]
    assert any(isinstance(leaf.scores, Scores) for tree in again.results for leaf in tree.leaves)
