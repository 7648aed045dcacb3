"""The labels that the pocket reward model learns from, how it is measured, and that a tiny one learns."""

import random
from functools import partial
from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from frontiers.pocket import reward as pocket_reward
from frontiers.pocket import training as pocket_training
from frontiers.pocket import world
from frontiers.pocket.reward import STEP, area, corrupted, labelled, made_up, steps_of
from frontiers.pocket.training import IGNORED, Recipe

PROBLEMS = list(islice(world.draw_problems("rewards", (1, 2, 3, 5, 8), False), 60))


@given(st.sampled_from(PROBLEMS), st.integers(0, 10_000))
def test_a_corrupted_trace_is_right_up_to_its_fault_and_wrong_from_there(problem, seed):
    steps, gold = corrupted(problem, random.Random(seed)), steps_of(problem.trace)
    assert len(steps) == len(gold) and set(token for step in steps for token in step) <= set(
        world.vocabulary()
    )
    _, labels = labelled(problem, steps, ())
    same = [step == true for step, true in zip(steps, gold, strict=True)]
    first = same.index(False) if False in same else len(same)
    assert labels == [1] * first + [0] * (len(same) - first)


@given(st.sampled_from(PROBLEMS), st.integers(0, 10_000))
def test_the_answer_is_judged_by_the_number_alone(problem, seed):
    tokens, labels = made_up(problem, random.Random(seed))
    assert tokens.count(STEP) == len(labels) and tokens[-1] == STEP
    assert labels[-1] == int(tokens[-3] == str(problem.gold))


def test_labels_stand_where_training_looks_for_them():
    problem = PROBLEMS[0]
    solution = labelled(problem, steps_of(problem.trace), problem.answer)
    ids, labels = pocket_reward.encoded(problem, solution, IGNORED)
    words = world.vocabulary()
    assert len(ids) == len(labels)
    read = [words[ids[i - 1]] for i, label in enumerate(labels) if label != IGNORED]
    assert read == [token for token in solution[0] if token != problem.answer[0]]


def test_a_step_is_wrong_from_its_first_wrong_token_on():
    problem = PROBLEMS[0]
    first, second, *rest = steps_of(problem.trace)
    corrupted = (*second[:-1], "0")
    tokens, labels = labelled(problem, [first, corrupted, *rest], problem.answer)
    found = pocket_reward.token_labels(problem, tokens, labels, IGNORED)
    sound = len(first) + 1 + len(second) - 1
    wrong = sum(map(len, rest)) + len(rest)
    assert found == [1] * sound + [0] * (2 + wrong) + [IGNORED, 1, 1, 1]
    ends = [label for token, label in zip(tokens, found, strict=True) if token == STEP]
    assert ends == labels


@given(
    st.lists(st.sampled_from([0.1, 0.4, 0.8]), min_size=1),
    st.lists(st.sampled_from([0.1, 0.4, 0.8]), min_size=1),
)
def test_the_area_is_the_share_of_pairs_in_order(right, wrong):
    pairs = [(a > b) + (a == b) / 2 for a in right for b in wrong]
    assert area(torch.tensor(right), torch.tensor(wrong)) == pytest.approx(sum(pairs) / len(pairs))


def test_a_tiny_reward_model_learns_and_is_measured():
    block = {
        "description": "tiny", "task": "reward", "model_type": "qwen3", "precision": "float32",
        "architecture": {
            "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "num_key_value_heads": 1,
            "head_dim": 32, "intermediate_size": 32, "max_position_embeddings": 128, "num_labels": 2,
            "classifier_dropout": 0.0,
        },
        "learning_rate": 0.01, "seed": 0,
        "phases": [{"steps": 40, "batch": 16, "problem_steps": [1], "distractors": [1]}],
    }  # fmt: skip
    recipe = Recipe.from_mapping("tiny", block)
    model = pocket_training.build_model(recipe)
    step = partial(pocket_training.train_step, precision=recipe.precision)
    log = pocket_training.train(recipe, model, step, lambda entry: None)
    assert log[-1]["loss"] < 0.75
    rng = random.Random(3)
    found = pocket_reward.measure(model, [(p, made_up(p, rng)) for p in PROBLEMS if len(p.operations) == 1])
    assert found["steps"] > 20 and 0 <= found["auc"] <= 1 and 0 <= found["answer_auc"] <= 1
