"""The training texts of the pocket process reward model: solutions with a label at the end of every step.

A step of the trace is right if it and all before it equal the problem's own trace; the answer, the last step, is
right if it is the number asked for. Wrong solutions are of two kinds: right ones with one step corrupted and the
rest following from it, and texts written by weak pocket models.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from frontiers.pocket import world
from frontiers.pocket.world import END_THINK, EOS, THINK, Problem, Tokens

STEP = "."
"""The token that ends a step, and at which the reward model is read."""

WRONG_SHARE = 0.6
CUT_SHARE = 0.2
"""Shares of the made-up solutions with a corrupted step, and of those answered before the end of the trace."""

LONGEST = 112  # tokens of a written solution: the longest trace and answer, and a margin
WRITTEN_BATCH = 256
IDS = {token: i for i, token in enumerate(world.vocabulary())}

Labelled = tuple[list[str], list[int]]
"""Tokens of a solution, every step of it ended by `STEP`, and a label for each step: 1 right, 0 wrong."""


def steps_of(tokens: Sequence[str]) -> list[Tokens]:
    """Return the steps of a trace without the tokens that end them; the last one may be unfinished."""
    steps: list[list[str]] = [[]]
    for token in tokens:
        if token == STEP:
            steps.append([])
        else:
            steps[-1].append(token)
    return [tuple(step) for step in steps if step]


def labelled(problem: Problem, steps: Sequence[Tokens], answer: Tokens) -> Labelled:
    """Return a solution as the reward model reads it, with exact labels.

    `answer` follows the trace; it may be empty.
    """
    gold = steps_of(problem.trace)
    labels = [int(list(steps[: n + 1]) == gold[: n + 1]) for n in range(len(steps))]
    if answer:
        steps, labels = [*steps, answer], [*labels, int(answer == problem.answer)]
    return [token for step in steps for token in (*step, STEP)], labels


def corrupted(problem: Problem, rng: random.Random) -> list[Tokens]:
    """Return a trace's steps with an error in one: a person, an operand or the arithmetic; later steps follow from it."""
    steps = steps_of(problem.trace)
    number = rng.randrange(len(steps))
    step = list(steps[number])
    people = [i for i, token in enumerate(step) if token.removesuffix(" has") in world.NAMES]
    numbers = [i for i, token in enumerate(step) if token.isdigit()]
    if not numbers or rng.random() < 0.25:
        place = rng.choice(people)
        others = [token for token in problem.question if token.removesuffix(" has") in world.NAMES]
        name = rng.choice(others).removesuffix(" has")
        step[place] = f"{name} has" if step[place].endswith(" has") else name
    elif number > 1 and rng.random() < 0.2:
        words = 1 if step[2] == "times" else 2
        step[2 : 2 + words] = rng.choice((["more", "than"], ["fewer", "than"], ["times"]))
    else:
        place = rng.choice([numbers[-1], rng.choice(numbers)])
        value = int(step[place])
        near = [value + 1, value - 1, value + 10, value - 10, value + 2, value - 2]
        seen = [int(token) for token in problem.question if token.isdigit()]
        step[place] = str(min(max(rng.choice([*near, *seen]), 0), world.LARGEST_NUMBER))
    if number > 1 and step[-1] == steps[number][-1] and rng.random() < 0.7:
        step[-1] = str(worked_out(step))
    steps[number] = tuple(step)
    for later in range(max(number + 1, 2), len(steps)):
        following = list(steps[later])
        following[-3] = steps[later - 1][-1]
        following[-1] = str(worked_out(following))
        steps[later] = tuple(following)
    return steps


def worked_out(step: Sequence[str]) -> int:
    """Return the value of a line's left side, clipped to the numbers that have a token."""
    symbol = {"more": "+", "fewer": "-", "times": "*"}[step[2]]
    value = world.Operation(symbol, int(step[1])).apply(int(step[-3]))
    return min(max(value, 0), world.LARGEST_NUMBER)


def made_up(problem: Problem, rng: random.Random) -> Labelled:
    """Return a solution, right or with one step corrupted, whole or answered early."""
    steps = corrupted(problem, rng) if rng.random() < WRONG_SHARE else steps_of(problem.trace)
    claimed = steps[-1][-1]
    if rng.random() < CUT_SHARE:
        steps = steps[: rng.randrange(len(steps))]
        claimed = rng.choice([claimed, str(problem.gold), str(rng.randrange(world.LARGEST_NUMBER + 1))])
    elif rng.random() < 0.1:
        claimed = str(min(max(int(claimed) + rng.choice((-10, -2, -1, 1, 2, 10)), 0), world.LARGEST_NUMBER))
    return labelled(problem, steps, ("\\boxed{", claimed, "}"))


@torch.no_grad()
def written(folder: Path, problems: Sequence[Problem], seed: int, temperature: float = 1.0) -> list[Labelled]:
    """Return the labelled solutions that the pocket model in `folder` writes to `problems`, drawn with `seed`."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    words = world.vocabulary()
    torch.manual_seed(seed)
    found: list[Labelled | None] = [None] * len(problems)
    order = sorted(range(len(problems)), key=lambda n: len(problems[n].question))
    for start in range(0, len(order), WRITTEN_BATCH):
        chosen = order[start : start + WRITTEN_BATCH]
        prompts = [[IDS[w] for w in (*problems[n].question, THINK)] for n in chosen]
        width = max(map(len, prompts))
        ids = torch.tensor([[IDS[world.PAD]] * (width - len(p)) + p for p in prompts])
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts])
        drawn = model.generate(
            input_ids=ids,
            attention_mask=mask,
            do_sample=True,
            temperature=temperature,
            top_k=0,
            top_p=1.0,
            max_new_tokens=LONGEST,
            eos_token_id=IDS[EOS],
            pad_token_id=IDS[world.PAD],
        )
        for n, row in zip(chosen, drawn[:, width:].tolist(), strict=True):
            text = [words[i] for i in row]
            text = text[: text.index(EOS)] if EOS in text else text
            end = text.index(END_THINK) if END_THINK in text else len(text)
            found[n] = labelled(problems[n], steps_of(text[:end]), tuple(text[end + 1 :]))
    return found


def encoded(problem: Problem, solution: Labelled, ignored: int) -> tuple[list[int], list[int]]:
    """Return (token ids, labels) of a problem and its solution, for a model that classifies tokens.

    A label is at the position after its token, where the training of all pocket models expects the next token;
    those of the problem are `ignored`.
    """
    tokens, labels = solution
    ids = [IDS[w] for w in (*problem.question, THINK, *tokens)]
    wanted = [ignored] * (len(problem.question) + 2) + token_labels(problem, tokens, labels, ignored)
    return [*ids, IDS[EOS]], wanted


def token_labels(problem: Problem, tokens: Sequence[str], labels: Sequence[int], ignored: int) -> list[int]:
    """Return a label for every token of a solution: 1 as long as all is right, 0 from the first wrong token on.

    Scores are read at the ends of steps only, but the model learns many times faster from the token at which a
    solution goes wrong than from the verdict on the step. The token that opens an answer is `ignored`.
    """
    gold, found, right = steps_of(problem.trace), [], 1
    for number, (step, label) in enumerate(zip(steps_of(tokens), labels, strict=True)):
        size = len(step) + 1
        if step[0] == problem.answer[0]:
            found += [ignored] + [label] * (size - 1)
        else:
            expected = gold[number] if number < len(gold) and right else ()
            same = [a == b for a, b in zip(step, expected, strict=False)]
            kept = size if label else ([*same, False].index(False))
            found += [1] * kept + [0] * (size - kept)
        right = label
    return found


def draw(
    seed: str,
    steps: tuple[int, ...],
    distractors: tuple[int, ...],
    writers: Sequence[Path],
    problems: int,
    held_out: bool = False,
) -> Iterator[tuple[Problem, Labelled]]:
    """Yield problems with a labelled solution endlessly, alternately made up and written by a pocket model.

    Each of `writers` solves that many `problems` once; these solutions recur.
    """
    stream = world.draw_problems(seed, steps, held_out, distractors)
    rng = random.Random(f"{seed} reward")
    pool = []
    for number, folder in enumerate(writers):
        asked = list(islice(stream, problems))
        pool += zip(asked, written(folder, asked, number), strict=True)
    for problem in stream:
        yield problem, made_up(problem, rng)
        if pool:
            yield rng.choice(pool)


def measure(model, solutions: Sequence[tuple[Problem, Labelled]]) -> dict:
    """Return how well a reward model tells right steps from wrong ones.

    accuracy: share of steps on the right side of 1/2; auc: probability that a right step is scored above a
    wrong one (Mann & Whitney 1947), ties half; answer_auc: the same of the answers alone; right: share of right
    steps.
    """
    scores, truth, last = [], [], []
    for problem, solution in solutions:
        ids, _ = encoded(problem, solution, 0)
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids[:-1]])).logits[0].softmax(-1)[:, 1]
        places = [i for i, token in enumerate(solution[0], len(problem.question) + 1) if token == STEP]
        scores += logits[places].tolist()
        truth += solution[1]
        last += [False] * (len(places) - 1) + [True] * bool(places)
    score, right, final = torch.tensor(scores), torch.tensor(truth) == 1, torch.tensor(last)
    return {
        "steps": len(score),
        "right": float(right.float().mean()),
        "accuracy": float(((score > 0.5) == right).float().mean()),
        "auc": area(score[right], score[~right]),
        "answer_auc": area(score[right & final], score[~right & final]),
    }


def area(right: torch.Tensor, wrong: torch.Tensor) -> float:
    """Return the area under the receiver operating characteristic of two sets of scores."""
    ranks = torch.cat([right, wrong]).double()
    _, inverse, counts = ranks.unique(return_inverse=True, return_counts=True)
    middle = counts.cumsum(0) - (counts - 1) / 2
    total = middle[inverse][: len(right)].sum() - len(right) * (len(right) + 1) / 2
    return float(total / (len(right) * len(wrong)))
