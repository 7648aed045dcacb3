"""REBASE and beam search: widths by the paper's rule, and trees of a scripted policy and reward model."""

import math
import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontiers.generation.reward_layout import RewardLayout
from frontiers.generation.strategies import tree as trees
from frontiers.generation.strategies import tree_tables
from frontiers.generation.strategies.tree_shape import beam_widths, rebase_widths
from support.scripted_trees import DOT, REWARD, World, grow, shape
from support.writer import EOS, PROBLEMS, PROMPT_STYLE, THINKING, TOKENIZER

REWARDS = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@given(REWARDS, st.integers(1, 40), st.floats(0.02, 2))
def test_widths_add_up_and_are_the_papers_rounding_where_that_does(rewards, budget, temperature):
    widths = rebase_widths(rewards, budget, temperature)
    weights = [math.exp(reward / temperature) for reward in rewards]
    shares = [budget * weight / sum(weights) for weight in weights]
    assert sum(widths) == budget
    assert all(abs(width - share) < 1 + 1e-9 for width, share in zip(widths, shares, strict=True))
    literal = [math.floor(share + 0.5) for share in shares]
    halves = any(abs(share % 1 - 0.5) < 1e-9 for share in shares)
    if sum(literal) == budget and not halves:
        assert widths == literal


def test_widths_by_hand():
    # Weights 1, e^-1, e^-2 of 6 come to 3.99, 1.47, 0.54.
    assert rebase_widths([0.9, 0.7, 0.5], 6, 0.2) == [4, 1, 1]
    assert rebase_widths([0.5, 0.5], 5, 0.2) == [3, 2]
    assert rebase_widths([1.0, 0.0], 4, 0.001) == [4, 0]


@given(REWARDS, st.integers(1, 40), st.integers(1, 8))
def test_a_beam_keeps_the_best_and_spends_all(rewards, budget, expansion):
    widths = beam_widths(rewards, budget, expansion)
    kept = [reward for reward, width in zip(rewards, widths, strict=True) if width]
    assert sum(widths) == budget and len(kept) == min(-(-budget // expansion), len(rewards), budget)
    assert sorted(kept) == sorted(rewards)[-len(kept) :]


@pytest.mark.parametrize("rewards", [[], [0.5, math.nan], [math.inf]])
def test_widths_of_no_numbers_are_an_error(rewards):
    for widths in (rebase_widths, beam_widths):
        with pytest.raises(ValueError, match="finite"):
            widths(rewards, 4, 2)


@pytest.mark.parametrize("method", ["rebase", "beam"])
@pytest.mark.parametrize("width", [1, 3, 6, 16])
def test_a_tree_has_as_many_leaves_as_it_is_wide_and_every_one_holds_an_answer(tmp_path, method, width):
    for tree in grow(tmp_path, World(), shape(method, width)):
        assert len(tree.leaves) == width
        assert all(leaf.answer and leaf.fate == "complete" and len(leaf.path) == 5 for leaf in tree.leaves)
        assert len({leaf.path for leaf in tree.leaves}) == width


def test_the_tree_is_the_one_that_the_papers_algorithm_grows(tmp_path):
    world = World(steps=3)
    (tree,) = grow(tmp_path, world, shape(width=7), problems=PROBLEMS[:1])
    # Algorithm 1 of the paper, literally, on the rewards that were given.
    reward = {
        u["node"]: u["reward"] for u in tree.passes if u["role"] == "policy" and "answer" not in u["node"]
    }
    kinds = {leaf.path for leaf in tree.leaves}
    live, budget, widths = [()], 7, {(): 7}
    while budget:
        children = [(*node, child) for node in live for child in range(widths[node])]
        complete = [node for node in children if node in kinds]
        budget -= len(complete)
        live = [node for node in children if node not in kinds]
        if not live:
            break
        weights = [math.exp(reward[".".join(map(str, node))] / 0.2) for node in live]
        exact = [budget * weight / sum(weights) for weight in weights]
        given_widths = [math.floor(share) for share in exact]
        while sum(given_widths) < budget:
            rest = [share - width for share, width in zip(exact, given_widths, strict=True)]
            given_widths[rest.index(max(rest))] += 1
        widths |= dict(zip(live, given_widths, strict=True))
    assert budget == 0
    found = {u["node"] for u in tree.passes if u["role"] == "policy" and u["phase"] == "reasoning"}
    grown = {(*node, child) for node, width in widths.items() for child in range(width)}
    assert found == {".".join(map(str, path)) for path in grown}


def test_any_number_does_not_end_a_node(tmp_path):
    """The seed's search took a number in the last sentence for an answer, and was best-of-w on short answers."""
    for tree in grow(tmp_path, World(steps=4), shape(width=6)):
        for unit in tree.passes:
            if unit["role"] == "policy" and unit["fate"] in ("expanded", "pruned"):
                assert unit["node"].count(".") < 4
        assert {len(leaf.path) for leaf in tree.leaves} == {5}


def test_a_box_ends_a_node_where_there_are_no_markers():
    assert trees.holds_box("So it is \\boxed{\\frac{1}{2}}.")
    assert not trees.holds_box("Ana has 7. So 7 is the number")
    assert not trees.holds_box("So it is \\boxed{1")


def test_depth_exhausted_forces_an_answer_and_says_so(tmp_path):
    for tree in grow(tmp_path, World(never=True), shape(width=4, depth=3)):
        assert [leaf.fate for leaf in tree.leaves] == ["forced"] * 4
        assert all(leaf.end == THINKING.forced_end and leaf.answer for leaf in tree.leaves)
    table = tree_tables.tables([tree], TOKENIZER)["generations"]
    assert not table["ended"].any() and not table["truncated"].any()


def test_a_full_context_forces_an_answer_that_fits(tmp_path):
    for tree in grow(tmp_path, World(never=True), shape(width=3, depth=50), context=60):
        assert all(leaf.fate == "forced" for leaf in tree.leaves)
        for leaf in tree.leaves:
            assert tree.prompt_tokens + len(leaf.tokens) + len(leaf.end) + leaf.answer.decoded <= 60


def test_a_step_without_end_is_cut_and_goes_on(tmp_path):
    world = World(steps=2)
    (tree,) = grow(tmp_path, world, shape(width=2, depth=30, step_tokens=2), problems=PROBLEMS[:1])
    assert all(r.max_tokens <= 2 for r in world.asked if r.keep)
    assert all(list(leaf.tokens).count(DOT) == 2 for leaf in tree.leaves)
    assert max(len(leaf.path) for leaf in tree.leaves) > 3


def test_a_sequence_that_ends_in_its_thinking_has_no_answer(tmp_path):
    (tree,) = grow(tmp_path, World(quits=True), shape(width=3), problems=PROBLEMS[:1])
    assert [leaf.fate for leaf in tree.leaves] == ["truncated"] * 3
    assert all(leaf.answer is None and EOS not in leaf.tokens for leaf in tree.leaves)


def test_without_markers_the_end_of_the_text_is_the_end(tmp_path):
    (tree,) = grow(
        tmp_path, World(style=PROMPT_STYLE), shape(width=3), style=PROMPT_STYLE, problems=PROBLEMS[:1]
    )
    assert [leaf.fate for leaf in tree.leaves] == ["complete"] * 3
    table = tree_tables.tables([tree], TOKENIZER)["generations"]
    assert (table["end_tokens"] == 0).all() and table["ended"].all()


def test_a_reward_that_is_no_number_is_recorded_and_counts_least(tmp_path):
    def odd(request):
        return None if random.Random(request.id).random() < 0.4 else 0.9

    (tree,) = grow(tmp_path, World(score=odd), shape(width=8, temperature=0.05), problems=PROBLEMS[:1])
    fates = Counter(unit["fate"] for unit in tree.passes if unit["role"] == "reward")
    assert fates["nan"] and fates["scored"] and len(tree.leaves) == 8
    lost = [
        u for u in tree.passes if u["role"] == "policy" and u["phase"] == "reasoning" and u["reward"] is None
    ]
    assert any(unit["fate"] == "pruned" for unit in lost)
    table = tree_tables.tables([tree], TOKENIZER)["rewards"]
    assert set(table["status"]) <= {"nan", "scored"}


def test_the_same_seed_grows_the_same_tree_and_a_journal_decodes_nothing_again(tmp_path):
    first, second, third = World(capacity=3), World(capacity=50), World()
    a = grow(tmp_path, first, shape(), name="a")
    b = grow(tmp_path, second, shape(), name="b")
    again = grow(tmp_path, third, shape(), name="a")
    assert not third.asked and not third.read
    for one, two, three in zip(a, b, again, strict=True):
        assert one.passes == two.passes == three.passes
        assert (
            [n.tokens for n in one.leaves]
            == [n.tokens for n in two.leaves]
            == [n.tokens for n in three.leaves]
        )


def test_how_an_answer_is_made_of_the_leaves_changes_no_token():
    from frontiers.config.strategies import decoding

    block = {
        "method": "rebase",
        "label": "x",
        "width": 4,
        "step": ".",
        "depth": 3,
        "step_tokens": 9,
        "reward": "r",
    }
    block |= {"temperature": 0.2}
    assert decoding(block) == decoding(block | {"select": "majority", "aggregate": "mean", "label": "y"})
    assert decoding(block) != decoding(block | {"width": 5})


def test_every_branch_and_the_prompt_once_are_in_the_passes(tmp_path):
    """The seed booked nodes at their cap and a child with its parent's tokens; the prompt and rewards not at all."""
    world = World(steps=3)
    (tree,) = grow(tmp_path, world, shape(width=6), problems=PROBLEMS[:1])
    units = tree.passes
    policy = [unit for unit in units if unit["role"] == "policy"]
    assert [unit["node"] for unit in policy if unit["phase"] == "prefill"] == ["root"]
    assert (
        sum(unit["prefill_tokens"] for unit in policy if unit["fate"] == "prompt") == tree.prompt_tokens - 1
    )
    written = {r.id: world.reply(r) for r in world.asked}
    assert sum(unit["decoded_tokens"] for unit in policy) == sum(reply.decoded for reply in written.values())
    assert len(policy) == 1 + len(world.asked)
    assert sum(unit["prefill_tokens"] for unit in units if unit["role"] == "reward") == sum(
        len(request.prompt) for request in world.read
    )
    # What a unit finds in the cache is what its parent has fed, and no token is fed twice but the last one.
    fed = {
        unit["node"]: unit["past_tokens"] + unit["prefill_tokens"] + max(unit["decoded_tokens"] - 1, 0)
        for unit in policy
    }
    for unit in policy[1:]:
        assert unit["past_tokens"] == fed[unit["parent"]]
    assert any(unit["fate"] == "pruned" for unit in policy)


def test_a_tag_that_is_not_one_token_is_an_error():
    from frontiers.core.cli import UserError

    with pytest.raises(UserError, match="not a single token"):
        RewardLayout("r", "m", {**REWARD, "tag": "<step>"}, TOKENIZER, 256)
    with pytest.raises(UserError, match="not a single token"):
        RewardLayout("r", "m", {**REWARD, "tag": "more than"}, TOKENIZER, 256)


def test_a_reward_model_that_lacks_the_words_is_an_error():
    from frontiers.core.cli import UserError

    layout = RewardLayout("r", "m", REWARD, TOKENIZER, 256)
    with pytest.raises(UserError, match="vocabulary lacks"):
        layout.scoring("p", "Ana has 2 pens.", ["Zoe has 3"])


def test_no_step_and_no_room_are_not_asked_about():
    layout = RewardLayout("r", "m", REWARD, TOKENIZER, 20)
    assert layout.scoring("p", "Ana has 2 pens.", []) is None
    assert layout.scoring("p", "Ana has 2 pens.", ["Ana has 2"] * 9) is None
    assert layout.scoring("p", "Ana has 2 pens.", ["Ana has 2. Ben has 3"]) is None
    assert layout.scoring("p", "Ana has 2 pens.", ["Ana has 2", "Ben has 3"]).steps == 2
