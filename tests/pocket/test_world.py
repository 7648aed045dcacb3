import hashlib
import json
from itertools import islice

import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, AutoModelForTokenClassification, AutoTokenizer

import draw_pocket
import train_pocket_model
from frontiers.core.cli import UserError
from frontiers.generation.engines import thought_model
from frontiers.pocket import training as pocket_training
from frontiers.pocket import world
from frontiers.pocket.tokenizer import build_tokenizer
from support.paths import ROOT

RECIPES = ROOT / "data/pocket/recipes.yaml"
DIGEST = "228699845bea8c6117b018ca4cca99f844e416257fa02cb091d651d41a62c6e7"
BENCHMARKS = list(yaml.safe_load(RECIPES.read_text())["problems"])


def calculation(question: str) -> tuple:
    """Work a question out from its text alone, independently of the generator: (numbers used in order, result)."""
    *clauses, asked = question.replace("?", ".").split(".")[:-1]
    facts = {}
    for clause in clauses:
        words = clause.split()
        other = words[-1] if words[-2] in ("than", "as") else None
        facts[words[0]] = (words[3] if other else "is", int(words[2]), other)
    person, way = asked.split()[-2], []
    while True:
        word, amount, other = facts[person]
        way.append((word, amount))
        if other is None:
            break
        person = other
    value = 0
    for word, amount in reversed(way):
        value = {"is": amount, "more": value + amount, "fewer": value - amount, "times": value * amount}[word]
    return tuple(reversed(way)), value


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_a_problem_says_in_english_what_its_trace_works_out(seed, steps, distractors):
    problem = next(world.draw_problems(str(seed), [steps], False, [distractors]))
    question = world.text_of(problem.question)
    way, value = calculation(question)
    assert value == problem.gold
    assert len(way) == steps + 1
    assert question.count(".") == steps + 1 + distractors
    assert world.text_of(problem.answer) == f"\\boxed{{{value}}}"
    assert world.text_of(problem.trace).endswith(f"= {value}.")


def test_a_checked_trace_works_everything_out_again_and_the_rest_stays():
    for problem in islice(world.draw_problems("checks", [1, 3, 8], False), 30):
        assert problem.checked(0) == problem
        checked = problem.checked(2)
        named, *computed = world.text_of(problem.trace).split(". ", 1)
        again = computed[0]
        assert world.text_of(checked.trace) == f"{named}. {again}? {again}? {again}"
        assert (checked.question, checked.answer) == (problem.question, problem.answer)
        ids = build_tokenizer()(world.text_of(checked.trace))["input_ids"]
        assert tuple(world.vocabulary()[i] for i in ids) == checked.trace


def test_checks_change_nothing_but_the_traces_of_their_phase():
    """Without them the texts are those that the shipped models were trained on; the digest is of the code before."""
    texts = {}
    for checks in (0, 2):
        phase = pocket_training.Phase(1, 8, (1, 4), cut_share=0.3, checks=checks)
        batch = next(pocket_training.batches(phase, "0 2"))
        texts[checks] = [row for ids, labels in batch for row in (*ids.tolist(), *labels.tolist())]
    assert hashlib.sha256(json.dumps(texts[0]).encode()).hexdigest() == DIGEST
    assert len(texts[2][0]) > len(texts[0][0])


def test_the_tokenizer_writes_back_what_it_read():
    tokenizer = build_tokenizer()
    words = world.vocabulary()
    assert len(set(words)) == len(words) == len(tokenizer)
    for problem in islice(world.draw_problems("round trip", [1, 4, 8], False), 100):
        tokens = (*problem.question, world.THINK, *problem.trace, world.END_THINK, *problem.answer)
        ids = tokenizer(world.text_of(tokens))["input_ids"]
        assert tuple(words[i] for i in ids) == tokens
        assert tokenizer.decode(ids) == world.text_of(tokens)


def test_the_template_opens_the_thinking():
    tokenizer = build_tokenizer()
    message = [{"role": "user", "content": "Ana has 7 pens."}]
    assert tokenizer.apply_chat_template(message, add_generation_prompt=True, tokenize=False).endswith(
        "<think>"
    )


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_the_shipped_problems_are_those_of_the_recipe(benchmark, tmp_path):
    drawn = tmp_path / "drawn.jsonl"
    draw_pocket.main(["--recipes", str(RECIPES), "--benchmark", benchmark, "--output", str(drawn)])
    shipped = ROOT / f"data/pocket/problems/{benchmark}.jsonl"
    assert drawn.read_bytes() == shipped.read_bytes()
    configured = yaml.safe_load((ROOT / "config.yaml").read_text())["benchmarks"][benchmark]
    assert hashlib.sha256(shipped.read_bytes()).hexdigest() == configured["sha256"]


def test_no_benchmark_calculation_is_ever_trained_on():
    tested = set()
    for benchmark in BENCHMARKS:
        for line in (ROOT / f"data/pocket/problems/{benchmark}.jsonl").read_text().splitlines():
            row = json.loads(line)
            way, value = calculation(row["question"])
            assert str(value) == row["answer"]
            tested.add(way)
    assert len(tested) > 700
    streams = set()
    for name, block in yaml.safe_load(RECIPES.read_text())["models"].items():
        recipe = pocket_training.Recipe.from_mapping(name, block)
        for number, phase in enumerate(recipe.phases):
            streams.add((f"{recipe.seed} {number}", phase.problem_steps, False, phase.distractors))
    trained = {
        calculation(world.text_of(problem.question))[0]
        for stream in streams
        for problem in islice(world.draw_problems(*stream), 1500)
    }
    assert len(trained) > 3000
    assert not tested & trained


def test_what_is_trained_on_is_drawn_from_the_training_side_only():
    assert not any(p.held_out for p in islice(world.draw_problems("x", [1, 2], False), 500))
    assert all(p.held_out for p in islice(world.draw_problems("x", [1, 2], True), 50))


def test_a_cut_trace_is_answered_and_the_cut_itself_is_not_learnt():
    ids = {token: i for i, token in enumerate(world.vocabulary())}
    problem = next(world.draw_problems("cut", [2], False))
    tokens, labels = pocket_training.encode(problem, ids, cut=5)
    learnt = [t for t, label in zip(tokens, labels, strict=True) if label != pocket_training.IGNORED]
    assert learnt == [ids[t] for t in problem.answer] + [ids[world.EOS]]
    assert tokens.count(ids[world.END_THINK]) == 1
    assert len(tokens) == len(problem.question) + 1 + 5 + 1 + len(learnt)
    whole, labels = pocket_training.encode(problem, ids)
    assert labels[len(problem.question) + 1 :] == whole[len(problem.question) + 1 :]


TINY = {
    "description": "Tiny, for the tests.",
    "model_type": "qwen3",
    "architecture": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "head_dim": 32,
        "intermediate_size": 64,
        "tie_word_embeddings": True,
        "max_position_embeddings": 512,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0},
    },
    "learning_rate": 0.005,
    "seed": 3,
    "phases": [
        {"steps": 90, "batch": 32, "problem_steps": [1], "distractors": [1]},
        {"steps": 10, "batch": 32, "problem_steps": [1, 2], "cut_share": 0.5},
    ],
}


def trained(recipe):
    """Return the weights of a recipe after its training."""
    model = pocket_training.build_model(recipe)
    pocket_training.train(recipe, model, pocket_training.train_step, lambda entry: None)
    return model.state_dict()


def test_the_same_recipe_gives_the_same_weights():
    phases = [phase | {"steps": 6} for phase in TINY["phases"]]
    recipe = pocket_training.Recipe.from_mapping("short", TINY | {"phases": phases})
    one, two = trained(recipe), trained(recipe)
    untrained = pocket_training.build_model(recipe).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not any(torch.equal(one[name], untrained[name]) for name in one)


def test_a_tiny_model_learns_and_is_saved_in_the_standard_form(tmp_path):
    recipes = tmp_path / "recipes.yaml"
    recipes.write_text(yaml.safe_dump({"models": {"tiny": TINY}}))
    threads = torch.get_num_threads()
    train_pocket_model.main(
        ["--recipes", str(recipes), "--model", "tiny", "--output-dir", str(tmp_path / "one")]
    )
    torch.set_num_threads(threads)
    training = json.loads((tmp_path / "one/training.json").read_text())
    assert training["log"][-1]["loss"] < 3.5  # nats; it starts at the log of the vocabulary, 5.0
    assert training["tokens"] > 50_000
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "one")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "one")
    assert sum(p.numel() for p in model.parameters()) == training["parameters"]
    assert model.config.vocab_size == len(tokenizer) == len(world.vocabulary())
    assert tokenizer.convert_ids_to_tokens(model.generation_config.eos_token_id) == world.EOS
    card = (tmp_path / "one/README.md").read_text()
    assert "| 90 | 32 | 1 | 0% | yes |" in card
    assert "Seed 3" in card


def test_an_unknown_recipe_is_an_error_that_lists_the_known(tmp_path):
    with pytest.raises(UserError, match=r"no recipe `nano` .* small, medium"):
        train_pocket_model.main(["--recipes", str(RECIPES), "--model", "nano", "--output-dir", str(tmp_path)])


@pytest.mark.parametrize("folder", sorted((ROOT / "data/pocket/models").glob("*/")), ids=lambda p: p.name)
def test_a_shipped_model_is_whole_and_small(folder):
    training = json.loads((folder / "training.json").read_text())
    assert training["recipe"] == yaml.safe_load(RECIPES.read_text())["models"][folder.name]
    load = {"thoughts": thought_model.load, "reward": AutoModelForTokenClassification.from_pretrained}.get(
        training["recipe"].get("task"), AutoModelForCausalLM.from_pretrained
    )
    model = load(folder, dtype="float32")
    assert sum(p.numel() for p in model.parameters()) == training["parameters"]
    assert {"README.md", "config.json", "model.safetensors", "tokenizer.json"} <= {
        p.name for p in folder.iterdir()
    }


def test_all_weights_together_are_at_most_25_megabytes():
    folder = ROOT / "data/pocket/models"
    assert len(list(folder.iterdir())) >= 7
    assert sum(p.stat().st_size for p in folder.rglob("*.safetensors")) <= 25e6
