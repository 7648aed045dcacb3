"""Trees of a scripted policy and reward model."""

import random

from frontiers.generation.requests import Completion, Scores, Scoring
from frontiers.generation.reward_layout import RewardLayout
from frontiers.generation.strategies import tree as trees
from frontiers.generation.strategies.chain import Settings
from frontiers.generation.strategies.tree import Shape
from support.prompts import render_prompt
from support.writer import EOS, IDS, PROBLEMS, PROMPT_STYLE, THINKING, TOKENIZER, decode

END, DOT = THINKING.end[0], IDS["."]


REWARD = {"prompt": "{question} <think> {steps}", "step": "{step}. ", "tag": "."}


def settings(context=200, answer=6):
    return Settings((None,), 1, answer, context, 7, "m", "b", (EOS,))


def shape(method="rebase", width=6, depth=8, step_tokens=24, temperature=0.2, expansion=2):
    return Shape(method, width, ".", depth, step_tokens, DOT, temperature, expansion)


class World:
    """A policy that writes steps by the seed of a request, and a reward that follows from the text alone.

    After `steps` steps it ends its thinking, or never. What it rewards is in `reward`.
    """

    def __init__(self, steps=4, capacity=64, score=None, never=False, style=THINKING, quits=False):
        self.capacity, self.devices, self.steps, self.never = capacity, 1, steps, never
        self.score = score or (lambda request: random.Random(request.id).random())
        self.style, self.quits = style, quits
        self.asked, self.read, self.held = [], [], []

    def submit(self, request):
        (self.read if isinstance(request, Scoring) else self.asked).append(request)
        self.held.append(request)

    def receive(self):
        request = self.held.pop(0)
        return [self.reply(request)]

    def reply(self, request):
        if isinstance(request, Scoring):
            found = self.score(request)
            return Scores(request.id, (0.5,) * (request.steps - 1) + (found,), len(request.prompt), 0.25)
        rng = random.Random(request.seed)
        if not request.keep:
            words = [IDS["\\boxed{"], IDS[str(rng.randrange(3))], IDS["}"]]
            return Completion(request.id, tuple(words), 4, "stop", EOS, 0.1, 0.5)
        trace = request.prompt[len(request.prompt) - request.written :]
        done = trace.count(DOT)
        if done >= self.steps and not self.never:
            last = EOS if self.quits or self.style is PROMPT_STYLE else END
            return Completion(request.id, (last,), 1, "stop", last, 0.1, 0.3)
        words = [IDS[str(rng.randrange(60))] for _ in range(rng.randrange(1, 9))]
        words = [*words, DOT][: request.max_tokens]
        if words[-1] == DOT:
            return Completion(request.id, tuple(words), len(words), "stop", DOT, 0.1, 1.0)
        return Completion(request.id, tuple(words), len(words), "length", None, 0.1, 1.0)


def grow(tmp_path, world, form, style=THINKING, problems=PROBLEMS[:2], name="j", **options):
    layout = RewardLayout("pocket-reward", "mark", REWARD, TOKENIZER, 256)
    episodes = [
        trees.episode(
            problem, render_prompt(TOKENIZER, problem.question, style, {}), TOKENIZER, style,
            settings(**options), form, layout,
        )
        for problem in problems
    ]  # fmt: skip
    return decode(episodes, tmp_path / f"{name}.jsonl", world)[0]
