import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig

from frontiers.compute.families.quiet_star import FORM
from frontiers.core.cli import UserError
from frontiers.generation.engines import thought_model
from frontiers.generation.engines.reward import GuidedPolicy
from frontiers.generation.engines.thought import ThoughtEngine
from frontiers.generation.prompts import Thinking
from frontiers.generation.requests import Request, Scores
from frontiers.generation.reward_layout import RewardLayout
from frontiers.generation.strategies import tree as trees
from frontiers.generation.strategies.chain import Settings
from frontiers.pocket import world
from frontiers.pocket.tokenizer import build_tokenizer, words_of
from support.prompts import render_prompt
from support.scripted_trees import REWARD
from support.thought_checkpoints import BARRED, literal, random_model, save_checkpoint
from support.writer import MARKERS, PROBLEMS
from support.writer import decode as drive

PROMPTS = [(3, 4, 5), (8,), (9, 9, 2, 7, 11, 5, 28), (1, 2)]
SEEDS = [11, 12, 2**62 + 1, 14]


@torch.no_grad()
def stepwise(model, prompts, seeds, count, thought):
    """Write `count` tokens for all prompts together: tokens, thoughts and log p, each by prompt."""
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    barred, batch = torch.tensor(BARRED), thought_model.prefill(model, prompts)
    written, imagined, logs = [], [], []
    for _ in range(count):
        chances = torch.stack([torch.rand(thought + 1, generator=g, dtype=torch.float64) for g in generators])
        after, tokens = thought_model.think(model, batch, 1.0, barred, chances[:, :thought])
        logits = model.mix(batch.hidden, after)
        logits[:, barred] = -torch.inf
        written.append(thought_model.draw(logits, chances[:, thought]))
        imagined.append(tokens)
        logs.append(logits.double().log_softmax(-1))
        batch = thought_model.feed(model, batch, model.get_input_embeddings()(written[-1]))
    return (torch.stack(part, dim=1) for part in (written, imagined, logs))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(
    ("model_type", "changes"), [("mistral", {"sliding_window": None}), ("mistral", {"sliding_window": 6}),
                                ("qwen3", {"tie_word_embeddings": True}), ("llama", {})],
    ids=["mistral", "mistral-window", "qwen3-tied", "llama"],
)  # fmt: skip
def test_a_batch_with_a_cache_is_the_papers_equations_without(model_type, changes, dtype):
    model = random_model(model_type, dtype, **changes)
    written, imagined, logs = stepwise(model, PROMPTS, SEEDS, count=7, thought=3)
    weights = set()
    for row, (prompt, seed) in enumerate(zip(PROMPTS, SEEDS, strict=True)):
        tokens, inner, log = literal(model, prompt, seed, count=7, thought=3)
        assert written[row].tolist() == tokens
        assert imagined[row].tolist() == inner
        allowed = [i for i in range(31) if i not in BARRED]
        difference = logs[row][:, allowed] - torch.tensor(log)[:, allowed]
        assert difference.abs().max() < 1e-5
        weights.add(tuple(tokens))
    assert len(weights) == len(PROMPTS)


def test_a_thought_leaves_the_cache_as_it_was_and_changes_what_is_written():
    model = random_model("qwen3")
    with torch.no_grad():
        batch = thought_model.prefill(model, PROMPTS)
        kept = [(k.clone(), v.clone()) for k, v, _ in batch.cache]
        one, _ = thought_model.think(
            model, batch, 1.0, torch.tensor(BARRED), torch.full((4, 2), 0.1).double()
        )
        two, _ = thought_model.think(
            model, batch, 1.0, torch.tensor(BARRED), torch.full((4, 2), 0.9).double()
        )
        for (k, v), (now_k, now_v, _) in zip(kept, batch.cache, strict=True):
            assert torch.equal(k, now_k)
            assert torch.equal(v, now_v)
        plain = model.lm_head(batch.hidden)
        assert (model.mix(batch.hidden, one) - plain).abs().max() > 0.1
        assert (model.mix(batch.hidden, one) - model.mix(batch.hidden, two)).abs().max() > 0.01


def test_a_mixing_weight_of_zero_is_the_base_model_and_of_one_the_thought():
    model = random_model("qwen3")
    before, after = torch.randn(2, 3, 24, dtype=torch.float64)
    with torch.no_grad():
        model.talk_head[0][4].weight.zero_()
        assert torch.allclose(model.mix(before, after), model.lm_head(before))
        model.talk_head[0][2].weight.zero_()
        model.talk_head[0][2].bias.fill_(1.0)
        model.talk_head[0][4].weight.fill_(1 / 24)
        assert torch.allclose(model.mix(before, after), model.lm_head(after))


def test_draws_follow_the_distribution_and_skip_what_cannot_be():
    logits = torch.tensor([[0.0, -torch.inf, 1.0, -torch.inf]])
    chances = torch.linspace(0, 1, 10_001, dtype=torch.float64)[:-1]
    tokens = thought_model.draw(logits.expand(len(chances), -1), chances)
    assert set(tokens.tolist()) == {0, 2}
    assert (tokens == 2).double().mean() == pytest.approx(np.e / (1 + np.e), abs=1e-3)
    assert thought_model.draw(logits, None).tolist() == [2]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A random thought model on the pocket vocabulary, as a folder in the form of the released checkpoint."""
    folder = tmp_path_factory.mktemp("thoughts")
    save_checkpoint(folder)
    return folder


def test_the_names_and_shapes_of_the_weights_are_those_of_the_released_checkpoint(checkpoint):
    weights = load_file(checkpoint / "model.safetensors")
    own = {name: tuple(w.shape) for name, w in weights.items() if not name.startswith("model.")}
    assert own == {
        "lm_head.weight": (161, 24),
        "start_embedding": (2, 24),
        "end_embedding": (2, 24),
        "talk_head.0.0.weight": (24, 48),
        "talk_head.0.0.bias": (24,),
        "talk_head.0.2.weight": (24, 24),
        "talk_head.0.2.bias": (24,),
        "talk_head.0.4.weight": (1, 24),
    }
    assert json.loads((checkpoint / "config.json").read_text())["architectures"] == ["MistralForCausalLM"]


def test_shards_load_as_one_file_does(checkpoint, tmp_path):
    model = thought_model.load(checkpoint, "float32")
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 1
    again = thought_model.load(tmp_path, "float32").state_dict()
    assert all(torch.equal(w, again[name]) for name, w in model.state_dict().items())


def damaged(checkpoint, folder, change):
    shutil.copytree(checkpoint, folder, dirs_exist_ok=True)
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_missing_and_unexpected_weights_are_an_error_that_names_them(checkpoint, tmp_path):
    def change(weights):
        weights["talk_head.1.0.weight"] = weights.pop("talk_head.0.0.weight")
        del weights["end_embedding"]

    with pytest.raises(UserError) as raised:
        thought_model.load(damaged(checkpoint, tmp_path, change), "float32")
    assert "missing: end_embedding, talk_head.0.0.weight;" in str(raised.value)
    assert "unexpected: talk_head.1.0.weight" in str(raised.value)


def test_a_head_of_another_shape_is_an_error_that_names_it(checkpoint, tmp_path):
    def change(weights):
        weights["talk_head.0.4.weight"] = torch.zeros(24, 24)

    with pytest.raises(UserError, match=r"of another shape: talk_head\.0\.4\.weight"):
        thought_model.load(damaged(checkpoint, tmp_path, change), "float32")


@pytest.mark.parametrize("changed", [{"use_shallow_talk": True}, {"use_weighted_talk_head": None}])
def test_a_model_without_the_known_mixing_head_is_an_error_that_says_which_field(changed):
    config = AutoConfig.for_model("mistral", **{**FORM, **changed})
    (field,) = changed
    with pytest.raises(UserError, match=rf"{field} is (True|None), not"):
        thought_model.thought_class(config)


SAMPLING = {"temperature": 0.7, "top_p": 0.9, "top_k": 0, "frequency_penalty": 0.0}
THOUGHTS = {"tokens": 2, "temperature": 1.0}


def engine_on(checkpoint, batch=8, sampling=SAMPLING, said=None):
    arguments = {"model": str(checkpoint), "dtype": "float32", "max_num_seqs": batch}
    tokenizer = build_tokenizer("thoughts")
    return ThoughtEngine(
        arguments, THOUGHTS, sampling, tokenizer, 0, (said if said is not None else []).append
    )


def decode(engine, requests):
    waiting, done, flying = list(requests), {}, 0
    while waiting or flying:
        while waiting and flying < engine.capacity:
            engine.submit(waiting.pop(0))
            flying += 1
        for completion in engine.receive():
            done[completion.id] = completion
            flying -= 1
    return [done[request.id] for request in requests]


REQUESTS = [
    Request(prompt=tuple(range(5, 5 + length)), seed=100 + length, max_tokens=budget, stop=(1,))
    for length, budget in [(3, 9), (11, 4), (1, 12), (7, 7), (2, 1), (20, 9), (5, 5)]
]


def test_the_engine_writes_what_the_equations_say(checkpoint):
    model = thought_model.load(checkpoint, "float32")
    for request, completion in zip(REQUESTS, decode(engine_on(checkpoint), REQUESTS), strict=True):
        tokens, _, _ = literal(
            model, request.prompt, request.seed, request.max_tokens, 2, heat=0.7, top_p=0.9
        )
        cut = tokens.index(1) if 1 in tokens else len(tokens)
        assert list(completion.tokens) == tokens[:cut]
        assert completion.finish_reason == ("stop" if 1 in tokens else "length")
        assert completion.decoded == min(cut + 1, len(tokens))
        assert completion.stopped_at == (1 if 1 in tokens else None)
        assert 0 < completion.first_seconds <= completion.seconds


def test_company_and_order_change_nothing_that_is_written(checkpoint):
    together = [c.tokens for c in decode(engine_on(checkpoint), REQUESTS)]
    for batch in (1, 3):
        assert [c.tokens for c in decode(engine_on(checkpoint, batch), REQUESTS)] == together
    backwards = decode(engine_on(checkpoint, 4), REQUESTS[::-1])
    assert [c.tokens for c in backwards[::-1]] == together


def test_thought_tokens_are_never_written(checkpoint):
    requests = [Request((4, 5), seed, 30) for seed in range(12)]
    written = {
        t for c in decode(engine_on(checkpoint, sampling={"temperature": 2.0}), requests) for t in c.tokens
    }
    assert len(written) > 60
    assert not written & {159, 160}


def test_a_stop_text_ends_a_request_and_is_left_out(checkpoint):
    (free,) = decode(engine_on(checkpoint), [Request((9, 10, 11), 5, 20)])
    tokenizer = build_tokenizer("thoughts")
    text = tokenizer.decode(free.tokens[4:6], skip_special_tokens=False).strip()
    (stopped,) = decode(engine_on(checkpoint), [Request((9, 10, 11), 5, 20, stop_text=text)])
    assert stopped.finish_reason == "stop"
    assert stopped.stopped_at is None
    assert stopped.tokens == free.tokens[: len(stopped.tokens)]
    assert text not in tokenizer.decode(stopped.tokens)
    assert text in tokenizer.decode(free.tokens[: stopped.decoded])


def test_what_a_request_stopped_at_is_kept_where_that_is_asked(checkpoint):
    (free,) = decode(engine_on(checkpoint), [Request((9, 10, 11), 5, 20)])
    place = free.tokens.index(free.tokens[4])
    asked = Request((9, 10, 11), 5, 20, stop=(free.tokens[4],), keep=True)
    (stopped,) = decode(engine_on(checkpoint), [asked])
    assert stopped.tokens == free.tokens[: place + 1]
    assert (stopped.stopped_at, stopped.decoded) == (free.tokens[4], place + 1)


class Judge:
    """A reward model that finds every step as good as the hash of its text says."""

    devices = 0

    def __init__(self):
        self.held = []

    def submit(self, request):
        self.held.append(request)

    def receive(self):
        done, self.held = self.held, []
        return [Scores(r.id, (int(r.id[:4], 16) / 2**16,) * r.steps, len(r.prompt), None) for r in done]


def test_a_tree_of_steps_grows_on_a_model_that_thinks(checkpoint, tmp_path):
    """The strategy `quiet_star_rebase`: episodes of REBASE, unchanged, on this engine."""
    tokenizer = build_tokenizer("thoughts")
    thinking = Thinking.from_block(MARKERS, tokenizer)
    layout = RewardLayout("reward", "mark", REWARD, tokenizer, 256)
    form = trees.Shape("rebase", 4, ".", 3, 10, tokenizer.get_vocab()["."], 0.2, 2)
    wanted = Settings((None,), 1, 4, 120, 7, "m", "b", (tokenizer.eos_token_id,))
    found = []
    for batch in (3, 16):
        episodes = [
            trees.episode(p, render_prompt(tokenizer, p.question, thinking, {}), tokenizer, thinking, wanted, form, layout)
            for p in PROBLEMS[:2]
        ]  # fmt: skip
        engine = GuidedPolicy(engine_on(checkpoint, batch), Judge())
        grown, _ = drive(episodes, tmp_path / f"{batch}.jsonl", engine)
        assert all(len(tree.leaves) == 4 for tree in grown)
        assert any(unit["role"] == "reward" for tree in grown for unit in tree.passes)
        found.append([[leaf.answer for leaf in tree.leaves] for tree in grown])
    assert [[a and a.tokens for a in t] for t in found[0]] == [[a and a.tokens for a in t] for t in found[1]]


def test_greedy_takes_the_likeliest_whatever_the_seed(checkpoint):
    greedy = {"temperature": 0.0}
    engine = engine_on(checkpoint, sampling=greedy)
    engine.thoughts = {"tokens": 2, "temperature": 0.0}
    one, two = decode(engine, [Request((9, 10, 11), seed, 12) for seed in (1, 2)])
    assert one.tokens == two.tokens


def test_short_of_memory_it_goes_on_with_half_and_writes_the_same(checkpoint, monkeypatch):
    together = [c.tokens for c in decode(engine_on(checkpoint), REQUESTS)]
    real = thought_model.prefill

    def short(model, prompts):
        if len(prompts) > 2:
            raise RuntimeError("CUDA out of memory")
        return real(model, prompts)

    monkeypatch.setattr(thought_model, "prefill", short)
    said = []
    assert [c.tokens for c in decode(engine_on(checkpoint, 8, said=said), REQUESTS)] == together
    assert said == [f"out of memory: continuing with {n} requests at a time" for n in (4, 2)]
    monkeypatch.setattr(thought_model, "prefill", lambda *_: (_ for _ in ()).throw(MemoryError("no")))
    with pytest.raises(UserError, match="out of memory with a single request"):
        decode(engine_on(checkpoint, 2), REQUESTS)


def test_a_frequency_penalty_is_an_error(checkpoint):
    with pytest.raises(UserError, match=r"sampling\.frequency_penalty to 0"):
        engine_on(checkpoint, sampling={"temperature": 1.0, "frequency_penalty": 0.5})


def test_the_vocabulary_of_thoughts_is_the_pocket_one_and_two_tokens():
    assert words_of("thoughts") == [
        *world.vocabulary(),
        thought_model.START,
        thought_model.END,
    ]
    assert world.THOUGHT == (thought_model.START, thought_model.END)
    assert Request((1,), 1, 1).id
