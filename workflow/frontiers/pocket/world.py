"""The pocket world: word problems and worked traces for the small shipped models.

A problem is a chain of comparisons ("Ben has 5 more pens than Ana.") in shuffled
order with irrelevant clauses, and a question about the last person of the chain.
Its trace first names the chain backwards, from the person asked for to the one
whose number is known, then computes forwards.
"""

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

NAMES = "Ana Ben Cal Dan Eve Fay Gus Hal Ida Jon Kim Leo Mia Ned Oli Pam".split()
ITEMS = "pens books coins cards apples stamps marbles keys".split()
LARGEST_NUMBER = 99
LARGEST_AMOUNT = 20
DISTRACTORS = (1, 2, 3)
HELD_OUT_SHARE = 16  # one calculation in this many is never trained on

THINK, END_THINK, PAD, EOS = "<think>", "</think>", "<pad>", "<eos>"
THOUGHT = ("<|startthought|>", "<|endthought|>")
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    "{% if add_generation_prompt %} <think>{% endif %}"
)
GAPS = ((" .", "."), (" ?", "?"), ("{ ", "{"), (" }", "}"))
"""Gaps that joining tokens by spaces leaves, and their replacements."""

Tokens = tuple[str, ...]


@dataclass(frozen=True)
class Operation:
    """One comparison: `symbol` is "+", "-" or "*", `amount` its operand."""

    symbol: str
    amount: int

    def apply(self, value: int) -> int:
        """Return the compared person's number, given the other's `value`."""
        if self.symbol == "+":
            return value + self.amount
        return value - self.amount if self.symbol == "-" else value * self.amount

    def clause(self, subject: str, item: str, other: str) -> Tokens:
        """Return the clause that compares the numbers of `item` of `subject` and `other`."""
        if self.symbol == "*":
            return (f"{subject} has", str(self.amount), "times", "as", "many", item, "as", other, ".")
        return (f"{subject} has", str(self.amount), self._word, item, "than", other, ".")

    def line(self, subject: str, value: int) -> Tokens:
        """Return the line of the trace that computes the number of `subject` from the other's `value`."""
        words = ("times",) if self.symbol == "*" else (self._word, "than")
        return (f"{subject} has", str(self.amount), *words, str(value), "=", str(self.apply(value)), ".")

    @property
    def _word(self) -> str:
        return "more" if self.symbol == "+" else "fewer"


@dataclass(frozen=True)
class Problem:
    """A word problem: `start` and `operations` are its calculation; question, trace and answer are tokens."""

    start: int
    operations: tuple[Operation, ...]
    question: Tokens
    trace: Tokens
    answer: Tokens

    @property
    def gold(self) -> int:
        """The number asked for."""
        value = self.start
        for operation in self.operations:
            value = operation.apply(value)
        return value

    @property
    def held_out(self) -> bool:
        """Whether the calculation belongs to the benchmarks and may not be trained on.

        The split is by a hash of the numbers alone, regardless of names, items and
        order. The benchmarks take only calculations for which this is true,
        training only the others: disjoint by construction.
        """
        text = str(self.start) + "".join(f"{o.symbol}{o.amount}" for o in self.operations)
        return hashlib.sha256(text.encode()).digest()[0] % HELD_OUT_SHARE == 0

    def checked(self, times: int) -> "Problem":
        """Return the problem with a trace that computes everything `times` more, each time after a question mark."""
        chain_named = self.trace.index(".") + 1
        return replace(self, trace=self.trace + ("?", *self.trace[chain_named:]) * times)


def draw_operation(rng: random.Random, value: int) -> Operation:
    """Draw an operation whose result stays within 1 and `LARGEST_NUMBER`."""
    while True:
        symbol = rng.choice("++--*")
        operation = Operation(symbol, rng.randint(2, 3 if symbol == "*" else LARGEST_AMOUNT))
        if 1 <= operation.apply(value) <= LARGEST_NUMBER:
            return operation


def draw_problem(rng: random.Random, steps: int, distractors: int) -> Problem:
    """Draw one problem of `steps` comparisons and `distractors` people whom the question does not need."""
    people = rng.sample(NAMES, steps + 1 + distractors)
    chain, others = people[: steps + 1], people[steps + 1 :]
    item = rng.choice(ITEMS)
    start = rng.randint(2, LARGEST_NUMBER // 2)
    clauses: list[Tokens] = [(f"{chain[0]} has", str(start), item, ".")]
    trace: list[str] = [*" from ".join(reversed(chain)).split(), ".", f"{chain[0]} has", str(start), "."]
    values, operations = {chain[0]: start}, []
    for known, person in pairwise(chain):
        operation = draw_operation(rng, values[known])
        operations.append(operation)
        clauses.append(operation.clause(person, item, known))
        trace += operation.line(person, values[known])
        values[person] = operation.apply(values[known])
    for person in others:
        known = rng.choice(chain)
        clauses.append(draw_operation(rng, values[known]).clause(person, item, known))
    rng.shuffle(clauses)
    told = [token for clause in clauses for token in clause]
    return Problem(
        start=start,
        operations=tuple(operations),
        question=(*told, "How", "many", item, "does", chain[-1], "have", "?"),
        trace=tuple(trace),
        answer=("\\boxed{", str(values[chain[-1]]), "}"),
    )


def draw_problems(
    seed: str, steps: Sequence[int], held_out: bool, distractors: Sequence[int] = DISTRACTORS
) -> Iterator[Problem]:
    """Yield problems endlessly from one side of the split; steps and distractors are drawn uniformly."""
    rng = random.Random(seed)
    while True:
        problem = draw_problem(rng, rng.choice(steps), rng.choice(distractors))
        if problem.held_out == held_out:
            yield problem


def vocabulary() -> list[str]:
    """Return every token, the id being the position.

    "Ben has" is one token: the owner is then another token than the person compared
    with, and a small model soon learns to tell the two apart.
    """
    words = "more fewer times as many than How does have from".split()
    marks = [".", "?", "=", "\\boxed{", "}"]
    numbers = [str(n) for n in range(LARGEST_NUMBER + 1)]
    return [
        PAD,
        EOS,
        THINK,
        END_THINK,
        *marks,
        *words,
        *ITEMS,
        *NAMES,
        *(f"{n} has" for n in NAMES),
        *numbers,
    ]


def text_of(tokens: Tokens) -> str:
    """Return the tokens as plain English."""
    text = " ".join(tokens)
    for gap, closed in GAPS:
        text = text.replace(gap, closed)
    return text
