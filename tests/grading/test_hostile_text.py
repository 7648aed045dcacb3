"""Ten thousand hostile completions: one status each, bounded time and memory, no verdict by accident."""

import random
import time

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from frontiers.grading import equivalence
from frontiers.grading import grader as grading
from frontiers.grading import grades as ambiguity
from frontiers.grading.clean_text import LONGEST_ANSWER

BATCHES, BATCH = 100, 100
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
"""What no computer algebra system should be asked."""
STATUSES = {"rule", "no_answer", "grader_timeout"}
GOLDS = {"number": "7", "expression": r"\frac{\sqrt{3}}{7}", "choice": "J"}


def completion(draw: random.Random) -> str:
    """Return a text of fragments; now and then repeated, nested deeply, or with something that never ends."""
    parts = draw.choices(FRAGMENTS, k=draw.randrange(1, 12))
    kind = draw.random()
    if kind < 0.05:
        parts.insert(draw.randrange(len(parts)), draw.choice(FRAGMENTS) * draw.randrange(100, 5_000))
    elif kind < 0.08:
        depth = draw.randrange(10, 2_000)
        parts = [
            draw.choice((r"\frac{", "{", "(", r"\sqrt{", "-")) * depth,
            *parts,
            draw.choice("})") * depth,
        ]
    elif kind < 0.082:
        parts.append(draw.choice(RARE))
    text = draw.choice(("", " ")).join(parts)
    return f"\\boxed{{{text}}}" if draw.random() < 0.4 else text


@pytest.fixture(scope="module")
def grader():
    with grading.Grader(workers=2, timeout=0.5, memory=2**30) as grader:
        yield grader


@hypothesis_settings(
    max_examples=BATCHES,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    database=None,
)
@given(seed=st.integers(0, 2**32))
def test_ten_thousand_hostile_completions(grader, seed):
    draw = random.Random(seed)
    pairs = []
    for _ in range(BATCH):
        text = completion(draw)
        answer_type, started = draw.choice(grading.ANSWER_TYPES), time.process_time()
        answer = grading.extract(text, answer_type)
        ambiguity.refused(text)
        assert ambiguity.different_boxes(text, answer_type) <= 40
        equivalence.settle(text, GOLDS[answer_type], answer_type)
        assert time.process_time() - started < 1, text[:200]
        if answer is not None:
            assert 0 < len(answer) <= LONGEST_ANSWER
            answer.encode("utf-8")
            pairs.append((answer, GOLDS[answer_type], answer_type))
    started = time.monotonic()
    for pair, verdict in zip(pairs, grader.grade(pairs), strict=True):
        assert verdict.status in STATUSES
        assert not verdict.correct or verdict.status == "rule"
        if verdict.correct:
            assert set(pair[0]) & set("7jJ"), pair
    assert time.monotonic() - started < 60
