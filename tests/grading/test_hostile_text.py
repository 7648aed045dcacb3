"""Thousands of hostile completions: one status each, bounded time and memory, no verdict by accident."""

import random
import time

import pytest

from frontiers.data.problems import ANSWER_TYPES
from frontiers.grading.clean_text import LONGEST_ANSWER
from frontiers.grading.equivalence import settle
from frontiers.grading.extraction import extract
from frontiers.grading.grades import different_boxes, refused

BATCH = 100
FRAGMENTS = (
    *r"\boxed{ \fbox{ \frac{ \dfrac \sqrt{ \sqrt[3]{ \text{ \left( \right) \{ \} } { ( ) [ ] $ $$ \( \) \[ \]".split(),
    *r"^ ^{ _ _{ + - * ** / = < > \le \ge \ne \in \cup \cap \pm \cdot \times \div \infty \pi \emptyset".split(),
    *r"\sum_{n=1}^{\infty} \int_0^1 \lim_{x\to0} \log_2 \sin \binom{5}{2} \begin{pmatrix} \end{pmatrix} \\ &".split(),
    *"0 1 2 3 7 10 1.5 .5 1,234 1.000,5 007 1e5 x y i e n pi sqrt oo nan zoo inf 1/0 0^0 x^2+1 (1,2) {1,2}".split(),
    *"% \\% $5 €7 cm kg #### | ; : . , ! !! ? ' \" ` @ ~ ° ½ √ − × π ∞ ≤ ∪ ² answer Answer: (B) B. **C**".split(),
    *"__import__('os').abort() open('/etc/passwd') lambda:0 exec eval() 9**9 \\input{x} \\def\\a{\\a}".split(),
    *"<think> </think> <answer> </answer> <|channel|>final<|message|> <|im_end|> \\boxed \\frac \\sqrt \\text".split(),
    *("\n", "\n\n", " ", "\t", "\x00", "\x08oxed{", "\ud800", "\u202e", "\u200b", "\ufeff", "🙂", "١٢", "十"),
    *(
        "the answer is ",
        "The final answer is: ",
        " and ",
        " or ",
        "I cannot solve this. ",
        "option (b) is correct",
    ),
)
RARE = (
    "9^9^9^9",
    r"((9!)!)!",
    r"2^{10^{10}}",
    r"\sum_{k=1}^{10^9}\sin k",
    r"(x+y)^{4000}",
    "(" * 900,
    "9" * 1900,
)
"""Expressions that computer algebra would never finish, or only with much memory."""
STATUSES = {"rule", "no_answer", "grader_timeout"}
GOLDS = {"number": "7", "expression": r"\frac{\sqrt{3}}{7}", "choice": "J"}


def completion(draw: random.Random, kind: str | None = None) -> str:
    """Return a text of fragments; "repeated", "nested", or with one of `RARE`, now and then or as `kind` says."""
    parts = draw.choices(FRAGMENTS, k=draw.randrange(1, 12))
    kind = kind or draw.choices(("plain", "repeated", "nested", "rare"), (0.918, 0.05, 0.03, 0.002))[0]
    if kind == "repeated":
        parts.insert(draw.randrange(len(parts)), draw.choice(FRAGMENTS) * draw.randrange(100, 5_000))
    elif kind == "nested":
        depth = draw.randrange(10, 2_000)
        parts = [
            draw.choice((r"\frac{", "{", "(", r"\sqrt{", "-")) * depth,
            *parts,
            draw.choice("})") * depth,
        ]
    elif kind != "plain":
        parts.append(draw.choice(RARE) if kind == "rare" else kind)
    text = draw.choice(("", " ")).join(parts)
    return f"\\boxed{{{text}}}" if draw.random() < 0.4 else text


def completions(number: int) -> list[str]:
    """Return different completions: each of `RARE`, 40 repeated, 40 nested, and others drawn."""
    draw = random.Random(number)
    kinds = [*RARE, *["repeated", "nested"] * 40]
    texts = dict.fromkeys(completion(draw, kind) for kind in kinds)
    while len(texts) < number:
        texts[completion(draw)] = None
    return list(texts)


@pytest.mark.parametrize("number", [2_500, pytest.param(10_000, marks=pytest.mark.slow)])
def test_hostile_completions(hasty_grader, number):
    texts, draw = completions(number), random.Random(1)
    for start in range(0, number, BATCH):
        pairs = []
        for text in texts[start : start + BATCH]:
            answer_type, started = draw.choice(ANSWER_TYPES), time.process_time()
            answer = extract(text, answer_type)
            refused(text)
            assert different_boxes(text, answer_type) <= 40
            settle(text, GOLDS[answer_type], answer_type)
            assert time.process_time() - started < 1, text[:200]
            if answer is not None:
                assert 0 < len(answer) <= LONGEST_ANSWER
                answer.encode("utf-8")
                pairs.append((answer, GOLDS[answer_type], answer_type))
        started = time.monotonic()
        for pair, verdict in zip(pairs, hasty_grader.grade(pairs), strict=True):
            assert verdict.status in STATUSES
            assert not verdict.correct or verdict.status == "rule"
            if verdict.correct:
                assert set(pair[0]) & set("7jJ"), pair
        assert time.monotonic() - started < 60
