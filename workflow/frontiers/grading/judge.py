"""A model as judge of answers that the rules could not read: its prompts, and the meaning of its replies.

Off unless a study names a judge. A judge can be wrong: it is shown hostile text that may talk it into a
verdict. So it is also asked about answers that the rules did read, and its error there is reported.
"""

import hashlib
import re
from collections.abc import Sequence

import pandas as pd

from frontiers.core.keys import GENERATION
from frontiers.data.options import relettered
from frontiers.data.problems import Problem
from frontiers.grading.clean_text import clean, final_part

PROMPT = (
    "Problem:\n{question}\n\nEnd of a solution:\n{end}\n\nReference answer: {gold}\n\n"
    "Is the final answer of the solution the same as the reference answer? Reply with yes or no."
)
END = 600
"""Characters at the end of a completion that the judge is shown."""
CHECKS = 100
"""Most readable answers per model and benchmark that it is asked about, to measure its error."""
DECIDE, CHECK = "decide", "check"

_REPLY = re.compile(r"\b(yes|no)\b", re.IGNORECASE)


def prompt_of(question: str, completion: str, gold: str) -> str:
    """Return the prompt to judge the end of a completion."""
    values = {"question": question, "gold": gold, "end": clean(completion).strip()[-END:].strip()}
    return re.sub(r"\{(question|gold|end)\}", lambda place: values[place[1]], PROMPT)


def verdict_of(reply: str) -> bool | None:
    """Return whether a reply says right or wrong; None if it says neither or both."""
    found = {word.lower() for word in _REPLY.findall(final_part(reply))}
    return found == {"yes"} if len(found) == 1 else None


def asks(
    generations: pd.DataFrame, grades: pd.DataFrame, problems: Sequence[Problem], seed: str
) -> pd.DataFrame:
    """Return a row per completion to judge: its key, `ask`, `purpose`, `prompt`, `rule_correct`.

    To decide: completions with text that the rules could not read (status "no_answer"). To check: up to
    `CHECKS` different texts that the rules read, drawn by a hash with `seed`. Equal prompts share one `ask`.
    """
    known = {problem.id: problem for problem in problems}
    joined = generations.merge(
        grades[[*GENERATION, "status", "correct"]], on=GENERATION, validate="one_to_one"
    )
    text = joined["reasoning"].str.cat(joined["answer"], sep="\n")
    readable = joined["status"] == "rule"
    joined = joined[readable | ((joined["status"] == "no_answer") & (text.str.strip() != ""))]
    shown = [known[name] for name in joined["problem_id"]]
    if "letters" in joined:
        pairs = zip(shown, joined["letters"], strict=True)
        shown = [relettered(one, letters) if isinstance(letters, str) else one for one, letters in pairs]
    prompts = [
        prompt_of(problem.question, f"{reasoning}\n{answer}", problem.answer)
        for problem, reasoning, answer in zip(shown, joined["reasoning"], joined["answer"], strict=True)
    ]
    table = joined[GENERATION].assign(
        ask=[hashlib.sha256(prompt.encode(errors="replace")).hexdigest()[:16] for prompt in prompts],
        purpose=joined["status"].map({"rule": CHECK, "no_answer": DECIDE}),
        prompt=prompts,
        rule_correct=joined["correct"].where(joined["status"] == "rule").astype("boolean"),
    )
    checks = table.loc[table["purpose"] == CHECK, "ask"].unique()
    drawn = sorted(checks, key=lambda ask: hashlib.sha256(f"{seed}/{ask}".encode()).digest())[:CHECKS]
    kept = (table["purpose"] == DECIDE) | (table["ask"].isin(drawn) & ~table.duplicated("ask"))
    return table[kept].reset_index(drop=True)


def as_problem(ask: str, prompt: str) -> dict[str, str]:
    """Return an ask as a line of a problems file, which `generate` gives to the judge."""
    fields = {
        "answer": "yes or no",
        "answer_type": "expression",
        "licence": "as the judged",
        "source": "judging",
    }
    return {"id": ask, "question": prompt, **fields}


def apply(grades: pd.DataFrame, judge: pd.DataFrame) -> pd.DataFrame:
    """Return the table `grades` with the judge's verdicts, status "judge", where the rules had none."""
    decisions = judge[(judge["purpose"] == DECIDE) & judge["verdict"].notna()]
    joined = grades[GENERATION].merge(
        decisions[[*GENERATION, "verdict"]], on=GENERATION, how="left", validate="one_to_one"
    )
    decided = joined["verdict"].notna().to_numpy()
    right = joined["verdict"].fillna(False).to_numpy(dtype=bool)
    return grades.assign(
        correct=grades["correct"].astype(bool).where(~decided, right),
        status=grades["status"].where(~decided, "judge"),
    )
