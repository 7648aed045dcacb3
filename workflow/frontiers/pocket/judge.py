"""The training texts of the pocket judge.

Its prompt is that of `grading.judge`: a problem of the pocket world, the end of a solution and the reference
answer. The solution ends in a number, in digits or in words, with a box or without. The reply repeats both numbers
in digits and then says yes or no: "42 = 42. yes".
"""

import random
import re
from collections.abc import Iterator

from frontiers.grading.judge import PROMPT, prompt_of
from frontiers.pocket import world

SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen \
eighteen nineteen".split()
)
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
ENDINGS = (
    "\\boxed{{{digits}}}",
    "\\boxed{{{digits}}}",
    "\\boxed{{{words}}}",
    "{words}.",
    "So the answer is {digits}.",
    "So the answer is {words}.",
    "The answer is {words}.",
)
CHAT_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
WRONG_SHARE = 0.5
FOLLOWED_SHARE = 0.5
"""Share of the wrong solutions whose trace ends in the wrong number too."""


def words_of(number: int) -> str:
    """Return a number from 0 to 99 in words."""
    if number < len(SMALL):
        return SMALL[number]
    ten, one = divmod(number, 10)
    return TENS[ten - 2] + (f" {SMALL[one]}" if one else "")


def vocabulary() -> list[str]:
    """Return every token of the judge, the id being the position: those of the pocket world, and its own."""
    prompted = re.findall(r"[A-Za-z]+|:", re.sub(r"\{\w+\}", " ", PROMPT))
    endings = re.findall(r"[A-Za-z]+", re.sub(r"\{\w*\}|boxed", " ", " ".join(ENDINGS)))
    own = dict.fromkeys([*prompted, *endings, *SMALL, *TENS, "yes", "no"])
    known = world.vocabulary()
    return known + [word for word in own if word not in known]


def draw(seed: str, steps: tuple[int, ...], distractors: tuple[int, ...]) -> Iterator[tuple[str, str]]:
    """Yield (prompt, reply) endlessly, for problems of the training side; half of the solutions are wrong."""
    rng = random.Random(f"{seed} judge")
    for problem in world.draw_problems(seed, steps, False, distractors):
        gold, claimed = problem.gold, problem.gold
        trace = list(problem.trace)
        if rng.random() < WRONG_SHARE:
            near = [int(token) for token in trace if token.isdigit()] + [
                gold + 1,
                gold - 1,
                gold + 10,
                gold - 10,
            ]
            wrong = [
                n for n in (*near, rng.randrange(world.LARGEST_NUMBER + 1)) if 0 <= n <= 99 and n != gold
            ]
            claimed = rng.choice(wrong)
            if rng.random() < FOLLOWED_SHARE:
                trace[-2] = str(claimed)
        ending = rng.choice(ENDINGS).format(digits=claimed, words=words_of(claimed))
        kept = rng.randrange(len(trace)) if rng.random() < 0.1 else 0
        solution = f"{world.text_of(tuple(trace[kept:]))}\n{ending}"
        prompt = prompt_of(world.text_of(problem.question), solution, str(gold))
        yield prompt, f"{claimed} = {gold}. {'yes' if claimed == gold else 'no'}"
