"""Two policies run for real, token by token as they decide, against their evaluation on nested caps."""

import json
import os

import numpy as np
import pytest

from frontiers.analysis import points
from frontiers.analysis.policies import curves, rules
from frontiers.compute import architecture_reader, config_json, flops
from frontiers.data.problems import Problem
from frontiers.generation import prompts
from frontiers.generation.engines import vllm
from frontiers.generation.requests import Request, derive_seed
from frontiers.generation.strategies import chain
from frontiers.grading.extraction import extract
from support.paths import ROOT
from support.tables import GRADE

FOLDER = ROOT / "data/pocket/models/checks"
ENGINE = {
    "device": "cpu",
    "dtype": "float32",
    "max_model_len": 256,
    "max_num_seqs": 32,
    "kv_cache_gib": 0.125,
}
BLOCK = {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"}
CAPS = (0, 8, 24, 48, 64, 96, None)
NUMBER, ANSWER = 16, 16


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def runner(tmp_path_factory, tokenizer):
    vllm.prepare_environment("cpu", tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    arguments = vllm.engine_arguments(str(FOLDER), {}, ENGINE, 0, False)
    return vllm.VllmEngine(arguments, {"temperature": 0.0}, tokenizer, 0, [].append)


@pytest.fixture(scope="module")
def problems():
    lines = (ROOT / "data/pocket/problems/middle-chains.jsonl").read_text().splitlines()[:NUMBER]
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def architecture():
    config = config_json.read_config(FOLDER / "config.json")
    return architecture_reader.read_architecture(config, "checks")


def decode(runner, requests):
    """Return the completions of requests, in their order."""
    for request in requests:
        runner.submit(request)
    done = {}
    while len(done) < len(requests):
        done |= {completion.id: completion for completion in runner.receive()}
    return [done[request.id] for request in requests]


def settings_of(tokenizer):
    return chain.Settings(CAPS, 1, ANSWER, 256, 7, "m", "b", (tokenizer.eos_token_id,))


@pytest.fixture(scope="module")
def offline(runner, tokenizer, problems, architecture):
    """The curve of one decode at all caps, as a study makes it."""
    thinking = prompts.Thinking.from_block(BLOCK, tokenizer)
    known = [Problem(**{k: p[k] for k in Problem.__dataclass_fields__ if k in p}) for p in problems]
    rows = []
    for episode in chain.episodes(known, tokenizer, thinking, {}, settings_of(tokenizer)):
        asked = next(episode)
        try:
            while True:
                asked = episode.send(decode(runner, asked))
        except StopIteration as ended:
            rows += ended.value
    generations = chain.tabulate(rows, tokenizer)
    gold = {p["id"]: str(p["answer"]) for p in problems}
    grades = generations[["problem_id", "sample", "cap"]].assign(**GRADE)
    grades["extracted"] = [extract(text, "number") for text in generations["answer"]]
    grades["correct"] = grades["extracted"] == grades["problem_id"].map(gold)
    compute = flops.compute_table(generations, architecture, 4, 1.0)
    names = {"model": "m", "strategy": "cot", "benchmark": "b"}
    answers = points.join_answers(generations, grades, compute, **names)
    ((_, curve),) = curves.curves(answers, grades.assign(**names))
    return curve


class Spent:
    """What an engine with a cache feeds: every prefix once, and logits once for every prefix that is sampled from."""

    def __init__(self):
        self.fed, self.sampled = set(), set()

    def add(self, prompt, written):
        """Count a completion of `prompt`; its last token is not fed."""
        whole = (*prompt, *written)
        self.fed |= {whole[:n] for n in range(1, len(whole))}
        self.sampled |= {whole[:n] for n in range(len(prompt), len(whole))}

    def flops(self, architecture):
        feeds = [
            flops.forward_flops(architecture, 1, len(p) - 1, int(p in self.sampled)).total for p in self.fed
        ]
        return sum(feeds)


class Online:
    """One problem, decoded as a policy decides."""

    def __init__(self, runner, tokenizer, prompt):
        self.runner, self.tokenizer, self.prompt, self.spent = runner, tokenizer, prompt, Spent()
        self.trace, self.ended = (), False
        self.end = tokenizer.convert_tokens_to_ids("</think>")

    def write(self, prompt, most, stop):
        """Decode for real; return what was written, its stop token included."""
        (done,) = decode(self.runner, [Request(tuple(prompt), derive_seed(*prompt), most, stop)])
        written = done.tokens + ((done.stopped_at,) if done.finish_reason == "stop" else ())
        self.spent.add(prompt, written)
        return written

    def reason(self, cap):
        """Go on up to a cap, and look at one token more to see whether the trace ends there."""
        room = 256 - len(self.prompt) if cap is None else cap + 1
        if room - len(self.trace) > 0:
            written = self.write(self.prompt + self.trace, room - len(self.trace), (self.end,))
            self.ended = written[-1] == self.end
            whole = self.trace + written
            self.trace = whole[:-1] if self.ended else whole[:cap]

    def answer(self):
        written = self.write((*self.prompt, *self.trace, self.end), ANSWER, (self.tokenizer.eos_token_id,))
        return extract(self.tokenizer.decode(written, skip_special_tokens=True), "number")


@pytest.fixture
def online(runner, tokenizer, problems):
    thinking = prompts.Thinking.from_block(BLOCK, tokenizer)
    questions = [("b", p["question"]) for p in problems]
    rendered = prompts.render_prompts(tokenizer, questions, thinking, {}, "m")
    return [Online(runner, tokenizer, prompt) for prompt in rendered]


def compared(outcome, found, problems, architecture):
    """Check answers and FLOP by problem; `found`: answer and the lists of tokens spent of each."""
    right, spent = outcome
    order = np.argsort([p["id"] for p in problems])
    gold = [str(p["answer"]) for p in problems]
    assert [float(found[i][0] == gold[i]) for i in order] == right.tolist()
    assert [sum(s.flops(architecture) for s in found[i][1]) for i in order] == spent.tolist()


@pytest.mark.parametrize("k", [2, 3])
def test_stopping_when_answers_agree(k, offline, online, problems, architecture):
    found, stops = [], []
    for one in online:
        answers = []
        for cap in CAPS[1:]:
            one.reason(cap)
            answers.append(one.answer())
            agreed = len(answers) >= k and len(set(answers[-k:])) == 1 and answers[-1] is not None
            if one.ended or agreed:
                break
        found.append((answers[-1], [one.spent]))
        stops.append(len(answers))
    assert len(set(stops)) > 1
    compared(rules.agreement(offline, 1, k), found, problems, architecture)


def test_falling_back_to_no_reasoning(offline, online, problems, architecture):
    found = []
    for one in online:
        one.reason(96)
        spent = [one.spent]
        if not one.ended:
            one.trace, one.spent = (), Spent()
            # The cost of an answer has the logits after the prompt, which are not needed where its end is forced there.
            one.spent.sampled.add(tuple(one.prompt))
            spent.append(one.spent)
        found.append((one.answer(), spent))
    assert 0 < sum(len(spent) == 2 for _, spent in found) < NUMBER
    compared(rules.fallback(offline, CAPS.index(96)), found, problems, architecture)
