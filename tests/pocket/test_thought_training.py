"""The objective of Quiet-STaR against thoughts thought one by one, and a model trained by it."""

import json

import pytest
import torch
import yaml

import train_pocket_model
from frontiers.generation.engines import thought_model
from frontiers.pocket import thought_training
from frontiers.pocket import training as pocket_training
from frontiers.pocket.thought_training import Plan
from frontiers.pocket.training import IGNORED
from support.thought_checkpoints import hidden_of, random_model

PLAN = Plan(tokens=3, ahead=2, samples=2, positions=3, policy=0.7)
IDS = torch.tensor([[3, 4, 5, 6, 7, 8, 9, 2], [10, 11, 12, 13, 14, 0, 0, 0]])
LABELS = torch.tensor(
    [[IGNORED, IGNORED, 5, 6, 7, 8, 9, 2], [IGNORED, IGNORED, IGNORED, 13, 14, *[IGNORED] * 3]]
)


@pytest.fixture(scope="module")
def model():
    return random_model("qwen3", torch.float64, tie_word_embeddings=True, attn_implementation="eager")


def side_by_side(model, places, seed):
    cache = thought_model.DynamicCache()
    with torch.no_grad():
        model.model(input_ids=IDS, past_key_values=cache, use_cache=True)
        after, said = thought_training.thoughts(
            model, cache, places, PLAN, torch.Generator().manual_seed(seed), IDS
        )
    return after, said


def chances(shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.stack(
        [torch.rand(shape, generator=generator, dtype=torch.float64) for _ in range(PLAN.tokens)], -1
    )


@torch.no_grad()
def test_thoughts_side_by_side_are_those_thought_one_by_one(model):
    places = torch.tensor([[2, 2, 5, 5], [3, 3, 1, 1]])
    after, said = side_by_side(model, places, 5)
    drawn, table = chances(places.shape, 5), model.get_input_embeddings().weight
    barred = torch.tensor([29, 30])
    for row in range(2):
        for column, place in enumerate(places[row].tolist()):
            text = IDS[row, : place + 1].tolist()
            alone, tokens = thought_model.think(
                model, thought_model.prefill(model, [tuple(text)]), 1.0, barred, drawn[row, column][None]
            )
            assert torch.allclose(after[0][row, column], alone[0], atol=1e-5)
            inner = [model.start, *(table[t] for t in tokens[0].tolist()), model.end]
            known = [table[t] for t in text]
            following = int(torch.cat([IDS[row], torch.zeros(1, dtype=torch.long)])[place + 1])
            assert torch.allclose(
                after[1][row, column], hidden_of(model, [*known, *inner, table[following]]), atol=1e-5
            )
            likelihoods = []
            for k, token in enumerate(tokens[0].tolist()):
                logits = model.lm_head(hidden_of(model, known + inner[: k + 1]))
                logits[barred] = -torch.inf
                likelihoods.append((logits / 3).log_softmax(0)[token].item())
            assert said[row, column].item() == pytest.approx(sum(likelihoods) / PLAN.tokens, abs=1e-5)


def test_the_objective_is_the_papers_written_out(model):
    parts = thought_training.objective(model, IDS, LABELS, PLAN, torch.Generator().manual_seed(8))
    generator = torch.Generator().manual_seed(8)
    wanted = torch.nn.functional.pad(LABELS[:, 1:], (0, PLAN.ahead), value=IGNORED)
    places = thought_training.positions(wanted[:, :8] != IGNORED, PLAN, generator)
    cache = thought_model.DynamicCache()
    with torch.no_grad():
        base = model.model(input_ids=IDS, past_key_values=cache, use_cache=True).last_hidden_state
        after, said = thought_training.thoughts(model, cache, places, PLAN, generator, IDS)
        nll, count, policy, thinking = 0.0, 0, 0.0, 0
        for row in range(2):
            for place in range(0, 6, PLAN.samples):
                rewards = []
                at = int(places[row, place])
                assert int(places[row, place + 1]) == at
                for sample in range(PLAN.samples):
                    total = 0.0
                    for k in range(PLAN.ahead):
                        target = int(wanted[row, at + k])
                        if target != IGNORED:
                            logits = model.mix(base[row, at + k], after[k][row, place + sample])
                            total += logits.log_softmax(0)[target].item()
                            count += 1
                    rewards.append(total)
                    nll -= total
                mean = sum(rewards) / len(rewards)
                if int(wanted[row, at]) != IGNORED:
                    for sample, reward in enumerate(rewards):
                        policy -= max(0.0, reward - mean) * said[row, place + sample].item()
                        thinking += 1
        logits = model.lm_head(base)[:, :-1].flatten(0, 1)
        plain = torch.nn.functional.cross_entropy(logits, LABELS[:, 1:].flatten(), ignore_index=IGNORED)
    assert parts["loss"].item() == pytest.approx(plain.item(), rel=1e-5)
    assert parts["mixed_ahead"].item() == pytest.approx(nll / count, rel=1e-5)
    assert policy > 0
    assert parts["policy"].item() == pytest.approx(policy / thinking, rel=1e-4)
    total = 0.5 * plain.item() + 0.5 * nll / count + PLAN.policy * policy / thinking
    assert parts["total"].item() == pytest.approx(total, rel=1e-4)


def test_positions_are_drawn_among_those_that_count():
    countable = torch.tensor(
        [[False, True, True, True, True, False], [False, False, True, False, False, False]]
    )
    seen = set()
    for seed in range(40):
        places = thought_training.positions(countable, PLAN, torch.Generator().manual_seed(seed))
        assert places.shape == (2, 6)
        assert set(places[0].tolist()) <= {1, 2, 3, 4}
        assert 2 in places[1].tolist()
        seen |= set(places[0].tolist())
    assert seen == {1, 2, 3, 4}


def test_a_model_is_trained_from_a_shipped_one_and_loads_as_a_thought_model(tmp_path):
    block = {
        "description": "Tiny, for the tests.",
        "task": "thoughts",
        "initial": "small",
        "thoughts": {"tokens": 2, "ahead": 2, "samples": 2, "positions": 2, "policy": 1.0},
        "model_type": "qwen3",
        "architecture": {},
        "learning_rate": 0.002,
        "precision": "float32",
        "seed": 3,
        "phases": [{"steps": 3, "batch": 4, "problem_steps": [1], "distractors": [1]}],
    }
    recipes = tmp_path / "recipes.yaml"
    recipes.write_text(yaml.safe_dump({"models": {"tiny": block}}))
    threads = torch.get_num_threads()
    train_pocket_model.VALIDATED["thoughts"], kept = 2, train_pocket_model.VALIDATED["thoughts"]
    for folder in ("one", "two"):
        train_pocket_model.main(
            ["--recipes", str(recipes), "--model", "tiny", "--output-dir", str(tmp_path / folder)]
        )
    train_pocket_model.VALIDATED["thoughts"] = kept
    torch.set_num_threads(threads)
    one, two = ((tmp_path / f / "model.safetensors").read_bytes() for f in ("one", "two"))
    assert one == two
    training = json.loads((tmp_path / "one/training.json").read_text())
    assert {"loss", "base_ahead", "mixed_ahead", "policy", "weight"} <= training["log"][-1].keys()
    model = thought_model.load(tmp_path / "one", "float32")
    assert sum(p.numel() for p in model.parameters()) == training["parameters"]
    assert model.talk_head[0][4].weight.abs().max() > 0
    start = thought_model.AutoConfig.from_pretrained(pocket_training.SHIPPED / "small")
    assert model.config.vocab_size == start.vocab_size + 2
    assert "Trained from the weights of `small`" in (tmp_path / "one/README.md").read_text()


def test_at_first_the_mixture_is_the_model_it_starts_from():
    recipe = pocket_training.Recipe.from_mapping(
        "quiet",
        yaml.safe_load((pocket_training.SHIPPED.parent / "recipes.yaml").read_text())["models"]["quiet"],
    )
    model = thought_training.build_model(recipe, pocket_training.SHIPPED / "medium").eval()
    shipped = pocket_training.AutoModelForCausalLM.from_pretrained(pocket_training.SHIPPED / "medium")
    ids = torch.tensor([[20, 30, 40, 50, 60]])
    with torch.no_grad():
        mixed = thought_training.logits_of(model, Plan(**recipe.thoughts), 1)(ids)
        assert torch.allclose(mixed[..., :159], shipped(input_ids=ids).logits, atol=1e-4)
