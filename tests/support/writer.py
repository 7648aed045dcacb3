"""A fake engine that writes by a rule: the text depends on the seed of a request alone."""

import random

from frontiers.data.problems import Problem
from frontiers.generation import scheduler
from frontiers.generation.journal import Journal
from frontiers.generation.prompts import Thinking
from frontiers.generation.requests import Completion, Request
from frontiers.generation.strategies.chain import Settings
from frontiers.pocket import world
from frontiers.pocket.tokenizer import build_tokenizer

TOKENIZER = build_tokenizer()
IDS = {token: i for i, token in enumerate(world.vocabulary())}
EOS = IDS["<eos>"]
MARKERS = {"style": "markers", "start": "<think>", "end": "</think>", "forced_end": "</think>"}
THINKING = Thinking.from_block(MARKERS, TOKENIZER)
PROMPT_STYLE = Thinking.from_block({"style": "prompt", "forced_end": "\\boxed{"}, TOKENIZER)
PROBLEMS = [
    Problem(
        f"p{i}", f"Ana has {i + 2} pens. How many pens does Ana have?", str(i + 2), "number", "MIT", "test"
    )
    for i in range(4)
]


class Writer:
    """Writes a trace whose length and words follow from the seed, then an answer of three words and an end.

    It dies before completion number `dies_at`. With `quits` it ends the sequence instead of the trace.
    """

    def __init__(self, longest=40, capacity=3, dies_at=None, quits=False):
        self.longest, self.capacity, self.devices = longest, capacity, 2
        self.dies_at, self.quits = dies_at, quits
        self.asked: list[Request] = []
        self.held: list[Request] = []

    def submit(self, request):
        assert len(self.held) < self.capacity
        self.asked.append(request)
        self.held.append(request)

    def receive(self):
        if self.dies_at is not None and len(self.asked) - len(self.held) >= self.dies_at:
            raise KeyboardInterrupt
        return [self.write(self.held.pop(0))]

    def write(self, request):
        rng = random.Random(request.seed)
        if is_trace(request):
            words = [rng.randrange(20, 40) for _ in range(rng.randrange(self.longest))]
            stop = EOS if self.quits else THINKING.end[0]
        else:
            words, stop = [IDS["\\boxed{"], IDS[str(request.seed % 60)], IDS["}"]], EOS
        if len(words) < request.max_tokens:
            return Completion(request.id, tuple(words), len(words) + 1, "stop", stop, 0.5, 1.5)
        kept = tuple(words[: request.max_tokens])
        return Completion(request.id, kept, len(kept), "length", None, 0.5, 1.5)

    @property
    def traces(self):
        return [request for request in self.asked if is_trace(request)]

    @property
    def tokens(self):
        return sum(self.write(request).decoded for request in self.asked)


def is_trace(request):
    return THINKING.end[0] in request.stop


def decode(episodes, path, writer, report=lambda line: None):
    """Drive episodes against a journal at `path`; return their results and the run."""
    run = scheduler.BenchmarkRun(Journal(path), episodes)
    try:
        scheduler.drive([run], writer, report)
    finally:
        run.journal.close()
    return run.results, run


def completion(name, tokens=(1, 2, 3), reason="length"):
    return Completion(name, tuple(tokens), len(tokens), reason, None, 0.1, 0.5)


def settings_of(caps, **changes):
    fields = {"samples": 1, "answer_tokens": 16, "context": 128, "seed": 7, "model": "m", "benchmark": "b"}
    return Settings(caps=tuple(caps), stop=(EOS,), **{**fields, **changes})
